"""The voices of one network's people, held ready for comparison. No I/O."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hub.speakers.spaces import GE2E, GE2E_LEGACY, Embedding
from models.voice import EMBEDDING

LEGACY_UNTIL_S = 10.0
"""Of own speech: then a voice that a legacy system learned is compared no more."""


@dataclass(frozen=True, eq=False)
class Heard:
    """The voice in one utterance."""

    vectors: Mapping[str, Embedding]  # by space; none where there was too little speech
    speech_s: float


@dataclass(frozen=True, eq=False)
class Centroid:
    """One of the places where a person's voice lies, in the space `ge2e`."""

    vector: Embedding
    weight_s: float  # of speech that it was learned from
    enrolled: bool = False  # it was read aloud for this, and never moves
    key: str | None = None  # of its row, where it is stored


@dataclass(frozen=True, eq=False)
class Voice:
    """What is known of one person's voice."""

    centroids: tuple[Centroid, ...] = ()
    legacy: Embedding | None = None  # in the space `ge2e-legacy`

    @property
    def learned_s(self) -> float:
        """How much speech it was learned from."""
        return sum(centroid.weight_s for centroid in self.centroids)

    @property
    def enrolment(self) -> tuple[Embedding, ...]:
        """The sentences that were read aloud for it."""
        return tuple(one.vector for one in self.centroids if one.enrolled)

    @property
    def places(self) -> list[Embedding]:
        """What speech is compared with: the enrolment as one, and each learned centroid."""
        learned = [one.vector for one in self.centroids if not one.enrolled]
        read = self.enrolment
        return [unit(np.mean(read, axis=0)), *learned] if read else learned

    @property
    def needs_legacy(self) -> bool:
        """Whether there is too little of the person's own speech yet."""
        return self.legacy is not None and self.learned_s < LEGACY_UNTIL_S


class VoiceBook:
    """Compares with a thousand people in a moment: all their centroids are one matrix.

    It holds no names and nothing of any other network.
    """

    def __init__(self, voices: Mapping[str, Voice] | None = None) -> None:
        self._voices: dict[str, Voice] = {}
        self._numbers: dict[str, int] = {}  # of a person's scores
        self._people: list[str] = []
        self._rows = {GE2E: _Rows(), GE2E_LEGACY: _Rows()}
        for person_id, voice in (voices or {}).items():
            self.put(person_id, voice)

    def put(self, person_id: str, voice: Voice) -> None:
        """This is the person's voice now."""
        self.drop(person_id)
        if person_id not in self._numbers:
            self._numbers[person_id] = len(self._people)
            self._people.append(person_id)
        number = self._numbers[person_id]
        self._voices[person_id] = voice
        self._rows[GE2E].add(number, voice.places)
        if voice.legacy is not None and voice.needs_legacy:
            self._rows[GE2E_LEGACY].add(number, [voice.legacy])

    def drop(self, person_id: str) -> None:
        """The person or the voice is gone."""
        if self._voices.pop(person_id, None) is not None:
            for rows in self._rows.values():
                rows.remove(self._numbers[person_id])

    def voice(self, person_id: str) -> Voice:
        """What is known of a person's voice, which may be nothing."""
        return self._voices.get(person_id, Voice())

    @property
    def voices(self) -> Mapping[str, Voice]:
        """All of them, by person."""
        return self._voices

    @property
    def spaces(self) -> tuple[str, ...]:
        """In which an utterance has to be embedded to be compared with everybody."""
        return (GE2E, GE2E_LEGACY) if self._rows[GE2E_LEGACY].filled else (GE2E,)

    def nearest(self, vectors: Mapping[str, Embedding], count: int = 2) -> list[tuple[str, float]]:
        """Those whose voices are the most similar, the nearest first, with the similarity.

        A voice that a legacy system learned is compared in its own space, and in `ge2e` as well;
        the mean counts. Its own space alone tells people apart in a quiet room, but what that
        system left of noise makes everybody alike there, as it does not in the other.

        Args:
            vectors: a voice by space; `ge2e` is among them.
            count: how many at most.
        """
        scores = np.full(len(self._people), -np.inf, np.float32)
        own = vectors[GE2E]
        self._rows[GE2E].score(own, scores)
        if (legacy := vectors.get(GE2E_LEGACY)) is not None:
            both = ((own + legacy) / 2).astype(np.float32)
            self._rows[GE2E_LEGACY].score(both, scores)
        best = np.argsort(-scores, kind="stable")[:count]
        return [(self._people[n], float(scores[n])) for n in best if np.isfinite(scores[n])]


class _Rows:
    """Vectors of one space, each with its owner's number; a matrix that grows."""

    def __init__(self) -> None:
        self._vectors = np.zeros((16, EMBEDDING), np.float32)
        self._owners = np.full(16, -1, np.int64)  # -1: free
        self._end = 0

    @property
    def filled(self) -> bool:
        """Whether there are any."""
        return bool((self._owners[: self._end] >= 0).any())

    def add(self, owner: int, vectors: Sequence[Embedding]) -> None:
        if self._end + len(vectors) > len(self._owners):
            self._make_room(len(vectors))
        for vector in vectors:
            self._vectors[self._end] = vector
            self._owners[self._end] = owner
            self._end += 1

    def remove(self, owner: int) -> None:
        self._owners[: self._end][self._owners[: self._end] == owner] = -1

    def score(self, vector: Embedding, scores: NDArray[np.float32]) -> None:
        """Raises each owner's score to the similarity of the nearest of their vectors."""
        taken = np.flatnonzero(self._owners[: self._end] >= 0)
        # Not with `@`: BLAS would spread this over all cores and wait for the busiest one.
        similar = np.einsum("ij,j->i", self._vectors[: self._end], vector)[taken]
        np.maximum.at(scores, self._owners[taken], similar)

    def _make_room(self, more: int) -> None:
        taken = np.flatnonzero(self._owners[: self._end] >= 0)
        size = max(16, 2 * (len(taken) + more))
        vectors, owners = np.zeros((size, EMBEDDING), np.float32), np.full(size, -1, np.int64)
        vectors[: len(taken)], owners[: len(taken)] = self._vectors[taken], self._owners[taken]
        self._vectors, self._owners, self._end = vectors, owners, len(taken)


def unit(vector: NDArray[np.floating]) -> Embedding:
    """The vector at unit length; a vector of nothing stays one."""
    length = float(np.linalg.norm(vector.astype(np.float64)))
    scaled: Embedding = (vector / (length or 1.0)).astype(np.float32)
    return scaled


def usable(stored: Sequence[float] | None) -> Embedding | None:
    """A stored vector at unit length; None where it is none of 256 finite numbers.

    Databases that were taken over hold vectors of odd lengths.
    """
    if stored is None or len(stored) != EMBEDDING:
        return None
    try:
        vector = np.asarray(stored, np.float64)
    except (TypeError, ValueError):
        return None
    if not np.isfinite(vector).all() or not vector.any():
        return None
    return unit(vector)
