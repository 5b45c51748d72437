"""The event log of a network: gapless, and it names rows instead of copying them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal, NamedTuple

import sqlalchemy
from sqlalchemy import insert, update
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from hub.store import event_rows
from hub.store.errors import CursorExpiredError, NotFoundError
from hub.store.event_rows import Loader, Told
from hub.store.tables import LoggedEvent, Network
from shared.wire.events import (
    ActionDeleted,
    CalendarDeleted,
    ClientRemoved,
    ConversationDeleted,
    Event,
    InteractionDeleted,
    PersonDeleted,
    ReminderDeleted,
)

Kind = Literal[
    "interaction_created",
    "interaction_deleted",
    "context_updated",
    "conversation_deleted",
    "client_changed",
    "client_removed",
    "person_changed",
    "person_deleted",
    "reminder_changed",
    "reminder_due",
    "reminder_deleted",
    "action_executed",
    "action_deleted",
    "calendar_changed",
    "calendar_deleted",
    "settings_changed",
]

LOADERS: dict[str, Loader] = {
    "interaction_created": event_rows.interactions,
    "context_updated": event_rows.conversations,
    "client_changed": event_rows.clients,
    "person_changed": event_rows.persons,
    "reminder_changed": event_rows.reminders,
    "action_executed": event_rows.actions,
    "reminder_due": event_rows.due_reminders,
    "calendar_changed": event_rows.calendar,
    "settings_changed": event_rows.settings,
}
"""How the rows are read that an event of each kind names; the other kinds name what is gone."""


AT_ONCE = 500
"""Rows that one statement names; a database takes only so many parameters."""


class _Logged(NamedTuple):
    """A line of the log."""

    seq: int
    kind: str
    row_id: str
    public_id: str | None


_LOGGED: Any = sqlalchemy.select(*(getattr(LoggedEvent, name) for name in _Logged._fields))


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
    return await _append(session, network_id, kind, [row_id], now, public_id)


async def tell(
    session: AsyncSession, network_id: str, kind: Kind, row_id: str, now: datetime
) -> Event:
    """Logs an event in the caller's transaction, and makes it of its row, which is flushed.

    Raises:
        NotFoundError: no such network.
    """
    (event,) = await tell_each(session, network_id, kind, [row_id], now)
    return event


async def tell_each(
    session: AsyncSession, network_id: str, kind: Kind, row_ids: Sequence[str], now: datetime
) -> tuple[Event, ...]:
    """The same for each of some rows, in their order; what would be told of thousands one by one
    would keep the network waiting for minutes.

    Raises:
        NotFoundError: no such network.
    """
    told: list[Event] = []
    for first in range(0, len(row_ids), AT_ONCE):
        part = row_ids[first : first + AT_ONCE]
        last = await _append(session, network_id, kind, part, now)
        lines = enumerate(part, last - len(part) + 1)
        told += await _with_rows(
            session, network_id, [_Logged(seq, kind, row_id, None) for seq, row_id in lines]
        )
    return tuple(told)


async def _append(
    session: AsyncSession,
    network_id: str,
    kind: Kind,
    row_ids: Sequence[str],
    now: datetime,
    public_id: str | None = None,
) -> int:
    """Logs an event for each row; gives the seq of the last."""
    seq = await session.scalar(
        update(Network)
        .where(col(Network.id) == network_id)
        .values(event_seq=col(Network.event_seq) + len(row_ids), last_activity=now)
        .returning(col(Network.event_seq))
    )
    if seq is None:
        raise NotFoundError("There is no such network.")
    await session.exec(
        insert(LoggedEvent),
        params=[
            {
                "network_id": network_id,
                "seq": number,
                "kind": kind,
                "row_id": row_id,
                "public_id": public_id,
                "created_at": now,
            }
            for number, row_id in enumerate(row_ids, seq - len(row_ids) + 1)
        ],
    )
    return int(seq)


async def last_seq(session: AsyncSession, network_id: str) -> int:
    """The seq of a network's newest event, 0 before the first; raises NotFoundError."""
    return (await _bounds(session, network_id))[1]


async def after(
    session: AsyncSession, network_id: str, cursor: int, limit: int
) -> tuple[Event, ...]:
    """At most `limit` events behind the cursor, oldest first, each with its row as it is now.

    Raises:
        CursorExpiredError: the log does not reach back so far.
    """
    logged = await session.exec(
        _LOGGED.where(LoggedEvent.network_id == network_id, LoggedEvent.seq > cursor)
        .order_by(col(LoggedEvent.seq))
        .limit(limit)
    )
    lines = [_Logged(*row) for row in logged]
    if not lines or lines[0].seq > cursor + 1:  # is that all, or is the beginning missing?
        floor, newest = await _bounds(session, network_id)
        if cursor < floor:
            raise CursorExpiredError(newest)
    return await _with_rows(session, network_id, lines)


async def of_row(
    session: AsyncSession, network_id: str, kind: Kind, row_id: str
) -> tuple[Event, ...]:
    """All events of one kind about one row that are still in the log."""
    logged = await session.exec(
        _LOGGED.where(
            LoggedEvent.network_id == network_id,
            LoggedEvent.kind == kind,
            LoggedEvent.row_id == row_id,
        )
    )
    return await _with_rows(session, network_id, [_Logged(*row) for row in logged])


async def _bounds(session: AsyncSession, network_id: str) -> tuple[int, int]:
    """Up to which seq a network's log was cut off, and its newest; raises NotFoundError."""
    found = await session.exec(
        select(Network.event_floor, Network.event_seq).where(Network.id == network_id)
    )
    row = found.first()
    if row is None:
        raise NotFoundError("There is no such network.")
    return row


async def _with_rows(
    session: AsyncSession, network_id: str, logged: Sequence[_Logged]
) -> tuple[Event, ...]:
    wanted: dict[str, set[str]] = {}
    for event in logged:
        wanted.setdefault(event.kind, set()).add(event.row_id)
    # By kind: that a reminder is due, and that it changed, are told of the same row.
    told: dict[str, dict[str, Told]] = {
        kind: await LOADERS[kind](session, network_id, row_ids)
        for kind, row_ids in wanted.items()
        if kind in LOADERS
    }
    gone = await _public_ids(
        session,
        network_id,
        wanted.get("client_changed", set()) - told.get("client_changed", {}).keys(),
    )
    events: list[Event] = []
    for event in logged:
        of_row = told.get(event.kind, {}).get(event.row_id)
        if of_row is not None:
            events.append(of_row(event.seq))
        else:
            public_id = event.public_id or gone.get(event.row_id)
            events.append(_tombstone(event, public_id))
    return tuple(events)


async def _public_ids(
    session: AsyncSession, network_id: str, row_ids: set[str]
) -> dict[str, str | None]:
    """What devices were known by that are gone, by the ids that their rows had."""
    if not row_ids:
        return {}
    found = await session.exec(
        select(LoggedEvent.row_id, LoggedEvent.public_id).where(
            LoggedEvent.network_id == network_id,
            LoggedEvent.kind == "client_removed",
            col(LoggedEvent.row_id).in_(row_ids),
        )
    )
    return dict(found.all())


def client_removed(seq: int, public_id: str | None) -> ClientRemoved:
    """The event of a device that is gone."""
    if public_id is None:
        raise ValueError("the removal of a device is logged with its public id")
    return ClientRemoved(seq=seq, client_id=public_id)


def _tombstone(event: _Logged, public_id: str | None) -> Event:
    """What tells that a row is gone."""
    subject = event.kind.partition("_")[0]
    if subject == "interaction":
        return InteractionDeleted(seq=event.seq, interaction_id=event.row_id)
    if subject in ("context", "conversation"):
        return ConversationDeleted(seq=event.seq, conversation_id=event.row_id)
    if subject == "person":
        return PersonDeleted(seq=event.seq, person_id=event.row_id)
    if subject == "action":
        return ActionDeleted(seq=event.seq, action_id=event.row_id)
    if subject == "reminder":
        return ReminderDeleted(seq=event.seq, reminder_id=event.row_id)
    if subject == "calendar":
        return CalendarDeleted(seq=event.seq, event_id=event.row_id)
    return client_removed(event.seq, public_id)
