"""The voices of one network's people, held ready for comparison. No I/O."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hub.speakers.spaces import GE2E, GE2E_LEGACY, SIZES, Embedding

OLDER_UNTIL_S = 10.0
"""Of own speech in a space: then a voice is compared no more as it was known before that space, be
it by a legacy system or in a space that the hub told people apart in until better weights came."""


@dataclass(frozen=True, eq=False)
class Heard:
    """The voice in one utterance."""

    vectors: Mapping[str, Embedding]  # by space; none where there was too little speech
    speech_s: float
    space: str = GE2E  # in which people are told apart

    @property
    def vector(self) -> Embedding | None:
        """The voice in that space; None where there was too little speech."""
        return self.vectors.get(self.space)


@dataclass(frozen=True, eq=False)
class Centroid:
    """One of the places where a person's voice lies."""

    vector: Embedding
    weight_s: float  # of speech that it was learned from
    enrolled: bool = False  # it was read aloud for this, and never moves
    key: str | None = None  # of its row, where it is stored
    space: str = GE2E


@dataclass(frozen=True, eq=False)
class Voice:
    """What is known of one person's voice, in whichever spaces."""

    centroids: tuple[Centroid, ...] = ()
    legacy: Embedding | None = None  # in the space `ge2e-legacy`

    def learned_s(self, space: str | None = None) -> float:
        """How much speech it was learned from in a space; in that of the most, if it is None."""
        if space is None:
            return max(
                (self.learned_s(one) for one in {c.space for c in self.centroids}), default=0
            )
        return sum(one.weight_s for one in self.centroids if one.space == space)

    def enrolment(self, space: str) -> tuple[Embedding, ...]:
        """The sentences that were read aloud for it."""
        return tuple(one.vector for one in self.centroids if one.enrolled and one.space == space)

    def places(self, space: str) -> list[Embedding]:
        """What speech is compared with: the enrolment as one, and each learned centroid."""
        learned = [c.vector for c in self.centroids if not c.enrolled and c.space == space]
        read = self.enrolment(space)
        return [unit(np.mean(read, axis=0)), *learned] if read else learned

    def before(self, space: str) -> Voice | None:
        """How it was known before there was this space, as long as there is too little in it; None
        where it was not known, or that is of no importance any more."""
        if self.learned_s(space) >= OLDER_UNTIL_S:
            return None
        if space == GE2E:
            return None if self.legacy is None else Voice((), self.legacy)
        centroids = tuple(one for one in self.centroids if one.space == GE2E)
        return Voice(centroids, self.legacy) if centroids or self.legacy is not None else None


class VoiceBook:
    """Compares with a thousand people in a moment: all their centroids are one matrix.

    It holds no names and nothing of any other network.

    Args:
        voices: by person.
        space: in which people are told apart.
    """

    def __init__(self, voices: Mapping[str, Voice] | None = None, space: str = GE2E) -> None:
        self.space = space
        self._voices: dict[str, Voice] = {}
        self._numbers: dict[str, int] = {}  # of a person's scores
        self._people: list[str] = []
        self._rows = _Rows(space)
        self._legacy = _Rows(GE2E_LEGACY)
        self._older = VoiceBook() if space != GE2E else None
        self._behind: set[str] = set()
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
        self._rows.add(number, voice.places(self.space))
        before = voice.before(self.space)
        if self._older is None:
            if before is not None and before.legacy is not None:
                self._legacy.add(number, [before.legacy])
            return
        if before is not None:
            self._behind.add(person_id)
        # Everybody's, for whoever is known there only has to be told from them, too.
        known = tuple(one for one in voice.centroids if one.space == GE2E)
        if known or before is not None:
            self._older.put(person_id, before or Voice(known))

    def drop(self, person_id: str) -> None:
        """The person or the voice is gone."""
        if self._voices.pop(person_id, None) is None:
            return
        self._behind.discard(person_id)
        for rows in (self._rows, self._legacy):
            rows.remove(self._numbers[person_id])
        if self._older is not None:
            self._older.drop(person_id)

    def voice(self, person_id: str) -> Voice:
        """What is known of a person's voice, which may be nothing."""
        return self._voices.get(person_id, Voice())

    @property
    def voices(self) -> Mapping[str, Voice]:
        """All of them, by person."""
        return self._voices

    @property
    def older(self) -> VoiceBook | None:
        """The voices in the space `ge2e`, as long as somebody is known there better than here."""
        return self._older if self._behind else None

    def behind(self, person_id: str) -> bool:
        """Whether the person is known better in the book before this one."""
        return person_id in self._behind

    @property
    def spaces(self) -> tuple[str, ...]:
        """In which an utterance has to be embedded to be compared with everybody."""
        if self.older is not None:
            return (self.space, *self.older.spaces)
        return (self.space, GE2E_LEGACY) if self._legacy.filled else (self.space,)

    def nearest(self, vectors: Mapping[str, Embedding], count: int = 2) -> list[tuple[str, float]]:
        """Those whose voices are the most similar, the nearest first, with the similarity.

        A voice that a legacy system learned is compared in its own space, and in `ge2e` as well;
        the mean counts. Its own space alone tells people apart in a quiet room, but what that
        system left of noise makes everybody alike there, as it does not in the other.

        Args:
            vectors: a voice by space; that of the book is among them.
            count: how many at most.
        """
        scores = np.full(len(self._people), -np.inf, np.float32)
        own = vectors[self.space]
        self._rows.score(own, scores)
        legacy = vectors.get(GE2E_LEGACY)
        if self.space == GE2E and legacy is not None:
            both = ((own + legacy) / 2).astype(np.float32)
            self._legacy.score(both, scores)
        best = np.argsort(-scores, kind="stable")[:count]
        return [(self._people[n], float(scores[n])) for n in best if np.isfinite(scores[n])]


class _Rows:
    """Vectors of one space, each with its owner's number; a matrix that grows."""

    def __init__(self, space: str) -> None:
        self._size = SIZES[space]
        self._vectors = np.zeros((16, self._size), np.float32)
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
        theirs = np.flatnonzero(self._owners[: self._end] == owner)
        self._owners[theirs] = -1
        self._vectors[theirs] = 0  # a voice that is forgotten is nowhere

    def score(self, vector: Embedding, scores: NDArray[np.float32]) -> None:
        """Raises each owner's score to the similarity of the nearest of their vectors."""
        taken = np.flatnonzero(self._owners[: self._end] >= 0)
        # Not with `@`: BLAS would spread this over all cores and wait for the busiest one.
        similar = np.einsum("ij,j->i", self._vectors[: self._end], vector)[taken]
        np.maximum.at(scores, self._owners[taken], similar)

    def _make_room(self, more: int) -> None:
        taken = np.flatnonzero(self._owners[: self._end] >= 0)
        size = max(16, 2 * (len(taken) + more))
        vectors, owners = np.zeros((size, self._size), np.float32), np.full(size, -1, np.int64)
        vectors[: len(taken)], owners[: len(taken)] = self._vectors[taken], self._owners[taken]
        self._vectors, self._owners, self._end = vectors, owners, len(taken)


def unit(vector: NDArray[np.floating]) -> Embedding:
    """The vector at unit length; a vector of nothing stays one."""
    length = float(np.linalg.norm(vector.astype(np.float64)))
    scaled: Embedding = (vector / (length or 1.0)).astype(np.float32)
    return scaled


def usable(stored: Sequence[float] | None, space: str = GE2E) -> Embedding | None:
    """A stored vector at unit length; None where it is none of as many finite numbers as the
    space's have.

    Databases that were taken over hold vectors of odd lengths.
    """
    if stored is None or len(stored) != SIZES.get(space):
        return None
    try:
        vector = np.asarray(stored, np.float64)
    except (TypeError, ValueError):
        return None
    if not np.isfinite(vector).all() or not vector.any():
        return None
    return unit(vector)
