"""A recogniser without weights, for tests and simulations.

It understands nothing, but it answers as an engine does: what it writes is a function of the
samples alone, and it can be told to fail or to hang.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable

import numpy as np

from hub.recognition.recogniser import (
    Cancelled,
    DecodeCancelled,
    Transcript,
    Word,
    audible,
    never,
    nothing_said,
)
from shared.audio import SAMPLE_RATE, Pcm, samples_to_us

_CONFIDENCE = 0.9


def describe(pcm: Pcm) -> str:
    """What the fake writes unless told otherwise: `speech of 1500 ms`."""
    return f"speech of {samples_to_us(len(pcm)) // 1000} ms"


class FakeRecogniser:
    """Writes `text_of(pcm)` for whatever is audible, its words spread evenly over the time.

    Args:
        text_of: the text of the given samples, shape (n,), int16.
        name: as `Recogniser.name`.
    """

    language = "en"

    def __init__(self, text_of: Callable[[Pcm], str] = describe, name: str = "fake") -> None:
        self.name = name
        self.decoded: list[int] = []  # the number of samples of each decode, in their order
        self.stuck = threading.Event()  # set while a decode hangs
        self._text_of = text_of
        self._failure: Exception | None = None
        self._hang: threading.Event | None = None

    def fail_next(self, error: Exception) -> None:
        """The next decode raises `error`."""
        self._failure = error

    def hang_next(self) -> threading.Event:
        """The next decode hangs, deaf to its being cancelled, until the returned event is set."""
        self._hang = threading.Event()
        return self._hang

    def transcribe(self, pcm: Pcm, cancelled: Cancelled = never) -> Transcript:
        """See `Recogniser`."""
        self._misbehave()
        if cancelled():
            raise DecodeCancelled
        self.decoded.append(len(pcm))
        texts = self._text_of(pcm).split() if audible(pcm) else []
        if not texts:
            return nothing_said(self.language)
        step = len(pcm) / SAMPLE_RATE / len(texts)
        words = tuple(
            Word(text, i * step, (i + 1) * step, _CONFIDENCE) for i, text in enumerate(texts)
        )
        return Transcript(" ".join(texts), _CONFIDENCE, math.log(_CONFIDENCE), self.language, words)

    def open_stream(self) -> FakeStream:
        """See `Recogniser`."""
        return FakeStream(self)

    def _misbehave(self) -> None:
        if self._failure:
            failure, self._failure = self._failure, None
            raise failure
        if self._hang:
            hang, self._hang = self._hang, None
            self.stuck.set()
            hang.wait()
            self.stuck.clear()


class FakeStream:
    """The text of all samples so far."""

    def __init__(self, recogniser: FakeRecogniser) -> None:
        self._recogniser = recogniser
        self._pcm: Pcm = np.zeros(0, np.int16)

    def feed(self, pcm: Pcm, cancelled: Cancelled = never) -> str:
        """See `PartialStream`."""
        self._pcm = np.concatenate([self._pcm, pcm])
        return self._recogniser.transcribe(self._pcm, cancelled).text
