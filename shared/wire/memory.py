"""A channel in memory: two ends of one link, with latency, that can be cut or stalled.

It keeps the promises that `WebSocketChannel` keeps (one test suite runs on both), reads no clock
but the event loop's, and so runs on virtual time.
"""

from __future__ import annotations

import asyncio
from collections import deque

from shared.wire import channel
from shared.wire.channel import ChannelClosedError
from shared.wire.codec import MAX_MESSAGE_BYTES

WINDOW_BYTES = 256 * 1024
"""What may be under way or unread in one direction before `send` waits: a socket's buffers."""

_Item = tuple[str | bytes, int] | ChannelClosedError  # a message and its bytes, or the end


class _Link:
    """What both ends share."""

    def __init__(self, latency_s: float) -> None:
        self.latency_s = latency_s
        self.stalled = False
        self.changed = asyncio.Event()

    def wake(self) -> None:
        """Lets everybody who waits on this link look again, once."""
        self.changed.set()
        self.changed = asyncio.Event()


class MemoryChannel:
    """One end of a link in memory; `memory_channels` makes both."""

    def __init__(self, link: _Link) -> None:
        self._link = link
        self._peer: MemoryChannel = self  # until `memory_channels` joins the two
        self._under_way: deque[_Item] = deque()  # towards this end
        self._inbox: deque[tuple[str | bytes, int]] = deque()
        self._inbound_bytes = 0  # under way and unread
        self._peer_end: ChannelClosedError | None = None  # to be read behind the inbox
        self._end: ChannelClosedError | None = None  # this end is over

    async def send(self, *messages: str | bytes) -> None:
        """Sends messages in their order; raises ChannelClosedError as a WebSocket would."""
        for data in messages:
            await self._send(data)

    async def _send(self, data: str | bytes) -> None:
        size = len(data if isinstance(data, bytes) else data.encode())
        self._raise_if_over(self._end or self._peer_end)
        if self._peer._inbound_bytes > WINDOW_BYTES:
            await self._wait_for_room()
        self._peer._inbound_bytes += size
        self._put((data, size))

    async def receive(self) -> str | bytes:
        """Waits for the next message; raises ChannelClosedError."""
        self._raise_if_over(self._end)
        while not self._inbox:
            self._raise_if_over(self._end or self._peer_end)
            await self._link.changed.wait()
        self._raise_if_over(self._end)
        data, size = self._inbox.popleft()
        self._inbound_bytes -= size
        self._link.wake()
        if size > MAX_MESSAGE_BYTES:
            await self.close(1009, "the message is too big")
            self._raise_if_over(self._end)
        return data

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Closes the link: the peer reads what was sent before, then `code`."""
        if self._end is None and self._peer_end is None:
            self._put(ChannelClosedError(code, reason))
            self._finish(ChannelClosedError(code, reason))

    def cut(self) -> None:
        """The link dies without a close: both ends see 1006, what was under way is lost."""
        for end in (self, self._peer):
            end._peer_end = end._peer_end or ChannelClosedError(1006, "the link died")
        self._link.wake()

    def stall(self) -> None:
        """The link goes silent for good: nothing arrives any more, and nobody is told."""
        self._link.stalled = True

    async def _wait_for_room(self) -> None:
        try:
            async with asyncio.timeout(channel.SEND_TIMEOUT_S):
                while self._peer._inbound_bytes > WINDOW_BYTES:
                    await self._link.changed.wait()
                    self._raise_if_over(self._end or self._peer_end)
        except TimeoutError:
            self._finish(ChannelClosedError(1006, "the peer takes nothing"))
            self._put(ChannelClosedError())
            self._raise_if_over(self._end)

    def _put(self, item: _Item) -> None:
        self._peer._under_way.append(item)
        if self._link.latency_s:
            asyncio.get_running_loop().call_later(self._link.latency_s, self._peer._arrive)
        else:
            self._peer._arrive()

    def _arrive(self) -> None:
        """The oldest item is here; timers due at one moment may fire in any order."""
        item = self._under_way.popleft()
        if self._link.stalled or self._peer_end is not None:
            return  # lost
        if isinstance(item, ChannelClosedError):
            self._peer_end = item
        else:
            self._inbox.append(item)
        self._link.wake()

    def _finish(self, end: ChannelClosedError) -> None:
        self._end = self._end or end
        self._link.wake()

    @staticmethod
    def _raise_if_over(end: ChannelClosedError | None) -> None:
        if end is not None:  # a new exception each time: one instance would gather tracebacks
            raise ChannelClosedError(end.code, end.reason) from None


def memory_channels(latency_s: float = 0.0) -> tuple[MemoryChannel, MemoryChannel]:
    """Both ends of a new link; a message is under way for `latency_s` seconds of loop time."""
    link = _Link(latency_s)
    one, other = MemoryChannel(link), MemoryChannel(link)
    one._peer, other._peer = other, one
    return one, other
