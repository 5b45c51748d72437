"""Real speech for the benches: the weights `sample-speech`, fetched where they are missing."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.fetch import pull
from models.location import locate
from shared.audio import FRAME_SAMPLES, SAMPLE_RATE, Pcm, pcm_from_float, pcm_to_bytes
from shared.errors import WeightsError
from shared.wav import read_wav
from tests.bench.tools.report import say

READING_STARTS_S = 1.1
"""Where the reader begins, after a word about the recording."""


def sample_speech() -> Path:
    """The folder of the recordings.

    Raises:
        WeightsError: they are not here and cannot be fetched.
    """
    try:
        return locate("sample-speech")
    except WeightsError:
        say("fetching the sample speech")
        return pull(["sample-speech"])[0]


def reading() -> Pcm:
    """About 41 s of fluent reading, shape (n,), int16, whole frames."""
    pcm = read_wav(sample_speech() / "two_cities.wav")[round(READING_STARTS_S * SAMPLE_RATE) :]
    return pcm[: len(pcm) - len(pcm) % FRAME_SAMPLES]


def heard(pcm: Pcm, gain_db: float, noise_db: float, seed: int) -> Pcm:
    """`pcm` as a microphone hears it: with a gain, and noise of `noise_db` dB re full scale."""
    noise = np.random.default_rng(seed).normal(0, 10 ** (noise_db / 20), len(pcm))
    voice: NDArray[np.float64] = pcm / 32768 * 10 ** (gain_db / 20)
    return pcm_from_float(voice + noise)


def write_wav(path: Path, pcm: Pcm) -> None:
    """A mono WAV file of 16 kHz."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE)
        file.writeframes(pcm_to_bytes(pcm))
