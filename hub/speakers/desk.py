"""Listens for voices, off the event loop; whatever fails there costs nobody an utterance."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Collection
from typing import Protocol

from hub.speakers.book import Heard
from hub.speakers.encoder import SHORTEST_S, SpeakerEncoder, speech_of
from hub.speakers.spaces import GE2E, Embedding
from models.location import WeightStore
from shared.audio import SAMPLE_RATE, Pcm
from shared.errors import MiraError
from shared.logs import Trouble

log = logging.getLogger(__name__)


class Encoder(Protocol):
    """Makes a voice's vector of speech; `SpeakerEncoder` does."""

    def embed(self, pcm: Pcm, space: str) -> Embedding:
        """See `SpeakerEncoder.embed`."""


class SpeakersDesk:
    """The hub's one encoder of voices, loaded with the first utterance.

    Args:
        load: gives the encoder, or raises WeightsError.
    """

    def __init__(self, load: Callable[[], Encoder] = SpeakerEncoder.load) -> None:
        self._load = load
        self._encoder: Encoder | None = None
        self._loading = threading.Lock()
        self._trouble = Trouble(log, "telling voices apart")

    @classmethod
    def of(cls, weights: WeightStore) -> SpeakersDesk:
        """One with the weights of a store."""
        return cls(lambda: SpeakerEncoder.load(weights))

    async def prepare(self) -> None:
        """Loads the encoder; where that fails, it is said once, and tried again with utterances."""
        await self.hear(None, ())

    async def hear(self, pcm: Pcm | None, spaces: Collection[str]) -> Heard | None:
        """The voice in an utterance; None where nobody can tell, for reasons of the hub's.

        Args:
            pcm: shape (n,), int16, 16 kHz; None: only the encoder is loaded.
            spaces: in which the voice is wanted.
        """
        now_s = asyncio.get_running_loop().time
        try:
            heard = await asyncio.to_thread(self._hear, pcm, spaces)
        except Exception as error:  # nobody's speech is lost over who said it
            if not isinstance(error, MiraError):
                log.exception("a voice could not be told")
            self._trouble.failed(error, now_s())
            return None
        self._trouble.recovered(now_s())
        return heard

    async def embed(self, pcm: Pcm, spaces: Collection[str]) -> Heard:
        """The voice in a recording that was made for this.

        Raises:
            WeightsError: the encoder's are not here.
            TooLittleSpeechError: less than 1.6 s of it is speech.
        """
        return await asyncio.to_thread(self._embed, pcm, spaces)

    def _hear(self, pcm: Pcm | None, spaces: Collection[str]) -> Heard | None:
        self._open()
        if pcm is None:
            return None
        speech_s = len(speech_of(pcm)) / SAMPLE_RATE
        if speech_s < SHORTEST_S:
            return Heard({}, speech_s)
        return self._embed(pcm, spaces, speech_s)

    def _embed(self, pcm: Pcm, spaces: Collection[str], speech_s: float | None = None) -> Heard:
        encoder = self._open()
        vectors = {space: encoder.embed(pcm, space) for space in {GE2E, *spaces}}
        return Heard(vectors, len(speech_of(pcm)) / SAMPLE_RATE if speech_s is None else speech_s)

    def _open(self) -> Encoder:
        with self._loading:
            if self._encoder is None:
                self._encoder = self._load()
            return self._encoder
