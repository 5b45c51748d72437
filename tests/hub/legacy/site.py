"""The legacy API on a port of its own and under its prefix, beside the v1 API."""

from __future__ import annotations

import io
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from hub.api.route import Services
from hub.app import make_app
from hub.config import Api
from hub.config import Legacy as Config
from hub.legacy.app import at_old_paths, own_doorkeeper
from hub.legacy.call import Door, Legacy
from hub.legacy.home import Home
from hub.store.database import Database
from hub.store.legacy_rows import LegacyRows
from hub.store.moves import Moves, mark
from hub.store.scope import Scope
from hub.store.tables import Network
from shared.audio import pcm_to_bytes
from tests.flows.scripted import ScriptedDevice
from tests.hub.api.site import Answer, Household, Site
from tests.hub.store.making import WoundClock
from tests.voice import say

HUB_PORT = 8770
SENTENCE = "ba de fi go"
SAMPLES = pcm_to_bytes(say(SENTENCE))
DAY_US = 86_400_000_000
PREFLIGHT = {
    "Origin": "http://localhost:3000",
    "Access-Control-Request-Method": "GET",
    "Access-Control-Request-Headers": "content-type",
}


def audio(
    client_id: str | None, data: bytes | io.BytesIO = SAMPLES, **texts: str
) -> aiohttp.FormData:
    """The form that old clients send."""
    form = aiohttp.FormData()
    if client_id is not None:
        form.add_field("client_id", client_id)
    for name, text in texts.items():
        form.add_field(name, text)
    form.add_field("audio", data, filename="audio.wav", content_type="audio/wav")
    return form


class LegacySite(Site):
    """A hub that serves old clients; its network `home` is where their data went."""

    home: Household

    def __init__(
        self, database: Database, clock: WoundClock, api: Api, config: Config, proxies: list[str]
    ) -> None:
        self._config = config
        self._proxies = proxies
        super().__init__(database, clock, api)

    def application(self, services: Services, api: Api) -> web.Application:
        """Both applications; that of the port of its own is kept as `old`."""
        self.house = Home(Moves(self.database, self.clock), self._config, self.clock)
        services = replace(services, public_url=None, legacy=self.house)
        self.legacy = Legacy.of(services, LegacyRows(self.database), self.house, api, self._proxies)
        doorkeeper = own_doorkeeper()
        old = at_old_paths(self.legacy, Door(hub_port=HUB_PORT), doorkeeper)
        self.old = TestClient(TestServer(old))
        return make_app(services, api, self._proxies, legacy=self.legacy)

    @property
    def started_at(self) -> datetime:
        """When the move began: when the clock was made."""
        return datetime.fromtimestamp(WoundClock().now_us / 1e6, UTC)

    def wind_to_day(self, days: float) -> None:
        """So many days after the move began."""
        self.clock.now_us = WoundClock().now_us + round(days * DAY_US)

    async def move_into(self, home: Household) -> None:
        """Legacy data was moved into a household's network."""
        network_id = home.network.network_id
        async with self.database.transaction(Scope(network_id)) as session:
            row = await session.get(Network, network_id)
            assert row is not None
            row.extra = mark("/old/mira.db", self.started_at)
            session.add(row)

    async def call(
        self,
        method: str,
        path: str,
        token: str = "",
        json: object = None,
        data: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """One request of an old client: at an old path, or under the prefix."""
        sent = dict(headers or {})
        if token:
            sent["Authorization"] = f"Bearer {token}"
        client = self.client if path.startswith("/legacy") else self.old
        async with client.request(method, path, json=json, data=data, headers=sent) as answer:
            return Answer(answer.status, _body(await answer.text()), answer.headers)

    async def enter(self, name: str = "tablet", token: str = "") -> None:
        """A client registers."""
        answer = await self.call("POST", f"/service/client/register/{name}", token)
        assert answer.status == 200, answer

    async def say(self, name: str = "tablet", data: bytes = SAMPLES) -> Answer:
        """A client posts a recording, some time after the last."""
        self.clock.now_us += 60_000_000
        return await self.call("POST", "/interactions/register", data=audio(name, data))

    async def up_to_date(self) -> ScriptedDevice:
        """A device of the new system that has heard all there was: the rest is told to it."""
        newest = await self.store.last_seq(self.home.network.network_id)
        device = await self.device(self.home, "hall")
        while getattr(await device.receive(), "seq", 0) < newest:
            pass
        return device

    async def listens(self) -> bool:
        """Whether the network does."""
        network = await self.store.network(self.home.network.network_id)
        return network.settings.listening


def _body(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def detail(answer: Answer) -> str:
    """Of an error, which has that and nothing else."""
    assert set(answer.body) <= {"detail", "deprecation"}, answer
    found: str = answer.body["detail"]
    return found


def days(count: float) -> timedelta:
    """So many."""
    return timedelta(days=count)


@asynccontextmanager
async def open_legacy_site(
    database: Database,
    clock: WoundClock,
    access: Literal["token", "lan"] = "lan",
    moved: bool = True,
    proxies: list[str] | None = None,
    **config: Any,
) -> AsyncIterator[LegacySite]:
    """A site that answers, with a household whose data was moved."""
    api = Api(burst=10_000)
    site = LegacySite(database, clock, api, Config(access=access, **config), proxies or [])
    await site.client.start_server()
    await site.old.start_server()
    try:
        site.home = await site.household("home")
        if moved:
            await site.move_into(site.home)
        yield site
    finally:
        await site.networks.close()
        await site.client.close()
        await site.old.close()
