"""Listens for voices, off the event loop; whatever fails there costs nobody an utterance."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Collection
from typing import ParamSpec, Protocol, TypeVar

from hub.speakers.book import Heard
from hub.speakers.encoder import SHORTEST_S, SpeakerEncoder, speech_of
from hub.speakers.spaces import Embedding
from models.location import WeightStore
from shared.audio import SAMPLE_RATE, Pcm
from shared.errors import MiraError
from shared.logs import Trouble

log = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")


class Encoder(Protocol):
    """Makes a voice's vector of speech; `SpeakerEncoder` does."""

    @property
    def space(self) -> str:
        """See `SpeakerEncoder.space`."""

    @property
    def spaces(self) -> Collection[str]:
        """See `SpeakerEncoder.spaces`."""

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
        self._missed: set[str] = set()

    @classmethod
    def of(cls, weights: WeightStore) -> SpeakersDesk:
        """One with the weights of a store."""
        return cls(lambda: SpeakerEncoder.load(weights))

    async def prepare(self) -> str | None:
        """Loads the encoder, if it is not yet; where that fails, it is said once.

        Returns:
            The space in which people are told apart; None: in none, for want of an encoder.
        """
        encoder = self._encoder or await self._tried(self._open)
        return None if encoder is None else encoder.space

    async def hear(self, pcm: Pcm, spaces: Collection[str]) -> Heard | None:
        """The voice in an utterance; None where nobody can tell, for reasons of the hub's.

        Args:
            pcm: shape (n,), int16, 16 kHz.
            spaces: in which the voice is wanted, beside that of `prepare`. For which there are no
                weights, those are left out, and it is said once.
        """
        return await self._tried(self._hear, pcm, spaces)

    async def _tried(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T | None:
        now_s = asyncio.get_running_loop().time
        try:
            done = await asyncio.to_thread(work, *args, **kwargs)
        except Exception as error:  # nobody's speech is lost over who said it
            if not isinstance(error, MiraError):
                log.exception("a voice could not be told")
            self._trouble.failed(error, now_s())
            return None
        self._trouble.recovered(now_s())
        return done

    async def embed(self, pcm: Pcm, spaces: Collection[str]) -> Heard:
        """The voice in a recording that was made for this.

        Raises:
            WeightsError: the encoder's are not here.
            TooLittleSpeechError: less than 1.6 s of it is speech.
        """
        return await asyncio.to_thread(self._embed, pcm, spaces)

    def _hear(self, pcm: Pcm, spaces: Collection[str]) -> Heard:
        encoder = self._open()
        speech_s = len(speech_of(pcm)) / SAMPLE_RATE
        if speech_s < SHORTEST_S:
            return Heard({}, speech_s, encoder.space)
        return self._embed(pcm, spaces, speech_s)

    def _embed(self, pcm: Pcm, spaces: Collection[str], speech_s: float | None = None) -> Heard:
        encoder = self._open()
        wanted = {encoder.space, *spaces}
        if missing := wanted - set(encoder.spaces) - self._missed:
            self._missed |= missing
            log.warning(
                "People who are known in %s only are not recognised: %s",
                " and ".join(sorted(missing)),
                "mira-hub models pull voice-ge2e, and start the hub again.",
            )
        vectors = {space: encoder.embed(pcm, space) for space in wanted & set(encoder.spaces)}
        seconds = len(speech_of(pcm)) / SAMPLE_RATE if speech_s is None else speech_s
        return Heard(vectors, seconds, encoder.space)

    def _open(self) -> Encoder:
        with self._loading:
            if self._encoder is None:
                self._encoder = self._load()
            return self._encoder
