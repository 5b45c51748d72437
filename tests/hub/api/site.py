"""The API on a port, with two households in it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from hub.api.route import Services
from hub.app import make_app
from hub.audio_file import as_flac
from hub.config import Api
from hub.migration.status import status
from hub.networks import Networks
from hub.recognition.desks import Desks
from hub.speakers.desk import SpeakersDesk
from hub.store.accounts import Accounts
from hub.store.archive import Archive
from hub.store.database import Database
from hub.store.household import Household as HouseholdData
from hub.store.household_kinds import ACTIONS, CONVERSATIONS, EVENTS, REMINDERS
from hub.store.pairing import PairingCodes
from hub.store.records import NetworkInfo
from hub.store.settings import NetworkSettings
from hub.store.store import Store
from hub.store.voice_deeds import VoiceDeeds
from shared.config_keys import Secret
from shared.wire.channel import ChannelClosedError, WebSocketChannel
from tests.fakes import VirtualDesk
from tests.flows.scripted import ScriptedDevice
from tests.hub.speakers.people import FakeEncoder
from tests.hub.store.making import SPOKEN_AT, WoundClock, election, interaction
from tests.voice import say, understand

PUBLIC_URL = "https://mira.example.org"
IDS = (
    "interaction_id",
    "election_id",
    "conversation_id",
    "person_id",
    "action_id",
    "event_id",
    "reminder_id",
)
"""What a household has one of."""
RECORDING = as_flac(say("ba de fi go"))
"""Of what is said in each."""
OPERATOR_TOKEN = "an operator's long random text"


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    body: Any
    headers: Mapping[str, str]

    @property
    def code(self) -> str:
        """Of an error."""
        code: str = self.body["error"]["code"]
        return code


@dataclass
class Household:
    """A network with the devices `kitchen` and `hall`, and something that was said."""

    network: NetworkInfo
    token: str
    clients: dict[str, str]  # tokens by client id
    registration: str
    interaction_id: str
    election_id: str
    conversation_id: str
    person_id: str
    action_id: str
    event_id: str
    reminder_id: str
    feed: str  # token of the calendar's file

    @property
    def base(self) -> str:
        """Of its paths."""
        return f"/api/v1/networks/{self.network.public_id}"

    def path(self, template: str, client_id: str = "kitchen") -> str:
        """A route's path, about this household."""
        return template.format(
            network_id=self.network.public_id,
            client_id=client_id,
            **{name: getattr(self, name) for name in IDS},
        )


class Site:
    """The application, and whom it serves."""

    def __init__(self, database: Database, clock: WoundClock, api: Api) -> None:
        self.clock = clock
        self.database = database
        self.store = Store(database, clock)
        self.accounts = Accounts(database, clock)
        self.archive = Archive(database, clock)
        self.household_data = HouseholdData(database, clock)
        self.desk = VirtualDesk(understand)
        self.networks = Networks(self.store, Desks(self.desk), clock)
        self.pairing = PairingCodes(database, clock)
        self.voices = VoiceDeeds(database, clock)
        self.speakers = SpeakersDesk(FakeEncoder)
        services = Services(
            self.store,
            self.accounts,
            self.archive,
            self.household_data,
            self.networks,
            self.pairing,
            "hub_1",
            voices=self.voices,
            speakers=self.speakers,
            public_url=PUBLIC_URL,
            migrations=lambda: status(database, clock, Path()),
        )
        self.client = TestClient(TestServer(self.application(services, api)))

    def application(self, services: Services, api: Api) -> web.Application:
        """What answers."""
        return make_app(services, api, ["127.0.0.1"])

    async def ask(
        self,
        method: str,
        path: str,
        token: str = "",
        json: object = None,
        data: Any = None,
        **headers: str,
    ) -> Answer:
        """One request; `json` or `data` is its body."""
        if token:
            headers["Authorization"] = f"Bearer {token}"
        async with self.client.request(
            method, path, json=json, data=data, headers=headers
        ) as answer:
            body = await answer.json() if answer.content_type == "application/json" else None
            return Answer(answer.status, body, answer.headers)

    async def device(self, home: Household, client_id: str) -> ScriptedDevice:
        """A device, connected and greeted."""
        device = await self.connection(home, client_id)
        await device.greet()
        return device

    async def connection(self, home: Household, client_id: str) -> ScriptedDevice:
        """A device's connection, before its greeting."""
        opened = await self.client.ws_connect(
            f"{home.base}/ws", headers={"Authorization": f"Bearer {home.clients[client_id]}"}
        )
        return ScriptedDevice(WebSocketChannel(opened))

    async def household(self, name: str) -> Household:
        """A new one."""
        created, token, registration = await self.accounts.create_network(
            name, None, NetworkSettings()
        )
        network = next(
            each for each in await self.store.networks() if each.public_id == created.network_id
        )
        tokens = {}
        for client in ("kitchen", "hall"):
            _, tokens[client], _ = await self.store.add_client(
                network.network_id, client, room=client, client_id=client
            )
        said, chosen = interaction(f"said in {name}"), election(network.network_id)
        await self.store.record_interaction(said, chosen, RECORDING)
        made, key, now = self.household_data, network.network_id, SPOKEN_AT
        conversation, _ = await made.add(CONVERSATIONS, key, {"title": f"talk of {name}"})
        person, _ = await made.add_person(key, f"one of {name}")
        action, _ = await made.add(
            ACTIONS, key, {"action_type": "lights", "interaction_id": said.interaction_id}
        )
        event, _ = await made.add(EVENTS, key, {"title": f"party of {name}", "start_time": now})
        reminder = {"due_time": now, "priority": "low", "status": "pending"}
        remind, _ = await made.add(REMINDERS, key, {"title": f"task of {name}"} | reminder)
        return Household(
            network,
            token,
            tokens,
            registration,
            said.interaction_id,
            chosen.election_id,
            conversation.conversation_id,
            person.person_id,
            action.action_id,
            event.event_id,
            remind.reminder_id,
            await self.accounts.new_feed(key),
        )


async def closed(device: ScriptedDevice) -> int | None:
    """The code with which the hub ends the connection."""
    try:
        async with asyncio.timeout(10):
            while True:
                await device.receive()
    except ChannelClosedError as end:
        return end.code


@asynccontextmanager
async def open_site(database: Database, clock: WoundClock, **api: Any) -> AsyncIterator[Site]:
    """A site that answers."""
    given: dict[str, Any] = {"burst": 10_000, "operator_token": Secret(OPERATOR_TOKEN)} | api
    site = Site(database, clock, Api(**given))
    await site.client.start_server()
    try:
        yield site
    finally:
        await site.networks.close()
        await site.client.close()
