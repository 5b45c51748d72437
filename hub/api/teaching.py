"""How a person's voice is taught with a recording."""

from __future__ import annotations

import asyncio
from typing import Protocol

from hub.audio_file import read_recording
from shared.audio import SAMPLE_RATE


class Teach(Protocol):
    """Teaches a voice."""

    async def __call__(self, network_id: str, person_id: str, recording: bytes) -> bool:
        """Whether something was learned.

        Args:
            network_id: the network's UUID.
            person_id: whose voice it is; the network has this person.
            recording: a WAV or FLAC file, or 16 kHz mono int16 samples.

        Raises:
            AudioFormatError: the recording cannot be used.
        """


async def learn_nothing(network_id: str, person_id: str, recording: bytes) -> bool:
    """What a hub does that knows no voices: it looks whether the recording could be used."""
    await asyncio.to_thread(read_recording, recording, SAMPLE_RATE)
    return False
