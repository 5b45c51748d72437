"""What is kept of the time before somebody spoke."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from edge.microphone.microphone import Frame
from edge.preroll import PreRoll


def frame(number: int) -> Frame:
    return Frame(np.full(320, number, np.int16), number * 20_000)


@given(st.integers(0, 60), st.integers(1, 40))
def test_the_last_frames_are_kept_in_order(pushed: int, kept: int) -> None:
    preroll = PreRoll(kept * 20)
    for number in range(pushed):
        preroll.push(frame(number))
    times = [held.captured_at_us for held in preroll.take()]
    assert times == [number * 20_000 for number in range(max(0, pushed - kept), pushed)]


def test_half_a_second_is_kept_unless_told_otherwise() -> None:
    preroll = PreRoll()
    for number in range(100):
        preroll.push(frame(number))
    assert len(preroll.take()) * 20 == 500


def test_what_was_taken_or_cleared_is_not_given_again() -> None:
    preroll = PreRoll()
    preroll.push(frame(1))
    assert len(preroll.take()) == 1
    assert preroll.take() == []
    preroll.push(frame(2))
    preroll.clear()
    assert preroll.take() == []
