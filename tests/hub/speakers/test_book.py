"""A network's voices, and who is the nearest."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.speakers.book import OLDER_UNTIL_S, Centroid, Voice, VoiceBook, usable
from hub.speakers.spaces import GE2E, GE2E_LEGACY
from tests.hub.speakers.people import person, sentence


def voice(seed: int, weight_s: float = 30.0, *, legacy: bool = False) -> Voice:
    own = (Centroid(person(seed), weight_s),) if weight_s else ()
    return Voice(own, person(seed) if legacy else None)


def test_the_nearest_come_first_with_their_cosine() -> None:
    book = VoiceBook({name: voice(n) for n, name in enumerate(("Ann", "Ben", "Cid"))})
    spoken = sentence(1, 0)
    nearest = book.nearest({GE2E: spoken}, count=3)
    assert nearest[0][0] == "Ben"
    assert nearest[0][1] == pytest.approx(float(spoken @ person(1)), abs=1e-5)
    assert [one for _, one in nearest] == sorted((one for _, one in nearest), reverse=True)
    assert {name for name, _ in nearest} == {"Ann", "Ben", "Cid"}


def test_of_several_centroids_the_nearest_counts() -> None:
    two = Voice((Centroid(person(1), 30), Centroid(person(2), 3)))
    book = VoiceBook({"Ann": two, "Ben": voice(3)})
    ((name, similarity), _) = book.nearest({GE2E: person(2)})
    assert (name, round(similarity, 4)) == ("Ann", 1.0)


def test_an_enrolment_counts_as_one_place() -> None:
    read = tuple(Centroid(sentence(1, n), 3, enrolled=True) for n in range(3))
    (place,) = Voice(read).places(GE2E)
    assert float(place @ person(1)) > max(float(one.vector @ person(1)) for one in read)


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(-1, 30)), max_size=40))
def test_whatever_is_put_and_dropped_it_knows_the_last_of_everybody(
    deeds: list[tuple[int, int]],
) -> None:
    book, last = VoiceBook(), dict[str, int]()
    for who, seed in deeds:
        if seed < 0:
            book.drop(str(who))
            last.pop(str(who), None)
        else:
            book.put(str(who), voice(seed))
            last[str(who)] = seed
    assert set(book.voices) == set(last)
    for spoken in range(31):
        expected = {who: float(person(spoken) @ person(seed)) for who, seed in last.items()}
        found = dict(book.nearest({GE2E: person(spoken)}, count=10))
        assert found == {who: pytest.approx(one, abs=1e-4) for who, one in expected.items()}


def test_a_legacy_voice_is_wanted_until_enough_was_heard_of_the_person() -> None:
    book = VoiceBook({"Ann": voice(1, 0, legacy=True), "Ben": voice(2)})
    assert list(book.spaces) == [GE2E, GE2E_LEGACY]
    assert book.nearest({GE2E: person(1), GE2E_LEGACY: person(1)})[0][0] == "Ann"
    assert [name for name, _ in book.nearest({GE2E: person(1)})] == ["Ben"]
    book.put("Ann", voice(1, OLDER_UNTIL_S - 1, legacy=True))
    assert list(book.spaces) == [GE2E, GE2E_LEGACY]
    book.put("Ann", voice(1, OLDER_UNTIL_S, legacy=True))
    assert list(book.spaces) == [GE2E]
    assert book.nearest({GE2E: person(1)})[0][0] == "Ann"


def test_a_legacy_voice_is_as_near_as_in_the_mean_of_both_spaces() -> None:
    book = VoiceBook({"Ann": voice(1, 0, legacy=True)})
    ((_, similarity),) = book.nearest({GE2E: person(2), GE2E_LEGACY: person(1)})
    assert similarity == pytest.approx((1 + float(person(1) @ person(2))) / 2, abs=1e-5)


@pytest.mark.parametrize(
    "stored",
    [None, [], [0.5] * 255, [0.5] * 257, [0.0] * 256, [math.nan] * 256, [None] * 256, ["x"] * 256],
)
def test_a_vector_of_an_odd_length_or_of_no_numbers_is_none(stored: list[float] | None) -> None:
    assert usable(stored) is None


def test_a_running_mean_is_brought_to_unit_length() -> None:
    vector = usable([0.8 * float(x) for x in person(1)])
    assert vector is not None
    np.testing.assert_allclose(vector, person(1), atol=1e-6)


def test_of_a_voice_that_is_dropped_nothing_is_left_in_memory() -> None:
    book = VoiceBook({"Ann": voice(1, 5.0, legacy=True), "Ben": voice(2)})
    book.drop("Ann")
    left = [vector for rows in (book._rows, book._legacy) for vector in rows._vectors]
    assert max(float(vector @ person(1)) for vector in left) < 0.9
