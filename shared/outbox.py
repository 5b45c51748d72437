"""A bounded outbox: whoever takes too slowly is dropped and resumes later; it slows nobody."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from shared.wire.channel import Channel

MAX_MESSAGES = 2048
MAX_BYTES = 4 * 1024 * 1024
PORTION_BYTES = 16 * 1024
"""Of what waits, handed to the channel in one go: as much as one TLS record holds."""


class Outbox:
    """Messages on their way to one peer, in order.

    Args:
        max_messages: beyond so many the peer is too slow.
        max_bytes: beyond so many bytes too.
    """

    def __init__(self, max_messages: int = MAX_MESSAGES, max_bytes: int = MAX_BYTES) -> None:
        self._max_messages = max_messages
        self._max_bytes = max_bytes
        self._queue: deque[str | bytes] = deque()
        self._bytes = 0
        self._wake = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()
        self._sent = asyncio.Event()
        self._sent.set()
        self.overflown = False

    @property
    def size(self) -> int:
        """Bytes that wait."""
        return self._bytes

    @property
    def half_empty(self) -> bool:
        """Whether there is room for those who can wait."""
        return len(self._queue) <= self._max_messages // 2 and self._bytes <= self._max_bytes // 2

    def put(self, data: str | bytes) -> bool:
        """Takes a message; False when there is no room: the peer is too slow and has to go."""
        if len(self._queue) >= self._max_messages or self._bytes + len(data) > self._max_bytes:
            self.overflown = True
            self._wake.set()
            return False
        self._queue.append(data)
        self._bytes += len(data)
        self._sent.clear()
        self._wake.set()
        if not self.half_empty:
            self._room.clear()
        return True

    async def wait_half_empty(self) -> None:
        """Waits until there is room for those who can wait."""
        await self._room.wait()

    async def wait_sent(self) -> None:
        """Waits until the channel has taken all that was put in; for ever, if nobody drains it."""
        await self._sent.wait()

    async def drain(self, channel: Channel, refill: Callable[[], None] | None = None) -> None:
        """Sends what comes in until the outbox overflows.

        Args:
            channel: where to.
            refill: called when there is room again, to put in what could wait.

        Raises:
            ChannelClosedError: the connection is gone.
        """
        while not self.overflown:
            await self._wake.wait()
            self._wake.clear()
            while self._queue and not self.overflown:
                portion = self._portion()
                if self.half_empty and not self._room.is_set():
                    self._room.set()
                    if refill is not None:
                        refill()
                await channel.send(*portion)
            if not self._queue:
                self._sent.set()

    def _portion(self) -> list[str | bytes]:
        """Takes out the next messages, at least one."""
        portion: list[str | bytes] = []
        size = 0
        while self._queue and (not portion or size + len(self._queue[0]) <= PORTION_BYTES):
            data = self._queue.popleft()
            size += len(data)
            portion.append(data)
        self._bytes -= size
        return portion
