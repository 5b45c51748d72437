"""A TCP link that can be cut, stalled, or made to lose replies."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from types import TracebackType

CHUNK = 64 * 1024


class Link:
    """A port of our own, from which everything goes to the hub's port and back.

    Args:
        target: the hub's port on this machine.
    """

    def __init__(self, target: int) -> None:
        self._target = target
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._serving: set[asyncio.Task[None] | None] = set()
        self._flows = asyncio.Event()
        self._flows.set()
        self._open = True
        self._swallows = False
        self.port = 0
        self.swallowed = 0  # bytes of replies

    async def __aenter__(self) -> Link:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=CHUNK)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.heal()
        self.cut()
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()
        await asyncio.gather(*filter(None, self._serving), return_exceptions=True)

    def cut(self) -> None:
        """Breaks every connection off."""
        for writer in list(self._writers):
            writer.transport.abort()

    def stall(self) -> None:
        """No byte goes on, in either direction; the connections stay."""
        self._flows.clear()

    def swallow(self) -> None:
        """What the hub says is lost from now on; what is said to it gets there."""
        self._swallows = True

    def close(self) -> None:
        """Cut, and nobody gets a new connection."""
        self._open = False
        self.cut()

    def heal(self) -> None:
        """The link is good again; connections that lost replies have to be cut before."""
        self._swallows = False
        self._flows.set()
        self._open = True

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._serving.add(asyncio.current_task())
        self._writers.add(writer)
        upstream: asyncio.StreamWriter | None = None
        try:
            if not self._open:
                raise ConnectionRefusedError
            back, upstream = await asyncio.open_connection("127.0.0.1", self._target, limit=CHUNK)
            self._writers.add(upstream)
            async with asyncio.TaskGroup() as pumps:
                pumps.create_task(self._pump(reader, upstream, replies=False))
                pumps.create_task(self._pump(back, writer, replies=True))
        except* OSError:
            pass  # the hub is not there, or somebody cut
        finally:
            for end in (writer, upstream):
                if end is not None:
                    self._writers.discard(end)
                    end.transport.abort()
                    with suppress(OSError):
                        await end.wait_closed()
            self._serving.discard(asyncio.current_task())

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, replies: bool
    ) -> None:
        while data := await reader.read(CHUNK):
            await self._flows.wait()
            if replies and self._swallows:
                self.swallowed += len(data)
                continue
            writer.write(data)
            await writer.drain()
        with suppress(OSError):
            writer.write_eof()
