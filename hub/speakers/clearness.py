"""Whether a recording is clear enough to know a voice by."""

from __future__ import annotations

from shared.audio import Pcm
from shared.errors import Fault, MiraError
from shared.quality.meter import QualityMeter

LEAST_QUALITY = 20.0
"""Steady noise has 6 to 8, spoken commands in about as much white noise 13 to 33, and clear ones 52
or more."""


class NoisyRecordingError(MiraError):
    """There is more noise than voice in it."""

    code = "TOO_NOISY"
    fault = Fault.PERSON


def check_clear(pcm: Pcm) -> None:
    """Raises NoisyRecordingError where a recording is rather noise than somebody's voice.

    Args:
        pcm: shape (n,), int16, 16 kHz.
    """
    meter = QualityMeter()
    meter.push(pcm)
    if meter.score < LEAST_QUALITY:
        raise NoisyRecordingError(
            f"There is more noise than voice in this recording (quality {meter.score:.0f} of 100).",
            "Read it once more where it is quiet, nearer to the microphone.",
        )
