"""Recordings as files."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from hub.audio_file import as_flac, read_recording
from shared.audio import FRAME_SAMPLES, SAMPLE_RATE


@given(frames=st.integers(5, 200), seed=st.integers(0, 2**32 - 1), loudness=st.integers(1, 32767))
def test_what_is_kept_is_what_was_heard(frames: int, seed: int, loudness: int) -> None:
    draw = np.random.default_rng(seed)
    pcm = draw.integers(-loudness, loudness, frames * FRAME_SAMPLES).astype(np.int16)
    pcm[0] = 1
    np.testing.assert_array_equal(read_recording(as_flac(pcm), SAMPLE_RATE), pcm)


def test_it_takes_less_room_than_samples_do() -> None:
    tone = 3000 * np.sin(np.arange(SAMPLE_RATE * 5) * 2 * np.pi * 300 / SAMPLE_RATE)
    assert len(as_flac(tone.astype(np.int16))) < tone.size * 2 * 0.7
