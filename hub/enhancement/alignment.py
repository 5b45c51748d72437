"""Brings recordings of one utterance, by devices with clocks of their own, onto one time.

Where one lies on the other's time is found by generalized cross-correlation with phase transform
(Knapp and Carter 1976), first over everything, then piece by piece: by how much the pieces differ
is how much faster the one clock runs than the other.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import soxr
from numpy.typing import NDArray

from shared.audio import SAMPLE_RATE

Signal = NDArray[np.float32]
"""Samples, full scale 1: shape (n,)."""

MOST_DELAY = SAMPLE_RATE // 5
"""Clocks and sound may be so far apart: 0.2 s."""
_BAND_HZ = 300.0, 4000.0
"""Where every microphone hears speech."""
_PIECE = SAMPLE_RATE * 3 // 2
_PIECE_DELAY = 48
_LEAST_PEAK = 5.0
"""A peak of the correlation that is lower than this, in standard deviations, says nothing."""
# Two crystals of 50 ppm each, and a little.
_DRIFTS = np.linspace(-110e-6, 110e-6, 45)
_SHIFTS = np.arange(-8, 8.5, 0.5)
_AGREES = 1.0
"""A piece whose delay is within so many samples of what the others say agrees with them."""
_FEWEST = 3
"""Pieces that it takes for a line."""
_FINER = 4
"""Read between samples linearly, in a signal of as many times the rate."""


def aligned(reference: Signal, other: Signal) -> Signal:
    """`other` as the reference's clock would have had it, without the sound's longer way.

    Both have the same shape (n,), and so has the result; it is 0 where `other` had nothing.
    """
    delay = round(_delay(reference, other, MOST_DELAY)[0])
    moved = _moved(other, delay)
    starts = range(0, len(reference) - _PIECE + 1, _PIECE // 2)
    pieces = [slice(start, start + _PIECE) for start in starts]
    if len(pieces) < 2:
        return moved
    found = [_delay(reference[piece], moved[piece], _PIECE_DELAY) for piece in pieces]
    middles = np.array(starts) + (_PIECE - len(reference)) / 2
    shift, drift = _line(middles, np.array(found))
    samples = np.arange(len(other))
    times = samples + delay + shift + drift * (samples - len(other) / 2)
    finer = soxr.resample(other, SAMPLE_RATE, SAMPLE_RATE * _FINER)
    read = np.interp(times * _FINER, np.arange(len(finer)), finer, left=0, right=0)
    late: Signal = read.astype(np.float32)
    return late


def _delay(reference: Signal, other: Signal, most: int) -> tuple[float, float]:
    """By how many samples `other` is late, at most `most`, and how high the peak is there."""
    size = 1 << (len(reference) + most - 1).bit_length()
    crossed = np.fft.rfft(other, size) * np.conj(np.fft.rfft(reference, size))
    strength = np.abs(crossed)
    crossed /= strength + 1e-9 * strength.max() + 1e-12
    crossed[_outside(size)] = 0
    whole = np.fft.irfft(crossed, size)
    near = np.concatenate([whole[-most:], whole[: most + 1]])
    best = int(np.argmax(near))
    height = float(near[best] / (near.std() + 1e-12))
    if not 0 < best < len(near) - 1:
        return best - most, height
    before, peak, after = near[best - 1 : best + 2]
    # Between samples the peak is where the parabola through these three has its top.
    return best - most + float((before - after) / (2 * (before - 2 * peak + after) - 1e-12)), height


@lru_cache(maxsize=8)
def _outside(size: int) -> NDArray[np.bool_]:
    hz = np.fft.rfftfreq(size, 1 / SAMPLE_RATE)
    return (hz < _BAND_HZ[0]) | (hz > _BAND_HZ[1])


def _line(middles: NDArray[np.float64], found: NDArray[np.float64]) -> tuple[float, float]:
    """Shift and drift on which most pieces agree, however far off the others are.

    Args:
        middles: of the pieces, in samples from the middle of all.
        found: the delay and the peak of each, shape (pieces, 2).
    """
    delays, weights = found[:, 0], np.maximum(found[:, 1] - _LEAST_PEAK, 0)
    apart = delays - (_SHIFTS[:, None] + _DRIFTS[:, None, None] * middles)
    # Of equals the least drift.
    agreed = (weights * np.exp(-(apart**2))).sum(axis=-1) - np.abs(_DRIFTS)[:, None]
    at = np.unravel_index(int(np.argmax(agreed)), agreed.shape)
    drift, shift = float(_DRIFTS[at[0]]), float(_SHIFTS[at[1]])
    sure = (np.abs(apart[at]) < _AGREES) & (weights > 0)
    if sure.sum() < _FEWEST:
        return shift, drift
    drift, shift = np.polyfit(middles[sure], delays[sure], 1, w=np.sqrt(weights[sure]))
    return float(shift), float(drift)


def _moved(signal: Signal, delay: int) -> Signal:
    """`signal` earlier by `delay` samples, or later."""
    moved = np.zeros_like(signal)
    kept = max(0, len(signal) - abs(delay))
    moved[max(0, -delay) :][:kept] = signal[max(0, delay) :][:kept]
    return moved
