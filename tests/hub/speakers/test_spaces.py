"""People who were known before there was a better space are known in it without doing anything."""

from __future__ import annotations

import pytest

from hub.speakers.assignment import FEWEST, Stranger, decide
from hub.speakers.book import OLDER_UNTIL_S, Centroid, Heard, Voice, VoiceBook
from hub.speakers.learning import learned
from hub.speakers.spaces import CAMPPLUS, GE2E, GE2E_LEGACY, MAIN, SIZES, SPACES
from hub.speakers.thresholds import THRESHOLDS
from tests.hub.speakers.people import person, sentence


def in_both(seed: int, number: int, other: int | None = None) -> Heard:
    """Something said, in both spaces; as `other` says it in `ge2e`, if one is named."""
    before = sentence(seed if other is None else other, number)
    return Heard({CAMPPLUS: sentence(seed, number, space=CAMPPLUS), GE2E: before}, 3.0, CAMPPLUS)


def of_before(seed: int) -> Voice:
    return Voice((Centroid(person(seed), 30.0),))


def now(seed: int, weight_s: float = 30.0) -> Voice:
    return Voice((Centroid(person(seed, CAMPPLUS), weight_s, space=CAMPPLUS),))


def book(**voices: Voice) -> VoiceBook:
    return VoiceBook(voices, CAMPPLUS)


def test_every_space_has_a_size_and_those_to_tell_people_in_have_thresholds() -> None:
    assert set(SIZES) == set(SPACES)
    assert set(THRESHOLDS) == set(MAIN)


def test_who_is_known_before_is_told_there_and_teaches_the_new_space() -> None:
    household = book(ann=of_before(1), ben=of_before(2))
    assert household.spaces == (CAMPPLUS, GE2E)
    heard = in_both(1, 0)
    decision = decide(heard, household, ())
    assert (decision.outcome, decision.person_id, decision.space) == ("known", "ann", GE2E)
    assert decision.teaches
    assert decision.similarity == pytest.approx(float(heard.vectors[GE2E] @ person(1)), abs=1e-4)


def test_after_enough_speech_nobody_asks_for_the_space_before() -> None:
    voice = of_before(1)
    said = 0
    while VoiceBook({"ann": voice}, CAMPPLUS).older is not None:
        heard = in_both(1, said)
        assert decide(heard, book(ann=voice, ben=of_before(2)), ()).person_id == "ann"
        voice = learned(voice, heard.vectors[CAMPPLUS], 3.0, CAMPPLUS)
        said += 1
    assert said == 4  # of 3 s: more than 10 s
    household = book(ann=voice, ben=of_before(2))
    assert household.behind("ben")
    assert not household.behind("ann")
    decision = decide(in_both(1, 9), household, ())
    assert (decision.person_id, decision.space) == ("ann", CAMPPLUS)
    assert book(ann=voice, cid=now(3)).spaces == (CAMPPLUS,)


def test_a_hub_without_the_new_weights_knows_people_as_before() -> None:
    both = Voice((*of_before(1).centroids, *now(1).centroids))
    household = VoiceBook({"ann": both, "cid": now(3)})
    assert household.spaces == (GE2E,)
    assert [name for name, _ in household.nearest({GE2E: person(1)}, count=5)] == ["ann"]


def test_where_the_spaces_name_two_people_it_is_nobody() -> None:
    """Ann is known before only, so the new space cannot tell Ben from her."""
    household = book(ann=of_before(1), ben=now(2))
    assert decide(in_both(2, 0), household, ()).person_id == "ben"
    assert decide(in_both(2, 0, other=1), household, ()).outcome == "ambiguous"


def test_who_is_known_before_only_is_told_though_somebody_is_somewhat_alike() -> None:
    like_ben = sentence(2, 0, 1.2, CAMPPLUS)
    similarity = float(like_ben @ person(2, CAMPPLUS))
    assert THRESHOLDS[CAMPPLUS].stranger < similarity < THRESHOLDS[CAMPPLUS].known
    unsure = Heard({CAMPPLUS: like_ben, GE2E: sentence(1, 0)}, 3.0, CAMPPLUS)
    household = book(ann=of_before(1), ben=now(2), cid=of_before(3))
    assert decide(unsure, household, ()).person_id == "ann"


def test_who_is_known_well_in_the_new_space_is_not_told_by_the_old_one() -> None:
    both = Voice((*of_before(1).centroids, *now(1).centroids))
    household = book(ann=both, ben=of_before(2))
    decision = decide(in_both(7, 0, other=1), household, ())
    assert decision.person_id is None


def test_what_the_new_space_finds_unlike_teaches_it_nothing() -> None:
    begun = Voice((*of_before(1).centroids, *now(1, OLDER_UNTIL_S - 1).centroids))
    decision = decide(in_both(7, 0, other=1), book(ann=begun, ben=of_before(2)), ())
    assert (decision.person_id, decision.teaches) == ("ann", False)


def test_of_somebody_who_may_be_known_before_no_new_person_is_made() -> None:
    said = [
        Stranger(f"said {n}", sentence(5, n, space=CAMPPLUS), 3.0) for n in range(1, FEWEST + 1)
    ]
    household = book(ann=of_before(1), ben=of_before(2))
    assert decide(in_both(5, 0), household, said).outcome == "new"
    like_ann = sentence(1, 0, 0.8)  # somewhat like her, but not enough
    similarity = float(like_ann @ person(1))
    assert THRESHOLDS[GE2E].stranger < similarity < THRESHOLDS[GE2E].known
    unsure = Heard({CAMPPLUS: sentence(5, 0, space=CAMPPLUS), GE2E: like_ann}, 3.0, CAMPPLUS)
    assert decide(unsure, household, said).outcome == "unknown"


def test_where_the_weights_of_before_are_gone_nobody_new_is_made_of_who_may_be_known() -> None:
    said = [Stranger(f"said {n}", sentence(5, n, space=CAMPPLUS), 3.0) for n in range(1, 4)]
    only = Heard({CAMPPLUS: sentence(5, 0, space=CAMPPLUS)}, 3.0, CAMPPLUS)
    assert decide(only, book(ann=of_before(1)), said).outcome == "unknown"
    assert decide(only, book(ann=now(1)), said).outcome == "new"


def test_people_of_a_legacy_system_are_compared_in_both_spaces_of_that_encoder() -> None:
    household = book(ann=Voice((), person(1)), ben=now(2))
    assert household.spaces == (CAMPPLUS, GE2E, GE2E_LEGACY)
    vectors = {**in_both(1, 0).vectors, GE2E_LEGACY: sentence(1, 30)}
    decision = decide(Heard(vectors, 3.0, CAMPPLUS), household, ())
    assert (decision.person_id, decision.space) == ("ann", GE2E)
    known = Voice(now(1).centroids, person(1))
    assert book(ann=known, ben=now(2)).spaces == (CAMPPLUS,)
