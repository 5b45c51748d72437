"""What the legacy system did to speech before it took a voice from it.

Vectors that were made so lie elsewhere than those of the same voice made with the encoder's own
preprocessing; to be compared with them, new speech has to go the same way: a high-pass, then
noise reduction by spectral gating (the non-stationary kind of noisereduce 3, Sainburg et al.
2020). That kind learns its noise floor from the speech itself and never looks at a noise sample,
so the half second that the legacy system gave it needs no place here.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from hub.speakers.features import Signal
from shared.audio import SAMPLE_RATE

Magnitudes = NDArray[np.float64]
"""Shape (frames, frequencies)."""

_CUTOFF_HZ = 80
_ORDER = 5
_RINGING = SAMPLE_RATE
"""Samples after which the high-pass has forgotten: 1 s, e^-155."""

_SIZE, _HOP = 512, 128
_HANN = np.hanning(_SIZE + 1)[:-1]
_OVERLAP = 1.5
"""What the squared windows of overlapping frames add up to."""
_FLOOR_S = 2.0
"""Time constant of the noise floor."""
_THRESHOLD, _SLOPE = 2, 10
"""A sound passes when it is (1 + 2) times as loud as the floor; how sharply that is decided."""
_REDUCTION = 0.8
"""Share of a sound that is taken away where none of it passes."""
_SMOOTH_BANDS = int(500 / (SAMPLE_RATE / (_SIZE / 2)))
_SMOOTH_FRAMES = int(50 / (_HOP / SAMPLE_RATE * 1000))
"""Over how many neighbours on each side the gate is smoothed: 500 Hz, 50 ms."""
_PADDING = 30_000
"""Zeros before and after the signal, which the noise floor reaches into."""
_FIRST = math.ceil((_PADDING - _SIZE // 2 + 1) / _HOP)
"""The first frame, counted from the padding's beginning, that holds a sample of the signal."""
_LEAD = _PADDING + _SIZE // 2 - _FIRST * _HOP
"""Zeros before the signal in that frame."""


def legacy_chain(signal: Signal) -> Signal:
    """The signal as the legacy system gave it to the encoder; of the same length."""
    return reduce_noise(high_pass(signal)).astype(np.float32)


def high_pass(signal: Signal | NDArray[np.float64]) -> NDArray[np.float64]:
    """Takes away what lies below 80 Hz: a causal Butterworth filter of the fifth order.

    It is applied to the spectrum, with so many zeros behind the signal that nothing comes round.
    """
    size = 1 << (len(signal) + _RINGING).bit_length()
    # The bilinear transform maps the unit circle to this axis, the cut-off to 1.
    warped = np.tan(np.pi * np.fft.rfftfreq(size)) / math.tan(math.pi * _CUTOFF_HZ / SAMPLE_RATE)
    angles = np.pi * (2 * np.arange(_ORDER) + _ORDER + 1) / (2 * _ORDER)
    s = 1j * warped
    response = np.prod([s / (1 - s * pole) for pole in np.exp(1j * angles)], axis=0)
    out: NDArray[np.float64] = np.fft.irfft(np.fft.rfft(signal, size) * response, size)
    return out[: len(signal)]


def reduce_noise(signal: NDArray[np.float64]) -> NDArray[np.float64]:
    """Lowers by up to 14 dB what does not stand out from the seconds around it.

    The noise floor of a recording of more than 37 s is not begun anew in its middle, as it is in
    the original.
    """
    samples = len(signal)
    count = math.ceil((samples + _LEAD) / _HOP)
    padded = np.pad(signal, (_LEAD, (count - 1) * _HOP + _SIZE - _LEAD - samples))
    spectra = np.fft.rfft(sliding_window_view(padded, _SIZE)[::_HOP] * _HANN)
    magnitudes = np.abs(spectra)
    frames_in_all = (samples + 2 * _PADDING) // _HOP + 1
    floor = noise_floor(magnitudes, frames_in_all - _FIRST - count)
    above = magnitudes / np.maximum(floor, np.finfo(np.float64).tiny) - 1
    # Further than this the gate is open or closed to the last bit.
    gate = 1 / (1 + np.exp(_SLOPE * np.clip(_THRESHOLD - above, -50, 50)))
    gate = _smooth(_smooth(gate, _SMOOTH_FRAMES).T, _SMOOTH_BANDS).T
    frames = np.fft.irfft(spectra * (1 - _REDUCTION + _REDUCTION * gate), _SIZE) * _HANN
    out = np.zeros(len(padded))
    lanes = out.reshape(-1, _HOP)
    for part in range(_SIZE // _HOP):
        lanes[part : part + count] += frames[:, part * _HOP : (part + 1) * _HOP]
    return out[_LEAD : _LEAD + samples] / _OVERLAP


def noise_floor(magnitudes: Magnitudes, silent_frames: int) -> Magnitudes:
    """The mean of some seconds around each frame: a one-pole filter, forwards and backwards.

    Args:
        magnitudes: of frames before which there was silence.
        silent_frames: that follow them, at least 1. They need not be computed: in silence the
            floor falls by the same factor from frame to frame.
    """
    frames = _FLOOR_S * SAMPLE_RATE / _HOP
    gain = (math.sqrt(1 + 4 * frames**2) - 1) / (2 * frames**2)
    keep = 1 - gain
    floor = np.empty_like(magnitudes)
    state = np.zeros(magnitudes.shape[1])
    for index, frame in enumerate(magnitudes):
        state = keep * state + gain * frame
        floor[index] = state
    # Where the way back begins, at the end of the silence, the filter is settled. What it has
    # come to when it reaches the last frame is a geometric series.
    fallen = keep ** (2 * silent_frames - 1)
    state = state * (gain * keep * (1 - fallen / keep) / (1 - keep**2) + fallen)
    for index in reversed(range(len(floor))):
        state = keep * state + gain * floor[index]
        floor[index] = state
    return floor


def _smooth(gate: Magnitudes, reach: int) -> Magnitudes:
    """The mean over the first axis, weighted by a triangle; beyond the ends all is closed."""
    rising = np.arange(1, reach + 2, dtype=np.float64)
    weights = np.concatenate((rising, rising[-2::-1]))
    padded = np.pad(gate, ((reach, reach), (0, 0)))
    pieces = sliding_window_view(padded, len(weights), axis=0)
    # Not with `@`: BLAS would spread this over all cores and wait for the busiest one.
    smooth: Magnitudes = np.einsum("fkw,w->fk", pieces, weights / weights.sum())
    return smooth
