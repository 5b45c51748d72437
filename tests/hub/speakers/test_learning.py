"""Voices learn slowly, in a few places, and an enrolment stays as it was read."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.speakers.book import Centroid, Voice
from hub.speakers.learning import (
    HEAVIEST_S,
    MOST_CENTROIDS,
    MOST_ENROLLED,
    enrolled,
    founded,
    learned,
    united,
    unlearned,
)
from hub.speakers.spaces import CAMPPLUS, GE2E
from tests.hub.speakers.people import person, sentence


def test_the_first_utterance_is_the_voice() -> None:
    voice = learned(Voice(), person(1), 3.0)
    (only,) = voice.centroids
    np.testing.assert_array_equal(only.vector, person(1))
    assert voice.learned_s() == 3.0


def test_a_near_utterance_moves_the_centroid_and_a_heavy_one_moves_little() -> None:
    new = sentence(1, 3)
    moved = []
    for weight in (3.0, HEAVIEST_S):
        (centroid,) = learned(Voice((Centroid(person(1), weight),)), new, 3.0).centroids
        assert float(np.linalg.norm(centroid.vector)) == pytest.approx(1, abs=1e-5)
        moved.append(1 - float(centroid.vector @ person(1)))
    assert 0 < moved[1] < moved[0] / 10


def test_a_far_utterance_gets_a_place_of_its_own() -> None:
    voice = learned(Voice((Centroid(person(1), 30),)), person(2), 3.0)
    assert len(voice.centroids) == 2


def test_it_goes_by_the_key_which_centroid_was_moved() -> None:
    voice = Voice((Centroid(person(1), 30, key="a"), Centroid(person(2), 30, key="b")))
    after = learned(voice, sentence(2, 0), 3.0)
    assert [one.key for one in after.centroids] == ["a", "b"]
    assert after.centroids[0] is voice.centroids[0]
    assert after.centroids[1] is not voice.centroids[1]


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 5)), max_size=30))
def test_there_are_few_places_of_unit_length_whatever_is_heard(
    said: list[tuple[int, int]],
) -> None:
    voice = enrolled(Voice(), [(person(50), 3.0)])
    for seed, number in said:
        voice = learned(voice, sentence(seed, number), 3.0)
    moving = [one for one in voice.centroids if not one.enrolled]
    assert len(moving) <= MOST_CENTROIDS
    assert all(abs(float(np.linalg.norm(one.vector)) - 1) < 1e-4 for one in moving)
    assert all(one.weight_s <= HEAVIEST_S for one in moving)
    np.testing.assert_array_equal(voice.enrolment(GE2E), [person(50)])


def test_the_newest_sentences_of_an_enrolment_are_kept() -> None:
    voice = Voice()
    for number in range(MOST_ENROLLED + 2):
        voice = enrolled(voice, [(sentence(1, number), 3.0)])
    assert len(voice.enrolment(GE2E)) == MOST_ENROLLED
    np.testing.assert_array_equal(voice.enrolment(GE2E)[-1], sentence(1, MOST_ENROLLED + 1))


def test_two_who_are_one_have_the_places_of_both() -> None:
    one = Voice((Centroid(person(1), 30), Centroid(person(3), 3, enrolled=True)))
    other = Voice((Centroid(person(2), 30),), person(9))
    both = united(one, other)
    assert {one.weight_s for one in both.centroids} == {30, 3}
    assert len(both.centroids) == 3
    assert both.legacy is not None


def test_a_stranger_begins_in_the_middle_of_what_was_heard() -> None:
    said = [(sentence(1, n), 3.0) for n in range(3)]
    (centroid,) = founded(said).centroids
    assert float(centroid.vector @ person(1)) > max(float(v @ person(1)) for v, _ in said)
    assert centroid.weight_s == 9.0


def test_what_was_learned_can_be_taken_out_again() -> None:
    said = [sentence(1, n) for n in range(6)]
    without, voice = Voice(), Voice()
    for number, vector in enumerate(said):
        voice = learned(voice, vector, 3.0)
        without = learned(without, vector, 3.0) if number != 4 else without
    (left,) = unlearned(voice, said[4], 3.0).centroids
    assert left.weight_s == pytest.approx(15.0)
    assert float(left.vector @ without.centroids[0].vector) > 0.999


def test_a_place_that_nothing_else_was_learned_from_is_gone() -> None:
    voice = learned(learned(Voice(), person(1), 30.0), person(2), 3.0)
    assert [one.weight_s for one in unlearned(voice, person(2), 3.0).centroids] == [30.0]


def test_what_lies_near_no_place_was_not_learned() -> None:
    read = enrolled(Voice((Centroid(person(1), 30.0),)), [(person(2), 3.0)])
    assert unlearned(read, person(2), 3.0) is read  # nor are sentences that were read


def test_spaces_are_learned_each_by_itself() -> None:
    voice = learned(enrolled(Voice(), [(person(1), 3.0)]), person(1), 3.0)
    new = sentence(1, 0, space=CAMPPLUS)
    for _ in range(MOST_ENROLLED + 2):
        voice = enrolled(voice, [(new, 3.0)], CAMPPLUS)
    voice = learned(voice, new, 3.0, CAMPPLUS)
    assert len(voice.enrolment(GE2E)) == 1
    assert len(voice.enrolment(CAMPPLUS)) == MOST_ENROLLED
    assert (voice.learned_s(GE2E), voice.learned_s()) == (6.0, 3.0 * (MOST_ENROLLED + 1))
    both = united(voice, learned(Voice(), new, 3.0, CAMPPLUS))
    assert sum(one.space == GE2E for one in both.centroids) == 2
