"""Hub and devices on hosts of their own: found by mDNS, over a bad network, torn and mended.

Two devices hear sentences, some of them both, some the kitchen alone. While they do, the kitchen's
cable is as good as cut, and the hub comes back under another address. At the end each sentence is
there exactly once, on the hub and on both devices.
"""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import numpy as np
import pytest

from edge.control import Ask, DaemonUnreachableError, Status, ask
from edge.replica import Replica
from edge.simulation.process import program
from hub.store.records import NetworkInfo
from shared.audio import SAMPLE_RATE, Pcm
from shared.clock import steady_clock
from shared.wav import write_wav
from tests.flows.hosts import Host, Lan, lan
from tests.processes import Daemon, ServiceManager, manager_in, store_of
from tests.voice import say

pytestmark = [pytest.mark.process, pytest.mark.timeout(240)]

FIRST, THEN = "10.77.0.2", "10.77.0.9"
"""Where the hub is."""
PORT = 8770
SENTENCES = 8
EVERY_S = 4.5
LEAD_S = 5.0
"""Until the first sentence: microphones are looked for every 2 s, and have to know the noise."""
PATIENCE_S = 100.0
"""For one condition. A device takes 30 s to believe that a hub is silent."""


class Hub:
    """`mira-hub serve` on a host."""

    def __init__(self, host: Host, folder: Path, manager: ServiceManager) -> None:
        self.host = host
        self.folder = folder
        self.database = folder / "hub.db"
        self._manager = manager
        self.process: Daemon

    async def start(self) -> None:
        """Starts it at the host's address."""
        config, address = self.folder / "hub.toml", self.host.address
        config.write_text(
            f'[server]\nhost = "{address}"\nport = {PORT}\n[recognition]\nengine = "fake"\n'
            f'[election]\ncompanions = 0\n[discovery]\ninterfaces = ["{address}"]\n'
            f"[paths]\nstate_dir = {json.dumps(str(self.folder))}\n"
        )
        command = self.host.command(program("mira-hub"), "serve", "--config", str(config))
        self.process = Daemon(command, self.folder / "log", self._manager.environ())
        await self.process.start()
        await self._manager.until("READY=1")

    async def stop(self) -> None:
        """Stops it as systemd would."""
        self.process.send(signal.SIGTERM)
        assert await self.process.end() == 0

    async def heard(self) -> list[tuple[float, str]]:
        """What it has stored: when it was said, on our clock, and the id; the oldest first."""
        async with store_of(self.database) as store:
            (network,) = await store.networks()
            found = await store.recent_interactions(network.network_id, 100)
        return sorted(
            (i.timestamp.timestamp(), i.interaction_id) for i in found if i.timestamp is not None
        )


class Device:
    """`mira-edge run` on a host, with a file for a microphone."""

    def __init__(self, host: Host, folder: Path, network: NetworkInfo) -> None:
        self.host = host
        self.folder = folder
        self.network = network
        self.process: Daemon
        self._sound = folder / "sound.wav"

    async def start(self, name: str, token: str, ca: str, start_at_us: int) -> None:
        """Starts it; it is told no address."""
        config = self.folder / "edge.toml"
        config.write_text(
            f'[hub]\nnetwork_id = "{self.network.public_id}"\nclient_id = "{name}"\n'
            f"token = {json.dumps(token)}\nca = {json.dumps(ca)}\n"
            f"[microphone]\nsource = {json.dumps(f'file:{self._sound}')}\n"
            f"start_at_us = {start_at_us}\n"
            f'[discovery]\ninterfaces = ["{self.host.address}"]\n'
            f"[paths]\nstate_dir = {json.dumps(str(self.folder))}\n"
        )
        command = self.host.command(program("mira-edge"), "run", "--config", str(config))
        self.process = Daemon(command, self.folder / "log")
        await self.process.start()

    def will_hear(self, pcm: Pcm) -> None:
        """Puts its recording there, of which so far none was to be found."""
        part = self.folder / "part.wav"
        write_wav(part, pcm)
        part.rename(self._sound)

    async def status(self) -> Status | None:
        """What it says of itself; None: it is not there yet."""
        try:
            return await asyncio.to_thread(ask, self.folder / "control.sock", Ask())
        except DaemonUnreachableError:
            return None

    async def until(self, what: str, condition: Callable[[Status], bool]) -> None:
        """Waits until what it says of itself is so."""
        status = None
        try:
            async with asyncio.timeout(PATIENCE_S):
                while status is None or not condition(status):
                    await asyncio.sleep(0.1)
                    status = await self.status()
        except TimeoutError:
            pytest.fail(f"{self.folder.name} {what}: never. {status}\n{self.process.tail()}")

    async def has(self, hub: str) -> None:
        """Waits until it is connected to the hub at an address, and holds nothing."""
        url = f"https://{hub}:{PORT}"
        await self.until(f"is at {url} and holds nothing", lambda s: s.hub == url and s.held == 0)

    @property
    def spooled(self) -> list[Path]:
        """Utterances on its disk."""
        return list((self.folder / "spool").glob("*.flac"))

    async def stop(self) -> list[str]:
        """Stops it; the ids of what its copy of the network has, the oldest first."""
        self.process.send(signal.SIGTERM)
        assert await self.process.end() == 0
        replica = Replica(self.folder / "replica.db", self.network.public_id)
        known = [i.interaction_id for i in replica.interactions()]
        replica.close()
        return sorted(known)


class Home:
    """A hub and two devices, each on its own host."""

    def __init__(self, folder: Path, network: Lan, manager: ServiceManager) -> None:
        self._folder = folder
        self._lan = network
        self._manager = manager

    async def start(self, stack: AsyncExitStack) -> None:
        """Starts all of it; the devices are far away, on bad Wi-Fi."""

        async def at(name: str, address: str) -> tuple[Host, Path]:
            folder = self._folder / name
            folder.mkdir()
            return await self._lan.host(name, address), folder

        self.hub = Hub(*await at("hub", FIRST), self._manager)
        await self.hub.start()
        stack.push_async_callback(lambda: self.hub.process.kill())
        async with store_of(self.hub.database) as store:
            network, _ = await store.create_network("Home")
            tokens = {
                name: (await store.add_client(network.network_id, name, client_id=name))[1]
                for name in ("kitchen", "hall")
            }
        ca = (self.hub.folder / "tls" / "ca.pem").read_text()
        self._begin_us = steady_clock()()
        devices = []
        for n, (name, token) in enumerate(tokens.items()):
            device = Device(*await at(name, f"10.77.0.{3 + n}"), network)
            await device.host.cable.impair(delay_ms=100, loss_percent=5)
            await device.start(name, token, ca, self._begin_us)
            stack.push_async_callback(device.process.kill)
            devices.append(device)
        self.kitchen, self.hall = devices

    def speak(self) -> None:
        """From now on the sentences are said; every other one the kitchen alone hears."""
        lead_s = (steady_clock()() - self._begin_us) / 1e6 + LEAD_S
        self._first_s = self._begin_us / 1e6 + lead_s
        rng = np.random.default_rng(0)
        sentence = say("ba de fi go")
        for device, gain, step in ((self.kitchen, 0.5, 1), (self.hall, 0.1, 2)):
            sound = rng.normal(0, 10, round((lead_s + SENTENCES * EVERY_S) * SAMPLE_RATE))
            for n in range(0, SENTENCES, step):
                start = round((lead_s + n * EVERY_S) * SAMPLE_RATE)
                sound[start : start + len(sentence)] += sentence * gain
            device.will_hear(sound.astype(np.int16))

    def sentence(self, said_s: float) -> int:
        """Which sentence was said then."""
        return round((said_s - self._first_s) / EVERY_S)


@pytest.fixture
async def home(tmp_path: Path) -> AsyncIterator[Home]:
    async with lan() as network, manager_in(tmp_path) as manager, AsyncExitStack() as stack:
        home = Home(tmp_path, network, manager)
        await home.start(stack)
        yield home


async def test_all_that_is_said_is_there_once(home: Home) -> None:
    hub, kitchen, hall = home.hub, home.kitchen, home.hall
    for device in (kitchen, hall):
        await device.has(FIRST)  # which nobody told it
    known = await kitchen.status()
    assert known is not None
    home.speak()
    await kitchen.until("knows of a sentence", lambda s: s.cursor > known.cursor)

    await kitchen.host.cable.impair(loss_percent=100)
    await kitchen.until("holds what the hub does not get", lambda s: s.held > 0)
    await hub.stop()
    await hub.host.move(THEN)
    await hub.start()
    await hall.has(THEN)
    await kitchen.until("knows that it is alone", lambda s: s.hub is None)
    await kitchen.until("has on disk what it holds", lambda _: bool(kitchen.spooled))
    await kitchen.host.cable.impair(delay_ms=100, loss_percent=5)
    await kitchen.has(THEN)

    heard: list[tuple[float, str]] = []
    async with asyncio.timeout(PATIENCE_S):
        while len(heard) < SENTENCES:
            await asyncio.sleep(0.5)
            heard = await hub.heard()
    for device in (kitchen, hall):
        await device.has(THEN)
    heard = await hub.heard()
    assert [home.sentence(said_s) for said_s, _ in heard] == list(range(SENTENCES))
    ids = sorted(interaction_id for _, interaction_id in heard)
    assert await kitchen.stop() == await hall.stop() == ids
    assert kitchen.spooled == []
    await hub.stop()
