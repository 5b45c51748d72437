"""Quiet speech is raised, long pauses go, and nothing else happens."""

from __future__ import annotations

import numpy as np
import pytest

from edge.simulation.speech import murmur
from hub.speakers.features import Signal
from hub.speakers.silence import LEVEL, raise_level, speech_windows, trim_silence
from shared.audio import FULL_SCALE, SAMPLE_RATE


def speech(seconds: float) -> Signal:
    return murmur(seconds).astype(np.float32) / np.float32(FULL_SCALE)


def windows(text: str) -> list[int]:
    return [int(character == "x") for character in text]


@pytest.mark.parametrize("gain", [0.001, 0.01, 1.0])
def test_speech_is_raised_to_the_level_and_never_lowered(gain: float) -> None:
    signal = speech(1) * np.float32(gain)
    before = np.sqrt(np.mean(signal**2))
    after = np.sqrt(np.mean(raise_level(signal) ** 2))
    assert after == pytest.approx(max(before, LEVEL), rel=1e-4)


@pytest.mark.parametrize("samples", [0, 100, 16_000])
def test_silence_stays_silence(samples: int) -> None:
    silence = np.zeros(samples, np.float32)
    assert not raise_level(silence).any()
    assert len(trim_silence(silence)) == 0


# What webrtcvad said of each window of 30 ms, and what Resemblyzer 0.1.4 keeps of them.
@pytest.mark.parametrize(
    ("voiced", "kept"),
    [
        (".", "."),
        ("xxxx............", "................"),
        ("xxxxx...........", "xxxxxxx........."),
        ("........xxxxxxxx........", ".....xxxxxxxxxxxxx......"),
        ("xxxxxxxx......xxxxxxxx", "xxxxxxxxxx.xxxxxxxxxxx"),
        ("xxxxxxxx........xxxxxxxx", "xxxxxxxxxx...xxxxxxxxxxx"),
        ("....x.x.x.x.x.x.x.x.....", "........................"),
    ],
)
def test_windows_near_speech_are_kept(voiced: str, kept: str) -> None:
    assert list(speech_windows(np.array(windows(voiced), np.int64))) == windows(kept)


def test_a_long_pause_goes_and_the_speech_stays_as_it_is() -> None:
    spoken = speech(1.5)
    signal = np.concatenate((spoken, np.zeros(4 * SAMPLE_RATE, np.float32), spoken))
    trimmed = trim_silence(signal)
    assert len(trimmed) % 480 == 0
    assert 2.7 * SAMPLE_RATE <= len(trimmed) <= 3.5 * SAMPLE_RATE
    # From the first window that is kept on, what was there.
    start = np.flatnonzero(signal == trimmed[np.flatnonzero(trimmed)[0]])[0]
    first = np.flatnonzero(trimmed)[0]
    np.testing.assert_array_equal(trimmed[first:][:SAMPLE_RATE], signal[start:][:SAMPLE_RATE])
