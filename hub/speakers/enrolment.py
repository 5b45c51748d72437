"""How sure an enrolment makes the hub that it will know a person. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from hub.speakers.assignment import Thresholds
from hub.speakers.book import Voice, VoiceBook, unit
from hub.speakers.calibration import EVERYDAY, FEWEST_SENTENCES
from hub.speakers.spaces import GE2E, Embedding

SAME = 0.88
"""Two voices, each known from several sentences, that are as near are one."""
SAME_RECORDING = 0.999
"""Nobody reads a sentence twice as alike: it is one recording, sent again."""
GOOD, FAIR = 0.10, 0.03
"""How much nearer a person is to themselves on another day than anybody else is."""

Sureness = Literal["low", "fair", "good"]


@dataclass(frozen=True)
class Certainty:
    """How well a voice stands out; similarities are cosines."""

    sure: Sureness
    likeness: float | None  # the least of a sentence to all others; None: there is one only
    nearest_other: float | None  # to somebody else of the network; None: there is nobody


def certainty(voice: Voice, others: VoiceBook) -> Certainty:
    """How sure it is that the person is known by this enrolment."""
    sentences = voice.enrolment
    if not sentences:
        return Certainty("low", None, None)
    near = others.nearest({GE2E: unit(np.mean(sentences, axis=0))}, count=1)
    other = near[0][1] if near else None
    likeness = _likeness(sentences)
    sure: Sureness = "low"
    if likeness is not None and len(sentences) >= FEWEST_SENTENCES:
        stands_out = likeness - EVERYDAY - (_STRANGER if other is None else max(other, _STRANGER))
        sure = "good" if stands_out >= GOOD else "fair" if stands_out >= FAIR else "low"
    return Certainty(
        sure, likeness and round(likeness, 4), None if other is None else round(other, 4)
    )


_STRANGER = 0.65
"""How near some guest may be."""


def _likeness(sentences: tuple[Embedding, ...]) -> float | None:
    if len(sentences) < 2:
        return None
    read = np.stack(sentences)
    rest = read.sum(axis=0) - read
    rest /= np.linalg.norm(rest, axis=1, keepdims=True)
    return float(np.einsum("ij,ij->i", read, rest).min())


def unlike(voice: Voice, sentence: Embedding) -> bool:
    """Whether a sentence is too unlike those that were read for a voice to be of the same person.

    Sentences that are read in one go are more alike than anything else that a person says.
    """
    read = voice.enrolment
    return bool(read) and float(unit(np.mean(read, axis=0)) @ sentence) < Thresholds().stranger


def repeated(voice: Voice, sentence: Embedding) -> bool:
    """Whether it is the recording of a sentence that was given before."""
    return any(float(one @ sentence) >= SAME_RECORDING for one in voice.enrolment)


def resembling(voice: Voice, others: Mapping[str, Voice]) -> list[str]:
    """Those whose voices are this one, once enough sentences were read to say so."""
    if len(voice.enrolment) < FEWEST_SENTENCES:
        return []
    mean = unit(np.mean(voice.enrolment, axis=0))
    return sorted(
        key
        for key, other in others.items()
        if other.places and max(float(place @ mean) for place in other.places) >= SAME
    )
