"""The connection to the hub: found, opened, kept, and opened again."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Iterable
from typing import Protocol

from edge.backoff import Backoff
from edge.hub_finder import HubFinder
from shared.errors import MiraError, NoMemberError, WireError
from shared.logs import Trouble
from shared.outbox import Outbox
from shared.tasks import until_first_ends
from shared.wire.audio import AudioFrame
from shared.wire.channel import Channel, ChannelClosedError
from shared.wire.codec import HubMessage, decode_hub, encode
from shared.wire.fields import Message
from shared.wire.session import ConnectionEstablished, Error, Heartbeat, Hello

log = logging.getLogger(__name__)

HEARTBEAT_S = 5.0
SILENCE_TIMEOUT_S = 30.0
"""A hub probes the clock every ten seconds; one that says nothing for this long is gone."""
GREETING_TIMEOUT_S = 10.0
FIRST_SIGHTING_S = 3.0
"""mDNS takes a moment; only then is it worth a word that there is no hub."""
CLOSE_REPLACED = 4409
"""The hub closes so when the same client connected anew."""
REPLACED_PAUSE_S = 30.0
"""Whoever was replaced leaves the place to the other for so long: no race for it."""
REPLACED = (
    "another device connected with this device's token; give each one of its own, with "
    "`mira-hub pair`"
)

Connect = Callable[[str], Awaitable[Channel]]
"""Opens a channel to the hub at an address (`http://host:port`).

Raises AccessDeniedError when the hub refuses the token, OSError when it does not answer.
"""


class Owner(Protocol):
    """Whose link it is: the daemon."""

    def hello(self) -> Hello:
        """The greeting."""

    def established(self, message: ConnectionEstablished) -> Iterable[Message]:
        """The hub answered; gives what to say first."""

    def received(self, message: HubMessage) -> Iterable[Message]:
        """The hub said something; gives what to answer."""

    def removed(self) -> None:
        """The hub says that the device belongs to the network no more."""

    def audio(self) -> AudioFrame | None:
        """The next audio to send, when there is room for it."""

    async def ready(self) -> None:
        """Waits until it can take what the hub says next."""


class HubLink:
    """Keeps the device connected to a hub.

    Args:
        owner: what is done with messages.
        finder: where hubs are.
        connect: opens a channel.
        backoff: how long to wait between attempts.
    """

    def __init__(
        self, owner: Owner, finder: HubFinder, connect: Connect, backoff: Backoff | None = None
    ) -> None:
        self._owner = owner
        self._finder = finder
        self._connect = connect
        self._backoff = backoff or Backoff()
        self._trouble = Trouble(log, "the link to the hub")
        self._outbox: Outbox | None = None
        self._leaving: asyncio.Future[str] | None = None  # why, once it is to be left
        self.address: str | None = None  # of the hub that we are connected to
        self.trouble = ""  # why there is no connection, as far as is known

    @property
    def connected(self) -> bool:
        """Whether a hub has greeted us."""
        return self._outbox is not None

    def send(self, messages: Iterable[Message]) -> None:
        """Sends, if connected; if not, what is held will be offered on the next connection."""
        if self._outbox is None:
            return
        for message in messages:
            if not self._outbox.put(encode(message)):
                return  # the connection ends, and what is held is offered on the next
        self._refill()

    def leave(self, reason: str) -> None:
        """Ends the connection, if there is one; the next is a fresh start."""
        if self._leaving is not None and not self._leaving.done():
            self._leaving.set_result(reason)

    def _refill(self) -> None:
        outbox = self._outbox
        while outbox is not None and outbox.half_empty:
            frame = self._owner.audio()
            if frame is None or not outbox.put(frame.encode()):
                return

    async def run(self) -> None:
        """Connects, and connects again, for ever."""
        if not self._finder.addresses():
            await self._finder.wait(FIRST_SIGHTING_S)
        while True:
            ended = await self._try_each()
            if ended is not None:
                self._backoff.reset()
            if ended == CLOSE_REPLACED:
                await asyncio.sleep(REPLACED_PAUSE_S)
                continue
            # Devices that lost the same hub come back spread out.
            delay = self._backoff.next_delay(random.random())  # noqa: S311 - not a secret
            await self._finder.wait(delay)

    async def _try_each(self) -> int | None:
        """Tries every address until one connects; how that ended (a close code, 0: else)."""
        addresses = self._finder.addresses()
        if not addresses:
            self._failed("no hub is configured and none shows itself by mDNS")
        for address in addresses:
            try:
                channel = await self._connect(address)
            except (OSError, TimeoutError, MiraError) as error:
                self._failed(f"{address}: {str(error) or 'no answer'}")
                if isinstance(error, NoMemberError):
                    self._owner.removed()
                continue
            ended = 0
            try:
                await self._session(address, channel)
            except ChannelClosedError as closed:
                ended = closed.code
                self._failed(f"{address}: {REPLACED if ended == CLOSE_REPLACED else closed}")
            except TimeoutError:
                self._failed(f"{address}: silent for too long")
            except WireError as error:
                self._failed(f"{address}: {error}")
            finally:
                was_connected = self.connected
                self._outbox, self.address = None, None
                await channel.close()
            if was_connected:
                return ended
        return None

    def _failed(self, reason: str) -> None:
        self.trouble = reason
        self._trouble.failed(reason, asyncio.get_running_loop().time())

    async def _session(self, address: str, channel: Channel) -> None:
        async with asyncio.timeout(GREETING_TIMEOUT_S):
            await channel.send(encode(self._owner.hello()))
            greeting = decode_hub(await channel.receive())
        if isinstance(greeting, Error):
            raise WireError(f"The hub refuses the greeting: {greeting.message}")
        if not isinstance(greeting, ConnectionEstablished):
            raise WireError("The hub's first message is not connection_established.")
        first = list(self._owner.established(greeting))
        outbox = self._outbox = Outbox()
        leaving = self._leaving = asyncio.get_running_loop().create_future()
        self.address, self.trouble = address, ""
        log.info("connected to the hub at %s", address)
        self._trouble.recovered(asyncio.get_running_loop().time())
        self.send(first)
        await until_first_ends(
            self._receive(channel),
            outbox.drain(channel, self._refill),
            self._beat(),
            asyncio.wait([leaving]),
        )
        if leaving.done():
            self._failed(f"{address}: {leaving.result()}")
        elif outbox.overflown:
            self._failed(f"{address}: too slow for what is to be sent, which is offered again")

    async def _receive(self, channel: Channel) -> None:
        while True:
            await self._owner.ready()
            async with asyncio.timeout(SILENCE_TIMEOUT_S):
                data = await channel.receive()
            try:
                self.send(self._owner.received(decode_hub(data)))
            except WireError as error:
                # A newer hub may say what this device does not know; it is told, and goes on.
                self.send([Error(code=error.code, message=str(error)[:4096])])

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(HEARTBEAT_S)
            self.send([Heartbeat()])
