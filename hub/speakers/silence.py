"""The encoder's own preprocessing: quiet speech is raised, long pauses are taken out."""

from __future__ import annotations

import numpy as np
import webrtcvad
from numpy.typing import NDArray

from hub.speakers.features import Signal
from shared.audio import SAMPLE_RATE, pcm_to_bytes

LEVEL = 10 ** (-30 / 20)
"""RMS to which quieter speech is raised: -30 dBFS."""
_WINDOW = SAMPLE_RATE * 30 // 1000
_MODE = 3
"""webrtcvad's strictest."""
_SMOOTHED = 8
"""Windows that have a say in whether the one in their middle is speech."""
_LONGEST_PAUSE = 6
"""Windows without speech that may stay between two with speech."""
_INT16_MAX = 32767


def raise_level(signal: Signal) -> Signal:
    """The signal, amplified to -30 dBFS if it is quieter; never made quieter."""
    rms = float(np.sqrt(np.mean(np.square(signal, dtype=np.float64)))) if len(signal) else 0.0
    return signal * np.float32(LEVEL / rms) if 0 < rms < LEVEL else signal


def trim_silence(signal: Signal) -> Signal:
    """The signal without its long pauses, of whole windows of 30 ms; empty where nobody speaks."""
    whole = signal[: len(signal) // _WINDOW * _WINDOW]
    if not len(whole):
        return whole
    pcm = np.rint(np.clip(whole, -1, 1) * _INT16_MAX).astype(np.int16)
    vad = webrtcvad.Vad(_MODE)
    voiced = np.array(
        [vad.is_speech(pcm_to_bytes(window), SAMPLE_RATE) for window in pcm.reshape(-1, _WINDOW)],
        dtype=np.int64,
    )
    return whole[np.repeat(speech_windows(voiced), _WINDOW)]


def speech_windows(voiced: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which windows to keep, of shape (windows,), from webrtcvad's word on each (0 or 1)."""
    count = len(voiced)
    # Of the eight, three come before the window and four after it; five of them are a majority.
    nearby = np.convolve(voiced, np.ones(_SMOOTHED, np.int64))
    speech = nearby[_SMOOTHED // 2 :][:count] > _SMOOTHED // 2
    reach = _LONGEST_PAUSE // 2
    kept: NDArray[np.bool_] = np.convolve(speech, np.ones(2 * reach + 1))[reach:][:count] > 0
    return kept
