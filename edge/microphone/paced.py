"""Microphones whose sound is computed: they give a frame when the clock says its time has come."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod

from edge.microphone.microphone import Frame
from shared.audio import FRAME_MS, Pcm
from shared.clock import Clock

FRAME_US = FRAME_MS * 1000


class PacedMicrophone(ABC):
    """Gives a frame 20 ms after its first sample's time; frames follow each other without drift.

    A reader that was slow gets what it missed at once, as from a sound card's buffer.
    """

    def __init__(self, name: str, clock: Clock) -> None:
        self.name = name
        self._clock = clock
        self._next_us: int | None = None  # capture time of the next frame; None: closed

    @abstractmethod
    def sound(self, at_us: int) -> Pcm:
        """The 320 samples captured from `at_us` on (device clock)."""

    async def open(self) -> None:
        """Starts the frames now; see `Microphone`."""
        if self._next_us is None:
            self._next_us = self._clock()

    async def close(self) -> None:
        """Ends the frames, a reader's wait within 20 ms; see `Microphone`."""
        self._next_us = None

    def __aiter__(self) -> PacedMicrophone:
        return self

    async def __anext__(self) -> Frame:
        if self._next_us is not None:
            left_us = self._next_us + FRAME_US - self._clock()
            await asyncio.sleep(max(0, left_us) / 1e6)  # late or not, others get their turn
        if self._next_us is None:  # closed, perhaps in the meantime
            raise StopAsyncIteration
        frame = Frame(self.sound(self._next_us), self._next_us)
        self._next_us += FRAME_US
        return frame
