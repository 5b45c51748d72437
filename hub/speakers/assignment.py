"""Decides who spoke. Pure: it is given all that it goes by, and remembers nothing.

Nobody is better than the wrong one: what is too short, too far from everybody, or as near to two
people, is assigned to nobody. It waits: utterances without a speaker that are near to each other,
and nearer than to anybody known, become a person once there are enough of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from hub.speakers.book import Heard, VoiceBook, unit
from hub.speakers.spaces import GE2E, Embedding

Outcome = Literal["known", "new", "unknown", "ambiguous", "too_little_speech"]
"""What is decided: `known` is somebody of the network; `new` a stranger who was heard often enough
to be a person from now on, and `unknown` one who was not; `ambiguous` may be one or another."""


@dataclass(frozen=True)
class Thresholds:
    """Where similarities (cosines) are cut; docs/voices.md tells how they were found."""

    known: float = 0.80  # from here on it is somebody, in clear audio
    margin: float = 0.04  # if everybody else is further by this
    alone: float = 0.04  # so much nearer it has to be where there is nobody else to be further
    stranger: float = 0.74  # below it, it is none of the known, in clear audio
    gathered: float = 0.80  # each of a stranger's utterances to the mean of the others
    apart: float = 0.80  # several utterances together: below it, they are none of the known
    together: float = 0.84  # from here on they are somebody

    def at(self, quality: float | None) -> Thresholds:
        """For audio of some quality: noise and echoes make everybody less like himself."""
        if quality is None:
            return self
        share = min(1.0, max(0.0, (CLEAREST - quality) / (CLEAREST - NOISIEST)))
        lower = share * NOISE_TAKES
        return replace(self, known=self.known - lower, stranger=self.stranger - lower)


CLEAREST, NOISIEST, NOISE_TAKES = 70.0, 45.0, 0.05
"""Audio quality (0 to 100) above which nothing is lost, below which thresholds fall no further, and
by how much they are lower then."""
FEWEST, LEAST_S = 3, 6.0
"""So many utterances, with so much speech in all, make a person of a stranger."""
MOST_AT_ONCE = 12
"""Utterances of before that are looked at together, those nearest to the new one."""
CLEAR = 50.0
"""Audio quality below which an utterance makes no person and teaches no voice: noise makes
strangers alike."""
TEACHING_MARGIN = 0.12
"""A voice learns only from what is so much further from everybody else: a wrong lesson would bring
the next."""
LIKE_EACH_OTHER = 0.04
"""By so much nearer to each other than to anybody known are utterances that make a new person."""


@dataclass(frozen=True, eq=False)
class Stranger:
    """An utterance that nobody was assigned to."""

    interaction_id: str
    vector: Embedding  # in the space `ge2e`
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


def decide(
    heard: Heard,
    book: VoiceBook,
    strangers: Sequence[Stranger],
    thresholds: Thresholds = Thresholds(),
    quality: float | None = None,
) -> Decision:
    """Who spoke.

    Args:
        heard: the voice, in all spaces of the book.
        book: the voices of the network.
        strangers: what nobody was assigned to lately; their order does not matter.
        thresholds: where to cut.
        quality: of the audio, 0 to 100; None: as good as any.
    """
    if not heard.vectors:
        return Decision("too_little_speech")
    clear = quality is None or quality >= CLEAR
    found = _compare(heard, book, thresholds.at(quality))
    if found.outcome == "known" and clear:
        found = replace(found, teaches=_teaches(found, thresholds))
    if found.outcome == "known" or not clear or set(book.spaces) - heard.vectors.keys():
        return found
    vector = heard.vectors[GE2E]
    group, likeness = _gather(vector, strangers, thresholds)
    enough = 1 + len(group) >= FEWEST and (
        heard.speech_s + sum(one.speech_s for one in group) >= LEAST_S
    )
    if not enough:
        return found
    # Together they say more than each alone.
    mean = unit(np.mean([vector, *(one.vector for one in group)], axis=0))
    nearest = book.nearest({**heard.vectors, GE2E: mean})
    earlier = tuple(one.interaction_id for one in group)
    if not nearest or nearest[0][1] < min(thresholds.apart, likeness - LIKE_EACH_OTHER):
        return Decision("new", None, found.similarity, found.margin, True, earlier)
    apart = len(nearest) < 2 or nearest[0][1] - nearest[1][1] >= thresholds.margin
    surcharge = thresholds.alone if len(nearest) < 2 else 0.0
    if nearest[0][1] >= thresholds.together + surcharge and apart:
        return Decision("known", nearest[0][0], found.similarity, found.margin, True, earlier)
    return found


def _compare(heard: Heard, book: VoiceBook, thresholds: Thresholds) -> Decision:
    """Who spoke, by one utterance alone."""
    nearest = book.nearest(heard.vectors)
    if not nearest:
        return Decision("unknown")
    person_id, similarity = nearest[0]
    margin = similarity - nearest[1][1] if len(nearest) > 1 else None
    if similarity < thresholds.stranger:
        return Decision("unknown", None, similarity, margin)
    if margin is None:
        told = similarity >= thresholds.known + thresholds.alone
    else:
        told = similarity >= thresholds.known and margin >= thresholds.margin
    if not told:
        return Decision("ambiguous", None, similarity, margin)
    return Decision("known", person_id, similarity, margin)


def _teaches(found: Decision, thresholds: Thresholds) -> bool:
    """Whether the person's voice may learn from it; where nobody else is known, with more care."""
    if found.margin is not None:
        return found.margin >= TEACHING_MARGIN
    return found.similarity is not None and found.similarity >= thresholds.known + thresholds.alone


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
