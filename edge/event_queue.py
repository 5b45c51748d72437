"""Events on their way from the link to the replica: as many as a slow disk is worth, no more."""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress
from typing import Generic, TypeVar

T = TypeVar("T")

MOST_EVENTS = 1024
"""Of some hundred bytes each; written in one commit."""
PATIENCE_S = 5.0
"""How long the link is not read while the disk catches up. A disk that takes longer fails, and a
device whose disk fails is still a microphone."""


class EventQueue(Generic[T]):
    """Events in order, without gaps.

    While it is full, the link is not read for a moment. What comes on top of it after that is left
    out, with all that follows: the hub sends it again on the next connection, from the cursor on.
    """

    def __init__(self) -> None:
        self._waiting: deque[T] = deque()
        self._weight = 0
        self._came = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()
        self.left_out = 0  # in this connection

    def __len__(self) -> int:
        return len(self._waiting)

    def begin(self) -> None:
        """A new connection: the hub sends all that is not in the replica."""
        self._clear()
        self.left_out = 0

    def put(self, event: T, weight: int = 1) -> None:
        """Takes an event, or counts it as left out; `weight` is how many rows it tells of."""
        if self.left_out or self._weight >= MOST_EVENTS:
            self.left_out += 1
            return
        self._waiting.append(event)
        self._weight += weight
        self._came.set()
        if self._weight >= MOST_EVENTS:
            self._room.clear()

    async def take(self) -> list[T]:
        """All that wait; waits for the first."""
        await self._came.wait()
        taken = list(self._waiting)
        self._clear()
        return taken

    def _clear(self) -> None:
        self._waiting.clear()
        self._weight = 0
        self._came.clear()
        self._room.set()

    async def wait_for_room(self) -> None:
        """Waits until there is room, but not for ever."""
        if not self.left_out:
            with suppress(TimeoutError):
                async with asyncio.timeout(PATIENCE_S):
                    await self._room.wait()
