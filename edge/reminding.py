"""Says aloud what is due, by a program of the household's choice; each reminder once.

What is to be said stands in the replica, with whether it was: so a device that was off says it when
it is on again, and one that starts anew does not say it twice. Only what a power cut interrupts in
the middle is begun again.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, nullcontext, suppress

from edge.config import Announcements
from edge.replica import Replica
from shared.logs import Trouble

log = logging.getLogger(__name__)

AGAIN_S = 60.0
"""How often a replica that cannot be read or written is tried again."""

Say = Callable[[str], Awaitable[None]]
"""Says a text aloud; raises OSError, saying why, when it cannot."""
Speaking = Callable[[], AbstractAsyncContextManager[None]]
"""Opens a context for as long as something is said."""


class Reminding:
    """What one device says.

    Args:
        client_id: which device.
        replica: what is to be said.
        say: says it; None: what is due is logged, without its text, and that is all.
    """

    def __init__(self, client_id: str, replica: Replica, say: Say | None = None) -> None:
        self._client_id = client_id
        self._replica = replica
        self._say = say
        self._trouble = Trouble(log, "saying what is due")
        self._came = asyncio.Event()
        self._came.set()  # what an earlier run left

    @property
    def speaks(self) -> bool:
        """Whether anything is said aloud here."""
        return self._say is not None

    def look(self) -> None:
        """There may be something to be said."""
        self._came.set()

    async def run(self, speaking: Speaking = nullcontext) -> None:
        """Says what is due, one after the other, for ever; `speaking` is around each."""
        now_s = asyncio.get_running_loop().time
        while True:
            await self._came.wait()
            self._came.clear()
            try:
                await self._say_all(speaking)
            except sqlite3.Error as error:
                self._trouble.failed(error, now_s())
                await asyncio.sleep(AGAIN_S)
                self._came.set()

    async def _say_all(self, speaking: Speaking = nullcontext) -> None:
        while due := await asyncio.to_thread(self._replica.announcements, self._client_id):
            # Read anew after each: somebody may have dealt with the next meanwhile.
            one = due[0]
            log.info("reminder %s is due", one.reminder_id)
            if self._say is not None:
                now_s = asyncio.get_running_loop().time
                try:
                    async with speaking():
                        await self._say(one.title)
                except OSError as error:
                    self._trouble.failed(error, now_s())
                else:
                    self._trouble.recovered(now_s())
            # Also where it could not be said: whoever mends the program wants no choir.
            await asyncio.to_thread(self._replica.announced, one)


def saying(config: Announcements) -> Say | None:
    """Runs the configured program for each text; None: there is none."""
    if not config.command:
        return None

    async def say(text: str) -> None:
        process = await asyncio.create_subprocess_exec(
            *config.command, stdin=PIPE, stdout=DEVNULL, stderr=DEVNULL
        )
        try:
            async with asyncio.timeout(config.timeout_s):
                # On standard input: among arguments, a title could be taken for an option, and
                # everybody on the machine could read it.
                await process.communicate(f"{text}\n".encode())
        except TimeoutError:
            raise OSError(f"{config.command[0]} took more than {config.timeout_s} s") from None
        finally:
            if process.returncode is None:
                with suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
        if process.returncode:
            raise OSError(f"{config.command[0]} ended with status {process.returncode}")

    return say
