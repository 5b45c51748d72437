"""Keeps slow and greedy clients from holding the hub's connections.

aiohttp bounds how long an idle connection may last after an answer. It does not bound how long a
client may take over the head of its request, or how long it may leave an answer unread; nor how
many connections there may be. This stands between the sockets and aiohttp and does.
"""

from __future__ import annotations

import asyncio
import logging
import resource
from collections import Counter
from collections.abc import Callable, Collection
from contextlib import suppress
from typing import cast
from weakref import WeakKeyDictionary

from aiohttp import web
from aiohttp.typedefs import Handler

from hub import metrics

log = logging.getLogger(__name__)

HEAD_S = 10.0
"""From the connection's start to the end of the first request's head."""
HANDSHAKE_S = 10.0
"""Of TLS, before that."""
UNREAD_S = 15.0
"""How long a client may leave an answer unread."""
IDLE_S = 15.0
"""How long a connection may last without a request, once there was one."""
MAX_CONNECTIONS = 2_000
MAX_FROM_ONE_ADDRESS = 1_000
"""Several devices may share an address; none needs so many."""
RESERVED = 16
"""For this machine's own: a flood from elsewhere must not keep out the hub's own health check."""


class Doorkeeper:
    """Watches every connection of a server.

    Args:
        proxies: addresses from which there may be any number: everybody comes through them.
        head_s, unread_s: limits in seconds.
        most, most_from_one: how many connections there may be, in all and from one address.
        reserved: how many more from this machine itself.
    """

    def __init__(
        self,
        proxies: Collection[str] = (),
        *,
        head_s: float = HEAD_S,
        unread_s: float = UNREAD_S,
        most: int = MAX_CONNECTIONS,
        most_from_one: int = MAX_FROM_ONE_ADDRESS,
        reserved: int = RESERVED,
    ) -> None:
        self._reserved = reserved
        self.head_s = head_s
        self.unread_s = unread_s
        self._proxies = proxies
        self._most = most
        self._most_from_one = most_from_one
        self._by_address: Counter[str] = Counter()
        self._watches: WeakKeyDictionary[asyncio.BaseTransport, _Watch] = WeakKeyDictionary()

    @property
    def connections(self) -> int:
        """How many there are."""
        return self._by_address.total()

    def watching(self, make: Callable[[], asyncio.Protocol]) -> Callable[[], asyncio.Protocol]:
        """A factory of protocols that are watched, for `create_server`."""
        return lambda: _Watch(self, make())

    @web.middleware
    async def middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Notes that a request's head is complete."""
        watch = self._watches.get(request.transport) if request.transport else None
        if watch is not None:
            watch.head_is_complete()
        return await handler(request)

    def admit(self, watch: _Watch, transport: asyncio.Transport) -> str | None:
        """The address that a new connection counts for; None: it may not stay."""
        peer = transport.get_extra_info("peername")
        address = str(peer[0]) if isinstance(peer, tuple) else ""
        many = self._by_address[address] >= self._most_from_one and address not in self._proxies
        most = self._most + (self._reserved if address in ("127.0.0.1", "::1") else 0)
        if many or self.connections >= most:
            metrics.REFUSED.labels("too_many").inc()
            log.debug("a connection from %s is refused: there are too many", address)
            return None
        self._by_address[address] += 1
        self._watches[transport] = watch
        return address

    def gone(self, address: str) -> None:
        """A connection that was admitted has ended."""
        self._by_address[address] -= 1
        if not self._by_address[address]:
            del self._by_address[address]


class _Watch(asyncio.Protocol):
    """One connection: passes everything on to aiohttp, and ends it when it takes too long."""

    def __init__(self, keeper: Doorkeeper, inner: asyncio.Protocol) -> None:
        self._keeper = keeper
        self._inner = inner
        self._transport: asyncio.Transport | None = None
        self._address: str | None = None
        self._head: asyncio.TimerHandle | None = None
        self._unread: asyncio.TimerHandle | None = None

    def head_is_complete(self) -> None:
        """A request has come."""
        if self._head is not None:
            self._head.cancel()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._address = self._keeper.admit(self, self._transport)
        if self._address is None:
            self._transport.abort()
            return
        loop = asyncio.get_running_loop()
        self._head = loop.call_later(self._keeper.head_s, self._end, "slow_head")
        self._inner.connection_made(transport)

    def data_received(self, data: bytes) -> None:
        if self._address is not None:
            self._inner.data_received(data)

    def eof_received(self) -> bool | None:
        return self._inner.eof_received() if self._address is not None else None

    def pause_writing(self) -> None:
        loop = asyncio.get_running_loop()
        self._unread = loop.call_later(self._keeper.unread_s, self._end, "slow_reader")
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        if self._unread is not None:
            self._unread.cancel()
        self._inner.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        for timer in (self._head, self._unread):
            if timer is not None:
                timer.cancel()
        if self._address is not None:
            self._keeper.gone(self._address)
            self._inner.connection_lost(exc)

    def _end(self, why: str) -> None:
        metrics.REFUSED.labels(why).inc()
        log.debug("a connection from %s is ended: %s", self._address, why)
        if self._transport is not None:
            self._transport.abort()


def allow_many_files() -> None:
    """Lets this process open as many files, and so connections, as the system allows it to."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):  # then it works with what it has
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
