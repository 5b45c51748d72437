"""A talker in a room that echoes, at microphones with clocks of their own."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from shared.audio import SAMPLE_RATE, Pcm, pcm_from_float

Signal = NDArray[np.float64]


def talk(seconds: float, seed: int = 0) -> Signal:
    """Syllables of noise with pauses between them, coloured anew each: shape (n,), within 1."""
    rng = np.random.default_rng(seed)
    signal = np.zeros(round(seconds * SAMPLE_RATE))
    at = SAMPLE_RATE // 2
    while at < len(signal) - SAMPLE_RATE // 2:
        length = int(rng.integers(1_600, 4_000))
        noise = np.convolve(rng.standard_normal(length), rng.standard_normal(40), "same")
        syllable = noise * np.hanning(length) / np.abs(noise).max()
        signal[at : at + length] += syllable[: len(signal) - at] * rng.uniform(0.3, 1)
        at += length + int(rng.integers(800, 4_000))
    return signal


def response(seed: int, rt60_s: float, direct: float = 1.0) -> Signal:
    """A room's: the direct sound, and a tail of noise that falls by 60 dB within `rt60_s`."""
    rng = np.random.default_rng(seed)
    seconds = np.arange(round(rt60_s * SAMPLE_RATE)) / SAMPLE_RATE
    tail = rng.standard_normal(len(seconds)) * 10 ** (-3 * seconds / rt60_s) * 0.05
    tail[:80] = 0
    tail[0] = direct
    return tail


def by_clock(signal: Signal, late: float, ppm: float) -> Signal:
    """As a clock has it that began `late` samples too early and runs `ppm` too fast."""
    samples = np.arange(len(signal))
    times = (samples - late) / (1 + ppm * 1e-6)
    size = 2 * len(signal)
    spectrum = np.fft.rfft(signal, size)
    finer = np.fft.irfft(np.pad(spectrum, (0, 7 * (len(spectrum) - 1))), 8 * size) * 8
    read: Signal = np.interp(times * 8, np.arange(8 * len(signal)), finer[: 8 * len(signal)])
    return np.where((times < 0) | (times > len(signal) - 1), 0, read)


def as_pcm(signal: Signal) -> Pcm:
    """With the peak at half of full scale."""
    return pcm_from_float(signal / (2 * np.abs(signal).max() + 1e-9))


def likeness(one: Signal, other: Signal) -> float:
    """Correlation, -1 to 1."""
    return float(one @ other / np.sqrt((one @ one) * (other @ other)))
