"""Holds the candidates of one utterance against each other, as the ranker was trained to."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hub.election.candidate import STEP_US, Candidate
from models.scorer import points
from shared.quality import comparison

OWN = ("clipped", "kurtosis")
"""Features that each device tells of itself, beside those of the comparison."""
MOST_OWN = 5.0
"""Above what either of these can be."""


def compare(candidates: Sequence[Candidate]) -> Sequence[float]:
    """Points by which each is better or worse than their mean.

    Where a device measures no bands, there is nothing to compare, and nobody has an advantage
    but by the score that each gave itself.
    """
    if not all(candidate.has_bands for candidate in candidates):
        mean = sum(c.score for c in candidates) / len(candidates)
        return [c.score - mean for c in candidates]
    return [float(value) for value in points(features(candidates))]


def features(candidates: Sequence[Candidate]) -> NDArray[np.float32]:
    """What the ranker is asked with: shape (candidates, features), in the order of its card."""
    first = min(c.started_us for c in candidates)
    offsets = [round((c.started_us - first) / STEP_US) for c in candidates]
    group = comparison.compare([c.levels for c in candidates], offsets)
    own = [[c.features.get(name, 0.0) for name in OWN] for c in candidates]
    # A device may say anything; beyond this is no sound, and would drown all else.
    return np.hstack([group, np.clip(own, 0.0, MOST_OWN)]).astype(np.float32)
