"""A channel: one connection that carries messages in order, whatever it is made of."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import Protocol

import aiohttp
from aiohttp import web

SEND_TIMEOUT_S = 10.0
"""A peer that takes nothing for this long is cut off (a blocked send outlives a heartbeat)."""
CLOSE_TIMEOUT_S = 2.0
"""How long a peer may take to answer a close."""
MAX_REASON_BYTES = 120
"""Of a close's reason, in UTF-8."""


class ChannelClosedError(Exception):
    """The connection is gone; `code` is the WebSocket close code."""

    def __init__(self, code: int = 1006, reason: str = "") -> None:
        said = reason or ("the connection broke" if code == 1006 else "")
        super().__init__(f"{code} {said}".rstrip())
        self.code = code
        self.reason = reason


class Channel(Protocol):
    """One end of a connection."""

    async def send(self, *messages: str | bytes) -> None:
        """Sends messages in their order; raises ChannelClosedError."""

    async def receive(self) -> str | bytes:
        """Waits for the next message; raises ChannelClosedError."""

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Closes the connection; does nothing when it is closed."""


class WebSocketChannel:
    """A channel over an aiohttp WebSocket, client's or server's side."""

    def __init__(
        self,
        ws: aiohttp.ClientWebSocketResponse | web.WebSocketResponse,
        transport: asyncio.BaseTransport | None = None,
    ) -> None:
        self._ws = ws
        self._transport = transport  # to cut off a peer that does not even take a close
        self._end: tuple[int, str] | None = None  # how it ended: aiohttp calls a bare EOF 1000

    async def send(self, *messages: str | bytes) -> None:
        if self._end is not None:
            raise ChannelClosedError(*self._end)
        try:
            async with asyncio.timeout(SEND_TIMEOUT_S):
                for data in messages:
                    if isinstance(data, str):
                        await self._ws.send_str(data)
                    else:
                        await self._ws.send_bytes(data)
        except TimeoutError:
            self._end = self._end or (1006, "the peer takes nothing")
            self._abort()
            raise ChannelClosedError(*self._end) from None
        except (ConnectionError, RuntimeError, aiohttp.ClientError) as error:
            raise ChannelClosedError(*(self._end or (1006, str(error)))) from error

    async def receive(self) -> str | bytes:
        if self._end is not None:
            raise ChannelClosedError(*self._end)
        message = await self._ws.receive()
        if message.type is aiohttp.WSMsgType.TEXT or message.type is aiohttp.WSMsgType.BINARY:
            data: str | bytes = message.data
            return data
        self._end = self._end or _how_it_ended(message)
        raise ChannelClosedError(*self._end)

    async def close(self, code: int = 1000, reason: str = "") -> None:
        if self._end is not None:
            return
        self._end = (code, reason)
        # A close frame holds 123 bytes of reason; a cut character would make it invalid.
        message = reason.encode()[:MAX_REASON_BYTES].decode(errors="ignore").encode()
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await self._ws.close(code=code, message=message)
        except TimeoutError:
            self._abort()

    def _abort(self) -> None:
        if isinstance(self._transport, asyncio.WriteTransport):
            self._transport.abort()
        elif (sock := self._ws.get_extra_info("socket")) is not None:
            # aiohttp's client does not show its transport, only the socket below it.
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)


def _how_it_ended(message: aiohttp.WSMessage) -> tuple[int, str]:
    """Close code and reason of the message that is not one."""
    if message.type is aiohttp.WSMsgType.CLOSE:
        return message.data or 1005, message.extra or ""
    if message.type is aiohttp.WSMsgType.ERROR and isinstance(message.data, aiohttp.WebSocketError):
        return message.data.code, str(message.data)
    return 1006, ""
