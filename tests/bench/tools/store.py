"""A hub's store, made ready before the hub runs and read after."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from hub.store.database import Database
from hub.store.store import Store
from shared.clock import steady_clock

ENOUGH = 10_000


@dataclass(frozen=True)
class Device:
    """Who a device is."""

    network_id: str
    client_id: str
    token: str


@dataclass(frozen=True)
class Understood:
    """An interaction, and the utterance that was elected for it."""

    interaction_id: str
    utterance_id: str
    text: str
    audio_s: float
    decode_s: float
    queued_s: float


@contextlib.asynccontextmanager
async def open_store(folder: Path) -> AsyncIterator[Store]:
    """The store in `folder`, made where there is none."""
    database = await Database.open(folder / "hub.db")
    try:
        yield Store(database, steady_clock())
    finally:
        await database.close()


async def make_network(store: Store, devices: int) -> list[Device]:
    """A new network's devices."""
    network, _ = await store.create_network("bench")
    made = []
    for number in range(devices):
        client, token, _ = await store.add_client(network.network_id, f"device {number}")
        made.append(Device(network.public_id, client.client_id, token))
    return made


async def understood(store: Store) -> list[Understood]:
    """All interactions of all networks; those that failed are left out."""
    found = []
    for network in await store.networks():
        elections = await store.recent_elections(network.network_id, since_us=0)
        winners = {e.election_id: e.winner_utterance_id for e in elections}
        for interaction in await store.recent_interactions(network.network_id, ENOUGH):
            metadata = interaction.processing_metadata
            utterance_id = winners.get(str(metadata.get("election_id")))
            if utterance_id is None or "decode_ms" not in metadata:
                continue
            found.append(
                Understood(
                    interaction.interaction_id,
                    utterance_id,
                    interaction.text,
                    interaction.audio_duration_s or 0.0,
                    metadata["decode_ms"] / 1000,
                    metadata["queued_ms"] / 1000,
                )
            )
    return found
