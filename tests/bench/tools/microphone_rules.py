"""The known ways to choose a microphone, each from what a microphone recorded of an utterance."""

from __future__ import annotations

import numpy as np
from scipy.signal import welch

from shared.audio import FRAME_SAMPLES, FULL_SCALE, SAMPLE_RATE, Pcm
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
    snr = min(100.0, _snr_db(pcm) / 30 * 100)
    return 0.3 * snr + 0.3 * _clarity(pcm) + 0.1 * min(100.0, loudness(pcm) * 1000) + 30.0


def _snr_db(pcm: Pcm) -> float:
    """Variance of the whole over the mean of the quietest fifth of ten windows' variances."""
    signal = pcm / FULL_SCALE
    windows = np.array_split(signal, 10)
    quietest = sorted(float(window.var()) for window in windows)[:2]
    noise = sum(quietest) / len(quietest)
    if noise <= 0:
        return 30.0
    return max(0.0, 10 * float(np.log10(max(float(signal.var()), 1e-12) / noise)))


def _clarity(pcm: Pcm) -> float:
    """How much of the power lies in the band of speech, and how little flat that band is."""
    hz, power = welch(pcm / FULL_SCALE, SAMPLE_RATE, nperseg=min(1024, len(pcm)))
    band = power[(hz >= 300) & (hz <= 3400)] + 1e-20
    share = float(band.sum() / (power.sum() + 1e-20))
    flatness = float(np.exp(np.mean(np.log(band))) / np.mean(band))
    return 100 * (0.7 * share + 0.3 * (1 - flatness))
