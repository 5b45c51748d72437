"""Real daemons as processes, and the service manager that watches them."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from edge.simulation.process import Process, program
from hub.store.database import Database
from hub.store.store import Store
from shared.clock import steady_clock

PATIENCE_S = 20.0
"""For a loaded machine; what takes longer hangs."""


class ServiceManager:
    """The other end of a daemon's NOTIFY_SOCKET."""

    def __init__(self, folder: Path) -> None:
        self._address = folder / "notify"
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(self._address))
        self._socket.setblocking(False)
        self.told: list[str] = []  # all that came so far

    def environ(self, watchdog_ms: int = 0) -> dict[str, str]:
        """What systemd tells a daemon; 0: it does not watch."""
        watch = {"WATCHDOG_USEC": str(watchdog_ms * 1000)} if watchdog_ms else {}
        return {"NOTIFY_SOCKET": str(self._address), **watch}

    async def until(self, word: str) -> str:
        """Waits for the next message that begins with `word`."""
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(PATIENCE_S):
            while True:
                message = (await loop.sock_recv(self._socket, 4096)).decode()
                self.told.append(message)
                if message.startswith(word):
                    return message

    def take(self) -> list[str]:
        """What came and was not read yet."""
        found = []
        while True:
            try:
                found.append(self._socket.recv(4096).decode())
            except BlockingIOError:
                self.told += found
                return found

    def close(self) -> None:
        self._socket.close()


@asynccontextmanager
async def manager_in(folder: Path) -> AsyncIterator[ServiceManager]:
    """A service manager; `folder` must have a short path."""
    manager = ServiceManager(folder)
    try:
        yield manager
    finally:
        manager.close()


class Daemon(Process):
    """`mira-hub` or `mira-edge`, killed at the test's end if it still runs."""

    def send(self, signum: signal.Signals) -> None:
        """Sends it a signal."""
        self._signal(signum)

    async def end(self) -> int:
        """Its exit code, once it has ended by itself."""
        async with asyncio.timeout(PATIENCE_S):
            return await self.wait()

    @property
    def said(self) -> str:
        """All that it printed."""
        return self._log.read_text()


@asynccontextmanager
async def daemon(
    command: Sequence[str], folder: Path, environ: dict[str, str] | None = None
) -> AsyncIterator[Daemon]:
    """Runs a command of ours, the program's name first."""
    name, *arguments = command
    running = Daemon([program(name), *arguments], folder / f"{name}.log", environ)
    await running.start()
    try:
        yield running
    finally:
        await running.kill()


@asynccontextmanager
async def store_of(path: Path) -> AsyncIterator[Store]:
    """A hub's store, opened beside the hub."""
    database = await Database.open(path)
    try:
        yield Store(database, steady_clock())
    finally:
        await database.close()
