"""What legacy calls work with, and one of them."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

import msgspec
from aiohttp import web

from hub.api.body import keeping_pace
from hub.api.errors import InvalidRequestError
from hub.api.limits import RateLimits
from hub.api.route import Services
from hub.config import Api
from hub.legacy.forms import row_id
from hub.legacy.home import Home
from hub.legacy.streams import Stream, Streams
from hub.legacy.tally import Tally
from hub.network.room import Room
from hub.store.errors import NotFoundError
from hub.store.legacy_clients import public_id
from hub.store.legacy_rows import LegacyRows
from hub.store.moves import Move
from hub.store.records import Access, NetworkInfo
from shared.errors import Fault, MiraError
from shared.wire.events import Event

GUIDE = "/guide"
"""Where the hub's own page is about how to move."""
_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(:\d+)?")


class ListeningOffError(MiraError):
    """Audio came while the service is disabled."""

    code = "LISTENING_OFF"
    fault = Fault.PERSON


@dataclass
class Legacy:
    """What all calls share, at whatever port they come.

    Args:
        services: what the v1 API works with.
        rows: what is shown.
        home: the network that is acted on.
        tally: counts who calls.
        limits: how many requests there may be.
        proxies: addresses of reverse proxies.
    """

    services: Services
    rows: LegacyRows
    home: Home
    tally: Tally
    limits: RateLimits
    proxies: Collection[str] = ()
    streams: defaultdict[str, Streams] = field(default_factory=lambda: defaultdict(Streams))

    @classmethod
    def of(
        cls,
        services: Services,
        rows: LegacyRows,
        home: Home,
        api: Api,
        proxies: Collection[str] = (),
    ) -> Legacy:
        """With the limits of the v1 API."""
        limits = RateLimits(api.requests_per_s, api.burst)
        return cls(services, rows, home, Tally(rows), limits, proxies)


@dataclass(frozen=True)
class Door:
    """Where calls come in.

    Args:
        prefix: of the paths.
        shown: how many interactions are listed to who does not say; 0: all.
        hub_port: the hub's own port, where this is another one.
        hub_scheme: of that port.
    """

    prefix: str = ""
    shown: int = 0
    hub_port: int | None = None
    hub_scheme: str = "https"

    def guide(self, request: web.Request, legacy: Legacy) -> str:
        """The URL of the migration guide."""
        configured = legacy.home.config.guide_url
        if configured is not None:
            return configured
        host = _HOST.fullmatch(request.headers.get("Host", ""))
        origin = f"{request.scheme}://{host[0]}" if host else ""
        if self.hub_port is None and legacy.services.public_url is not None:
            origin = legacy.services.public_url.rstrip("/")
        return f"{origin}{self.prefix}{GUIDE}"

    def hub_url(self, request: web.Request, legacy: Legacy) -> str:
        """Where the v1 API is, for whoever asks."""
        if legacy.services.public_url is not None:
            return legacy.services.public_url.rstrip("/")
        host = _HOST.fullmatch(request.headers.get("Host", ""))
        if host is None:
            raise InvalidRequestError("The header Host names no host.")
        if self.hub_port is None:
            return f"{request.scheme}://{host[0]}"
        return f"{self.hub_scheme}://{host[1]}:{self.hub_port}"


@dataclass
class LegacyCall:
    """One call of somebody who may call.

    Args:
        legacy: what it works with.
        door: where it came in.
        request: as it came.
        address: where it comes from.
        move: the network that it acts on.
        network: the same, as it is now.
        access: who calls.
    """

    legacy: Legacy
    door: Door
    request: web.Request
    address: str
    move: Move
    network: NetworkInfo
    access: Access
    body: dict[str, Any] | None = None  # the JSON object that came along
    name: str | None = None  # how the client calls itself, where it says so

    @property
    def services(self) -> Services:
        """What the v1 API works with."""
        return self.legacy.services

    @property
    def rows(self) -> LegacyRows:
        """What is shown."""
        return self.legacy.rows

    @property
    def network_id(self) -> str:
        """The UUID of the network."""
        return self.move.network_id

    @property
    def streams(self) -> Streams:
        """The legacy clients that are here."""
        return self.legacy.streams[self.network_id]

    @property
    def room(self) -> Room | None:
        """The network at work, if it is."""
        return self.services.networks.open_room(self.network_id)

    @property
    def enabled(self) -> bool:
        """Whether the service is: whether the network listens."""
        return self.network.settings.listening and self.network.status == "active"

    def now_us(self) -> int:
        """The hub's clock."""
        return self.services.networks.clock()

    def publish(self, *events: Event) -> None:
        """Tells the network's devices."""
        self.services.networks.publish(self.network_id, *events)

    def part(self, name: str) -> str:
        """A part of the path."""
        return self.request.match_info[name]

    def row_id(self, name: str) -> str:
        """A UUID of the path; what is none is not there either: raises NotFoundError."""
        found = row_id(self.part(name))
        if found is None:
            raise NotFoundError("There is nothing of this id.")
        return found

    def client(self) -> str:
        """The client that the path names.

        Raises:
            InvalidRequestError: no name that could be stored.
        """
        return self.acts_as(self.part("client_id"))

    def acts_as(self, name: str) -> str:
        """A client is named; a client's own token is for that client.

        Raises:
            InvalidRequestError: no name that could be stored.
            NotFoundError: it is another client than the token's.
        """
        if not name.isprintable():
            raise InvalidRequestError("A client's name has printable characters only.")
        if self.access.role == "client" and public_id(name) != self.access.client_id:
            raise NotFoundError("The network has no such client.")
        self.name = name
        return name

    def stream(self, name: str) -> Stream:
        """A client that is here; raises NotFoundError."""
        found = self.streams.connected.get(name)
        if found is None:
            raise NotFoundError(f"There is no client {name}.", "Register it first.")
        return found

    async def read_body(self) -> None:
        """Takes the JSON object that may come along with any call; what is none is let be."""
        if self.request.content_type.startswith("multipart/") or not self.request.can_read_body:
            return
        async with keeping_pace(self.request):
            data = await self.request.read()
        try:
            body = msgspec.json.decode(data)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
            return
        if isinstance(body, dict):
            self.body = body
            name = body.get("client_id")
            self.name = name if isinstance(name, str) else None
