"""How sure an enrolment makes the hub, and who turns out to be the same."""

from __future__ import annotations

import pytest

from hub.speakers.book import Centroid, Voice, VoiceBook, unit
from hub.speakers.enrolment import certainty, resembling
from tests.hub.speakers.people import person, sentence


def read(seed: int, count: int, unlike: float = 0.35) -> Voice:
    said = (sentence(seed, n, unlike) for n in range(count))
    return Voice(tuple(Centroid(one, 3.0, enrolled=True) for one in said))


@pytest.mark.parametrize(("sentences", "sure"), [(0, "low"), (1, "low"), (2, "low"), (3, "good")])
def test_it_takes_three_sentences(sentences: int, sure: str) -> None:
    assert certainty(read(1, sentences), VoiceBook()).sure == sure


def test_somebody_who_sounds_alike_makes_it_less_sure() -> None:
    others = VoiceBook({"far": read(2, 3)})
    far = certainty(read(1, 3), others)
    assert far.nearest_other == pytest.approx(float(person(1) @ person(2)), abs=0.1)
    twin = unit(person(1) + 0.3 * person(9))
    others.put("near", Voice((Centroid(twin, 30.0),)))
    near = certainty(read(1, 3), others)
    assert (far.sure, near.sure) == ("good", "low")
    assert near.nearest_other is not None
    assert near.nearest_other > 0.9


def test_sentences_that_are_unlike_each_other_make_it_less_sure() -> None:
    assert certainty(read(1, 3, 1.2), VoiceBook()).sure == "low"


def test_a_stranger_of_the_same_voice_is_the_same() -> None:
    others = {
        "same": Voice((Centroid(unit(person(1) + 0.1 * person(5)), 9.0),)),
        "other": Voice((Centroid(person(2), 9.0),)),
        "nobody": Voice(),
    }
    assert resembling(read(1, 3), others) == ["same"]
    assert resembling(read(1, 2), others) == []
