"""What a recogniser is: it takes PCM and gives text.

All calls block, for up to seconds, and belong on a worker thread (see `hub.recognition.desk`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np
from msgspec import Struct

from shared.audio import SAMPLE_RATE, Pcm
from shared.errors import AudioFormatError, RecognitionError

SHORTEST_SAMPLES = SAMPLE_RATE // 10
"""Less than 0.1 s holds no word."""
_QUIETEST_RMS = 2.0
"""int16 steps, without DC: below it lies the rounding noise of any microphone, and no speech."""

Cancelled = Callable[[], bool]
"""Asked between the steps of a decode; once it says yes, the decode raises DecodeCancelled."""


def never() -> bool:
    """Of a decode that nobody cancels."""
    return False


class DecodeCancelled(Exception):  # noqa: N818 - no error: whoever asked for it knows
    """A decode stopped because its `cancelled` said so."""


class RecogniserLoadError(RecognitionError):
    """A recogniser cannot be made from its weights."""

    code = "RECOGNISER_UNAVAILABLE"


class Word(Struct, frozen=True):
    """One word; times in seconds from the first sample, confidence from 0 to 1."""

    text: str
    start_s: float
    end_s: float
    confidence: float


class Transcript(Struct, frozen=True):
    """What was understood; `text` is empty where nothing was.

    `confidence`, from 0 to 1, is the geometric mean of the probabilities of the tokens (Moonshine)
    or words (Vosk), and `mean_log_probability` its natural logarithm. It compares transcripts of
    one recogniser, not of two. `words` is empty where the engine knows no times.
    """

    text: str
    confidence: float
    mean_log_probability: float
    language: str
    words: tuple[Word, ...] = ()


class PartialStream(Protocol):
    """The text of one utterance while it is being spoken; used by one thread at a time."""

    def feed(self, pcm: Pcm, cancelled: Cancelled = never) -> str:
        """Takes the next samples and returns the text so far.

        Raises:
            DecodeCancelled: `cancelled` said so; the samples are kept for the next call.
        """


class Recogniser(Protocol):
    """An engine with its weights. Several threads may use it at the same time."""

    @property
    def name(self) -> str:
        """What `load_recogniser` makes it from, such as moonshine-tiny-en."""

    @property
    def language(self) -> str:
        """Of the text, as the engine calls it; `und` where it does not say."""

    def transcribe(self, pcm: Pcm, cancelled: Cancelled = never) -> Transcript:
        """The text of a whole utterance; empty for silence and for less than 0.1 s.

        Raises:
            AudioFormatError: `pcm` is not of shape (n,) and dtype int16.
            DecodeCancelled: `cancelled` said so.
        """

    def open_stream(self) -> PartialStream:
        """Begins an utterance whose text is wanted while it is being spoken."""


def nothing_said(language: str) -> Transcript:
    """The transcript of what holds no words."""
    return Transcript("", 0.0, float("-inf"), language)


def audible(pcm: Pcm) -> bool:
    """Whether `pcm` can hold speech at all: it is long enough, and neither silence nor DC.

    Raises:
        AudioFormatError: `pcm` is not of shape (n,) and dtype int16.
    """
    if pcm.dtype != np.int16 or pcm.ndim != 1:
        raise AudioFormatError(
            f"A recogniser takes int16 samples of shape (n,), not {pcm.dtype} of {pcm.shape}.",
            "Convert them with shared.audio first.",
        )
    if len(pcm) < SHORTEST_SAMPLES:
        return False
    blocks = pcm[: len(pcm) // SHORTEST_SAMPLES * SHORTEST_SAMPLES].reshape(-1, SHORTEST_SAMPLES)
    return bool((blocks.std(axis=1, dtype=np.float32) >= _QUIETEST_RMS).any())
