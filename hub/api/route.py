"""What a route is: a line of the table from which server, document and tests are made."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from aiohttp import web

from hub.api.teaching import Teach, learn_nothing
from hub.legacy.home import Home
from hub.migration.status import Status
from hub.networks import Networks
from hub.speakers.desk import SpeakersDesk
from hub.store.accounts import Accounts
from hub.store.archive import Archive
from hub.store.errors import NotFoundError
from hub.store.household import Household
from hub.store.pairing import PairingCodes
from hub.store.records import Access
from hub.store.store import Store
from hub.store.voice_deeds import VoiceDeeds
from shared.ids import is_uuid

Who = Literal["anyone", "operator", "creator", "network", "client", "registration", "feed"]
"""`operator`: with the operator's token, or on the hub's own machine.

`creator`: whoever the operator lets create networks. The others are the roles of tokens."""

UNKNOWN_ACCESS = Access("", "network", "", "", "active", None, None)


@dataclass(frozen=True)
class Services:
    """What routes work with."""

    store: Store
    accounts: Accounts
    archive: Archive
    household: Household
    networks: Networks
    pairing: PairingCodes
    hub_id: str
    ca: str | None = None  # of the hub's own, in PEM, where devices see its certificates
    public_url: str | None = None  # under which the hub is reached, where it knows
    voices: VoiceDeeds = field(kw_only=True)
    speakers: SpeakersDesk = field(kw_only=True)
    teach: Teach = learn_nothing  # a voice
    legacy: Home | None = None  # of legacy calls; None: there are none
    migrations: Callable[[], Awaitable[Status]] | None = None  # how far they are; None: no matter


@dataclass(frozen=True)
class Call:
    """One request, checked: whoever asks may, and what is asked has the right shape."""

    services: Services
    request: web.Request
    access: Access = UNKNOWN_ACCESS  # of routes that need a token
    body: Any = None  # of the route's type
    query: Any = None  # of the route's type
    version: int | None = None  # If-Match

    @property
    def network_id(self) -> str:
        """The UUID of the network that the token is for."""
        return self.access.network_id

    def part(self, name: str) -> str:
        """A part of the path, such as `client_id`."""
        return self.request.match_info[name]


@dataclass(frozen=True)
class Versioned:
    """An answer that carries its version, as an ETag."""

    answer: Any
    version: int


@dataclass(frozen=True)
class Text:
    """An answer that is no JSON."""

    text: str
    content_type: str


Handler = Callable[[Call], Awaitable[Any]]


@dataclass(frozen=True)
class Route:
    """One line of the table.

    Args:
        method: of HTTP.
        path: with `{parts}`.
        who: who may use it.
        summary: a sentence for the document.
        handler: does it.
        answer: the type of what comes back; None: nothing does.
        text: the content type in which the answer comes as a `Text`, for who asks for that.
        body: the type of what is sent.
        query: the type of the parameters.
        status: of success.
        missing: the code where what the path names is not there.
        own: a device may name itself only.
        raw: the handler gives the whole response itself.
        recording: the body is audio, which the handler reads.
        recognises: the recogniser may fail over it.
        addressed: the token stands in the address, as its parameter `token`: for programs that
            can send no header.
    """

    method: str
    path: str
    who: frozenset[Who]
    summary: str
    handler: Handler
    answer: Any = None
    text: str | None = None
    body: Any = None
    query: Any = None
    status: int = 200
    missing: str = "NOT_FOUND"
    own: bool = False
    raw: bool = False
    recording: bool = False
    recognises: bool = False
    addressed: bool = False
    tags: tuple[str, ...] = field(default=())

    @property
    def of_network(self) -> bool:
        """Whether it is about one network, whose token is needed."""
        return "{network_id}" in self.path


def roles(*who: Who) -> frozenset[Who]:
    """Who may use a route."""
    return frozenset(who)


def id_of(call: Call, name: str) -> str:
    """A UUID of the path; what is none is not there either: raises NotFoundError."""
    given = call.part(name)
    if not is_uuid(given):
        raise NotFoundError("The network has nothing of this id.")
    return given
