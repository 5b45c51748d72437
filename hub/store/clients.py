"""Devices of a network."""

from __future__ import annotations

import uuid
from collections.abc import Collection
from datetime import datetime
from typing import cast

from sqlalchemy import update
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from hub.store import event_rows, events
from hub.store.conflicts import later, overtaken
from hub.store.errors import ClientExistsError, NotFoundError, OutdatedChangeError
from hub.store.records import ClientInfo, ConnectionStatus
from hub.store.tables import Client, ClientSession
from shared import ids
from shared.wire.events import ClientChanged


async def add(
    session: AsyncSession,
    network_id: str,
    name: str,
    device_type: str,
    room: str | None,
    client_id: str,
    now: datetime,
) -> tuple[ClientInfo, ClientChanged]:
    """A new device, and its event.

    Args:
        client_id: the public id, as `shared.ids` makes it or as a legacy client calls itself.

    Raises:
        ClientExistsError: the network has a device of this id.
        NotFoundError: no such network.
        ValueError: not a public client id.
    """
    if not ids.CLIENT_ID.fullmatch(client_id):
        raise ValueError(f"{client_id!r} is not a client id")
    if client_id in await keys(session, network_id, [client_id]):
        raise ClientExistsError(
            f"The network has a device {client_id} already.", "Choose another id."
        )
    row = Client(
        id=str(uuid.uuid4()),
        network_id=network_id,
        client_id=client_id,
        name=name,
        device_type=device_type,
        location=None if room is None else {"room": room},
        created_at=now,
        updated_at=now,
    )
    seq = await events.append(session, network_id, "client_changed", row.id, now)
    session.add(row)
    await session.flush()
    return _info(row), event_rows.client_changed(seq, row)


async def every(session: AsyncSession, network_id: str) -> tuple[ClientInfo, ...]:
    """All devices of a network, by name."""
    rows = await session.exec(
        select(Client)
        .where(col(Client.network_id) == network_id)
        .order_by(col(Client.name), col(Client.client_id))
    )
    return tuple(_info(row) for row in rows)


async def one(session: AsyncSession, network_id: str, client_id: str) -> ClientInfo:
    """A device by its public id; raises NotFoundError."""
    return _info(await row_of(session, network_id, client_id))


async def set_listening(
    session: AsyncSession,
    network_id: str,
    client_id: str,
    listening: bool,
    made_at: datetime | None,
    now: datetime,
) -> ClientChanged:
    """Switches one device's listening on or off; see `Store.set_client_listening`.

    Lock the network before, as whoever obeys a control phrase does.
    """
    row = await row_of(session, network_id, client_id, lock=True)
    if listening and overtaken(made_at, row.updated_at, now):
        raise OutdatedChangeError("Somebody changed the device later.")
    row.listening = listening
    row.updated_at = later(made_at, row.updated_at, now)
    seq = await events.append(session, network_id, "client_changed", row.id, now)
    return event_rows.client_changed(seq, row)


async def touch(
    session: AsyncSession, network_id: str, client_id: str, status: ConnectionStatus, now: datetime
) -> None:
    """Notes that a device was seen; a removed device is no error, its last words may be late."""
    await session.exec(
        update(Client)
        .where(col(Client.network_id) == network_id, col(Client.client_id) == client_id)
        .values(connection_status=status, last_seen=now)
    )


async def connected(
    session: AsyncSession, network_id: str, client_id: str, software: str, acked: int, now: datetime
) -> str:
    """A device greeted the hub; gives the id of its session. Raises NotFoundError."""
    device = await row_of(session, network_id, client_id)
    device.connection_status, device.last_seen = "online", now
    row = ClientSession(
        id=str(uuid.uuid4()),
        network_id=network_id,
        client_id=device.id,
        software=software,
        connected_at=now,
        acked_seq=acked,
    )
    session.add(row)
    return row.id


async def acked(
    session: AsyncSession,
    network_id: str,
    session_id: str,
    seq: int,
    ended: datetime | None = None,
) -> None:
    """Notes how far a session's copy is, and that it ended; a removed device is no error."""
    values: dict[str, object] = {"acked_seq": seq}
    if ended is not None:
        values["disconnected_at"] = ended
    await session.exec(
        update(ClientSession)
        .where(col(ClientSession.network_id) == network_id, col(ClientSession.id) == session_id)
        .values(values)
    )


async def all_offline(session: AsyncSession, now: datetime) -> None:
    """Notes that nobody is connected: a hub that was killed could not."""
    await session.exec(
        update(Client)
        .where(col(Client.connection_status) != "offline")
        .values(connection_status="offline")
    )
    await session.exec(
        update(ClientSession)
        .where(col(ClientSession.disconnected_at).is_(None))
        .values(disconnected_at=now)
    )


async def keys(
    session: AsyncSession, network_id: str, client_ids: Collection[str]
) -> dict[str, str]:
    """The row ids of those devices that the network has, by public id."""
    rows = await session.exec(
        select(Client.client_id, Client.id).where(
            col(Client.network_id) == network_id, col(Client.client_id).in_(client_ids)
        )
    )
    return dict(rows.all())


async def row_of(
    session: AsyncSession, network_id: str, client_id: str, *, lock: bool = False
) -> Client:
    """A device's row by its public id; locked, nobody else changes it meanwhile.

    Raises:
        NotFoundError: the network has no such device.
    """
    query = select(Client).where(
        col(Client.network_id) == network_id, col(Client.client_id) == client_id
    )
    # What refers to it may still be stored: its key does not change.
    rows = await session.exec(query.with_for_update(key_share=True) if lock else query)
    row = rows.first()
    if row is None:
        raise NotFoundError("The network has no such device.")
    return row


def _info(row: Client) -> ClientInfo:
    return ClientInfo(
        client_id=row.client_id,
        name=row.name,
        device_type=row.device_type,
        room=(row.location or {}).get("room"),
        listening=row.listening,
        connection_status=cast("ConnectionStatus", row.connection_status),
        last_seen=row.last_seen,
        audio_quality_score=row.audio_quality_score,
    )
