"""The bands are Kaldi's: the golden vectors were made with its code; here is what it means."""

from __future__ import annotations

import numpy as np
import pytest

from hub.speakers.kaldi import bands
from models.campplus import BANDS
from shared.audio import SAMPLE_RATE


def tone(hz: float, seconds: float = 1.0) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    time = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    return (0.1 * np.sin(2 * np.pi * hz * time)).astype(np.float32)


@pytest.mark.parametrize(("samples", "frames"), [(400, 1), (559, 1), (560, 2), (48_000, 298)])
def test_only_whole_frames_count(samples: int, frames: int) -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, samples).astype(np.float32)
    found = bands(noise)
    assert found.shape == (frames, BANDS)
    assert found.dtype == np.float32


def test_a_tone_is_in_its_band() -> None:
    for hz in (300, 1000, 3000):
        found = bands(np.concatenate((tone(50), tone(hz))))[-50:].mean(axis=0)
        mel = (1127 * np.log1p(hz / 700) - 31.75) / (2840.02 - 31.75) * (BANDS + 1) - 1
        assert abs(int(found.argmax()) - mel) <= 1


def test_neither_level_nor_the_colour_of_a_microphone_is_seen() -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, SAMPLE_RATE).astype(np.float32)
    found = bands(noise)
    np.testing.assert_allclose(found.mean(axis=0), 0, atol=1e-4)
    np.testing.assert_allclose(bands(noise * np.float32(0.1)), found, atol=1e-3)


def test_silence_has_no_bands() -> None:
    np.testing.assert_allclose(bands(np.zeros(1600, np.float32)), 0, atol=1e-5)
