"""How sure an enrolment makes the hub that it will know a person. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from hub.speakers.book import Voice, VoiceBook, unit
from hub.speakers.calibration import FEWEST_SENTENCES
from hub.speakers.learning import enrolled
from hub.speakers.refusals import Refused
from hub.speakers.spaces import GE2E, Embedding
from hub.speakers.thresholds import THRESHOLDS

SAME_RECORDING = 0.999
"""Nobody reads a sentence twice as alike: it is one recording, sent again."""

Sureness = Literal["low", "fair", "good"]


@dataclass(frozen=True)
class Certainty:
    """How well a voice stands out; similarities are cosines."""

    sure: Sureness
    likeness: float | None  # the least of a sentence to all others; None: there is one only
    nearest_other: float | None  # to somebody else of the network; None: there is nobody


def certainty(voice: Voice, others: VoiceBook) -> Certainty:
    """How sure it is that the person is known by this enrolment, in the space of the book."""
    space, cut = others.space, THRESHOLDS[others.space]
    sentences = voice.enrolment(space)
    if not sentences:
        return Certainty("low", None, None)
    near = others.nearest({space: unit(np.mean(sentences, axis=0))}, count=1)
    other = near[0][1] if near else None
    likeness = _likeness(sentences)
    sure: Sureness = "low"
    if likeness is not None and len(sentences) >= FEWEST_SENTENCES:
        near_others = cut.guest if other is None else max(other, cut.guest)
        stands_out = likeness - cut.everyday - near_others
        sure = "good" if stands_out >= cut.good else "fair" if stands_out >= cut.fair else "low"
    return Certainty(
        sure, likeness and round(likeness, 4), None if other is None else round(other, 4)
    )


def _likeness(sentences: tuple[Embedding, ...]) -> float | None:
    if len(sentences) < 2:
        return None
    read = np.stack(sentences)
    rest = read.sum(axis=0) - read
    rest /= np.linalg.norm(rest, axis=1, keepdims=True)
    return float(np.einsum("ij,ij->i", read, rest).min())


def read_aloud(
    voice: Voice,
    sentence: Embedding,
    speech_s: float,
    refused: Refused | None,
    *,
    anew: bool = False,
    space: str = GE2E,
) -> Voice | None:
    """The voice after a sentence was read for it; None: it sounds like somebody else's.

    A recording that is given again changes nothing. Where the first sentence was the odd one, the
    second is refused, and the third, if it is like the second, is taken with it; the first is
    forgotten then.

    Args:
        voice: as it was before.
        sentence: the vector, in `space`.
        speech_s: seconds of speech in it.
        refused: the sentence before, if it was refused not long ago.
        anew: sentences of an earlier enrolment are forgotten, in all spaces.
        space: in which the hub tells people apart.
    """
    if anew:
        voice = Voice(tuple(one for one in voice.centroids if not one.enrolled), voice.legacy)
    read = [] if _repeated(voice, sentence, space) else [(sentence, speech_s)]
    if unlike(voice, sentence, space):
        if refused is None or not _outvoted(voice, refused.vector, sentence, space):
            return None
        kept = (one for one in voice.centroids if not (one.enrolled and one.space == space))
        voice = Voice(tuple(kept), voice.legacy)
        read.insert(0, (refused.vector, refused.speech_s))
    return enrolled(voice, read, space)


def unlike(voice: Voice, sentence: Embedding, space: str = GE2E) -> bool:
    """Whether a sentence is too unlike those that were read for a voice to be of the same person.

    Sentences that are read in one go are more alike than anything else that a person says.
    """
    read = voice.enrolment(space)
    return bool(read) and float(unit(np.mean(read, axis=0)) @ sentence) < THRESHOLDS[space].read


def _outvoted(voice: Voice, refused: Embedding, sentence: Embedding, space: str = GE2E) -> bool:
    """Whether the only sentence that was read for a voice is the odd one, of three: the two others,
    the first of which was refused for its sake, are of one voice, and no one recording."""
    alone = len(voice.enrolment(space)) == 1
    return alone and THRESHOLDS[space].read <= float(refused @ sentence) < SAME_RECORDING


def _repeated(voice: Voice, sentence: Embedding, space: str = GE2E) -> bool:
    """Whether it is the recording of a sentence that was given before."""
    return any(float(one @ sentence) >= SAME_RECORDING for one in voice.enrolment(space))


def resembling(voice: Voice, others: Mapping[str, Voice], space: str = GE2E) -> list[str]:
    """Those whose voices are this one, once enough sentences were read to say so."""
    read = voice.enrolment(space)
    if len(read) < FEWEST_SENTENCES:
        return []
    mean = unit(np.mean(read, axis=0))
    return sorted(
        key
        for key, other in others.items()
        if any(float(place @ mean) >= THRESHOLDS[space].same_voice for place in other.places(space))
    )
