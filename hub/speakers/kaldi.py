"""What CAM++ is shown: the energy in mel bands, as the Kaldi toolkit measures it.

That is (Kaldi's `compute-fbank-feats`, its defaults but for 80 bands and no dither): frames of
25 ms every 10 ms, only whole ones; each without its mean, its high frequencies raised, under a
Hann window to the power of 0.85; the power spectrum of 512 points; triangles evenly spread over
1127 ln(1 + f/700) from 20 Hz to 8 kHz; the logarithm. Then each band's mean over the utterance is
taken away, and with it the colour of the microphone.
"""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from hub.speakers.features import HOP, WINDOW, Signal
from models.campplus import BANDS
from shared.audio import SAMPLE_RATE

_SIZE = 512
_RAISED = np.float32(0.97)
"""Of the sample before, taken off each sample."""
_LOWEST_HZ = 20.0
_FLOOR = np.finfo(np.float32).eps
"""Energy below which there is nothing."""


def bands(signal: Signal) -> NDArray[np.float32]:
    """The bands of a signal of at least 25 ms: shape ((n - 400) // 160 + 1, 80)."""
    frames = sliding_window_view(signal, WINDOW)[::HOP]
    frames = frames - frames.mean(axis=1, keepdims=True)
    # The first sample of a frame has none before it, and is taken for that.
    before = np.concatenate((frames[:, :1], frames[:, :-1]), axis=1)
    spectra = np.fft.rfft((frames - _RAISED * before) * _WINDOW, _SIZE)[:, : _SIZE // 2]
    power = (spectra.real**2 + spectra.imag**2).astype(np.float32)
    # Not with `@`: BLAS would spread this over all cores and wait for the busiest one.
    energy = np.einsum("fk,kb->fb", power, _BANDS)
    logarithms = np.log(np.maximum(energy, _FLOOR))
    centred: NDArray[np.float32] = logarithms - logarithms.mean(axis=0)
    return centred


def _mel(hz: NDArray[np.float64]) -> NDArray[np.float64]:
    mels: NDArray[np.float64] = 1127 * np.log1p(hz / 700)
    return mels


def _mel_bands() -> NDArray[np.float32]:
    """Weights of shape (frequencies, bands); the triangles are as high as each other."""
    low, high = _mel(np.array([_LOWEST_HZ, SAMPLE_RATE / 2]))
    corners = np.linspace(low, high, BANDS + 2)
    left, middle, right = corners[:-2], corners[1:-1], corners[2:]
    mels = _mel(np.arange(_SIZE // 2, dtype=np.float64) * (SAMPLE_RATE / _SIZE))[:, np.newaxis]
    rising, falling = (mels - left) / (middle - left), (right - mels) / (right - middle)
    weights: NDArray[np.float32] = np.maximum(0, np.minimum(rising, falling)).astype(np.float32)
    return weights


_WINDOW = (np.hanning(WINDOW) ** 0.85).astype(np.float32)
_BANDS = _mel_bands()
