"""How sure an enrolment makes the hub, and who turns out to be the same."""

from __future__ import annotations

import pytest

from hub.speakers.book import Centroid, Voice, VoiceBook, unit
from hub.speakers.enrolment import certainty, read_aloud, resembling
from hub.speakers.refusals import Refused
from hub.speakers.spaces import CAMPPLUS, GE2E
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


def test_a_sentence_is_taken_refused_and_taken_with_a_second_witness() -> None:
    first, other, again = sentence(2, 0), sentence(1, 0), sentence(1, 1)
    voice = read_aloud(Voice(), first, 3.0, None)
    assert voice is not None
    assert voice.places(GE2E)[0].tolist() == pytest.approx(first.tolist())
    same = read_aloud(voice, first, 3.0, None)
    assert same is not None
    assert same.centroids == voice.centroids
    assert read_aloud(voice, other, 3.0, None) is None
    refused = Refused(other, 3.0, GE2E)
    assert read_aloud(voice, other, 3.0, refused) is None  # the same recording
    both = read_aloud(voice, again, 3.0, refused)
    assert both is not None
    assert [one.vector.tolist() for one in both.centroids] == [other.tolist(), again.tolist()]


def test_beginning_anew_forgets_what_was_read_in_any_space_and_nothing_else() -> None:
    learned = Centroid(person(1), 9.0)
    old = Centroid(sentence(1, 0, space=CAMPPLUS), 3.0, enrolled=True, space=CAMPPLUS)
    before = Voice((old, Centroid(sentence(1, 1), 3.0, enrolled=True), learned))
    new = sentence(2, 0)
    after = read_aloud(before, new, 3.0, None, anew=True)
    assert after is not None
    assert learned in after.centroids
    assert [one.vector.tolist() for one in after.centroids if one.enrolled] == [new.tolist()]
