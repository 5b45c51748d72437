"""Noises made of random numbers, or of people talking."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from edge.simulation.home import NoiseKind
from shared.audio import SAMPLE_RATE, Pcm

Signal = NDArray[np.float64]
"""Samples of shape (n,), dtype float64, 16 kHz."""


def make_noise(
    kind: NoiseKind, samples: int, rng: np.random.Generator, voices: Sequence[Pcm]
) -> Signal:
    """`samples` of noise with a root mean square of 1.

    A fan is noise that falls by 4.5 dB an octave (between pink and brown) with the hum of its
    blades; a tap is nearly white above 500 Hz and splashes; a television is `voices`, spoken
    backwards by two at a time (silence where there are none).
    """
    if samples == 0:
        return np.zeros(0)
    if kind == "fan":
        signal = _fan(samples, rng)
    elif kind == "tap":
        signal = _tap(samples, rng)
    else:
        signal = _television(samples, rng, voices)
    level = np.sqrt(np.mean(signal**2))
    return signal / level if level > 0 else signal


def _shaped(samples: int, rng: np.random.Generator, low_hz: float, slope: float) -> Signal:
    """Noise, flat up to `low_hz`, then falling with the frequency to the power of `slope`."""
    spectrum = np.fft.rfft(rng.standard_normal(samples))
    frequency = np.maximum(np.fft.rfftfreq(samples, 1 / SAMPLE_RATE), low_hz)
    return np.fft.irfft(spectrum * (frequency / low_hz) ** slope, samples)


def _fan(samples: int, rng: np.random.Generator) -> Signal:
    air = _shaped(samples, rng, 120, -0.75)
    air /= np.sqrt(np.mean(air**2))
    time = np.arange(samples) / SAMPLE_RATE
    blades_hz = rng.uniform(85, 130)
    hum = sum(
        np.sin(2 * np.pi * blades_hz * n * time + rng.uniform(0, 2 * np.pi)) / n
        for n in range(1, 6)
    )
    signal: Signal = air + 0.3 * hum
    return signal


def _tap(samples: int, rng: np.random.Generator) -> Signal:
    water = _shaped(samples, rng, 500, -0.3) - 0.7 * _shaped(samples, rng, 60, -1)
    splashes = np.abs(_shaped(samples, rng, 4, -1.5))
    signal: Signal = water * (1 + 0.5 * splashes / np.sqrt(np.mean(splashes**2)))
    return signal


def _television(samples: int, rng: np.random.Generator, voices: Sequence[Pcm]) -> Signal:
    signal = np.zeros(samples)
    if not sum(len(voice) for voice in voices):
        return signal
    for _ in range(2):
        order = rng.permutation(len(voices))
        programme = np.concatenate([voices[n][::-1] for n in order]).astype(np.float64)
        repeats = -(-samples // len(programme))
        signal += np.roll(np.tile(programme, repeats)[:samples], rng.integers(samples))
    return signal


def make_street(samples: int, rng: np.random.Generator) -> Signal:
    """`samples` of traffic with a root mean square of 1: a rumble, and tyres that come and go."""
    rumble, tyres = _shaped(samples, rng, 60, -1), _shaped(samples, rng, 900, -0.8)
    passing = np.abs(_shaped(samples, rng, 0.3, -2))
    signal: Signal = rumble / rumble.std() + tyres / tyres.std() * passing / passing.mean()
    signal /= np.sqrt(np.mean(signal**2))
    return signal
