"""Teaches a person's voice with a recording, as the legacy system did.

A person's vector there is a running mean in the space of the legacy chain (docs/voices.md); it
goes on being one, so that it stays like those that were moved.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence

import numpy as np

from hub.audio_file import read_recording
from hub.speakers.encoder import SpeakerEncoder
from hub.speakers.spaces import GE2E_LEGACY, Embedding
from hub.store.household import Household
from models.location import WeightStore
from shared.audio import SAMPLE_RATE
from shared.errors import WeightsError
from shared.wire.events import Event

log = logging.getLogger(__name__)

KEPT = 0.8
"""Of the old vector in the new one: the legacy system's weight."""


def taught(known: Sequence[float] | None, heard: Embedding) -> list[float]:
    """A person's vector after one more recording; shape (256,), not of unit length."""
    if known is None or len(known) != len(heard):
        return [float(x) for x in heard]
    mean = KEPT * np.asarray(known, np.float64) + (1 - KEPT) * heard.astype(np.float64)
    return [float(x) for x in mean]


class Teacher:
    """Teaches voices; the encoder is loaded with the first.

    Args:
        household: where people are.
        publish: tells a network's devices of events.
        weights: where the encoder's are.
    """

    def __init__(
        self,
        household: Household,
        publish: Callable[..., None],
        weights: WeightStore | None = None,
    ) -> None:
        self._household = household
        self._publish = publish
        self._weights = weights
        self._encoder: SpeakerEncoder | None = None
        self._loading = asyncio.Lock()

    async def __call__(
        self, network_id: str, person_id: str, recording: bytes, expected_text: str | None
    ) -> bool:
        """See `hub.api.teaching.Teach`; False where the encoder's weights are not here.

        Raises:
            AudioFormatError: the recording cannot be used.
            TooLittleSpeechError: less than 1.6 s of it is speech.
            NotFoundError: the network has no such person.
        """
        pcm = await asyncio.to_thread(read_recording, recording, SAMPLE_RATE)
        try:
            async with self._loading:
                if self._encoder is None:
                    self._encoder = await asyncio.to_thread(SpeakerEncoder.load, self._weights)
        except WeightsError as error:
            log.warning("no voice can be taught: %s", error)
            return False
        heard = await asyncio.to_thread(self._encoder.embed, pcm, GE2E_LEGACY)
        events: tuple[Event, ...] = await self._household.learn_voice(
            network_id, person_id, lambda known: taught(known, heard)
        )
        self._publish(network_id, *events)
        return True
