"""Keeps event logs short: what was overtaken goes, and what is older than anybody needs.

A line names a row, so of all lines about one row only the newest matters: whoever replays the rest
ends with the same copy. That is compaction, and it touches no cursor. One line is more than its
row: that a reminder is due, which stays while it is. Beyond compaction, lines older than the log is
kept are cut off; whose cursor is older than that gets a snapshot of the rows instead.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, delete, func, or_, update
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from hub.store import networks
from hub.store.database import Database
from hub.store.events import LOADERS
from hub.store.scope import OPERATOR, Scope
from hub.store.tables import (
    Action,
    CalendarEvent,
    Client,
    ClientSession,
    Conversation,
    Interaction,
    LoggedEvent,
    Network,
    Person,
    Reminder,
)
from hub.store.whole import whole
from shared.wire.events import Row

AT_ONCE = 1000
"""Lines that are dropped in one transaction."""
_SUBJECTS = (
    ("settings_changed", Network),
    ("client_changed", Client),
    ("person_changed", Person),
    ("reminder_changed", Reminder),
    ("action_executed", Action),
    ("calendar_changed", CalendarEvent),
    ("context_updated", Conversation),
    ("interaction_created", Interaction),
)
"""What a snapshot tells, in this order."""


@whole
class EventLogs:
    """Every network's event log, as what is to be kept short.

    Args:
        database: open; this does not close it.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def networks(self) -> tuple[str, ...]:
        """The UUIDs of all networks."""
        async with self._database.session(OPERATOR) as session:
            return tuple(network.network_id for network in await networks.every(session))

    async def compact(self, network_id: str) -> int:
        """Drops lines about rows that a later line tells of; returns how many."""
        async with self._database.session(Scope(network_id)) as session:
            newest = (
                select(func.max(LoggedEvent.seq))
                .where(col(LoggedEvent.network_id) == network_id)
                .group_by(col(LoggedEvent.row_id))
            )
            # A device that was away is to say it, whatever else changed of the reminder since.
            due = (
                select(func.max(LoggedEvent.seq))
                .join(Reminder, col(LoggedEvent.row_id) == col(Reminder.id))
                .where(
                    col(LoggedEvent.network_id) == network_id,
                    col(LoggedEvent.kind) == "reminder_due",
                    col(Reminder.network_id) == network_id,
                    col(Reminder.status) == "pending",
                    col(Reminder.told_due_time) == col(Reminder.due_time),
                )
                .group_by(col(LoggedEvent.row_id))
            )
            found = await session.exec(
                select(LoggedEvent.seq).where(
                    col(LoggedEvent.network_id) == network_id,
                    col(LoggedEvent.seq).not_in(newest),
                    col(LoggedEvent.seq).not_in(due),
                )
            )
            overtaken = list(found)
        for first in range(0, len(overtaken), AT_ONCE):
            part = overtaken[first : first + AT_ONCE]
            await self._drop(network_id, col(LoggedEvent.seq).in_(part))
        return len(overtaken)

    async def cut_off(self, network_id: str, kept: timedelta, now: datetime) -> int:
        """Drops lines older than `kept`, and notes up to where; returns how many.

        Nothing is cut off that a device has not acknowledged yet and that was here within that
        time.
        """
        before = now - kept
        async with self._database.transaction(Scope(network_id)) as session:
            old = await session.scalar(
                select(func.max(LoggedEvent.seq)).where(
                    col(LoggedEvent.network_id) == network_id,
                    col(LoggedEvent.created_at) < before,
                )
            )
            floor = min([old or 0, *await _acked(session, network_id, before)])
            # Before the lines go: who lacks some of them gets a snapshot, and never a part.
            await session.exec(
                update(Network)
                .where(col(Network.id) == network_id, col(Network.event_floor) < floor)
                .values(event_floor=floor)
            )
            await session.exec(
                delete(ClientSession).where(
                    col(ClientSession.network_id) == network_id,
                    col(ClientSession.disconnected_at) < before,
                )
            )
            first = await session.scalar(
                select(func.min(LoggedEvent.seq)).where(col(LoggedEvent.network_id) == network_id)
            )
        dropped = 0
        for seq in range(first or floor + 1, floor + 1, AT_ONCE):
            part = col(LoggedEvent.seq).between(seq, min(seq + AT_ONCE - 1, floor))
            dropped += await self._drop(network_id, part)
        return dropped

    async def _drop(self, network_id: str, lines: ColumnElement[bool]) -> int:
        """Drops some lines in a transaction of their own, so that nobody waits long for it."""
        async with self._database.transaction(Scope(network_id)) as session:
            gone = await session.exec(
                delete(LoggedEvent).where(col(LoggedEvent.network_id) == network_id, lines)
            )
            return gone.rowcount


async def _acked(session: AsyncSession, network_id: str, since: datetime) -> list[int]:
    """How far each device's copy is that was here since a time, as its newest session said."""
    here = await session.exec(
        select(Client.id).where(
            col(Client.network_id) == network_id,
            or_(col(Client.connection_status) == "online", col(Client.last_seen) >= since),
        )
    )
    acked = dict.fromkeys(here, 0)
    sessions = await session.exec(
        select(ClientSession.client_id, ClientSession.acked_seq)
        .where(col(ClientSession.network_id) == network_id)
        .order_by(col(ClientSession.connected_at))
    )
    acked |= {client: seq for client, seq in sessions if client in acked}
    return list(acked.values())


async def snapshot(
    session: AsyncSession, network_id: str, seq: int, position: str, limit: int
) -> tuple[tuple[Row, ...], str | None]:
    """A part of all rows that devices are told of, as they are now.

    Rows may change between the parts: what changes after `seq` is told again by the log.

    Args:
        seq: what their events say: the newest of the log before the first part was read.
        position: where the part begins; "" for the first.
        limit: how many rows at most.

    Returns:
        The rows, and where the next part begins; None: these are the last.
    """
    index, _, last = position.partition(":")
    number = int(index or 0)
    kind, table = _SUBJECTS[number]
    where = [] if table is Network else [col(table.network_id) == network_id]
    if last:
        where.append(col(table.id) > last)
    found = await session.exec(select(table.id).where(*where).order_by(col(table.id)).limit(limit))
    row_ids = list(found)
    told = await LOADERS[kind](session, network_id, row_ids)
    events = (told[row_id](seq) for row_id in row_ids if row_id in told)
    rows = tuple(event for event in events if isinstance(event, Row))
    if len(row_ids) == limit:
        return rows, f"{number}:{row_ids[-1]}"
    return rows, f"{number + 1}:" if number + 1 < len(_SUBJECTS) else None
