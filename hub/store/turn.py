"""Whose turn it is to write to SQLite's file, which takes one writer at a time."""

from __future__ import annotations

import asyncio
import fcntl
from types import TracebackType

from hub.store.sqlite import BUSY_TIMEOUT_S

LOOK_EVERY_S = 0.002


class Turn:
    """Held by whoever writes: first come, first served within a process, and soon between them.

    SQLite alone has those who wait look again ever more seldom, so that a program which writes
    again and again, as a move of legacy data does, keeps all others waiting.

    Args:
        descriptor: of a file that all who write to the database have open.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._within = asyncio.Lock()

    async def __aenter__(self) -> None:
        await self._within.acquire()
        try:
            await self._between_processes()
        except BaseException:
            self._within.release()
            raise

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        fcntl.flock(self._descriptor, fcntl.LOCK_UN)
        self._within.release()

    async def _between_processes(self) -> None:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + BUSY_TIMEOUT_S
        while loop.time() < deadline:
            try:
                fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                await asyncio.sleep(LOOK_EVERY_S)
            else:
                return
        # Somebody writes for that long, or hangs: SQLite will say so.
