"""A household's own enrolment moves its thresholds, a little."""

from __future__ import annotations

import pytest

from hub.speakers.book import Centroid, Voice, unit
from hub.speakers.calibration import household_thresholds
from hub.speakers.spaces import Embedding
from hub.speakers.thresholds import Thresholds
from tests.hub.speakers.people import person, sentence


def read(*sentences: Embedding) -> Voice:
    return Voice(tuple(Centroid(one, 3.0, enrolled=True) for one in sentences))


def three(seed: int, unlike: float = 0.35) -> Voice:
    return read(*(sentence(seed, n, unlike) for n in range(3)))


def twin(seed: int) -> Voice:
    """Sounds nearly as somebody else does."""
    return read(*(unit(sentence(seed, n) + 0.2 * sentence(99, n)) for n in range(10, 13)))


def test_one_person_or_too_few_sentences_change_nothing() -> None:
    assert household_thresholds({}) == Thresholds()
    assert household_thresholds({"Ann": three(1)}) == Thresholds()
    two = read(sentence(2, 0), sentence(2, 1))
    assert household_thresholds({"Ann": three(1), "Ben": two}) == Thresholds()
    learned = Voice((Centroid(person(2), 90.0),))
    assert household_thresholds({"Ann": three(1), "Ben": learned}) == Thresholds()


def test_people_who_sound_alike_raise_it() -> None:
    far = household_thresholds({"Ann": three(1), "Ben": three(2)})
    near = household_thresholds({"Ann": three(1), "Ben": twin(1)})
    assert near.known > far.known


def test_it_is_moved_by_little_and_all_of_it_together() -> None:
    default = Thresholds()
    for others in ({"Ben": three(2)}, {"Ben": twin(1)}, {"Ben": three(2, 3.0)}):
        moved = household_thresholds({"Ann": three(1), **others})
        by = moved.known - default.known
        assert abs(by) <= default.furthest + 1e-9
        assert moved.stranger - default.stranger == pytest.approx(by)
        assert moved.gathered - default.gathered == pytest.approx(by)
        assert (moved.margin, moved.apart) == (default.margin, default.apart)
