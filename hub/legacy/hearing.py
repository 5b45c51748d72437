"""How the legacy system measured a recording, for the calls that show its figures. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shared.audio import FULL_SCALE, SAMPLE_RATE, Pcm

Signal = NDArray[np.floating[Any]]
WINDOWS = 10
QUIETEST = 2
"""A fifth of the windows."""
SEGMENT = 1024
BAND_HZ = (300.0, 3400.0)
_TINY = 1e-20
_MOST_SNR_DB = 30.0
"""What counts as all there can be: where nothing is noise, it is this."""


@dataclass(frozen=True)
class Hearing:
    """Of one recording."""

    snr: float = 0.0  # dB, at least 0
    speech_clarity: float = 0.0  # 0 to 100
    volume_level: float = 0.0  # 0 to 100: 0.1 of full scale (RMS) is 100
    noise_level: float = 0.0  # the same, of the quietest fifth


def measure(pcm: Pcm) -> Hearing:
    """Measures a recording of shape (n,), int16, 16 kHz, with at least ten samples."""
    signal = pcm / FULL_SCALE
    variances = sorted(float(window.var()) for window in np.array_split(signal, WINDOWS))
    noise = sum(variances[:QUIETEST]) / QUIETEST
    snr = _MOST_SNR_DB
    if noise > 0:
        snr = max(0.0, 10 * float(np.log10(max(float(signal.var()), 1e-12) / noise)))
    return Hearing(
        snr=snr,
        speech_clarity=_clarity(signal),
        volume_level=_level(float(np.mean(signal**2))),
        noise_level=_level(noise),
    )


def _level(power: float) -> float:
    return min(100.0, math.sqrt(power) * 1000)


def _clarity(signal: Signal) -> float:
    """How much of the power lies in the band of speech, and how little flat that band is."""
    hz, power = _welch(signal)
    band = power[(hz >= BAND_HZ[0]) & (hz <= BAND_HZ[1])] + _TINY
    share = float(band.sum() / (power.sum() + _TINY))
    flatness = float(np.exp(np.mean(np.log(band))) / np.mean(band))
    return 100 * (0.7 * share + 0.3 * (1 - flatness))


def _welch(signal: Signal) -> tuple[Signal, Signal]:
    """Welch's power density: Hann windows that overlap by half, each without its mean."""
    length = min(SEGMENT, len(signal))
    window = np.hanning(length + 1)[:-1]
    segments = np.lib.stride_tricks.sliding_window_view(signal, length)[:: length - length // 2]
    segments = segments - segments.mean(axis=1, keepdims=True)
    spectra = np.abs(np.fft.rfft(segments * window, axis=1))
    power: Signal = np.mean(spectra**2, axis=0)
    power /= SAMPLE_RATE * np.sum(window**2)
    power[1 : None if length % 2 else -1] *= 2  # what negative frequencies hold
    return np.fft.rfftfreq(length, 1 / SAMPLE_RATE), power
