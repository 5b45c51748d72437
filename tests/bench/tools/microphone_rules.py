"""The known ways to choose a microphone, each from what a microphone recorded of an utterance."""

from __future__ import annotations

import numpy as np

from hub.legacy.hearing import measure
from shared.audio import FRAME_SAMPLES, FULL_SCALE, Pcm
from shared.quality.meter import QualityMeter


def loudness(pcm: Pcm) -> float:
    """Root mean square, as a share of full scale."""
    return float(np.sqrt(np.mean((pcm / FULL_SCALE) ** 2))) if len(pcm) else 0.0


def envelope_variance(pcm: Pcm) -> float:
    """Wolf and Nadeu's measure; see `shared.quality.meter`."""
    meter = QualityMeter()
    meter.push(pcm[: len(pcm) // FRAME_SAMPLES * FRAME_SAMPLES])
    return meter.features["envelope_variance"]


def legacy(pcm: Pcm) -> float:
    """The legacy system's score, 0 to 100, where neither place nor radio strength is known.

    0.3 of the signal-to-noise ratio (30 dB are 100), 0.3 of the clarity, 0.1 of the loudness
    (0.1 of full scale is 100), and 0.3 for the two that are unknown.
    """
    if len(pcm) < 10:
        return 0.0
    heard = measure(pcm)
    snr = min(100.0, heard.snr / 30 * 100)
    return 0.3 * snr + 0.3 * heard.speech_clarity + 0.1 * heard.volume_level + 30.0
