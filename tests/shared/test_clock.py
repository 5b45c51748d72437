"""Clocks and the mapping of a device's clock to the hub's."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.clock import ClockEstimator, ClockMapping, steady_clock
from shared.errors import MalformedMessageError

HOUR_US = 3_600_000_000
NOW_US = 1_772_366_400_000_000

offsets = st.integers(-24 * HOUR_US, 24 * HOUR_US)  # the hub's clock minus the device's
delays = st.integers(0, 2_000_000)


def probe(
    estimator: ClockEstimator, offset_us: int, there_us: int, held_us: int, back_us: int
) -> ClockMapping:
    """One probe to a device whose clock is `offset_us` behind the hub's."""
    received = NOW_US + there_us - offset_us
    returned = NOW_US + there_us + held_us + back_us
    return estimator.reply(NOW_US, received, received + held_us, returned)


# steady_clock


def test_the_clock_begins_at_wall_time_and_goes_on_by_the_monotonic_clock(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(time, "time_ns", lambda: 5_000_000_000)
    monkeypatch.setattr(time, "monotonic_ns", lambda: 7_000)
    clock = steady_clock()
    assert clock() == 5_000_000
    monkeypatch.setattr(time, "time_ns", lambda: 1)  # somebody sets the wall clock back
    monkeypatch.setattr(time, "monotonic_ns", lambda: 9_000)
    assert clock() == 5_000_002


# ClockEstimator


@given(offsets, st.lists(st.tuples(delays, delays, delays), min_size=1, max_size=16))
def test_the_true_offset_is_within_the_uncertainty(
    offset_us: int, trips: list[tuple[int, int, int]]
) -> None:
    estimator = ClockEstimator()
    for there, held, back in trips:
        mapping = probe(estimator, offset_us, there, held, back)
    assert abs(mapping.offset_us - offset_us) <= mapping.uncertainty_us
    quickest = min(there + back for there, _, back in trips)
    assert mapping.uncertainty_us == quickest // 2 + 1
    assert mapping == estimator.mapping


@given(offsets, delays, delays)
def test_a_trip_that_takes_as_long_there_as_back_gives_the_offset_itself(
    offset_us: int, one_way_us: int, held_us: int
) -> None:
    mapping = probe(ClockEstimator(), offset_us, one_way_us, held_us, one_way_us)
    assert mapping.offset_us == offset_us


def test_a_mapping_turns_the_devices_time_into_the_hubs() -> None:
    assert ClockMapping(offset_us=-50, uncertainty_us=1).to_hub(1000) == 950


def test_only_the_last_probes_count_for_clocks_drift() -> None:
    estimator = ClockEstimator(window=3)
    probe(estimator, offset_us=0, there_us=10, held_us=0, back_us=10)
    for _ in range(2):
        assert probe(estimator, 500, 100, 0, 100).offset_us == 0
    assert probe(estimator, 500, 100, 0, 100).offset_us == 500


@pytest.mark.parametrize("step_us", [-3_600_000_000, 1_000_000])
def test_a_clock_that_was_stepped_is_known_with_the_next_probe(step_us: int) -> None:
    estimator = ClockEstimator()
    for _ in range(3):
        probe(estimator, offset_us=0, there_us=10, held_us=0, back_us=10)
    assert probe(estimator, step_us, 1_000, 0, 1_000).offset_us == step_us
    # A slow probe says less than the quick one before, and does not contradict it.
    assert probe(estimator, step_us, 900_000, 0, 10).offset_us == step_us


def test_an_answer_that_took_long_says_less_than_the_greeting_did() -> None:
    estimator = ClockEstimator()
    greeted = estimator.hello(1_000, since_us=5_000, now_us=7_000)
    # The hub stood still for seconds, after the device had answered at once.
    assert estimator.reply(7_000, 2_500, 2_500, 6_707_000) == greeted
    assert estimator.reply(6_707_000, 6_702_000, 6_702_000, 6_707_500).uncertainty_us == 251


def test_hello_gives_a_coarse_mapping_until_a_probe_is_answered() -> None:
    estimator = ClockEstimator()
    assert estimator.hello(1_000, since_us=5_000, now_us=7_000) == ClockMapping(5_000, 1_001)
    precise = probe(estimator, 4_321, 10, 0, 10)
    assert precise.offset_us == 4_321
    assert estimator.hello(1_000, since_us=9_000, now_us=9_000) == precise


@pytest.mark.parametrize(
    ("received_us", "sent_us"),
    [(500, 499), (500, 1_501)],
    ids=["sent before received", "held longer than it was away"],
)
def test_a_reply_that_contradicts_itself_is_malformed_and_changes_nothing(
    received_us: int, sent_us: int
) -> None:
    estimator = ClockEstimator()
    before = probe(estimator, 0, 10, 0, 10)
    with pytest.raises(MalformedMessageError):
        estimator.reply(NOW_US, received_us, sent_us, NOW_US + 1_000)
    assert estimator.mapping == before
