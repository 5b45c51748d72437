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
from hub.speakers.desk import SpeakersDesk
from hub.speakers.spaces import GE2E_LEGACY, Embedding
from hub.store.errors import VoicesOffError
from hub.store.household import Household
from hub.store.voice_deeds import VoiceDeeds
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
    """Teaches voices.

    Args:
        household: where people are.
        voices: where their voices are.
        publish: tells a network's devices of events.
        speakers: tells the voice in a recording.
    """

    def __init__(
        self,
        household: Household,
        voices: VoiceDeeds,
        publish: Callable[..., None],
        speakers: SpeakersDesk,
    ) -> None:
        self._household = household
        self._voices = voices
        self._publish = publish
        self._speakers = speakers

    async def __call__(self, network_id: str, person_id: str, recording: bytes) -> bool:
        """See `hub.api.teaching.Teach`; False where no voices are wanted, or none can be told.

        Raises:
            AudioFormatError: the recording cannot be used.
            TooLittleSpeechError: less than 1.6 s of it is speech.
            NotFoundError: the network has no such person.
            UnlikeVoiceError: it sounds like somebody else than the recordings before.
        """
        pcm = await asyncio.to_thread(read_recording, recording, SAMPLE_RATE)
        try:
            heard = await self._speakers.embed(pcm, (GE2E_LEGACY,))
        except WeightsError as error:
            log.warning("no voice can be taught: %s", error)
            return False
        try:
            # What a legacy system learned counts only until the hub knows the voice itself. This
            # comes first: what is refused as somebody else's teaches nothing.
            _, events = await self._voices.enrol(
                network_id,
                person_id,
                heard.vectors[heard.space],
                heard.speech_s,
                space=heard.space,
            )
            legacy = heard.vectors.get(GE2E_LEGACY)
            if legacy is None:  # its weights are not here; the hub knows the voice by its own
                more: tuple[Event, ...] = ()
            else:
                more = await self._household.learn_voice(
                    network_id, person_id, lambda known: taught(known, legacy)
                )
        except VoicesOffError:
            return False
        self._publish(network_id, *events, *more)
        return True
