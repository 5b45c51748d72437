"""Keeps what a device says itself from being heard as somebody's sentence."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, suppress

from edge.ear import Ear
from shared.wire.fields import Message

PATIENCE_S = 10.0
"""So long it waits for whoever is speaking to end; a television never does."""
LOOK_S = 0.1
TAIL_S = 1.0
"""So long after its program has ended the loudspeaker and the room may still sound."""


class OwnVoice:
    """While the device speaks, its ear takes nothing.

    Args:
        ear: what hears.
        send: tells the hub.
    """

    def __init__(self, ear: Ear, send: Callable[[Iterable[Message]], None]) -> None:
        self._ear = ear
        self._send = send
        self._deaf_until_s = float("-inf")  # the loop's time

    @property
    def sounds(self) -> bool:
        """Whether what the microphone gives now is to be passed over."""
        return asyncio.get_running_loop().time() < self._deaf_until_s

    @asynccontextmanager
    async def speaking(self) -> AsyncIterator[None]:
        """The device speaks for as long as the context lasts.

        It begins when nobody is speaking. Whoever does for longer than `PATIENCE_S` is cut: what
        they said so far is an utterance, as where the microphone is closed.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE_S):
                # Frames come more often than this looks, and only while somebody speaks.
                while self._ear.candidates.live is not None:  # noqa: ASYNC110 - the ear tells nobody
                    await asyncio.sleep(LOOK_S)
        self._deaf_until_s = float("inf")
        try:
            self._send(self._ear.close())
            yield
        finally:
            self._deaf_until_s = asyncio.get_running_loop().time() + TAIL_S
