"""The event log of a network: gapless, and it names rows instead of copying them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from typing import Any, Literal, NamedTuple, cast

import sqlalchemy
from sqlalchemy import insert, update
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from hub.store.errors import NotFoundError
from hub.store.records import ProcessingStatus
from hub.store.settings import NetworkSettings, parse_settings
from hub.store.tables import Client, Interaction, LoggedEvent, Network
from shared.wire.codec import Event
from shared.wire.events import (
    ClientChanged,
    ClientRemoved,
    InteractionCreated,
    InteractionDeleted,
    SettingsChanged,
)

Kind = Literal[
    "interaction_created",
    "interaction_deleted",
    "client_changed",
    "client_removed",
    "settings_changed",
]


class _Logged(NamedTuple):
    """A line of the log."""

    seq: int
    kind: str
    row_id: str
    public_id: str | None


class _Said(NamedTuple):
    """What an interaction's event tells; the rest of its row may be long, and is left unread."""

    id: str
    text: str
    speaker_id: str | None
    timestamp: datetime | None
    processing_status: str


_LOGGED: Any = sqlalchemy.select(*(getattr(LoggedEvent, name) for name in _Logged._fields))
_SAID_FIELDS: list[Any] = [getattr(Interaction, name) for name in _Said._fields]
_SAID: Any = sqlalchemy.select(*_SAID_FIELDS, col(Client.client_id)).select_from(Interaction)


async def append(
    session: AsyncSession,
    network_id: str,
    kind: Kind,
    row_id: str,
    now: datetime,
    public_id: str | None = None,
) -> int:
    """Logs an event in the caller's transaction and returns its seq, the first being 1.

    `public_id` is what a device was known by that is gone.

    Counting in the network's row makes writers of one network take turns until they commit, so a
    seq that is seen has no later neighbour below it.

    Raises:
        NotFoundError: no such network.
    """
    seq = await session.scalar(
        update(Network)
        .where(col(Network.id) == network_id)
        .values(event_seq=col(Network.event_seq) + 1, last_activity=now)
        .returning(col(Network.event_seq))
    )
    if seq is None:
        raise NotFoundError("There is no such network.")
    await session.exec(
        insert(LoggedEvent),
        params={
            "network_id": network_id,
            "seq": seq,
            "kind": kind,
            "row_id": row_id,
            "public_id": public_id,
            "created_at": now,
        },
    )
    return int(seq)


async def last_seq(session: AsyncSession, network_id: str) -> int:
    """The seq of a network's newest event, 0 before the first; raises NotFoundError."""
    seq = await session.scalar(select(Network.event_seq).where(Network.id == network_id))
    if seq is None:
        raise NotFoundError("There is no such network.")
    return seq


async def after(
    session: AsyncSession, network_id: str, cursor: int, limit: int
) -> tuple[Event, ...]:
    """At most `limit` events behind the cursor, oldest first, each with its row as it is now."""
    logged = await session.exec(
        _LOGGED.where(LoggedEvent.network_id == network_id, LoggedEvent.seq > cursor)
        .order_by(col(LoggedEvent.seq))
        .limit(limit)
    )
    return await _with_rows(session, network_id, [_Logged(*row) for row in logged])


async def of_row(
    session: AsyncSession, network_id: str, kind: Kind, row_id: str
) -> tuple[Event, ...]:
    """All events of one kind about one row."""
    logged = await session.exec(
        _LOGGED.where(
            LoggedEvent.network_id == network_id,
            LoggedEvent.kind == kind,
            LoggedEvent.row_id == row_id,
        )
    )
    return await _with_rows(session, network_id, [_Logged(*row) for row in logged])


def interaction_created(
    seq: int, row: Interaction | _Said, client_id: str | None
) -> InteractionCreated:
    """The event of an interaction; `client_id` is the public id."""
    if row.timestamp is None:
        raise ValueError("only legacy interactions lack a time, and they have no event")
    return InteractionCreated(
        seq=seq,
        interaction_id=row.id,
        text=row.text,
        speaker_id=row.speaker_id,
        client_id=client_id,
        timestamp=row.timestamp,
        processing_status=cast("ProcessingStatus", row.processing_status),
    )


def client_changed(seq: int, row: Client) -> ClientChanged:
    """The event of a device."""
    return ClientChanged(seq=seq, client_id=row.client_id, name=row.name, listening=row.listening)


def client_removed(seq: int, public_id: str | None) -> ClientRemoved:
    """The event of a device that is gone."""
    if public_id is None:
        raise ValueError("the removal of a device is logged with its public id")
    return ClientRemoved(seq=seq, client_id=public_id)


def settings_changed(seq: int, settings: NetworkSettings, status: str) -> SettingsChanged:
    """The event of a network's settings; a network that is not active does not listen."""
    return SettingsChanged(
        seq=seq,
        listening=settings.listening and status == "active",
        language=settings.language,
    )


async def _with_rows(
    session: AsyncSession, network_id: str, logged: Sequence[_Logged]
) -> tuple[Event, ...]:
    wanted: dict[str, set[str]] = {}
    for event in logged:
        wanted.setdefault(event.kind, set()).add(event.row_id)
    message: dict[str, Callable[[int], Event]] = {}
    if said := wanted.get("interaction_created"):
        spoken = await session.exec(
            _SAID.outerjoin(Client, col(Interaction.client_id) == col(Client.id)).where(
                Interaction.network_id == network_id, col(Interaction.id).in_(said)
            )
        )
        for *fields, client_id in spoken:
            row = _Said(*fields)
            message[row.id] = partial(interaction_created, row=row, client_id=client_id)
    if changed := wanted.get("client_changed"):
        devices = await session.exec(
            select(Client).where(Client.network_id == network_id, col(Client.id).in_(changed))
        )
        for device in devices:
            message[device.id] = partial(client_changed, row=device)
        gone = await session.exec(
            select(LoggedEvent.row_id, LoggedEvent.public_id).where(
                LoggedEvent.network_id == network_id,
                LoggedEvent.kind == "client_removed",
                col(LoggedEvent.row_id).in_(changed - message.keys()),
            )
        )
        for row_id, public_id in gone:
            message[row_id] = partial(client_removed, public_id=public_id)
    if "settings_changed" in wanted:
        found = await session.exec(
            select(Network.settings, Network.status).where(Network.id == network_id)
        )
        document, status = found.one()
        settings = parse_settings(document)
        message[network_id] = partial(settings_changed, settings=settings, status=status)
    return tuple(_message(event, message.get(event.row_id)) for event in logged)


def _message(event: _Logged, of_row: Callable[[int], Event] | None) -> Event:
    """An event with its row, or the tombstone of a row that is gone."""
    if event.kind == "client_removed":
        return client_removed(event.seq, event.public_id)
    if of_row is None:  # of all other rows that can go, only interactions are told of
        return InteractionDeleted(seq=event.seq, interaction_id=event.row_id)
    return of_row(event.seq)
