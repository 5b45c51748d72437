"""Where a household's similarities are cut, by the household's own enrolment. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from hub.speakers.book import Voice, unit
from hub.speakers.spaces import GE2E
from hub.speakers.thresholds import THRESHOLDS, Thresholds

FEWEST_PEOPLE, FEWEST_SENTENCES = 2, 3
"""So many people have to have read as many sentences each."""
MOST_PEOPLE = 50
"""Of whom it is asked; a household has fewer."""


def household_thresholds(voices: Mapping[str, Voice], space: str = GE2E) -> Thresholds:
    """The thresholds for a network, in a space.

    Each sentence of an enrolment is held against the others of the same person, and against
    everybody else's enrolment. In the middle between the least similarity within a person, less
    what everyday life costs, and the greatest between two is where this household would cut; the
    default moves there, but not far. Two people who sound alike raise it, and are mixed up
    less; people who are far apart lower it, and are known from further away.
    """
    default = THRESHOLDS[space]
    given = (voice.enrolment(space) for _, voice in sorted(voices.items()))
    read = [np.stack(some) for some in given if len(some) >= FEWEST_SENTENCES][:MOST_PEOPLE]
    if len(read) < FEWEST_PEOPLE:
        return default
    means = np.stack([unit(sentences.mean(axis=0)) for sentences in read])
    within, between = 1.0, 0.0
    for number, sentences in enumerate(read):
        rest = sentences.sum(axis=0) - sentences
        rest /= np.linalg.norm(rest, axis=1, keepdims=True)
        within = min(within, float(np.einsum("ij,ij->i", sentences, rest).min()))
        others = np.delete(means, number, axis=0)
        between = max(between, float(np.einsum("ik,jk->ij", sentences, others).max()))
    middle = (within - default.everyday + between) / 2
    moved = float(np.clip(middle - default.known, -default.furthest, default.furthest))
    return replace(
        default,
        known=default.known + moved,
        stranger=default.stranger + moved,
        gathered=default.gathered + moved,
    )
