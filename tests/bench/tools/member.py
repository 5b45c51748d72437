"""A device without a microphone and a disk: its WebSocket, with next to no work for each event."""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import Callable

from shared.wire.codec import encode
from shared.wire.events import Ack
from shared.wire.fields import Message
from shared.wire.session import Hello

TEXT = "switch the light in the living room on, and the one in the hall off"
"""What is said in every event."""
SEQ = b'"seq":'
APPLIED = b'{"type":"change_applied"'
ESTABLISHED = b'{"type":"connection_established"'


class Member(asyncio.Protocol):
    """One device's connection: parses frames and counts those that are events."""

    _transport: asyncio.Transport

    def __init__(self, network_id: str, token: str, cursor: int) -> None:
        self.events = 0
        self.last = b""  # event
        self.taken: Callable[[bytes, float], None] | None = None  # told of each event
        self.applied: Callable[[], None] = lambda: None
        self.established = asyncio.get_running_loop().create_future()
        self._greeting = upgrade_request(network_id, token) + client_frame(hello(cursor))
        self._upgraded = False
        self._rest = b""
        self._acked = 0
        self.lost = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.write(self._greeting)

    def data_received(self, data: bytes) -> None:
        data = self._rest + data if self._rest else data
        at = 0
        if not self._upgraded:
            at = data.find(b"\r\n\r\n") + 4
            if at < 4:
                self._rest = data
                return
            if not data.startswith(b"HTTP/1.1 101"):
                raise ConnectionError(data[:at].decode())
            self._upgraded = True
        end = len(data)
        while end - at >= 4:
            length, head = data[at + 1], 2
            if length == 126:
                length, head = int.from_bytes(data[at + 2 : at + 4], "big"), 4
            if at + head + length > end:
                break
            self._take(data[at + head : at + head + length])
            at += head + length
        self._rest = data[at:]

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = True
        if not self.established.done():
            self.established.set_exception(exc or ConnectionError("not let in"))

    def send(self, message: Message) -> None:
        """Says something; raises ConnectionError if the connection is gone."""
        if self.lost:
            raise ConnectionError("the server ended a connection")
        self._transport.write(client_frame(message))

    def ack(self) -> None:
        """Acknowledges what came since the last time."""
        if self.events != self._acked:
            self._acked = self.events
            self.send(Ack(cursor=seq_of(self.last)))

    def _take(self, text: bytes) -> None:
        if SEQ in text:
            self.events += 1
            self.last = text
            if self.taken is not None:
                self.taken(text, time.monotonic())
        elif text.startswith(APPLIED):
            self.applied()
        elif text.startswith(ESTABLISHED):
            self.established.set_result(None)


def seq_of(event: bytes) -> int:
    """An event's place in the log."""
    at = event.index(SEQ) + len(SEQ)
    end = at
    while event[end : end + 1].isdigit():
        end += 1
    return int(event[at:end])


def hello(cursor: int) -> Hello:
    """The greeting of a device that does not listen."""
    return Hello(
        version=1,
        min_version=1,
        software="bench",
        device_time_us=round(time.time() * 1e6),
        cursor=cursor,
        capabilities=[],
    )


def upgrade_request(network_id: str, token: str) -> bytes:
    """Asks for a WebSocket."""
    key = base64.b64encode(bytes(16)).decode()
    return (
        f"GET /api/v1/networks/{network_id}/ws HTTP/1.1\r\nHost: hub\r\n"
        f"Authorization: Bearer {token}\r\nUpgrade: websocket\r\n"
        f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\n"
        "Sec-WebSocket-Version: 13\r\n\r\n"
    ).encode()


def client_frame(message: Message) -> bytes:
    """A message as a client's frame, whose mask changes nothing."""
    text = encode(message).encode()
    size = len(text)
    length = bytes([0x80 | size]) if size < 126 else bytes([0x80 | 126]) + size.to_bytes(2, "big")
    return bytes([0x81]) + length + bytes(4) + text
