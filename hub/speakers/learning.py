"""How a person's voice is learned, slowly, from what the person says. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from hub.speakers.book import Centroid, Voice, unit
from hub.speakers.spaces import GE2E, Embedding
from hub.speakers.thresholds import THRESHOLDS

MOST_CENTROIDS = 4
"""That are learned: a voice near the microphone, across the room, with a cold."""
HEAVIEST_S = 60.0
"""However much was learned: so a sentence of 3 s moves a centroid by 5 % at least."""
MOST_ENROLLED = 12
"""Sentences of an enrolment that are kept, the newest."""


FORGOTTEN_S = 0.5
"""Of speech: a centroid that was learned from less than that is nothing."""


def learned(voice: Voice, heard: Embedding, speech_s: float, space: str = GE2E) -> Voice:
    """The voice after one more utterance; enrolled sentences stay as they are."""
    rest, moving = _parted(voice, space)
    near = _nearest(moving, heard, space)
    new = Centroid(heard, speech_s, space=space)
    if near is not None:
        moving[moving.index(near)] = _merged(near, new)
    else:
        moving.append(new)
    return Voice((*rest, *_few(moving)), voice.legacy)


def unlearned(voice: Voice, heard: Embedding, speech_s: float, space: str = GE2E) -> Voice:
    """The voice without an utterance that it learned from, as far as it can be taken out again.

    What it was learned from besides stays, whether or not that is kept anywhere.
    """
    rest, moving = _parted(voice, space)
    near = _nearest(moving, heard, space)
    if near is None:
        return voice
    left_s = near.weight_s - speech_s
    if left_s < FORGOTTEN_S:
        moving.remove(near)
    else:
        mean = near.weight_s * near.vector - speech_s * heard
        moving[moving.index(near)] = Centroid(unit(mean), left_s, key=near.key, space=space)
    return Voice((*rest, *moving), voice.legacy)


def founded(utterances: Sequence[tuple[Embedding, float]], space: str = GE2E) -> Voice:
    """The voice of somebody who is known by some utterances, each with its seconds of speech."""
    mean = unit(np.mean([vector for vector, _ in utterances], axis=0))
    weight_s = min(sum(seconds for _, seconds in utterances), HEAVIEST_S)
    return Voice((Centroid(mean, weight_s, space=space),))


def enrolled(
    voice: Voice, sentences: Iterable[tuple[Embedding, float]], space: str = GE2E
) -> Voice:
    """The voice after sentences were read for it, each with its seconds of speech."""
    read = [
        Centroid(vector, speech_s, enrolled=True, space=space) for vector, speech_s in sentences
    ]
    fixed = [one for one in voice.centroids if one.enrolled]
    moving = [one for one in voice.centroids if not one.enrolled]
    return Voice((*_newest([*fixed, *read]), *moving), voice.legacy)


def united(one: Voice, other: Voice) -> Voice:
    """The voice of two who turned out to be one person."""
    both = (*one.centroids, *other.centroids)
    moving = [centroid for centroid in both if not centroid.enrolled]
    few = [
        centroid
        for space in sorted({centroid.space for centroid in moving})
        for centroid in _few([each for each in moving if each.space == space])
    ]
    legacy = other.legacy if one.legacy is None else one.legacy
    return Voice((*_newest([c for c in both if c.enrolled]), *few), legacy)


def _parted(voice: Voice, space: str) -> tuple[list[Centroid], list[Centroid]]:
    """What stays as it is, and what moves in a space."""
    rest = [one for one in voice.centroids if one.enrolled or one.space != space]
    return rest, [one for one in voice.centroids if not one.enrolled and one.space == space]


def _nearest(moving: list[Centroid], heard: Embedding, space: str) -> Centroid | None:
    """The centroid that speech belongs to; None: it is too far from all."""
    near = max(moving, key=lambda one: float(one.vector @ heard), default=None)
    if near is None or float(near.vector @ heard) < THRESHOLDS[space].same_place:
        return None
    return near


def _newest(read: list[Centroid]) -> list[Centroid]:
    """The sentences that are kept of those that were read, the oldest first."""
    return [
        one
        for number, one in enumerate(read)
        if sum(later.space == one.space for later in read[number:]) <= MOST_ENROLLED
    ]


def _few(centroids: list[Centroid]) -> list[Centroid]:
    """The two that are nearest to each other become one, until there are few enough."""
    kept = list(centroids)
    while len(kept) > MOST_CENTROIDS:
        vectors = np.stack([one.vector for one in kept])
        near = np.einsum("ik,jk->ij", vectors, vectors)
        np.fill_diagonal(near, -1)
        first, second = sorted(divmod(int(near.argmax()), len(kept)))
        kept[first] = _merged(kept[first], kept.pop(second))
    return kept


def _merged(one: Centroid, other: Centroid) -> Centroid:
    """Between the two, nearer to the one that was learned from more."""
    weights = min(one.weight_s, HEAVIEST_S), min(other.weight_s, HEAVIEST_S)
    mean = weights[0] * one.vector + weights[1] * other.vector
    return Centroid(unit(mean), min(sum(weights), HEAVIEST_S), key=one.key, space=one.space)
