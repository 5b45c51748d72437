"""Reminders that come due: told once, in the transaction that notes that they were.

Whoever looks locks the network, so of several hubs on one database only one tells. What is noted is
the due time that was told: a reminder that is put off is told again. What is found too late is
overdue at once: nobody wants to hear at night of what was due in the morning.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, func, not_, or_
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from hub.store import events, networks
from hub.store.database import Database
from hub.store.scope import OPERATOR, Scope
from hub.store.tables import Client, Interaction, Network, Reminder
from hub.store.whole import whole
from shared.wire.events import Event

OVERDUE_AFTER = timedelta(hours=1)
"""So long after it was told, a reminder that nobody has dealt with is overdue; so long after it was
due, one that was not told is, too."""
AT_ONCE = 50
"""Reminders that are told in one transaction."""
NEAR = 200
"""Of so many of the newest interactions, devices are taken for near somebody."""


@whole
class DueReminders:
    """Every network's.

    Args:
        database: open; this does not close it.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    @property
    def shared(self) -> bool:
        """Whether other hubs may be at work on the same database."""
        return self._database.engine == "postgresql"

    async def seqs(self, network_ids: Sequence[str] | None = None) -> dict[str, int]:
        """The seq of the newest event of networks that are told anything, by the network's UUID.

        Nothing changes of a network's reminders without an event.

        Args:
            network_ids: of these networks; None: of all.
        """
        query = select(Network.id, Network.event_seq).where(col(Network.status) != "suspended")
        found: dict[str, int] = {}
        async with self._database.session(OPERATOR) as session:
            if network_ids is None:
                return dict((await session.exec(query)).all())
            for first in range(0, len(network_ids), events.AT_ONCE):
                part = network_ids[first : first + events.AT_ONCE]
                found |= dict((await session.exec(query.where(col(Network.id).in_(part)))).all())
        return found

    async def next_at(self, network_id: str) -> datetime | None:
        """When something is to be told next in a network, perhaps long ago; None: never."""
        async with self._database.session(Scope(network_id)) as session:
            found = await session.exec(
                select(
                    func.min(Reminder.due_time).filter(_not_told()),
                    func.min(Reminder.told_at).filter(not_(_not_told())),
                ).where(col(Reminder.network_id) == network_id, col(Reminder.status) == "pending")
            )
            due, told_at = found.one()
        times = [due, None if told_at is None else told_at + OVERDUE_AFTER]
        return min((at for at in times if at is not None), default=None)

    async def tell(
        self, network_id: str, now: datetime, present: Mapping[str, bool]
    ) -> tuple[Event, ...]:
        """Tells of what has come due, and of what is overdue by now; gives the events.

        What is left beyond `AT_ONCE` is told at the next call.

        Args:
            network_id: the network's UUID.
            now: the time, UTC.
            present: the public ids of the devices that are connected to this hub, and whether they
                can say aloud what is due.

        Raises:
            NotFoundError: the network was deleted meanwhile.
        """
        async with self._database.session(Scope(network_id)) as session:
            # Nearly always there is nothing, and then nobody has to wait.
            if not await _some(session, network_id, now, 1, lock=False):
                return ()
        told: list[Event] = []
        async with self._database.transaction(Scope(network_id)) as session:
            await networks.one(session, network_id, lock=True)
            for row in await _some(session, network_id, now, AT_ONCE, lock=True):
                kind: events.Kind = "reminder_changed"
                told_before = row.told_due_time == row.due_time
                if not told_before:
                    row.told_due_time, row.told_at, row.announce_to = row.due_time, now, None
                if told_before or row.due_time <= now - OVERDUE_AFTER:
                    row.status, row.updated_at = "overdue", now
                    row.version += 1
                else:
                    row.announce_to = await _nearest(session, network_id, row.person_id, present)
                    kind = "reminder_due"
                await session.flush()
                told.append(await events.tell(session, network_id, kind, row.id, now))
        return tuple(told)


async def _some(
    session: AsyncSession, network_id: str, now: datetime, limit: int, *, lock: bool
) -> list[Reminder]:
    """Reminders of which something is to be told, those due first."""
    query = (
        select(Reminder)
        .where(
            col(Reminder.network_id) == network_id,
            col(Reminder.status) == "pending",
            col(Reminder.due_time) <= now,
            _untold(now),
        )
        .order_by(col(Reminder.due_time), col(Reminder.id))
        .limit(limit)
    )
    return list(await session.exec(query.with_for_update() if lock else query))


def _untold(now: datetime) -> ColumnElement[bool]:
    return or_(_not_told(), col(Reminder.told_at) <= now - OVERDUE_AFTER)


def _not_told() -> ColumnElement[bool]:
    """Whether nobody was told that it is due, when it is due now."""
    return col(Reminder.told_due_time).is_distinct_from(col(Reminder.due_time))


async def _nearest(
    session: AsyncSession, network_id: str, person_id: str | None, present: Mapping[str, bool]
) -> str | None:
    """The row id of the connected device that is nearest a person; None: none is connected.

    That is the one that heard them best when they last spoke, else the last that heard anybody,
    else the first by name: where all were asked, they would speak at once. Those that speak are
    asked before any that do not; of devices at other hubs it is not known here.
    """
    rows = await session.exec(
        select(Client.id, Client.client_id)
        .where(
            col(Client.network_id) == network_id,
            # Another hub that starts on the same database takes all devices for offline.
            or_(col(Client.connection_status) == "online", col(Client.client_id).in_(present)),
        )
        .order_by(col(Client.name), col(Client.client_id))
    )
    online = rows.all()
    connected = [row_id for row_id, client_id in online if present.get(client_id)] or [
        row_id for row_id, _ in online
    ]
    if not connected:
        return None
    if person_id is not None:
        theirs = await _heard_last(session, network_id, 1, col(Interaction.speaker_id) == person_id)
        if theirs and theirs[0] in connected:
            return theirs[0]
    heard = await _heard_last(session, network_id, NEAR)
    return next((client for client in heard if client in connected), connected[0])


async def _heard_last(
    session: AsyncSession, network_id: str, limit: int, *whose: ColumnElement[bool]
) -> list[str]:
    """The row ids of the devices that were elected last, the newest first."""
    found = await session.exec(
        select(Interaction.client_id)
        .where(
            col(Interaction.network_id) == network_id,
            col(Interaction.timestamp).is_not(None),
            col(Interaction.client_id).is_not(None),
            *whose,
        )
        .order_by(col(Interaction.timestamp).desc(), col(Interaction.id))
        .limit(limit)
    )
    return [client for client in found if client is not None]
