"""From features to the share of words understood."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.quality.score import score

changes = st.floats(0, 1e6)
ranges = st.floats(0, 120)
shares = st.floats(0, 1)


def of(change: float, range_db: float, clipped: float) -> float:
    return score({"envelope_change": change, "range_db": range_db, "clipped": clipped})


@given(changes, ranges, shares)
def test_the_score_is_a_percentage(change: float, range_db: float, clipped: float) -> None:
    assert 0 <= of(change, range_db, clipped) <= 100


@given(changes, ranges, shares, shares)
def test_each_feature_pulls_its_own_way(
    change: float, range_db: float, clipped: float, more: float
) -> None:
    base = of(change, range_db, clipped)
    assert of(change * (1 + more), range_db, clipped) >= base
    assert of(change, range_db + more, clipped) >= base
    assert of(change, range_db, min(1.0, clipped + more)) <= base


def test_the_studys_middling_microphone_is_understood_a_good_half() -> None:
    assert of(0.41, 30, 0) == pytest.approx(54, abs=1)
