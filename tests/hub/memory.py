"""A hub in memory for devices that speak by hand, on virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from hub.network.room import Room
from hub.network.session import Session
from hub.networks import Networks
from hub.recognition.desks import Desks
from hub.store.records import NetworkInfo
from shared.clock import Clock
from shared.wire.channel import ChannelClosedError
from shared.wire.codec import decode_hub
from shared.wire.memory import MemoryChannel, memory_channels
from shared.wire.session import ClockProbe
from tests.fakes import MemoryStore, VirtualDesk
from tests.flows.home import now_us
from tests.flows.scripted import ScriptedDevice
from tests.voice import understand


class Device(ScriptedDevice):
    """A scripted device in memory."""

    channel: MemoryChannel

    async def close_code(self) -> int:
        """Reads until the hub closes the connection, and answers nothing; with which code."""
        try:
            while True:
                message = decode_hub(await self.channel.receive())
                if not isinstance(message, ClockProbe):
                    self.said.append(message)
        except ChannelClosedError as closed:
            return closed.code

    async def read_for(self, seconds: float) -> None:
        """Reads, and answers probes, for so long; what the hub said is in `said`."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while True:
                    await self.receive()


class MemoryHub:
    """Real networks, rooms and sessions over a store and a desk in memory."""

    def __init__(self, store: MemoryStore | None = None) -> None:
        self.store = store or MemoryStore(now_us)
        self.desk = VirtualDesk(understand)
        self.networks = Networks(self.store, Desks(self.desk), now_us)
        self.network: NetworkInfo  # the first; made by `open_hub`
        self.network_token = ""
        self.serving: dict[Device, asyncio.Task[None]] = {}

    async def token(self, name: str, network: NetworkInfo | None = None) -> str:
        """A new device's token."""
        owner = (network or self.network).network_id
        return (await self.store.add_client(owner, name, client_id=name))[1]

    async def connect(self, token: str, clock: Clock = now_us, latency_s: float = 0.0) -> Device:
        """A connection that has not said hello."""
        access = await self.store.look_up(token)
        assert access is not None
        theirs, ours = memory_channels(latency_s)
        device = Device(ours, clock)
        task = asyncio.ensure_future(self.networks.serve(theirs, access))
        self.serving[device] = task
        return device

    async def device(self, name: str, network: NetworkInfo | None = None) -> Device:
        """A new device that is connected and was greeted."""
        device = await self.connect(await self.token(name, network))
        await device.greet()
        return device

    async def observer(self, *capabilities: str) -> Device:
        """A connection with the network's token."""
        device = await self.connect(self.network_token)
        await device.greet(capabilities=list(capabilities))
        return device

    async def room(self) -> Room:
        """The network's room, which somebody opened before."""
        return await self.networks._rooms[self.network.network_id]

    async def session(self, name: str) -> Session:
        """The hub's side of a device's connection."""
        return (await self.room()).members.sessions[name]

    async def texts(self) -> list[str]:
        """What is stored, oldest first."""
        found = await self.store.recent_interactions(self.network.network_id, 1000)
        return [interaction.text for interaction in reversed(found)]


@asynccontextmanager
async def open_hub(store: MemoryStore | None = None) -> AsyncIterator[MemoryHub]:
    """A hub with one network; whoever is still connected at the end is cut off."""
    hub = MemoryHub(store)
    hub.network, hub.network_token = await hub.store.create_network("Home")
    try:
        yield hub
    finally:
        for task in hub.serving.values():
            task.cancel()
        await asyncio.gather(*hub.serving.values(), return_exceptions=True)
        await hub.networks.close()
