"""The hub, its networks and devices, and the links between, all of which somebody may torture."""

from __future__ import annotations

import json
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from hub.store.database import Database
from hub.store.household import Household
from hub.store.store import Store
from shared.clock import steady_clock
from tests.torture.history import History
from tests.torture.processes import Device, Hub
from tests.torture.proxy import Link

OWN = "own "
"""So begin the names of what one writer changes again and again, and nobody else."""


@dataclass
class Member:
    """A device, its own link, the token that it shows, and whom its people name."""

    device: Device
    link: Link
    token: str
    person_id: str


@dataclass
class Network:
    """One household of the hub."""

    network_id: str  # the UUID
    public_id: str
    token: str
    members: list[Member] = field(default_factory=list)


@dataclass
class World:
    """All that is tortured."""

    hub: Hub
    where: Path | str  # the hub's database
    history: History
    networks: list[Network] = field(default_factory=list)
    writers_link: Link | None = None

    @property
    def members(self) -> list[Member]:
        """The devices of all networks."""
        return [member for network in self.networks for member in network.members]


@asynccontextmanager
async def world(
    folder: Path, logs: Path, history: History, sizes: Sequence[int], url: str | None = None
) -> AsyncIterator[World]:
    """A hub with a network for each of `sizes`, with as many devices, all of them on.

    Args:
        folder: for what hub and devices keep.
        logs: for what they print, and what belongs to the torture.
        url: of a PostgreSQL database; None: the hub has a file.
    """
    own = folder / "hub"
    own.mkdir(parents=True, exist_ok=True)
    store = "" if url is None else f"url = {json.dumps(url)}"
    async with AsyncExitStack() as stack:
        hub = Hub(own, logs, _free_port(), store)
        stack.callback(hub.clock.close)
        stack.push_async_callback(hub.process.end_at_once)
        hub.process.on_start = history.hub_starts
        await hub.process.start()
        await hub.ready()
        made = World(hub, url or own / "hub.db", history)
        made.writers_link = await stack.enter_async_context(Link(hub.port))
        database = await Database.open(made.where)
        try:
            for number, size in enumerate(sizes):
                made.networks.append(await _network(stack, database, made, number, size))
        finally:
            await database.close()
        for member in made.members:
            await member.device.start()
        yield made


async def _network(
    stack: AsyncExitStack, database: Database, world: World, number: int, size: int
) -> Network:
    store, household = Store(database, steady_clock()), Household(database, steady_clock())
    info, token = await store.create_network(f"home {number}")
    network = Network(info.network_id, info.public_id, token)
    for place in range(size):
        name = f"d{number}{place}"
        _, client_token, _ = await store.add_client(info.network_id, name, client_id=name)
        person, *_ = await household.add_person(info.network_id, f"{OWN}{name}")
        link = await stack.enter_async_context(Link(world.hub.port))
        hub = (
            f'addresses = ["https://127.0.0.1:{link.port}"]\n'
            f"network_id = {json.dumps(info.public_id)}\nclient_id = {json.dumps(name)}\n"
            f"token = {json.dumps(client_token)}\nca = {json.dumps(world.hub.ca)}"
        )
        device = Device(
            world.hub.folder.parent / "devices" / name,
            world.hub.logs,
            hub,
            name,
            info.network_id,
            world.history.told,
        )
        stack.callback(device.clock.close)
        stack.push_async_callback(device.close)
        stack.push_async_callback(device.process.end_at_once)
        network.members.append(Member(device, link, client_token, person.person_id))
    return network


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
