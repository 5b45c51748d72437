"""Delays between attempts."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.backoff import Backoff

draws = st.lists(st.floats(0, 1, exclude_max=True), min_size=1, max_size=2000)


def test_the_ceiling_doubles_up_to_the_cap() -> None:
    backoff = Backoff(base_s=1.0, cap_s=30.0)
    assert [backoff.next_delay(1.0) for _ in range(7)] == [1, 2, 4, 8, 16, 30, 30]


def test_the_delay_is_drawn_from_zero_to_the_ceiling() -> None:
    backoff = Backoff(base_s=1.0, cap_s=30.0)
    assert [backoff.next_delay(drawn) for drawn in (0.0, 0.5, 0.25)] == [0, 1, 1]


def test_after_a_success_it_begins_anew() -> None:
    backoff = Backoff(base_s=1.0, cap_s=30.0)
    first = [backoff.next_delay(1.0) for _ in range(5)]
    backoff.reset()
    assert [backoff.next_delay(1.0) for _ in range(5)] == first


def test_a_base_above_the_cap_is_capped() -> None:
    assert Backoff(base_s=60.0, cap_s=30.0).next_delay(1.0) == 30.0


@given(draws)
def test_no_delay_is_negative_or_beyond_the_cap_however_often_it_fails(drawn: list[float]) -> None:
    backoff = Backoff(base_s=0.5, cap_s=20.0)
    assert all(0 <= backoff.next_delay(value) <= 20.0 for value in drawn)


@given(st.integers(1, 2000), st.floats(0.01, 1, exclude_max=True))
def test_with_the_same_draw_a_later_delay_is_never_shorter(failures: int, drawn: float) -> None:
    backoff = Backoff()
    delays = [backoff.next_delay(drawn) for _ in range(failures)]
    assert all(early <= late for early, late in pairwise(delays))
    assert delays[-1] == pytest.approx(min(2.0 ** min(failures - 1, 10), 10.0) * drawn)
