"""Sounds with known properties, made rather than recorded, so that tests need no files."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from shared.audio import SAMPLE_RATE, Pcm, pcm_from_float

Signal = NDArray[np.float64]


def at_level(signal: Signal, dbfs: float) -> Signal:
    """`signal` brought to a mean power of `dbfs`, in dB re full scale."""
    scaled: Signal = signal * 10 ** (dbfs / 20) / np.sqrt(np.mean(signal**2))
    return scaled


def coloured(seconds: float, tilt: float = 0.0, seed: int = 1) -> Signal:
    """Noise whose amplitude spectrum falls as frequency to the power of `tilt`."""
    samples = int(seconds * SAMPLE_RATE)
    spectrum = np.fft.rfft(np.random.default_rng(seed).normal(size=samples))
    hz = np.fft.rfftfreq(samples, 1 / SAMPLE_RATE) + 30
    return np.fft.irfft(spectrum / hz**tilt, samples)


def noise(seconds: float, dbfs: float, tilt: float = 0.0, seed: int = 1) -> Pcm:
    """Such noise as samples."""
    return pcm_from_float(at_level(coloured(seconds, tilt, seed), dbfs))


def voice(seconds: float, seed: int = 2) -> Signal:
    """A voice's outline: a gliding pulse train through moving formants, four syllables a second.

    Each syllable has two formants of its own and a gap after it.
    """
    rng = np.random.default_rng(seed)
    out = np.zeros(int(seconds * SAMPLE_RATE))
    syllable = SAMPLE_RATE // 4
    for start in range(0, len(out), syllable):
        length = min(syllable, len(out) - start)
        time = np.arange(length) / SAMPLE_RATE
        pitch = rng.uniform(100, 180)
        phase = 2 * np.pi * np.cumsum(pitch * (1 + 0.2 * time)) / SAMPLE_RATE
        formants = [rng.uniform(300, 800), rng.uniform(900, 2500), 3000.0]
        tones = np.zeros(length)
        for harmonic in range(1, 28):
            at = harmonic * pitch
            gain = sum(1 / (1 + ((at - formant) / 90) ** 2) for formant in formants)
            tones += gain * np.sin(harmonic * phase)
        hull = np.clip(np.minimum(time / 0.02, (0.18 - time) / 0.04), 0, 1)
        out[start : start + length] = tones * hull
    return out


def speech_like(seconds: float, dbfs: float, seed: int = 2) -> Pcm:
    """Such a voice as samples."""
    return pcm_from_float(at_level(voice(seconds, seed), dbfs))


def in_a_room(signal: Signal, decay_s: float, seed: int = 3) -> Signal:
    """`signal` with diffuse reverberation as strong as itself, 60 dB down after `decay_s`."""
    time = np.arange(int(decay_s * SAMPLE_RATE)) / SAMPLE_RATE
    tail = np.random.default_rng(seed).normal(size=len(time)) * 10 ** (-3 * time / decay_s)
    tail /= np.sqrt(np.sum(tail**2))
    tail[0] += 1
    size = len(signal) + len(tail)
    wet = np.fft.irfft(np.fft.rfft(signal, size) * np.fft.rfft(tail, size), size)
    return wet[: len(signal)]
