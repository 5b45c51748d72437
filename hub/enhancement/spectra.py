"""Short-time Fourier transform and back."""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from hub.enhancement.alignment import Signal

Spectra = NDArray[np.complex64]
"""Of several microphones: shape (frequencies, microphones, frames)."""

SIZE = 1024
"""64 ms: as long as most of what a wall throws back at once."""
HOP = SIZE // 4
_WINDOW = np.sqrt(np.hanning(SIZE + 1)[:-1])
_OVERLAP = SIZE // HOP * 0.5
"""What the squared windows add up to."""


def spectra_of(signals: NDArray[np.float32]) -> Spectra:
    """Of signals of shape (microphones, n)."""
    padded = np.pad(signals, ((0, 0), (SIZE, SIZE + HOP)))
    frames = sliding_window_view(padded, SIZE, axis=-1)[:, ::HOP]
    return np.fft.rfft(frames * _WINDOW).transpose(2, 0, 1).astype(np.complex64)


def signal_of(spectrum: NDArray[np.complex64], samples: int) -> Signal:
    """The signal of shape (samples,) whose spectrum, shape (frequencies, frames), this is."""
    frames = np.fft.irfft(spectrum.T, SIZE) * _WINDOW
    # Each hop's share of a frame is added where the earlier frames' later shares are.
    parts = frames.reshape(len(frames), SIZE // HOP, HOP)
    signal = np.zeros((len(frames) + SIZE // HOP - 1, HOP))
    for number in range(SIZE // HOP):
        signal[number : number + len(frames)] += parts[:, number]
    return (signal.ravel()[SIZE : SIZE + samples] / _OVERLAP).astype(np.float32)
