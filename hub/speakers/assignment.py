"""Decides who spoke. Pure: it is given all that it goes by, and remembers nothing.

Nobody is better than the wrong one: what is too short, too far from everybody, or as near to two
people, is assigned to nobody. It waits: utterances without a speaker that are near to each other,
and nearer than to anybody known, become a person once there are enough of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from hub.speakers.book import Heard, VoiceBook, unit
from hub.speakers.spaces import Embedding
from hub.speakers.thresholds import THRESHOLDS, Thresholds

Outcome = Literal["known", "new", "unknown", "ambiguous", "too_little_speech"]
"""What is decided: `known` is somebody of the network; `new` a stranger who was heard often enough
to be a person from now on, and `unknown` one who was not; `ambiguous` may be one or another."""


FEWEST, LEAST_S = 3, 6.0
"""So many utterances, with so much speech in all, make a person of a stranger."""
MOST_AT_ONCE = 12
"""Utterances of before that are looked at together, those nearest to the new one."""
CLEAR = 50.0
"""Audio quality below which an utterance makes no person and teaches no voice: noise makes
strangers alike."""


@dataclass(frozen=True, eq=False)
class Stranger:
    """An utterance that nobody was assigned to."""

    interaction_id: str
    vector: Embedding  # in the space of the book
    speech_s: float


@dataclass(frozen=True)
class Decision:
    """Who spoke, and how sure that is."""

    outcome: Outcome
    person_id: str | None = None  # with `known` only: a new person is yet to be made
    similarity: float | None = None  # to the nearest; None: there is nobody to compare with
    margin: float | None = None  # above the next; None: there is none
    teaches: bool = False  # whether the voice learns from it
    earlier: tuple[str, ...] = ()  # utterances of before that turn out to be of the same person
    space: str | None = None  # in which similarity and margin are; None: there are none


def decide(
    heard: Heard,
    book: VoiceBook,
    strangers: Sequence[Stranger],
    thresholds: Thresholds | None = None,
    quality: float | None = None,
) -> Decision:
    """Who spoke.

    Args:
        heard: the voice, in all spaces of the book.
        book: the voices of the network.
        strangers: what nobody was assigned to lately; their order does not matter.
        thresholds: where to cut in the book's space; None: where it is done by default.
        quality: of the audio, 0 to 100; None: as good as any.
    """
    vector = heard.vectors.get(book.space)
    if vector is None:
        return Decision("too_little_speech")
    thresholds = thresholds or THRESHOLDS[book.space]
    clear = quality is None or quality >= CLEAR
    found = _compare(heard, book, thresholds.at(quality))
    missing = set(book.spaces) - heard.vectors.keys()
    before = None
    if book.older is not None and not missing:
        before = _before(heard, book, book.older, found, quality)
    if found.outcome == "known":
        if before is not None and before.person_id not in (None, found.person_id):
            return replace(found, outcome="ambiguous", person_id=None)
        return replace(found, teaches=clear and _teaches(found, thresholds))
    if missing:
        return found
    if before is not None and before.outcome != "unknown":
        # Somebody who is known there only, or may be.
        return before if before.outcome == "known" else found
    if not clear:
        return found
    group, likeness = _gather(vector, strangers, thresholds)
    enough = 1 + len(group) >= FEWEST and (
        heard.speech_s + sum(one.speech_s for one in group) >= LEAST_S
    )
    if not enough:
        return found
    # Together they say more than each alone.
    mean = unit(np.mean([vector, *(one.vector for one in group)], axis=0))
    nearest = book.nearest({**heard.vectors, book.space: mean})
    together = replace(
        found, teaches=True, earlier=tuple(one.interaction_id for one in group), person_id=None
    )
    if not nearest or nearest[0][1] < min(thresholds.apart, likeness - thresholds.like_each_other):
        return replace(together, outcome="new")
    apart = len(nearest) < 2 or nearest[0][1] - nearest[1][1] >= thresholds.margin
    surcharge = thresholds.alone if len(nearest) < 2 else 0.0
    if nearest[0][1] >= thresholds.together + surcharge and apart:
        return replace(together, outcome="known", person_id=nearest[0][0])
    return found


def _before(
    heard: Heard, book: VoiceBook, older: VoiceBook, found: Decision, quality: float | None
) -> Decision:
    """Who spoke, by how people were known before there was the space of the book.

    It says only who is known better there than here. What this space does not find like somebody
    whom it has begun to know teaches nobody.
    """
    cut = THRESHOLDS[older.space]
    before = _compare(heard, older, cut.at(quality))
    if before.person_id is None:
        return before
    if not book.behind(before.person_id):
        return replace(before, outcome="ambiguous", person_id=None)
    agreed = True
    if book.voice(before.person_id).places(book.space):
        nearest = book.nearest({book.space: heard.vectors[book.space]}, count=1)
        agreed = found.outcome != "unknown" and nearest[0][0] == before.person_id
    clear = quality is None or quality >= CLEAR
    return replace(before, teaches=clear and agreed and _teaches(before, cut))


def _compare(heard: Heard, book: VoiceBook, thresholds: Thresholds) -> Decision:
    """Who spoke, by one utterance alone."""
    nearest = book.nearest(heard.vectors)
    if not nearest:
        return Decision("unknown")
    person_id, similarity = nearest[0]
    margin = similarity - nearest[1][1] if len(nearest) > 1 else None
    unsure = Decision("ambiguous", None, similarity, margin, space=book.space)
    if similarity < thresholds.stranger:
        return replace(unsure, outcome="unknown")
    if margin is None:
        told = similarity >= thresholds.known + thresholds.alone
    else:
        told = similarity >= thresholds.known and margin >= thresholds.margin
    return replace(unsure, outcome="known", person_id=person_id) if told else unsure


def _teaches(found: Decision, thresholds: Thresholds) -> bool:
    """Whether the person's voice may learn from it; where nobody else is known, with more care."""
    if found.margin is not None:
        return found.margin >= thresholds.teaching_margin
    return found.similarity is not None and found.similarity >= thresholds.known + thresholds.alone


def taught(said: Mapping[str, Any]) -> bool:
    """Whether the voice of who said something learned from it, by what was noted of the decision.

    What a person gave to somebody by hand teaches as long as it is clear.
    """
    if not said.get("clear"):
        return False
    if said.get("outcome") != "known":
        return True  # it was by hand, or made a person, at once or with what came later
    # What was decided before this was noted: by the rule for where several people are known.
    cut = THRESHOLDS.get(said.get("space", ""))
    margin = said.get("margin")
    told = cut is not None and margin is not None and margin >= cut.teaching_margin
    return bool(said.get("taught", told))


def _gather(
    vector: Embedding, strangers: Sequence[Stranger], thresholds: Thresholds
) -> tuple[list[Stranger], float]:
    """Strangers' utterances that are as near to `vector` and to each other as one person's.

    Whoever is the furthest from all others together goes, until nobody is too far.

    Returns:
        They, and how near the furthest of them is to the others.
    """
    near = [(float(one.vector @ vector), one) for one in strangers]
    near.sort(key=lambda each: (-each[0], each[1].interaction_id))
    group = [one for likeness, one in near[:MOST_AT_ONCE] if likeness >= thresholds.stranger]
    while group:
        all_of_them = np.stack([vector, *(one.vector for one in group)])
        others = all_of_them.sum(axis=0) - all_of_them
        others /= np.linalg.norm(others, axis=1, keepdims=True)
        likeness = np.einsum("ij,ij->i", all_of_them, others)
        worst = int(np.argmin(likeness))
        if likeness[worst] >= thresholds.gathered:
            return group, float(likeness[worst])
        if worst == 0:  # `vector` itself does not belong to these
            break
        del group[worst - 1]
    return [], 0.0
