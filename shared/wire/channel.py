"""A channel: one connection that carries messages in order, whatever it is made of."""

from __future__ import annotations

import asyncio
from typing import Protocol

import aiohttp
from aiohttp import web

SEND_TIMEOUT_S = 10.0
"""A peer that takes nothing for this long is cut off (a blocked send outlives a heartbeat)."""


class ChannelClosedError(Exception):
    """The connection is gone; `code` is the WebSocket close code."""

    def __init__(self, code: int = 1006, reason: str = "") -> None:
        super().__init__(f"{code} {reason}".rstrip())
        self.code = code
        self.reason = reason


class Channel(Protocol):
    """One end of a connection."""

    async def send(self, data: str | bytes) -> None:
        """Sends one message; raises ChannelClosedError."""

    async def receive(self) -> str | bytes:
        """Waits for the next message; raises ChannelClosedError."""

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Closes the connection; does nothing when it is closed."""


class WebSocketChannel:
    """A channel over an aiohttp WebSocket, client's or server's side."""

    def __init__(
        self,
        ws: aiohttp.ClientWebSocketResponse | web.WebSocketResponse,
        transport: asyncio.BaseTransport | None,
    ) -> None:
        self._ws = ws
        self._transport = transport  # to cut off a peer that does not even take a close

    async def send(self, data: str | bytes) -> None:
        try:
            async with asyncio.timeout(SEND_TIMEOUT_S):
                if isinstance(data, str):
                    await self._ws.send_str(data)
                else:
                    await self._ws.send_bytes(data)
        except TimeoutError:
            self._abort()
            raise ChannelClosedError(1006, "the peer takes nothing") from None
        except (ConnectionError, RuntimeError, aiohttp.ClientError) as error:
            raise ChannelClosedError(self._ws.close_code or 1006, str(error)) from error

    async def receive(self) -> str | bytes:
        message = await self._ws.receive()
        if message.type is aiohttp.WSMsgType.TEXT or message.type is aiohttp.WSMsgType.BINARY:
            data: str | bytes = message.data
            return data
        raise ChannelClosedError(self._ws.close_code or 1006, str(message.extra or ""))

    async def close(self, code: int = 1000, reason: str = "") -> None:
        try:
            async with asyncio.timeout(2.0):
                await self._ws.close(code=code, message=reason.encode()[:120])
        except TimeoutError:
            self._abort()

    def _abort(self) -> None:
        if isinstance(self._transport, asyncio.WriteTransport):
            self._transport.abort()
