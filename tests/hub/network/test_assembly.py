"""Audio as it arrives."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.network.assembly import Assembly
from shared.errors import LimitExceededError, UnexpectedAudioError
from shared.ids import new_id
from shared.wire.audio import AudioFrame

UTTERANCE = new_id()


def frame(first: int, samples: list[int]) -> AudioFrame:
    return AudioFrame(UTTERANCE, 0, first, 0, np.array(samples, "<i2").tobytes())


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 20)), max_size=30))
def test_pieces_that_overlap_or_come_twice_give_the_signal_once(
    pieces: list[tuple[int, int]],
) -> None:
    signal = list(range(100))
    assembly = Assembly()
    for first, length in pieces:
        if first > assembly.received:
            with pytest.raises(UnexpectedAudioError):
                assembly.add(frame(first, signal[first : first + length]))
        else:
            assembly.add(frame(first, signal[first : first + length]))
    assert assembly.pcm().tolist() == signal[: assembly.received]


def test_what_is_longer_than_an_utterance_is_refused() -> None:
    assembly = Assembly()
    second = frame(0, [0] * 32_000).payload
    for number in range(20):
        assembly.add(AudioFrame(UTTERANCE, number, number * 32_000, 0, second))
    with pytest.raises(LimitExceededError):
        assembly.add(AudioFrame(UTTERANCE, 20, 640_000, 0, second))


def test_the_utterance_is_cut_to_its_stated_length() -> None:
    assembly = Assembly()
    assembly.add(frame(0, [1, 2, 3, 4]))
    assert assembly.pcm(3).tolist() == [1, 2, 3]
