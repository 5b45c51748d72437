"""Clients of a legacy system: they named themselves, and have records here before they move."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlmodel import col, select

from hub.store import clients
from hub.store.database import Database
from hub.store.details import ClientDetails
from hub.store.scope import Scope
from hub.store.tables import Client, ClientSession
from hub.store.whole import whole
from shared import ids
from shared.clock import Clock

DEVICE_TYPE = "legacy"
MARK = "legacy"
"""Under this name a client's `device_info` says how the legacy system knew it, and how often it
called the legacy API here."""


@dataclass(frozen=True)
class LegacyClient:
    """How a legacy system knows a client."""

    id: str  # as it names itself: printable
    name: str  # for people
    room: str | None = None
    address: str | None = None  # where it called from last


@dataclass(frozen=True)
class Record:
    """A legacy client's record."""

    client_id: str  # the public id
    legacy_id: str
    added: bool  # by this call; else it was there, and was left as it is


def public_id(legacy_id: str) -> str:
    """The id of a legacy client's record: its own, or one made of it where that is none."""
    if ids.CLIENT_ID.fullmatch(legacy_id):
        return legacy_id
    return f"client_{hashlib.sha256(legacy_id.encode(errors='surrogatepass')).hexdigest()[:16]}"


@whole
class LegacyClients:
    """Those of every network.

    Args:
        database: open; this does not close it.
        clock: the hub's clock, in microseconds since the Unix epoch.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def add(self, network_id: str, wanted: Sequence[LegacyClient]) -> tuple[Record, ...]:
        """Gives each a record that has none, without a token; all of them or none.

        Raises:
            NotFoundError: no such network.
            StoreConflictError: one of them was added meanwhile.
        """
        records = []
        async with self._database.transaction(Scope(network_id)) as session:
            now = datetime.fromtimestamp(0, UTC) + timedelta(microseconds=self._clock())
            there = set(
                await clients.keys(session, network_id, [public_id(each.id) for each in wanted])
            )
            for client in wanted:
                key = public_id(client.id)
                records.append(Record(key, client.id, key not in there))
                if key in there:
                    continue
                there.add(key)
                await clients.add(
                    session, network_id, client.name, DEVICE_TYPE, client.room, key, now
                )
                row = await clients.row_of(session, network_id, key)
                address = {"address": client.address} if client.address else {}
                row.device_info = {MARK: {"id": client.id} | address}
                await session.flush()
        return tuple(records)

    async def every(self, network_id: str) -> tuple[tuple[ClientDetails, bool], ...]:
        """All of them by public id, however they came, and whether each was here as a device."""
        here = (
            select(ClientSession.id)
            .where(
                col(ClientSession.network_id) == network_id,
                col(ClientSession.client_id) == col(Client.id),
            )
            .exists()
        )
        async with self._database.session(Scope(network_id)) as session:
            rows = await session.exec(
                select(Client, here)
                .where(Client.network_id == network_id, Client.device_type == DEVICE_TYPE)
                .order_by(col(Client.client_id))
            )
            return tuple((ClientDetails.of(row), moved) for row, moved in rows)
