"""Made-up people: vectors that lie to each other as real voices do, and an encoder of them."""

from __future__ import annotations

import numpy as np

from hub.speakers.book import Heard, unit
from hub.speakers.encoder import SHORTEST_S, TooLittleSpeechError, speech_of
from hub.speakers.spaces import GE2E, SPACES, Embedding
from models.voice import EMBEDDING
from shared.audio import SAMPLE_RATE, Pcm
from tests.voice import PITCHES, understand

APART = 0.8
"""Length of what makes a person beside what all share: two people have a cosine of about 0.6."""
UNLIKE = 0.35
"""How unlike two sentences of one person are: a cosine of about 0.89."""


def person(seed: int) -> Embedding:
    """Where somebody's voice lies."""
    return unit(_direction(0) + APART * _direction(1000 + seed))


def sentence(seed: int, number: int, unlike: float = UNLIKE) -> Embedding:
    """The voice in something that this person says."""
    return unit(person(seed) + unlike * _direction(1_000_000 + 1000 * seed + number))


def between(one: int, other: int) -> Embedding:
    """A voice that is as near to one person as to another."""
    return unit(person(one) + person(other))


def heard(vector: Embedding, speech_s: float = 3.0) -> Heard:
    """An utterance with this voice in it."""
    return Heard({GE2E: vector}, speech_s)


def _direction(seed: int) -> Embedding:
    return unit(np.random.default_rng(seed).normal(size=EMBEDDING))


class FakeEncoder:
    """Knows the voices of those who speak the tests' language: one for each word.

    It passes the suite that the real one does (test_desk.py).
    """

    def embed(self, pcm: Pcm, space: str) -> Embedding:
        if space not in SPACES:
            raise ValueError(f"there is no space {space!r}")
        if len(speech_of(pcm)) < SHORTEST_S * SAMPLE_RATE:
            raise TooLittleSpeechError("There is too little speech.", "Say more.")
        words = understand(pcm).split()
        most = max(sorted(set(words)), key=words.count, default="ba")
        return sentence(list(PITCHES).index(most), len(pcm) % 97, UNLIKE if space == GE2E else 0.5)
