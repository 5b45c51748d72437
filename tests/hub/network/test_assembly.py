"""Audio as it arrives."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.network.assembly import Assembly
from shared.errors import LimitExceededError
from shared.ids import new_id
from shared.wire.audio import AudioFrame

UTTERANCE = new_id()


def frame(first: int, samples: list[int], *, last: bool = False) -> AudioFrame:
    return AudioFrame(UTTERANCE, 0, first, 0, np.array(samples, "<i2").tobytes(), last)


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 20)), max_size=30))
def test_pieces_that_overlap_come_twice_or_late_give_the_signal_once(
    pieces: list[tuple[int, int]],
) -> None:
    signal = list(range(1, 101))
    assembly, came = Assembly(), [False] * 100
    for first, length in pieces:
        assembly.add(frame(first, signal[first : first + length]))
        came[first : first + length] = [True] * length
    reach = max((n + 1 for n in range(100) if came[n]), default=0)
    assert assembly.reach == reach
    assert assembly.holes == came[:reach].count(False)
    assert assembly.received == came.index(False)
    assert assembly.pcm().tolist() == signal[: assembly.received]
    told = [value if here else 0 for value, here in zip(signal, came, strict=True)]
    assert assembly.pcm(reach).tolist() == told[:reach]


def test_a_gap_that_stays_is_silence_and_counted_unless_it_is_filled_after_all() -> None:
    assembly = Assembly()
    assembly.add(frame(0, [1, 2]))
    assembly.add(frame(4, [5, 6]))
    assembly.add(frame(8, [9]))
    assert (assembly.received, assembly.reach, assembly.holes) == (2, 9, 4)
    assembly.skip()
    assert (assembly.received, assembly.reach, assembly.holes) == (6, 9, 4)
    assert assembly.pcm().tolist() == [1, 2, 0, 0, 5, 6]
    assembly.add(frame(2, [3, 4]))
    assert assembly.holes == 2
    assembly.skip()
    assembly.skip()  # there is none
    assert assembly.pcm().tolist() == [1, 2, 3, 4, 5, 6, 0, 0, 9]


def test_a_beginning_may_be_missing_too() -> None:
    assembly = Assembly()
    assembly.add(frame(2, [3]))
    assert assembly.received == 0
    assembly.skip()
    assert assembly.pcm().tolist() == [0, 0, 3]


def test_where_the_device_ends_is_known_whether_samples_come_with_it_or_not() -> None:
    assembly = Assembly()
    assembly.add(frame(0, [1, 2]))
    before = assembly.last
    assembly.add(frame(2, [], last=True))
    assert before is None
    assert assembly.received == 2
    assert assembly.last == 2


def test_what_is_longer_than_an_utterance_is_refused() -> None:
    assembly = Assembly()
    second = frame(0, [0] * 32_000).payload
    for number in range(20):
        assembly.add(AudioFrame(UTTERANCE, number, number * 32_000, 0, second))
    with pytest.raises(LimitExceededError):
        assembly.add(AudioFrame(UTTERANCE, 20, 640_000, 0, second))
    assert assembly.size == 20 * 64_000


def test_the_utterance_is_cut_to_its_stated_length() -> None:
    assembly = Assembly()
    assembly.add(frame(0, [1, 2, 3, 4]))
    assert assembly.pcm(3).tolist() == [1, 2, 3]
