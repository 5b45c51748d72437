"""A real hub in this process: real store, real desk, real sockets, a recogniser that is made up."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from edge.config import Access
from edge.startup import Connector
from hub.api.route import Services
from hub.app import make_app
from hub.config import Api
from hub.election.election import Rules
from hub.networks import Networks
from hub.recognition.desk import RecognitionDesk
from hub.recognition.desks import Desks
from hub.recognition.fake import FakeRecogniser
from hub.recognition.recogniser import Recogniser
from hub.speakers.desk import SpeakersDesk
from hub.store.accounts import Accounts
from hub.store.archive import Archive
from hub.store.database import Database
from hub.store.household import Household
from hub.store.pairing import PairingCodes
from hub.store.records import NetworkInfo
from hub.store.store import Store
from hub.store.voice_deeds import VoiceDeeds
from shared.clock import steady_clock
from shared.config_keys import Secret
from tests.flows.scripted import ScriptedDevice
from tests.hub.speakers.people import FakeEncoder
from tests.voice import understand


@dataclass
class RealHub:
    """A hub on a port of its own, and the way in."""

    folder: Path
    store: Store
    desk: RecognitionDesk
    recogniser: FakeRecogniser
    networks: Networks
    network: NetworkInfo
    network_token: str
    http: aiohttp.ClientSession
    url: str
    stack: AsyncExitStack
    devices: list[ScriptedDevice] = field(default_factory=list)

    async def access(self, name: str) -> Access:
        """What a new device of this name shows the hub."""
        _, token, _ = await self.store.add_client(self.network.network_id, name, client_id=name)
        return Access(self.network.public_id, name, Secret(token))

    async def connect(self, access: Access) -> ScriptedDevice:
        """A connection that has not said hello."""
        channel = await Connector(self.http, access)(self.url)
        self.stack.push_async_callback(channel.close)
        device = ScriptedDevice(channel)
        self.devices.append(device)
        return device

    async def device(self, name: str) -> ScriptedDevice:
        """A connected device that was greeted."""
        device = await self.connect(await self.access(name))
        await device.greet()
        return device

    async def texts(self) -> list[str]:
        """What is stored, oldest first."""
        found = await self.store.recent_interactions(self.network.network_id, 100)
        return [i.text for i in reversed(found)]


@pytest.fixture
async def real_hub(tmp_path: Path) -> AsyncIterator[RealHub]:
    """See `RealHub`."""
    async with AsyncExitStack() as stack:
        clock = steady_clock()
        database = await Database.open(tmp_path / "hub.db")
        stack.push_async_callback(database.close)
        store = Store(database, clock)
        network, token = await store.create_network("Home")
        recogniser = FakeRecogniser(understand)

        def reload(_: str) -> Recogniser:
            return FakeRecogniser(understand)

        desk = RecognitionDesk(recogniser, None, reload, queue=4, timeout_s=1.0)
        await desk.start()
        stack.push_async_callback(desk.close)
        # The syllables that the fake understands are tones, and a tone that lasts can be predicted:
        # what recordings are put together for would take it away.
        networks = Networks(store, Desks(desk), clock, Rules(companions=0))
        services = Services(
            store,
            Accounts(database, clock),
            Archive(database, clock),
            Household(database, clock),
            networks,
            PairingCodes(database, clock),
            "hub_1",
            voices=VoiceDeeds(database, clock),
            speakers=SpeakersDesk(FakeEncoder),
        )
        runner = web.AppRunner(make_app(services, Api()), access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        stack.push_async_callback(networks.close)
        port = runner.addresses[0][1]
        http = await stack.enter_async_context(aiohttp.ClientSession())
        yield RealHub(
            tmp_path,
            store,
            desk,
            recogniser,
            networks,
            network,
            token,
            http,
            f"http://127.0.0.1:{port}",
            stack,
        )
