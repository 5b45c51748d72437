"""Several households on one hub; what each of their tokens must be shown, and what never."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from aiohttp import ClientWebSocketResponse, WSMsgType

from hub.api.route import Route
from hub.api.routes import CLIENT, INTERACTION, NETWORK
from hub.store.records import ElectionRecord, InteractionRecord, Role
from shared.ids import new_id
from shared.wire.codec import encode
from shared.wire.session import Hello
from tests.hub.api.site import Site

_OWNED = re.compile(
    rb"zz\d+zz|net_[0-9a-f]{32}|client_[0-9a-f]{16}|mira_(?:net|client|reg)_[\w-]{43}"
    rb"|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
)
"""What somebody may own: marks in names and texts, ids, tokens."""
_PART = re.compile(r"\{(\w+)\}")
NEVER = 2**62
SOMEBODY = "5b1f6a52-3c1f-4f5e-9d43-0d1f2c3b4a59"
BODIES = {
    "NewClient": {"name": "Attic"},
    "Merge": {"person_id": SOMEBODY},
    "Split": {"interaction_ids": [SOMEBODY]},
}
"""What routes are sent that need more than an empty object."""


def _names_device(route: Route) -> bool:
    """Whether a recording is sent there as a device's."""
    fields = route.query.__struct_fields__ if route.query else ()
    return route.recording and "client_id" in fields


@dataclass
class Key:
    """A token, and how long it is good for."""

    text: str
    home: Home
    role: Role
    client_id: str | None = None
    ends_us: int = NEVER

    def end(self, at_us: int) -> None:
        """It ends then, unless it ends before."""
        self.ends_us = min(self.ends_us, at_us)


@dataclass
class Device:
    """A device that is there."""

    name: str
    listening: bool = True


@dataclass
class Home:
    """A household as it must be, for all that it was told."""

    mark: str  # stands in its names and texts, and in nobody else's
    network_id: str  # the UUID
    public_id: str
    name: str
    listening: bool = True
    status: str = "active"
    there: bool = True
    seq: int = 0  # of its newest event
    devices: dict[str, Device] = field(default_factory=dict)
    said: dict[str, InteractionRecord] = field(default_factory=dict)
    elections: dict[str, ElectionRecord] = field(default_factory=dict)
    became: dict[str, str | None] = field(default_factory=dict)  # interactions, by election
    gone: dict[str, list[str]] = field(default_factory=dict)  # ids that were, by part of a path
    keys: list[Key] = field(default_factory=list)

    @property
    def key(self) -> Key:
        """The network's own."""
        return self.keys[0]

    def present(self, part: str) -> list[str]:
        """The ids that are there of what a part of a path names."""
        kinds: dict[str, dict[str, Any]] = {
            "client_id": self.devices,
            "interaction_id": self.said,
            "election_id": self.elections,
        }
        return list(kinds.get(part, {}))

    def newest_first(self) -> list[InteractionRecord]:
        """What was said, as lists give it."""
        return sorted(
            self.said.values(), key=lambda each: (each.timestamp, each.interaction_id), reverse=True
        )

    def who(self, client_id: str | None) -> str | None:
        """A device, while it is there."""
        return client_id if client_id in self.devices else None

    def digest(self, interaction: InteractionRecord) -> list[str | None]:
        """What must be shown of an interaction."""
        return [interaction.interaction_id, interaction.text, self.who(interaction.client_id)]


def _of_interaction(shown: Any) -> list[str | None]:
    return [shown["interaction_id"], shown["text"], shown["client_id"]]


def _election_of(home: Home, election_id: str) -> list[Any]:
    record = home.elections[election_id]
    became = home.became[election_id]
    heard = sorted(str(home.who(c.client_id)) for c in record.candidates)
    return [record.reason, became if became in home.said else None, heard]


_Shown = Callable[[Any], Any]
_Known = Callable[[Home, str], Any]
SHOWN: dict[str, tuple[_Shown, _Known]] = {
    NETWORK: (
        lambda b: [b["network_id"], b["name"], b["status"], b["settings"]["listening"]],
        lambda h, _: [h.public_id, h.name, h.status, h.listening],
    ),
    NETWORK + "/clients": (
        lambda b: {c["client_id"]: (c["name"], c["listening"]) for c in b["clients"]},
        lambda h, _: {key: (d.name, d.listening) for key, d in h.devices.items()},
    ),
    CLIENT: (
        lambda b: (b["client_id"], b["name"], b["listening"]),
        lambda h, key: (key, h.devices[key].name, h.devices[key].listening),
    ),
    CLIENT + "/config": (
        lambda b: (b["network_id"], b["client_id"], b["name"]),
        lambda h, key: (h.public_id, key, h.devices[key].name),
    ),
    NETWORK + "/interactions": (
        lambda b: [_of_interaction(each) for each in b["interactions"]],
        lambda h, _: [h.digest(each) for each in h.newest_first()],
    ),
    INTERACTION: (_of_interaction, lambda h, key: h.digest(h.said[key])),
    NETWORK + "/elections/{election_id}": (
        lambda b: [
            b["reason"],
            b["interaction_id"],
            sorted(str(c["client_id"]) for c in b["candidates"]),
        ],
        _election_of,
    ),
    NETWORK + "/audio/status": (
        lambda b: {stream["client_id"] for stream in b["streams"]},
        lambda h, _: set(h.devices),
    ),
    NETWORK + "/audio/best-stream": (lambda b: b["client_id"], lambda _, __: None),
}
"""What a route shows, and what it must show."""


class Listener:
    """A socket that hears all of its network."""

    def __init__(self, socket: ClientWebSocketResponse) -> None:
        self._socket = socket
        self._news = asyncio.Event()
        self.raw = bytearray()
        self.seqs: list[int] = []
        self.task = asyncio.ensure_future(self._listen())

    async def _listen(self) -> None:
        async for message in self._socket:
            if message.type is WSMsgType.TEXT:
                self.raw += message.data.encode()
                if (seq := json.loads(message.data).get("seq")) is not None:
                    self.seqs.append(seq)
            self._news.set()

    async def until(self, seq: int) -> None:
        """Waits for an event."""
        async with asyncio.timeout(10):
            while seq and (not self.seqs or self.seqs[-1] < seq):
                self._news.clear()
                await self._news.wait()

    async def close(self) -> None:
        """The connection ends."""
        await self._socket.close()
        await self.task


class Town:
    """Asks a hub in the name of whoever lives there, and reads every answer for what is others'."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self._owners: dict[bytes, Home] = {}

    @property
    def now_us(self) -> int:
        """The hub's clock."""
        return self.site.clock.now_us

    def belongs(self, home: Home, *owned: str) -> None:
        """What nobody but the household may ever be shown."""
        self._owners.update({each.encode(): home for each in owned})

    def good(self, key: Key) -> bool:
        """Whether a token lets in whoever shows it."""
        return key.home.there and self.now_us < key.ends_us

    def removed(self, key: Key) -> bool:
        """Whether a token is of a device that was removed, alone or with its household."""
        gone = not key.home.there or key.client_id in key.home.gone.get("client_id", ())
        return key.role == "client" and gone

    def keep_private(self, data: bytes, home: Home | None) -> None:
        """Nothing of others is in what was shown to a household, or to whoever is of none."""
        found = {part for part in _OWNED.findall(data) if part in self._owners}
        others = {part for part in found if self._owners[part] is not home}
        assert not others, f"shown to {home and home.mark}: {others} in {data!r}"

    async def ask(
        self, key: Key | None, method: str, path: str, body: object = None, token: str = ""
    ) -> tuple[int, Any]:
        """One request; its status, and what came back."""
        text = key.text if key else token
        async with self.site.client.request(
            method, path, json=body, headers={"Authorization": f"Bearer {text}"}
        ) as answer:
            data = await answer.read()
            shown = data + str(answer.headers).encode()
            if answer.status >= 400:
                self.keep_private(shown, None)
            elif key is not None:
                self.keep_private(shown, key.home)
            return answer.status, json.loads(data) if data else None

    async def do(
        self, key: Key, method: str, path: str, body: object = None, *, status: int
    ) -> Any:
        """Something that must be allowed."""
        where = f"/api/v1/networks/{key.home.public_id}{path}"
        given, answer = await self.ask(key, method, where, body)
        assert given == status, answer
        return answer

    def verdict(self, route: Route, key: Key, home: Home, parts: dict[str, str]) -> int | None:
        """The status with which a request must be refused; None: it must be allowed."""
        if not self.good(key):
            return 410 if self.removed(key) else 401
        if key.home is not home:
            return 401
        if key.role not in route.who:
            return 403
        own = route.own or _names_device(route)
        if own and key.role == "client" and parts["client_id"] != key.client_id:
            return 404
        return (
            404 if any(value not in home.present(name) for name, value in parts.items()) else None
        )

    async def attempt(self, route: Route, key: Key, home: Home, source: Home, pick: int) -> None:
        """Asks a route about a household, naming what a household (the same or another) has.

        What is allowed is asked only where nothing changes by it.
        """
        named = [part for part in _PART.findall(route.path) if part != "network_id"]
        if _names_device(route):
            named.append("client_id")
        parts = {}
        for part in named:
            known = [*source.present(part), *source.gone.get(part, ()), new_id()]
            parts[part] = known[pick % len(known)]
        path = route.path.format(network_id=home.public_id, **parts)
        if _names_device(route):
            path += f"?client_id={parts['client_id']}"
        if route.addressed:
            path += f"?token={key.text}"
        refused = self.verdict(route, key, home, parts)
        if refused is None and (route.method != "GET" or route.raw):
            return
        body = BODIES.get(route.body.__name__, {}) if route.body else None
        status, answer = await self.ask(key, route.method, path, body)
        assert status == (refused or 200), (route.method, path, key, answer)
        if refused == 404:
            assert answer["error"]["code"] == route.missing
        elif refused is None and route.path in SHOWN:
            shown, known_to = SHOWN[route.path]
            assert shown(answer) == known_to(home, next(iter(parts.values()), ""))

    async def search(self, key: Key, word: str, client_id: str | None) -> None:
        """A network's interactions, searched for a word and a device of whatever network."""
        home = key.home
        query = f"?limit=500&text={word}" + (f"&client_id={client_id}" if client_id else "")
        found = await self.do(key, "GET", f"/interactions{query}", status=200)
        assert [_of_interaction(each) for each in found["interactions"]] == [
            home.digest(each)
            for each in home.newest_first()
            if word in each.text and client_id in (None, home.who(each.client_id))
        ]

    async def listener(self, home: Home) -> Listener:
        """A socket of the network, greeted."""
        socket = await self.site.client.ws_connect(
            f"/api/v1/networks/{home.public_id}/ws",
            headers={"Authorization": f"Bearer {home.key.text}"},
        )
        hello = Hello(version=1, min_version=1, software="x", device_time_us=0, cursor=0)
        await socket.send_str(encode(hello))
        return Listener(socket)

    def moment(self) -> datetime:
        """Now, and a second later than whatever was before."""
        self.site.clock.now_us += 1_000_000
        return datetime.fromtimestamp(0, UTC) + timedelta(microseconds=self.now_us)
