"""Who hears the same utterance: told by envelope and capture time."""

from __future__ import annotations

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from hub.election.candidate import STEP_US, Candidate
from hub.election.grouping import (
    ACOUSTIC_SLACK_US,
    MAX_CLOCK_SLACK_US,
    ONSET_SLACK_US,
    SAME,
    affinity,
    likeness,
)
from tests.hub.election.household import SECOND, START, heard, speech

FRAME_SAMPLES = 320
SAMPLES_PER_SECOND = 16_000
UNCERTAINTY_US = 2_000

levels = st.lists(st.integers(-110, -10), min_size=1, max_size=120)
shifts_us = st.integers(-3 * SECOND, 3 * SECOND)


def candidate(
    envelope: list[int],
    client: str = "a",
    *,
    started: int = START,
    uncertainty: int = UNCERTAINTY_US,
    onset_s: float = 0.5,
) -> Candidate:
    return Candidate(
        utterance_id=f"{client}-1",
        client_id=client,
        started_us=started,
        uncertainty_us=uncertainty,
        onset_sample=round(onset_s * SAMPLES_PER_SECOND),
        reoffered=False,
        envelope=bytearray(level + 120 for level in envelope),
        samples=len(envelope) * FRAME_SAMPLES,
    )


# Properties


@given(levels, levels, shifts_us, st.integers(0, 300_000))
def test_likeness_and_affinity_are_the_same_from_either_side(
    one: list[int], other: list[int], shift: int, uncertainty: int
) -> None:
    a = candidate(one)
    b = candidate(other, "b", started=START + shift, uncertainty=uncertainty)
    there, back = likeness(a, b), likeness(b, a)
    assert (there is None) == (back is None)
    assert there == pytest.approx(back, abs=1e-5)
    # Rounding in the last place may fall on either side of the threshold.
    assume(there is None or abs(there - SAME) > 1e-4)
    assert affinity(a, b) == pytest.approx(affinity(b, a), abs=1e-5)


@given(levels, levels, shifts_us)
def test_likeness_is_a_correlation(one: list[int], other: list[int], shift: int) -> None:
    alike = likeness(candidate(one), candidate(other, "b", started=START + shift))
    assert alike is None or -1 - 1e-5 <= alike <= 1 + 1e-5


@given(
    st.lists(st.integers(-90, -40), min_size=20, max_size=120),
    st.lists(st.integers(-90, -40), min_size=20, max_size=120),
    st.integers(-30, 40),
)
def test_gain_changes_nothing(one: list[int], other: list[int], gain: int) -> None:
    louder = [level + gain for level in other]
    assert likeness(candidate(one), candidate(louder, "b")) == pytest.approx(
        likeness(candidate(one), candidate(other, "b")), abs=1e-3
    )


@given(st.integers(0, 2**32 - 1), st.integers(-15, 25))
def test_one_talker_is_recognised_at_microphones_of_differing_gain_and_noise(
    seed: int, gain: int
) -> None:
    said = speech(seed)
    near = candidate(heard(said, seed=1))
    far = candidate(heard(said, gain, floor=-60, seed=2), "b")
    alike = affinity(near, far)
    assert alike is not None
    assert alike > SAME


def test_different_talkers_are_told_apart_the_surer_the_longer_they_speak() -> None:
    def told_apart(seconds: float) -> float:
        pairs = [
            (candidate(heard(speech(n, seconds))), candidate(heard(speech(1000 + n, seconds)), "b"))
            for n in range(60)
        ]
        return sum(affinity(one, other) is None for one, other in pairs) / len(pairs)

    assert told_apart(2) > 0.85
    assert told_apart(4) == 1


# Clocks


@given(
    st.integers(0, 2**32 - 1),
    st.floats(-1, 1),
    st.integers(0, 300_000),
    st.integers(0, 300_000),
)
@settings(max_examples=50)
def test_clocks_may_be_wrong_by_their_uncertainty_and_sound_needs_its_time(
    seed: int, share: float, one: int, other: int
) -> None:
    slack = min(one + other, MAX_CLOCK_SLACK_US) + ACOUSTIC_SLACK_US
    said = speech(seed, seconds=3)
    here = candidate(said, uncertainty=one)
    there = candidate(said, "b", started=START + round(share * slack), uncertainty=other)
    alike = likeness(here, there)
    assert alike is not None
    assert alike > 0.99


def test_a_clock_that_is_hardly_known_at_all_does_not_widen_the_search_for_ever() -> None:
    said = speech(5, seconds=6)
    for later_us, kin in ((MAX_CLOCK_SLACK_US, True), (MAX_CLOCK_SLACK_US + 20 * STEP_US, False)):
        here = candidate(said, uncertainty=3_600_000_000)
        there = candidate(said, "b", started=START + later_us)
        assert (affinity(here, there) is not None) is kin


@pytest.mark.parametrize("direction", [-1, 1])
def test_the_same_rise_and_fall_at_another_time_is_another_utterance(direction: int) -> None:
    said = speech(5, seconds=3)
    here = candidate(said)
    slack = 2 * UNCERTAINTY_US + ACOUSTIC_SLACK_US
    at_once = candidate(said, "b", started=START + direction * slack)
    later = candidate(said, "b", started=START + direction * (slack + 10 * STEP_US))
    assert affinity(here, at_once) == pytest.approx(1, abs=1e-5)
    assert affinity(here, later) is None


@pytest.mark.parametrize("missed_s", [0.4, 1.0, 1.5])
def test_who_began_to_listen_later_is_held_against_the_same_moments(missed_s: float) -> None:
    said = speech(5, seconds=3)
    here, missed = candidate(said), round(missed_s * 50)
    there = candidate(said[missed:], "b", started=START + missed * STEP_US)
    assert affinity(here, there) == pytest.approx(1, abs=0.02)
    assert affinity(there, here) == pytest.approx(1, abs=0.02)


@given(st.integers(0, 2**32 - 1), st.integers(1, 100))
def test_who_do_not_overlap_in_time_hear_different_things(seed: int, steps: int) -> None:
    said = speech(seed)
    here = candidate(said)
    gap = 2 * UNCERTAINTY_US + ACOUSTIC_SLACK_US + steps * STEP_US
    assert affinity(here, candidate(said, "b", started=here.end_us + gap)) is None


# Little to go by


def test_less_than_four_tenths_of_a_second_in_common_say_nothing_of_likeness() -> None:
    said = speech(1)
    # Without slack for the lag, what they have in common is what it looks like.
    for steps, known in ((15, False), (25, True)):
        here = candidate(said[:steps], uncertainty=0)
        assert (likeness(here, candidate(said, "b", uncertainty=0)) is not None) is known


@pytest.mark.parametrize(("beyond_us", "kin"), [(-20_000, True), (20_000, False)])
def test_in_a_short_overlap_that_is_not_alike_the_onsets_decide(beyond_us: int, kin: bool) -> None:
    slack = 2 * UNCERTAINTY_US + ACOUSTIC_SLACK_US
    onset_s = 0.1 + (ONSET_SLACK_US + slack + beyond_us) / SECOND
    silence = [-70] * 40  # steady levels are like nothing
    here, there = candidate(silence, onset_s=0.1), candidate(silence, "b", onset_s=onset_s)
    assert affinity(here, there) == affinity(there, here) == (SAME if kin else None)


def test_a_short_overlap_that_is_alike_needs_no_onset() -> None:
    said = speech(3)[:45]
    here, there = candidate(said), candidate(heard(said, -10), "b", onset_s=0)
    alike = affinity(here, there)
    assert alike is not None
    assert alike > 0.9


def test_after_a_second_of_overlap_the_envelope_alone_decides() -> None:
    # Both begin to speak at the same moment, and say something else.
    for steps, kin in ((49, True), (51, False)):
        here, there = candidate([-70] * steps), candidate(speech(2)[:steps], "b")
        assert (affinity(here, there) is not None) is kin


def test_who_has_told_nothing_yet_is_judged_by_its_onset() -> None:
    there = candidate(speech(1), "b")
    assert affinity(candidate([]), there) == SAME
    assert affinity(candidate([], onset_s=1.5), there) is None


def test_an_onset_at_the_end_of_one_is_none_at_the_beginning_of_the_next() -> None:
    slack = 2 * UNCERTAINTY_US + ACOUSTIC_SLACK_US
    for gap_us, kin in ((slack - 20_000, True), (slack + 20_000, False)):
        here = candidate([-70] * 25, onset_s=0.5)
        there = candidate([-70] * 25, "b", started=here.end_us + gap_us, onset_s=0)
        assert (affinity(here, there) is not None) is kin
        assert (affinity(there, here) is not None) is kin


def test_one_device_hears_one_thing_after_the_other() -> None:
    said = speech(1)
    assert affinity(candidate(said), candidate(said)) is None
