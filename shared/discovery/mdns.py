"""Announcing and browsing with python-zeroconf."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import ipaddress
import logging
import re
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Generic, Literal, Self, TypeVar

import ifaddr
import zeroconf
from zeroconf import (  # type: ignore[attr-defined] # the first two are there, only not listed
    DNSOutgoing,
    DNSQuestion,
    InterfaceChoice,
    IPVersion,
    RecordUpdate,
    RecordUpdateListener,
)
from zeroconf.asyncio import AsyncServiceBrowser, AsyncServiceInfo, AsyncZeroconf

from shared.discovery.records import DeviceRecord, HubRecord, InvalidRecordError, Record
from shared.errors import Fault, MiraError

log = logging.getLogger(__name__)

FOLLOW_S = 10.0
"""How often the machine's addresses are looked at: Wi-Fi and DHCP come late and change."""
RESOLVE_MS = 3000
"""How long an instance may take to say where it is."""

R = TypeVar("R", HubRecord, DeviceRecord)


class MdnsUnavailableError(MiraError):
    """mDNS cannot be used on this machine now."""

    code = "MDNS_UNAVAILABLE"
    fault = Fault.ENVIRONMENT


@dataclass(frozen=True)
class Sighting(Generic[R]):
    """One thing that was heard of an instance."""

    change: Literal["appeared", "updated", "heard", "vanished"]
    """heard: it announced itself again and nothing is new; vanished: with what was last known."""
    instance: str  # its unique name on the local network
    record: R
    addresses: tuple[str, ...]  # IP addresses, as text
    port: int


class Mdns:
    """This process's mDNS sockets; announcers and browsers share them. `open_mdns` makes it."""

    def __init__(self, aiozc: AsyncZeroconf, interfaces: Sequence[str]) -> None:
        self.aiozc = aiozc
        self.interfaces = interfaces
        self.announcers: set[Announcer] = set()
        self._found = own_addresses()

    async def follow(self) -> None:
        """For ever: keeps sockets and announcements up with the machine's addresses."""
        while True:
            await asyncio.sleep(FOLLOW_S)
            await self.look_again()

    async def look_again(self) -> None:
        """Takes up the machine's addresses if they are others than before."""
        found = own_addresses()
        if found == self._found:
            return
        log.info("this machine's addresses changed: %s", ", ".join(found) or "none")
        try:
            await self.aiozc.async_update_interfaces()
            for announcer in tuple(self.announcers):
                await announcer.refresh()
        except (OSError, RuntimeError, zeroconf.Error) as error:
            log.debug("mDNS could not follow: %s", error)  # tried again at the next look
            return
        self._found = found

    def addresses(self, host: str) -> list[str]:
        """What to announce for a server that is bound to `host`."""
        return announced_addresses(host, self.interfaces, own_addresses())


@contextlib.asynccontextmanager
async def open_mdns(interfaces: Sequence[str] = ()) -> AsyncIterator[Mdns]:
    """mDNS on the interfaces that have these IPv4 addresses; none given: on all, loopback too.

    Each interface gets a socket of its own, so that a machine with only loopback works as one
    with several networks does, and all processes of one machine hear each other.

    Raises:
        MdnsUnavailableError: the sockets cannot be opened.
    """
    try:
        aiozc = AsyncZeroconf(
            interfaces=list(interfaces) or InterfaceChoice.All, ip_version=IPVersion.V4Only
        )
    except (OSError, RuntimeError, ValueError) as error:
        raise MdnsUnavailableError(
            f"mDNS cannot be used: {error}",
            "Check the network interfaces, or give addresses by configuration.",
        ) from error
    mdns = Mdns(aiozc, interfaces)
    following = asyncio.create_task(mdns.follow())
    try:
        yield mdns
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
        await aiozc.async_close()


class Announcer:
    """Announces one service while it is entered as a context.

    Args:
        mdns: the sockets.
        record: what to say.
        port: where the service answers; 0 where it only shows itself.
        host: the address that its server is bound to, or a wildcard.
    """

    def __init__(self, mdns: Mdns, record: Record, port: int, host: str = "0.0.0.0") -> None:  # noqa: S104  # names what is announced, binds nothing
        self._mdns = mdns
        self._record = record
        self._port = port
        self._host = host
        self._name = instance_name(record)
        # A host name of its own: two machines with the same instance name must not mix addresses.
        self._server = f"mira-{uuid.uuid4().hex}.local."
        self._busy = asyncio.Lock()
        self._repeats: asyncio.Future[object] | None = None

    async def __aenter__(self) -> Self:
        info = self._info()
        self._repeat(await self._mdns.aiozc.async_register_service(info, allow_name_change=True))
        self._name = info.name  # another instance may have had ours
        self._mdns.announcers.add(self)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._mdns.announcers.discard(self)
        async with self._busy:
            self._repeat(None)
            await (await self._mdns.aiozc.async_unregister_service(self._info()))

    async def update(self, record: Record) -> None:
        """Announces `record` from now on (listening switched, another room)."""
        self._record = record
        await self.refresh()

    async def refresh(self) -> None:
        """Announces again, with the machine's addresses as they are now."""
        async with self._busy:
            self._repeat(await self._mdns.aiozc.async_update_service(self._info()))

    def _info(self) -> AsyncServiceInfo:
        return AsyncServiceInfo(
            self._record.service,
            self._name,
            port=self._port,
            server=self._server,
            properties=self._record.to_txt(),
            parsed_addresses=self._mdns.addresses(self._host),
        )

    def _repeat(self, announcing: Awaitable[object] | None) -> None:
        """Lets zeroconf send this announcement twice more, and no longer the one before it."""
        if self._repeats is not None:
            self._repeats.cancel()
        self._repeats = None if announcing is None else asyncio.ensure_future(announcing)


class Browser(RecordUpdateListener, Generic[R]):
    """Tells of every instance of a kind of service while it is entered as a context.

    Args:
        mdns: the sockets.
        kind: `HubRecord` or `DeviceRecord`: what is looked for.
        on_sighting: called in the event loop with each sighting.
    """

    def __init__(
        self, mdns: Mdns, kind: type[R], on_sighting: Callable[[Sighting[R]], None]
    ) -> None:
        self._mdns = mdns
        self._kind: type[R] = kind
        self._on_sighting: Callable[[Sighting[R]], None] = on_sighting
        self._known: dict[str, Sighting[R]] = {}
        self._resolving: dict[str, asyncio.Task[None]] = {}
        self._browser: AsyncServiceBrowser | None = None

    @property
    def known(self) -> list[Sighting[R]]:
        """What is there now."""
        return list(self._known.values())

    def ask(self) -> None:
        """Asks who is there, and where; what is new in the answers comes as any sighting does.

        zeroconf asks ever more rarely, and leaves out what it believes to know: an announcement
        that was lost, such as that of a hub that moved, would be missed for an hour.
        """
        question = DNSOutgoing(_QUERY)
        question.add_question(DNSQuestion(self._kind.service, _PTR, _IN))
        self._mdns.aiozc.zeroconf.async_send(question)

    async def __aenter__(self) -> Self:
        zc = self._mdns.aiozc.zeroconf
        await zc.async_wait_for_start()
        self._browser = AsyncServiceBrowser(
            zc, self._kind.service, handlers=[self._service_changed]
        )
        zc.async_add_listener(self, None)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._mdns.aiozc.zeroconf.async_remove_listener(self)
        if self._browser is not None:
            await self._browser.async_cancel()
        tasks = list(self._resolving.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def async_update_records(
        self, zc: zeroconf.Zeroconf, now: float, records: list[RecordUpdate]
    ) -> None:
        """An instance that restarted says what is known already: zeroconf reports no change."""
        for update in records:
            name = getattr(update.new, "alias", None)  # of PTR records
            if name in self._known and update.old is not None and not update.new.is_expired(now):
                sighting = replace(self._known[name], change="heard")
                asyncio.get_running_loop().call_soon(self._on_sighting, sighting)

    def async_update_records_complete(self) -> None:
        """Nothing to do: every record was taken as it came."""

    def _service_changed(
        self,
        zeroconf: zeroconf.Zeroconf,
        service_type: str,
        name: str,
        state_change: zeroconf.ServiceStateChange,
    ) -> None:
        if (earlier := self._resolving.pop(name, None)) is not None:
            earlier.cancel()
        if state_change is _REMOVED:
            if (gone := self._known.pop(name, None)) is not None:
                sighting = replace(gone, change="vanished")
                asyncio.get_running_loop().call_soon(self._on_sighting, sighting)
            return
        task = asyncio.get_running_loop().create_task(self._resolve(name))
        self._resolving[name] = task
        task.add_done_callback(lambda done: self._resolved(name, done))

    def _resolved(self, name: str, task: asyncio.Task[None]) -> None:
        if self._resolving.get(name) is task:
            del self._resolving[name]

    async def _resolve(self, name: str) -> None:
        """Finds out what an instance says, and tells it if it is new."""
        try:
            info = AsyncServiceInfo(self._kind.service, name)
            if not await info.async_request(self._mdns.aiozc.zeroconf, RESOLVE_MS):
                log.debug("%s does not say where it is", name)
                return
            record = self._kind.from_txt(info.properties)
        except (InvalidRecordError, zeroconf.Error) as error:
            log.debug("the announcement of %r is ignored: %s", name, error)
            return
        before = self._known.get(name)
        now = Sighting(
            change="appeared" if before is None else "updated",
            instance=name,
            record=record,
            addresses=tuple(info.parsed_addresses()),
            port=info.port or 0,
        )
        if before is None or replace(before, change=now.change) != now:
            self._known[name] = now
            self._on_sighting(now)


_REMOVED = zeroconf.ServiceStateChange.Removed
_QUERY, _PTR, _IN = 0, 12, 1  # RFC 1035


def own_addresses() -> list[str]:
    """All IPv4 addresses of this machine, sorted."""
    return sorted(
        ip.ip for adapter in ifaddr.get_adapters() for ip in adapter.ips if isinstance(ip.ip, str)
    )


def announced_addresses(host: str, interfaces: Sequence[str], found: Sequence[str]) -> list[str]:
    """Where a server that is bound to `host` can be reached.

    Args:
        host: an IP address, a wildcard (`0.0.0.0`, `::`, empty) or a host name.
        interfaces: IP addresses of the interfaces in use; empty: all.
        found: the machine's IP addresses.

    Returns:
        `host` if it is one address; else the machine's addresses on those interfaces without
        loopback, or loopback where there are no others.
    """
    if host == "localhost":
        return ["127.0.0.1"]
    with contextlib.suppress(ValueError):
        if not ipaddress.ip_address(host).is_unspecified:
            return [host]
    usable = [one for one in found if not interfaces or one in interfaces]
    return [one for one in usable if not ipaddress.ip_address(one).is_loopback] or ["127.0.0.1"]


def instance_name(record: Record) -> str:
    """A name for the local network: readable, another for each id, the same at every start."""
    readable = re.sub("[^a-z0-9]+", "-", record.name.lower()).strip("-")[:40] or "mira"
    tail = hashlib.sha256(record.id.encode()).hexdigest()[:8]
    return f"{readable}-{tail}.{record.service}"
