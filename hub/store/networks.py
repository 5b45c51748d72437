"""Networks and their settings."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import cast

import msgspec
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from hub.store import event_rows, events
from hub.store.conflicts import later, overtaken
from hub.store.errors import NotFoundError, OutdatedChangeError
from hub.store.records import NetworkInfo, NetworkStatus
from hub.store.settings import NetworkSettings, parse_settings, settings_document
from hub.store.tables import Network
from shared import ids
from shared.wire.events import SettingsChanged


async def create(
    session: AsyncSession, network_id: str, name: str, settings: NetworkSettings, now: datetime
) -> NetworkInfo:
    """A new, active network, whose UUID is `network_id`.

    Raises:
        InvalidSettingsError: a value beyond its limits.
    """
    row = Network(
        id=network_id,
        network_id=ids.new_network_id(),
        name=name,
        status="active",
        settings=settings_document(settings),
        extra={},
        created_at=now,
        updated_at=now,
    )
    session.add(row)
    await session.flush()
    return _info(row)


async def every(session: AsyncSession) -> tuple[NetworkInfo, ...]:
    """All networks, oldest first."""
    rows = await session.exec(select(Network).order_by(col(Network.created_at), col(Network.id)))
    return tuple(_info(row) for row in rows)


async def seqs(session: AsyncSession, network_ids: Collection[str]) -> dict[str, int]:
    """The seq of the newest event of some networks, at most a few hundred, that are there."""
    found = await session.exec(
        select(Network.id, Network.event_seq).where(col(Network.id).in_(network_ids))
    )
    return dict(found.all())


async def one(session: AsyncSession, network_id: str, *, lock: bool = False) -> NetworkInfo:
    """A network by its UUID; raises NotFoundError.

    With `lock`, others who lock it or log an event of it wait until the transaction ends.
    """
    return _info(await _row(session, network_id, lock=lock))


async def change_settings(
    session: AsyncSession, network_id: str, settings: NetworkSettings, now: datetime
) -> SettingsChanged:
    """Puts new settings in force and logs it.

    Raises:
        InvalidSettingsError: a value beyond its limits.
        NotFoundError: no such network.
    """
    return await _put(session, await _row(session, network_id, lock=True), settings, now)


async def set_status(
    session: AsyncSession, network_id: str, status: NetworkStatus, now: datetime
) -> SettingsChanged:
    """Activates, deactivates or suspends a network; raises NotFoundError."""
    row = await _row(session, network_id, lock=True)
    row.status = status
    return await _put(session, row, parse_settings(row.settings), now)


async def set_listening(
    session: AsyncSession,
    network_id: str,
    listening: bool,
    made_at: datetime | None,
    now: datetime,
) -> SettingsChanged:
    """Switches every device's listening on or off; see `Store.set_client_listening`."""
    row = await _row(session, network_id, lock=True)
    if listening and overtaken(made_at, row.updated_at, now):
        raise OutdatedChangeError("Somebody changed the network later.")
    changed = msgspec.structs.replace(parse_settings(row.settings), listening=listening)
    at = later(made_at, row.updated_at, now)
    return await _put(session, row, changed, at)


async def _put(
    session: AsyncSession, row: Network, settings: NetworkSettings, now: datetime
) -> SettingsChanged:
    row.settings = settings_document(settings)
    row.updated_at = now
    row.version += 1
    await session.flush()
    seq = await events.append(session, row.id, "settings_changed", row.id, now)
    return event_rows.settings_changed(seq, settings, row.status)


async def _row(session: AsyncSession, network_id: str, *, lock: bool = False) -> Network:
    # Rows that refer to the network may still be added: its key does not change.
    locking = {"key_share": True} if lock else None
    row = await session.get(Network, network_id, with_for_update=locking)
    if row is None:
        raise NotFoundError("There is no such network.")
    return row


def _info(row: Network) -> NetworkInfo:
    return NetworkInfo(
        network_id=row.id,
        public_id=row.network_id,
        name=row.name,
        status=cast("NetworkStatus", row.status),
        settings=parse_settings(row.settings),
        last_seq=row.event_seq,
    )
