"""Keeps slow and greedy clients from holding the hub's connections.

aiohttp bounds how long an idle connection may last after an answer. It does not bound how long a
client may take over the head of its request, or how long it may leave an answer unread; nor how
many connections there may be. asyncio shows a connection only when its TLS handshake is done. So
this stands between the sockets and both, and sees a connection from its first moment.
"""

from __future__ import annotations

import asyncio
import logging
import resource
import socket
import ssl
import sys
from abc import ABC, abstractmethod
from asyncio.sslproto import SSLProtocol
from collections import Counter
from collections.abc import Callable, Collection
from contextlib import suppress
from typing import cast
from weakref import WeakKeyDictionary

from aiohttp import web
from aiohttp.typedefs import Handler

from hub import metrics
from hub.tls import GatheringTls

log = logging.getLogger(__name__)

HEAD_S = 10.0
"""From the connection's start to the end of the first request's head, TLS included."""
UNREAD_S = 15.0
"""How long a client may leave an answer unread."""
IDLE_S = 12.0
"""How long a connection may last without a request, once there was one."""
GOODBYE_S = 5.0
"""How long the end of TLS may take, what is left to be sent included."""
TOLD_S = 2.0
"""How long a connection lasts that was told that its body was too slow."""
UNREAD_BYTES = 64 * 1024
"""What waits for a client above TLS, and as much below, before the writer has to wait."""
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
        self._watches: set[_Watch] = set()
        self._asking: WeakKeyDictionary[asyncio.BaseTransport, _Watch] = WeakKeyDictionary()

    @property
    def connections(self) -> int:
        """How many there are, with those that still shake hands."""
        return len(self._watches)

    def watching(
        self, make: Callable[[], asyncio.Protocol], context: ssl.SSLContext | None = None
    ) -> Callable[[], asyncio.BaseProtocol]:
        """A factory of protocols that are watched, for a `create_server` without TLS.

        Args:
            make: makes the protocol that answers; asked when a client may speak to it.
            context: for TLS, which is done here: what asyncio's server does is seen too late.
        """
        if context is None:
            return lambda: _Plain(self, make)
        return lambda: _Secure(self, make, context)

    @web.middleware
    async def middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Notes that a request's head is complete, and sends away whose body was too slow."""
        watch = self._asking.get(request.transport) if request.transport else None
        if watch is not None:
            watch.head_is_complete()
        response = await handler(request)
        if watch is not None and response.status == web.HTTPRequestTimeout.status_code:
            response.force_close()  # says so to the client
            watch.end_soon()
        return response

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
        self._watches.add(watch)
        return address

    def may_ask(self, watch: _Watch, transport: asyncio.Transport) -> None:
        """A connection's requests will come by this transport."""
        self._asking[transport] = watch

    def gone(self, watch: _Watch, address: str) -> None:
        """A connection that was admitted has ended."""
        self._watches.discard(watch)
        self._by_address[address] -= 1
        if not self._by_address[address]:
            del self._by_address[address]

    def close(self) -> None:
        """Ends what connections there are; aiohttp does not know of those that shake hands."""
        for watch in self._watches:
            watch.abort()


class _Watch(asyncio.BaseProtocol, ABC):
    """One connection, below TLS: ended when it takes too long, else passed on to what answers."""

    _transport: asyncio.Transport
    _inner: asyncio.Protocol | SSLProtocol

    def __init__(self, keeper: Doorkeeper, make: Callable[[], asyncio.Protocol]) -> None:
        self._keeper = keeper
        self._make = make
        self._address: str | None = None  # None: it was not admitted, and nothing is passed on
        self._head: asyncio.TimerHandle | None = None
        self._unread: asyncio.TimerHandle | None = None
        self._end: asyncio.TimerHandle | None = None

    def head_is_complete(self) -> None:
        """A request has come."""
        if self._head is not None:
            self._head.cancel()

    def end_soon(self) -> None:
        """Leaves time for an answer and no more."""
        self._end = self._end or asyncio.get_running_loop().call_later(TOLD_S, self.abort)

    def abort(self) -> None:
        """Ends it now."""
        self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._address = self._keeper.admit(self, self._transport)
        if self._address is None:
            self.abort()
            return
        _limit_unsent(self._transport, self._keeper.unread_s)
        loop = asyncio.get_running_loop()
        self._head = loop.call_later(self._keeper.head_s, self._too_slow, "slow_head")
        self._begin()

    @abstractmethod
    def _begin(self) -> None:
        """Passes the connection on."""

    def answerer(self, transport: asyncio.Transport) -> asyncio.Protocol:
        """What answers, now that the client may ask by this transport."""
        transport.set_write_buffer_limits(UNREAD_BYTES)
        self._keeper.may_ask(self, transport)
        return self._make()

    def eof_received(self) -> bool | None:
        return self._inner.eof_received()

    def pause_writing(self) -> None:
        loop = asyncio.get_running_loop()
        self._unread = loop.call_later(self._keeper.unread_s, self._too_slow, "slow_reader")
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        if self._unread is not None:
            self._unread.cancel()
        self._inner.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        for timer in (self._head, self._unread, self._end):
            if timer is not None:
                timer.cancel()
        if self._address is not None:
            self._keeper.gone(self, self._address)
            self._inner.connection_lost(exc)

    def _too_slow(self, why: str) -> None:
        metrics.REFUSED.labels(why).inc()
        log.debug("a connection from %s is ended: %s", self._address, why)
        self.abort()


class _Plain(_Watch, asyncio.Protocol):
    """A connection without TLS."""

    _inner: asyncio.Protocol

    def _begin(self) -> None:
        self._inner = self.answerer(self._transport)
        self._inner.connection_made(self._transport)

    def data_received(self, data: bytes) -> None:
        self._inner.data_received(data)


class _Secure(_Watch, asyncio.BufferedProtocol):
    """A connection with TLS."""

    _inner: SSLProtocol

    def __init__(
        self,
        keeper: Doorkeeper,
        make: Callable[[], asyncio.Protocol],
        context: ssl.SSLContext,
    ) -> None:
        super().__init__(keeper, make)
        self._context = context

    def _begin(self) -> None:
        loop = asyncio.get_running_loop()
        self._inner = GatheringTls(loop, _Arrival(self), self._context, GOODBYE_S)
        self._inner.connection_made(self._transport)

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._inner.get_buffer(sizehint)

    def buffer_updated(self, nbytes: int) -> None:
        self._inner.buffer_updated(nbytes)


class _Arrival(asyncio.Protocol):
    """Waits for the end of a handshake, and then makes way for what answers."""

    def __init__(self, watch: _Watch) -> None:
        self._watch = watch

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        secure = cast("asyncio.Transport", transport)
        answerer = self._watch.answerer(secure)
        secure.set_protocol(answerer)
        answerer.connection_made(secure)


def _limit_unsent(transport: asyncio.Transport, seconds: float) -> None:
    """Has the system end a connection whose peer takes nothing of what it is sent.

    That the writer has to wait is not enough to see such a peer by: the rest of an answer may be
    less than that, and waits for ever.
    """
    if sys.platform == "linux":
        sock = transport.get_extra_info("socket")
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, round(seconds * 1000))


def allow_many_files() -> None:
    """Lets this process open as many files, and so connections, as the system allows it to."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):  # then it works with what it has
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
