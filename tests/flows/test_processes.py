"""A real hub is killed at the worst moments; nothing is lost, and nothing comes twice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import aiohttp
import numpy as np
import pytest

from edge.candidate import Candidate
from edge.config import Access
from edge.simulation.hub_process import HubProcess
from edge.startup import Connector
from hub.store.records import ElectionRecord, InteractionInfo
from shared.audio import SAMPLE_RATE, Pcm
from shared.config_keys import Secret
from shared.wire.channel import ChannelClosedError
from shared.wire.events import InteractionCreated
from shared.wire.session import ClientStatus, ConnectionEstablished
from shared.wire.utterance import Release, SendAudio
from tests.flows.scripted import ScriptedDevice
from tests.processes import store_of
from tests.voice import say

pytestmark = pytest.mark.process

SENTENCE = "ba de fi go hu ka le mi"


class Home:
    """A hub that is a process, and devices that speak to it by hand."""

    def __init__(self, folder: Path, http: aiohttp.ClientSession) -> None:
        self.hub = HubProcess(folder, engine="fake")
        self._database = folder / "hub.db"
        self._http = http
        self._accesses: dict[str, Access] = {}
        self._open: list[ScriptedDevice] = []

    async def start(self, *names: str) -> None:
        """Starts the hub and adds devices."""
        await self.hub.start()
        async with store_of(self._database) as store:
            network, _ = await store.create_network("Home")
            for name in names:
                _, token, _ = await store.add_client(network.network_id, name, client_id=name)
                self._accesses[name] = Access(network.public_id, name, Secret(token), self.hub.ca)

    async def connect(self, name: str) -> ScriptedDevice:
        """A connection that has not said hello."""
        channel = await Connector(self._http, self._accesses[name])(self.hub.url)
        device = ScriptedDevice(channel)
        self._open.append(device)
        return device

    async def device(self, name: str) -> ScriptedDevice:
        """A device that was greeted."""
        device = await self.connect(name)
        await device.greet()
        return device

    async def back(
        self, name: str, held: Candidate
    ) -> tuple[ScriptedDevice, ConnectionEstablished]:
        """The device has found the hub again, and still holds an utterance."""
        device = await self.connect(name)
        return device, await device.greet(cursor=0, held=[held.utterance_id])

    async def kill_and_restart(self) -> None:
        """SIGKILL; then a new hub on the same port and data."""
        port = self.hub.port
        await self.hub.kill()
        await self.hub.start()
        assert self.hub.port == port

    async def stored(self) -> tuple[list[InteractionInfo], list[ElectionRecord]]:
        """What the hub's database holds."""
        async with store_of(self._database) as store:
            (network,) = await store.networks()
            interactions = await store.recent_interactions(network.network_id, 100)
            elections = await store.recent_elections(network.network_id, 0)
            return list(interactions), list(elections)

    async def end(self) -> None:
        for device in self._open:
            await device.channel.close()
        await self.hub.kill()


@pytest.fixture
async def home(tmp_path: Path) -> AsyncIterator[Home]:
    async with AsyncExitStack() as stack:
        http = await stack.enter_async_context(aiohttp.ClientSession())
        home = Home(tmp_path, http)
        stack.push_async_callback(home.end)
        yield home


def loud() -> Pcm:
    """The sentence where it is heard well."""
    return say(SENTENCE, 0.5)


def faint() -> Pcm:
    """The same in the next room."""
    pcm = say(SENTENCE, 0.05)
    return pcm + np.random.default_rng(0).normal(0, 60, len(pcm)).astype(np.int16)


async def drained(device: ScriptedDevice) -> int:
    """Reads what is left until the connection is gone; with which code."""
    try:
        while True:
            await device.receive()
    except ChannelClosedError as closed:
        return closed.code


async def until_told(device: ScriptedDevice) -> None:
    """Reads until the device may forget its utterance and has the text."""
    wanted = {Release, InteractionCreated}
    async with asyncio.timeout(10):
        while not wanted <= {type(message) for message in device.said}:
            await device.receive()


async def test_killed_between_the_end_of_speech_and_the_commit_it_becomes_one_interaction(
    home: Home,
) -> None:
    await home.start("kitchen", "hall")
    kitchen, hall = await home.device("kitchen"), await home.device("hall")
    well, badly = kitchen.just_heard(loud()), hall.just_heard(faint())
    await hall.offer(badly)
    await kitchen.offer(well)
    # It is asked for its audio; before it gives any, the hub is gone.
    assert (await kitchen.expect(SendAudio)).utterance_id == well.utterance_id
    await home.kill_and_restart()
    assert await drained(kitchen) == await drained(hall) == 1006
    assert await home.stored() == ([], [])

    kitchen, established = await home.back("kitchen", well)
    assert established.released == []
    await kitchen.offer(well, reoffered=True)
    hall, established = await home.back("hall", badly)
    assert established.released == []
    await hall.offer(badly, reoffered=True)
    await kitchen.deliver(well)
    await asyncio.gather(until_told(kitchen), until_told(hall))

    (interaction,), (election,) = await home.stored()
    assert (interaction.client_id, interaction.processing_status) == ("kitchen", "completed")
    assert interaction.audio_duration_s == well.samples / SAMPLE_RATE
    outcomes = {c.utterance_id: c.outcome for c in election.candidates}
    assert outcomes == {well.utterance_id: "elected", badly.utterance_id: "runner_up"}
    for device in (kitchen, hall):
        events = [m for m in device.said if isinstance(m, InteractionCreated)]
        assert [e.interaction_id for e in events] == [interaction.interaction_id]
        released = [m for m in device.said if isinstance(m, Release)]
        assert [m.until_sample for m in released] == [None]


async def test_killed_after_the_commit_the_devices_learn_that_it_is_done(home: Home) -> None:
    await home.start("kitchen", "hall")
    kitchen, hall = await home.device("kitchen"), await home.device("hall")
    well, badly = kitchen.just_heard(loud()), hall.just_heard(faint())
    await hall.send(ClientStatus(microphone="closed"))  # it is not waited for
    await kitchen.offer(well)
    await kitchen.deliver(well)
    # The kitchen reads nothing any more; the hall sees that it is committed.
    said = await hall.expect(InteractionCreated)
    assert not any(isinstance(message, Release) for message in kitchen.said)
    await home.kill_and_restart()

    kitchen, established = await home.back("kitchen", well)
    assert established.released == [well.utterance_id]
    assert await kitchen.expect(InteractionCreated) == said
    # Should a device offer it all the same, it is told at once, and not asked for audio.
    await kitchen.offer(well, reoffered=True)
    assert (await kitchen.expect(Release)).utterance_id == well.utterance_id
    # So is one that heard it too, and that no hub has heard of it yet.
    hall, established = await home.back("hall", badly)
    assert established.released == []
    await hall.offer(badly, reoffered=True)
    assert (await hall.expect(Release)).utterance_id == badly.utterance_id
    for device in (kitchen, hall):
        assert not any(isinstance(message, SendAudio) for message in device.said)
    interactions, _ = await home.stored()
    assert [i.interaction_id for i in interactions] == [said.interaction_id]
