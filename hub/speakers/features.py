"""What the encoder of voices is shown: mel spectra of overlapping pieces of 1.6 s.

All of it as the encoder was trained with: power, not its logarithm; bands and their heights as in
Slaney's Auditory Toolbox; spectra centred on their frames, with zeros beyond the signal's ends.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from models.voice import MELS
from shared.audio import SAMPLE_RATE

Signal = NDArray[np.float32]
"""Samples of shape (n,), dtype float32, 16 kHz mono, full scale 1."""

WINDOW = SAMPLE_RATE * 25 // 1000
HOP = SAMPLE_RATE * 10 // 1000
PARTIAL_FRAMES = 160
"""Frames of 10 ms in a piece."""
_PARTIALS_PER_SECOND = 1.3
_STEP_FRAMES = round(SAMPLE_RATE / _PARTIALS_PER_SECOND / HOP)
_LEAST_COVERED = 0.75
"""How much of the last piece has to be signal; the rest is zeros."""

# Slaney's scale: 3 mels in 200 Hz up to 1 kHz, then 27 mels for a factor of 6.4.
_LINEAR_HZ = 200 / 3
_BREAK_HZ, _BREAK_MEL = 1000.0, 15.0
_LOG_STEP = math.log(6.4) / 27


def partials(signal: Signal) -> NDArray[np.float32]:
    """The mel spectra of a signal's pieces: shape (partials, 160, 40); there is at least one."""
    starts = partial_starts(len(signal))
    end = (starts[-1] + PARTIAL_FRAMES) * HOP
    mels = mel_spectrogram(np.pad(signal, (0, max(0, end - len(signal)))))
    return np.stack([mels[start : start + PARTIAL_FRAMES] for start in starts])


def partial_starts(samples: int) -> list[int]:
    """The frames at which the pieces of a signal of so many samples begin."""
    frames = math.ceil((samples + 1) / HOP)
    starts = list(range(0, max(1, frames - PARTIAL_FRAMES + _STEP_FRAMES + 1), _STEP_FRAMES))
    covered = (samples - starts[-1] * HOP) / (PARTIAL_FRAMES * HOP)
    return starts[:-1] if len(starts) > 1 and covered < _LEAST_COVERED else starts


def mel_spectrogram(signal: Signal) -> NDArray[np.float32]:
    """Power in 40 mel bands, every 10 ms: shape (1 + n // 160, 40)."""
    padded = np.pad(signal, WINDOW // 2)
    spectra = np.fft.rfft(sliding_window_view(padded, WINDOW)[::HOP] * _HANN)
    power = spectra.real**2 + spectra.imag**2
    # Not with `@`: BLAS would spread this over all cores and wait for the busiest one.
    mels: NDArray[np.float32] = np.einsum("fk,kb->fb", power, _BANDS).astype(np.float32)
    return mels


def _mel_bands() -> NDArray[np.float64]:
    """Weights of shape (frequencies, bands): triangles of equal area, 0 to 8 kHz."""
    highest = _BREAK_MEL + math.log(SAMPLE_RATE / 2 / _BREAK_HZ) / _LOG_STEP
    mels = np.linspace(0, highest, MELS + 2)
    corners = np.where(
        mels < _BREAK_MEL,
        mels * _LINEAR_HZ,
        _BREAK_HZ * np.exp(_LOG_STEP * (mels - _BREAK_MEL)),
    )
    low, middle, high = corners[:-2], corners[1:-1], corners[2:]
    hz = np.fft.rfftfreq(WINDOW, 1 / SAMPLE_RATE)[:, np.newaxis]
    rising, falling = (hz - low) / (middle - low), (high - hz) / (high - middle)
    bands: NDArray[np.float64] = np.maximum(0, np.minimum(rising, falling)) * 2 / (high - low)
    return bands


_HANN = np.hanning(WINDOW + 1)[:-1]
_BANDS = _mel_bands()
