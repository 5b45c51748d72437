"""Made-up people: vectors that lie to each other as real voices do, and an encoder of them."""

from __future__ import annotations

import numpy as np

from hub.speakers.book import Heard, unit
from hub.speakers.encoder import SHORTEST_S, TooLittleSpeechError, speech_of
from hub.speakers.spaces import CAMPPLUS, GE2E, GE2E_LEGACY, SIZES, SPACES, Embedding
from shared.audio import SAMPLE_RATE, Pcm
from tests.voice import PITCHES, understand

APART = {GE2E: 0.8, CAMPPLUS: 1.5}
"""Length of what makes a person beside what all share: two people have a cosine of about 0.6, and
of 0.3 in `campplus`."""
UNLIKE = 0.35
"""How unlike two sentences of one person are: a cosine of about 0.89."""


def person(seed: int, space: str = GE2E) -> Embedding:
    """Where somebody's voice lies."""
    size = SIZES[space]
    return unit(_direction(0, size) + APART[space] * _direction(1000 + seed, size))


def sentence(seed: int, number: int, unlike: float = UNLIKE, space: str = GE2E) -> Embedding:
    """The voice in something that this person says."""
    own = _direction(1_000_000 + 1000 * seed + number, SIZES[space])
    return unit(person(seed, space) + unlike * own)


def between(one: int, other: int) -> Embedding:
    """A voice that is as near to one person as to another."""
    return unit(person(one) + person(other))


def heard(vector: Embedding, speech_s: float = 3.0, space: str = GE2E) -> Heard:
    """An utterance with this voice in it."""
    return Heard({space: vector}, speech_s, space)


def _direction(seed: int, size: int) -> Embedding:
    return unit(np.random.default_rng(seed).normal(size=size))


class FakeEncoder:
    """Knows the voices of those who speak the tests' language: one for each word.

    It passes the suite that the real one does (test_desk.py).

    Args:
        spaces: whose weights are there, the best first.
    """

    def __init__(self, spaces: tuple[str, ...] = (GE2E, GE2E_LEGACY)) -> None:
        self.space, self.spaces = spaces[0], spaces

    def embed(self, pcm: Pcm, space: str) -> Embedding:
        if space not in SPACES:
            raise ValueError(f"there is no space {space!r}")
        if len(speech_of(pcm)) < SHORTEST_S * SAMPLE_RATE:
            raise TooLittleSpeechError("There is too little speech.", "Say more.")
        words = understand(pcm).split()
        most = max(sorted(set(words)), key=words.count, default="ba")
        who, number = list(PITCHES).index(most), len(pcm) % 97
        if space == GE2E_LEGACY:
            return sentence(who, number, 0.5)
        return sentence(who, number, space=space)
