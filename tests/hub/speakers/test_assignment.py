"""Who spoke: somebody, nobody, or a new person; and never the wrong one for want of speech."""

from __future__ import annotations

import random
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.speakers.assignment import (
    CLEAR,
    FEWEST,
    Decision,
    Stranger,
    decide,
)
from hub.speakers.book import Centroid, Heard, Voice, VoiceBook
from hub.speakers.learning import founded
from hub.speakers.spaces import Embedding
from hub.speakers.thresholds import Thresholds
from tests.hub.speakers.people import between, heard, person, sentence


def known(*seeds: int) -> VoiceBook:
    return VoiceBook({str(seed): Voice((Centroid(person(seed), 30.0),)) for seed in seeds})


def strangers(*vectors: Embedding, speech_s: float = 3.0) -> list[Stranger]:
    return [Stranger(f"said {n}", vector, speech_s) for n, vector in enumerate(vectors)]


def test_somebody_who_is_known_is_told_with_similarity_and_margin() -> None:
    spoken = sentence(1, 0)
    decision = decide(heard(spoken), known(1, 2), ())
    assert (decision.outcome, decision.person_id, decision.teaches) == ("known", "1", True)
    assert decision.similarity == pytest.approx(float(spoken @ person(1)), abs=1e-5)
    margin = float(spoken @ person(1)) - float(spoken @ person(2))
    assert decision.margin == pytest.approx(margin, abs=1e-5)


def test_too_little_speech_is_nobodys() -> None:
    assert decide(Heard({}, 1.2), known(1), strangers(person(1), person(1))) == Decision(
        "too_little_speech"
    )


def test_where_nobody_is_known_there_is_nothing_to_compare_with() -> None:
    assert decide(heard(person(1)), VoiceBook(), ()) == Decision("unknown")


def test_as_near_to_two_people_is_nobodys() -> None:
    decision = decide(heard(between(1, 2)), known(1, 2), ())
    assert decision.similarity is not None
    assert decision.similarity > Thresholds().known
    assert (decision.outcome, decision.person_id) == ("ambiguous", None)


def test_somewhat_like_somebody_is_nobodys() -> None:
    middle = (Thresholds().known + Thresholds().stranger) / 2
    spoken = at(middle, person(1))
    decision = decide(heard(spoken), known(1), ())
    assert (decision.outcome, decision.person_id) == ("ambiguous", None)
    assert decision.similarity == pytest.approx(middle, abs=1e-4)


def at(similarity: float, to: Embedding) -> Embedding:
    """A voice that is so similar to another."""
    away = person(77) - float(person(77) @ to) * to
    away /= np.linalg.norm(away)
    vector: Embedding = (similarity * to + (1 - similarity**2) ** 0.5 * away).astype(np.float32)
    return vector


def test_noise_makes_everybody_less_like_himself_and_is_allowed_for() -> None:
    spoken = heard(at(Thresholds().known - 0.02, person(1)))
    assert decide(spoken, known(1, 2), (), quality=90).outcome == "ambiguous"
    assert decide(spoken, known(1, 2), (), quality=45).outcome == "known"


def test_where_there_is_nobody_else_it_has_to_be_nearer() -> None:
    spoken = heard(at(Thresholds().known + 0.02, person(1)))
    assert decide(spoken, known(1), ()).outcome == "ambiguous"
    assert decide(spoken, known(1, 2), ()).outcome == "known"
    nearer = heard(at(Thresholds().known + 0.05, person(1)))
    assert decide(nearer, known(1), ()).outcome == "known"


def test_noise_teaches_nobody_and_makes_nobody() -> None:
    noisy = CLEAR - 1
    assert not decide(heard(sentence(1, 0)), known(1), (), quality=noisy).teaches
    said = strangers(*(sentence(5, n) for n in range(1, 5)))
    assert decide(heard(sentence(5, 0)), known(1), said, quality=noisy).outcome == "unknown"
    assert decide(heard(sentence(5, 0)), known(1), said, quality=CLEAR).outcome == "new"


def test_what_is_not_far_from_everybody_else_teaches_nobody() -> None:
    near = at(0.9, person(1))
    other = at(0.9 - Thresholds().teaching_margin + 0.02, near)
    book = known(1)
    book.put("other", Voice((Centroid(other, 30.0),)))
    decision = decide(heard(near), book, ())
    assert (decision.outcome, decision.teaches) == ("known", False)


# Strangers


def test_a_stranger_is_a_person_once_enough_was_heard() -> None:
    said = [sentence(5, n) for n in range(FEWEST)]
    few = strangers(*said[: FEWEST - 2])
    assert decide(heard(said[-1]), known(1, 2), few).outcome == "unknown"
    enough = strangers(*said[: FEWEST - 1])
    decision = decide(heard(said[-1]), known(1, 2), enough)
    assert decision.outcome == "new"
    assert set(decision.earlier) == {one.interaction_id for one in enough}


def test_a_few_short_words_make_no_person() -> None:
    said = strangers(*(sentence(5, n) for n in range(2)), speech_s=1.7)
    assert decide(heard(sentence(5, 9), 1.7), known(1), said).outcome == "unknown"


def test_strangers_who_are_unlike_each_other_make_no_person() -> None:
    said = strangers(*(sentence(seed, 0) for seed in range(10, 40)))
    assert decide(heard(sentence(5, 0)), known(1), said).outcome == "unknown"


def test_other_strangers_stay_out_of_it() -> None:
    mine = [sentence(5, n) for n in range(4)]
    said = strangers(*mine[:3], sentence(6, 0), sentence(7, 0))
    decision = decide(heard(mine[3]), known(1), said)
    assert decision.outcome == "new"
    assert set(decision.earlier) == {"said 0", "said 1", "said 2"}


def test_several_utterances_that_are_together_like_somebody_are_that_persons() -> None:
    unlike = 0.85  # each alone is too far
    said = [sentence(1, n, unlike) for n in range(6)]
    loose = Thresholds(gathered=0.6, stranger=0.5)
    assert decide(heard(said[0]), known(1, 2), (), loose).person_id is None
    decision = decide(heard(said[0]), known(1, 2), strangers(*said[1:]), loose)
    assert (decision.outcome, decision.person_id) == ("known", "1")
    assert len(decision.earlier) >= FEWEST - 1


def test_while_a_legacy_voice_could_not_be_compared_nobody_new_is_made() -> None:
    book = known(1)
    book.put("legacy", Voice((), person(5)))
    said = strangers(*(sentence(5, n) for n in range(1, 5)))
    assert decide(heard(sentence(5, 0)), book, said).outcome == "unknown"


@given(st.randoms(use_true_random=False), st.integers(1, 6), st.integers(2, 8))
@settings(max_examples=40)
def test_in_whatever_order_people_speak_each_becomes_one_person(
    chance: random.Random, people: int, each: int
) -> None:
    turns = [(who, n) for who in range(people) for n in range(each)]
    chance.shuffle(turns)
    persons, owners = live(turns)
    assert len(persons) == (people if each >= FEWEST else 0)
    for person_id in persons:
        assert len({who for who, n in turns if owners.get((who, n)) == person_id}) == 1
    if each >= FEWEST:  # nobody's first words are lost: they are theirs in the end
        assert len(owners) == len(turns)


def live(turns: Sequence[tuple[int, int]]) -> tuple[set[str], dict[tuple[int, int], str]]:
    """What a hub makes of it: the persons, and who said what."""
    book, waiting = VoiceBook(), dict[tuple[int, int], Stranger]()
    owners: dict[tuple[int, int], str] = {}
    keys = {f"{who} {n}": (who, n) for who, n in turns}
    for who, n in turns:
        vector = sentence(who, n)
        decision = decide(heard(vector), book, tuple(waiting.values()))
        owner = decision.person_id
        if decision.outcome == "new":
            owner = f"person {len(book.voices) + 1}"
            pieces = [(vector, 3.0)] + [(waiting[keys[k]].vector, 3.0) for k in decision.earlier]
            book.put(owner, founded(pieces))
        if owner is None:
            waiting[who, n] = Stranger(f"{who} {n}", vector, 3.0)
            continue
        owners[who, n] = owner
        for key in decision.earlier:
            owners[keys[key]] = owner
            del waiting[keys[key]]
    return set(book.voices), owners


@given(st.permutations(range(8)), st.integers(0, 3))
def test_the_order_in_which_strangers_are_remembered_does_not_matter(
    order: list[int], speaker: int
) -> None:
    said = strangers(*(sentence(n % 3, n) for n in range(8)))
    spoken = heard(sentence(speaker, 99))
    assert decide(spoken, known(7), [said[n] for n in order]) == decide(spoken, known(7), said)


@given(st.integers(0, 40), st.integers(0, 10**6), st.floats(0, 3), st.floats(0, 100))
def test_whoever_is_told_is_of_the_network_near_enough_and_nearer_than_all_others(
    seed: int, number: int, unlike: float, quality: float
) -> None:
    book = known(*range(20))
    vector = sentence(seed, number, unlike)
    decision = decide(heard(vector), book, (), quality=quality)
    nearest = sorted(((float(vector @ person(n)), str(n)) for n in range(20)), reverse=True)
    assert decision.similarity == pytest.approx(nearest[0][0], abs=1e-4)
    if decision.person_id is None:
        assert decision.outcome in ("unknown", "ambiguous")
        return
    cut = Thresholds().at(quality)
    assert decision.person_id == nearest[0][1]
    assert nearest[0][0] > cut.known - 1e-4
    assert nearest[0][0] - nearest[1][0] > cut.margin - 1e-4
