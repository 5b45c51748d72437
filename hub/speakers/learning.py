"""How a person's voice is learned, slowly, from what the person says. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from hub.speakers.book import Centroid, Voice, unit
from hub.speakers.spaces import Embedding

MOST_CENTROIDS = 4
"""That are learned: a voice near the microphone, across the room, with a cold."""
SAME_PLACE = 0.80
"""Speech that is as near to a centroid moves it; what is further away gets one of its own."""
HEAVIEST_S = 60.0
"""However much was learned: so a sentence of 3 s moves a centroid by 5 % at least."""
MOST_ENROLLED = 12
"""Sentences of an enrolment that are kept, the newest."""


def learned(voice: Voice, heard: Embedding, speech_s: float) -> Voice:
    """The voice after one more utterance; enrolled sentences stay as they are."""
    fixed = tuple(one for one in voice.centroids if one.enrolled)
    moving = [one for one in voice.centroids if not one.enrolled]
    new = Centroid(heard, speech_s)
    near = max(moving, key=lambda one: float(one.vector @ heard), default=None)
    if near is not None and float(near.vector @ heard) >= SAME_PLACE:
        moving[moving.index(near)] = _merged(near, new)
    else:
        moving.append(new)
    return Voice((*fixed, *_few(moving)), voice.legacy)


def founded(utterances: Sequence[tuple[Embedding, float]]) -> Voice:
    """The voice of somebody who is known by some utterances, each with its seconds of speech."""
    mean = unit(np.mean([vector for vector, _ in utterances], axis=0))
    return Voice((Centroid(mean, min(sum(seconds for _, seconds in utterances), HEAVIEST_S)),))


def enrolled(voice: Voice, sentences: Iterable[tuple[Embedding, float]]) -> Voice:
    """The voice after sentences were read for it, each with its seconds of speech."""
    fixed = [one for one in voice.centroids if one.enrolled]
    fixed += [Centroid(vector, speech_s, enrolled=True) for vector, speech_s in sentences]
    moving = tuple(one for one in voice.centroids if not one.enrolled)
    return Voice((*fixed[-MOST_ENROLLED:], *moving), voice.legacy)


def united(one: Voice, other: Voice) -> Voice:
    """The voice of two who turned out to be one person."""
    both = (*one.centroids, *other.centroids)
    fixed = [centroid for centroid in both if centroid.enrolled]
    moving = [centroid for centroid in both if not centroid.enrolled]
    legacy = other.legacy if one.legacy is None else one.legacy
    return Voice((*fixed[-MOST_ENROLLED:], *_few(moving)), legacy)


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
    return Centroid(unit(mean), min(sum(weights), HEAVIEST_S), key=one.key)
