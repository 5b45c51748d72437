"""A whole home in memory: real deciders, daemons, sessions and rooms, on virtual time."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np

from edge.activity import ActivityDetector
from edge.candidates import Candidates
from edge.daemon import Daemon
from edge.ear import Ear
from edge.hub_finder import HubFinder
from edge.microphone.simulated import SimulatedMicrophone
from edge.preroll import PreRoll
from edge.replica import Replica
from edge.spool import Spool
from edge.spooler import Spooler
from hub.election.election import Rules
from hub.networks import Networks
from hub.recognition.desks import Desks
from hub.store.records import InteractionInfo, NetworkInfo
from shared.audio import Pcm, pcm_from_float
from shared.errors import NoMemberError
from shared.wire.channel import Channel
from shared.wire.memory import MemoryChannel, memory_channels
from tests.fakes import MemoryStore, VirtualDesk
from tests.voice import understand

EPOCH_US = 1_760_000_000_000_000
NOISE_DBFS = -70.0
MONTH_US = 30 * 24 * 3600 * 1_000_000


def now_us() -> int:
    """The hub's clock: the loop's virtual time."""
    return EPOCH_US + round(asyncio.get_running_loop().time() * 1e6)


class Device:
    """One simulated device of the home."""

    def __init__(self, home: Home, name: str, token: str, clock_error_us: int) -> None:
        self.name = name
        self.home = home
        self.token = token
        self.reachable = True
        self.removed = False  # from the network; the hub says so
        self.channel: MemoryChannel | None = None  # the hub's end of its connection
        self.microphone = SimulatedMicrophone(
            lambda: now_us() + clock_error_us,
            name=name,
            noise_dbfs=NOISE_DBFS,
            seed=uuid.uuid5(uuid.NAMESPACE_DNS, name).int % 2**32,
        )
        self._clock_error_us = clock_error_us
        self._start()

    def _start(self) -> None:
        name, clock_error_us = self.name, self._clock_error_us
        self.replica = Replica(self.home.folder / f"{name}.db", self.home.network.public_id)
        candidates = Candidates(lambda: str(uuid.uuid4()))
        spooler = Spooler(
            candidates,
            Spool(self.home.folder / f"{name}-spool", 10_000_000),
            MONTH_US,
            lambda: now_us() + clock_error_us,
        )
        spooler.restore()
        self.daemon = Daemon(
            client_id=name,
            ear=Ear(ActivityDetector(), PreRoll(660), candidates),
            microphone=self.microphone,
            replica=self.replica,
            finder=HubFinder(["memory"]),
            connect=self._connect,
            clock=lambda: now_us() + clock_error_us,
            spooler=spooler,
        )
        self.task = asyncio.ensure_future(self.daemon.run())

    async def restart(self) -> None:
        """It is switched off without warning, and on again: what was in memory is lost."""
        self.daemon._spooler = None
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)
        self.replica.close()
        self._start()

    async def _connect(self, _: str) -> Channel:
        networks = self.home.networks
        if self.removed:
            raise NoMemberError("The device was removed from its network.")
        if networks is None or not self.reachable:
            raise ConnectionError("no hub answers")
        access = await self.home.store.look_up(self.token)
        assert access is not None
        self.channel, ours = memory_channels()
        self.home.serve(networks, self.channel, access)
        return ours

    def cut(self, *, for_good: bool = False) -> None:
        """Its link dies."""
        self.reachable = not for_good
        if self.channel:
            self.channel.cut()

    def hear(self, pcm: Pcm, gain: float = 1.0, noise: float = 0.0, seed: int = 0) -> None:
        """Plays something into its microphone from now on."""
        rng = np.random.default_rng(seed)
        signal = pcm / 32768 * gain
        self.microphone.play_at(
            pcm_from_float(signal + rng.normal(0, noise, len(signal))),
            now_us() + self._clock_error_us,
        )

    def texts(self) -> list[str]:
        """What its own copy of the network knows, oldest first."""
        return [i.text for i in reversed(self.replica.interactions())]


class Home:
    """A network's hub and devices in memory."""

    def __init__(self, folder: Path, store: MemoryStore, network: NetworkInfo) -> None:
        self.folder = folder
        self.store = store
        self.network = network
        self.desk = VirtualDesk(understand)
        self.networks: Networks | None = None
        self.devices: dict[str, Device] = {}
        self._serving: set[asyncio.Task[None]] = set()

    def start_hub(self) -> None:
        """Starts a hub on what the store has."""
        self.networks = Networks(self.store, Desks(self.desk), now_us, Rules())

    async def stop_hub(self, *, killed: bool = False) -> None:
        """Stops the hub; killed: it does nothing more, its connections just break."""
        networks, self.networks = self.networks, None
        if networks is None:
            return
        if not killed:
            await networks.close()
        serving = list(self._serving)
        for device in self.devices.values():
            if device.channel:
                device.channel.cut()
        for task in serving:
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)
        if killed:
            await networks.close()  # only its tasks are left

    def serve(self, networks: Networks, channel: Channel, access: object) -> None:
        """One connection, as the HTTP side would serve it."""
        task = asyncio.ensure_future(networks.serve(channel, access))  # type: ignore[arg-type]
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)

    async def add(self, name: str, clock_error_us: int = 0) -> Device:
        """A new device, switched on."""
        _, token, _ = await self.store.add_client(self.network.network_id, name, client_id=name)
        device = self.devices[name] = Device(self, name, token, clock_error_us)
        return device

    async def interactions(self) -> list[InteractionInfo]:
        """What the store has, oldest first."""
        found = await self.store.recent_interactions(self.network.network_id, 1000)
        return list(reversed(found))

    async def texts(self) -> list[str]:
        """The same, only the texts."""
        return [i.text for i in await self.interactions()]

    async def settle(self) -> None:
        """Until what was said is decided, stored, and everywhere."""
        await asyncio.sleep(8)


@asynccontextmanager
async def home_with(folder: Path, *names: str) -> AsyncIterator[Home]:
    """A home with these devices, connected and listening for two seconds."""
    store = MemoryStore(now_us)
    network, _ = await store.create_network("Home")
    home = Home(folder, store, network)
    home.start_hub()
    try:
        for name in names:
            await home.add(name)
        await asyncio.sleep(2)
        yield home
    finally:
        tasks = [device.task for device in home.devices.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await home.stop_hub()
        for device in home.devices.values():
            device.replica.close()
