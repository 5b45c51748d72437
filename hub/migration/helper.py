"""A second process that does a part of the work: Python alone uses one processor."""

from __future__ import annotations

import asyncio
import gc
import signal
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any, TypeVar

from hub.migration.errors import MigrationError
from shared.errors import MiraError

Own = TypeVar("Own")
Other = TypeVar("Other")
Tell = Callable[[Any], None]
"""Tells whoever gave the process its work something, while it does it."""
Work = Callable[[Any, Tell], Other]
"""A module's function that does something with what it is given; may raise MiraError."""


class Helper:
    """The process, as it is seen from here.

    Args:
        connection: to it.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def do(self, work: Work[Other], given: Any, heard: Tell) -> Other:
        """Has it do some work, once it has done the work before; gives what comes of it.

        Args:
            work: what it is to do.
            given: to the work; goes through pickle.
            heard: is told what the work tells.

        Raises:
            MiraError: the work failed, or somebody ended the process.
        """
        try:
            self._connection.send((work, given))
            done: Other = await self._come_of_it(heard)
            return done
        except (EOFError, ConnectionError):
            raise MigrationError(
                "A process that does a part of the work has ended by itself.",
                "Is there memory enough? Run the same command again: it goes on from there.",
            ) from None

    async def _come_of_it(self, heard: Tell) -> Any:
        while True:
            await self._something()
            kind, said = self._connection.recv()
            if kind == "failed":
                raise said
            if kind == "done":
                return said
            heard(said)

    async def _something(self) -> None:
        loop, descriptor = asyncio.get_running_loop(), self._connection.fileno()
        came = asyncio.Event()
        loop.add_reader(descriptor, came.set)
        try:
            await came.wait()
        finally:
            loop.remove_reader(descriptor)


@asynccontextmanager
async def helper(*works: Work[Any]) -> AsyncIterator[Helper]:
    """A process for as long as the context lasts; what it has begun then ends in its midst.

    Args:
        works: what it will be asked to do, so that it can load what it needs.
    """
    context = get_context("spawn")  # threads are at work here
    ours, its = context.Pipe()
    process = context.Process(target=_serve, args=(its, works), daemon=True)
    process.start()
    its.close()  # its end is then seen here
    try:
        yield Helper(ours)
    finally:
        process.terminate()
        await asyncio.to_thread(process.join)
        ours.close()


async def both(
    own: Coroutine[Any, Any, Own], other: Coroutine[Any, Any, Other]
) -> tuple[Own, Other]:
    """What two works give that go on at the same time; one that fails ends both."""
    tasks = asyncio.create_task(own), asyncio.create_task(other)
    try:
        mine, theirs = await asyncio.gather(*tasks)
        return mine, theirs
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@contextmanager
def collecting_seldom() -> Iterator[None]:
    """Rows come and go by the thousand, in no cycles: Python need not look for such all the time,
    nor at what was imported."""
    before = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(100_000, 50, 50)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


def _serve(connection: Connection, _: tuple[Work[Any], ...]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever started this one ends it
    try:
        with collecting_seldom():
            while True:
                work, given = connection.recv()
                try:
                    done = work(given, lambda said: connection.send(("told", said)))
                except MiraError as error:
                    connection.send(("failed", error))
                else:
                    connection.send(("done", done))
    except (EOFError, ConnectionError):  # nobody is there any more
        pass
