"""What a household keeps beside what was said: people, conversations, calendar, reminders."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Generic, TypeVar

from sqlalchemy import ColumnElement, and_, delete, func, literal, or_, update
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from hub.store import networks
from hub.store.accounts import expect_version
from hub.store.database import Database
from hub.store.details import Page
from hub.store.errors import InvalidValueError, NotFoundError, StoreConflictError
from hub.store.household_details import (
    ActionDetails,
    ConversationDetails,
    EventDetails,
    PersonDetails,
    ReminderDetails,
)
from hub.store.keyset import Position, cursor_of, position_of
from hub.store.scope import Scope
from hub.store.tables import (
    Action,
    CalendarEvent,
    Conversation,
    Interaction,
    Person,
    Reminder,
    VoiceCentroid,
)
from hub.store.types import UtcDateTime
from hub.store.whole import whole
from shared.clock import Clock

Entry = Action | CalendarEvent | Conversation | Person | Reminder
R = TypeVar("R", bound=Entry)
D = TypeVar("D")

_BEGINNING = datetime.fromtimestamp(0, UTC)
"""Stands for the time of what a legacy system left without one."""
Forget = Callable[[AsyncSession, str, str], Awaitable[None]]


def _nothing(_: Any) -> None:
    pass


async def _nothing_refers(_: AsyncSession, __: str, ___: str) -> None:
    pass


@dataclass(frozen=True)
class Kind(Generic[R, D]):
    """One kind of rows.

    Args:
        table: where they are.
        show: what is shown of one.
        name: for people.
        time: the column that lists are ordered by.
        newest_first: in which direction.
        check: raises InvalidValueError for a row that contradicts itself.
        forget: what else goes when a row goes, in the same transaction.
    """

    table: type[R]
    show: Callable[[R], D]
    name: str
    time: str
    newest_first: bool = False
    check: Callable[[Any], None] = _nothing
    forget: Forget = _nothing_refers

    def order(self) -> ColumnElement[Any]:
        """The time, never null."""
        column: ColumnElement[Any] = getattr(self.table, self.time)
        if not self.table.__table__.c[self.time].nullable:  # type: ignore[attr-defined]
            return column
        return func.coalesce(column, literal(_BEGINNING, UtcDateTime))

    def position(self, row: R) -> Position:
        """Where a part ends whose last row this is."""
        return Position(getattr(row, self.time) or _BEGINNING, row.id)


def _ends_after_it_begins(event: CalendarEvent) -> None:
    if event.end_time is not None and event.end_time < event.start_time:
        raise InvalidValueError("end_time is before start_time.")


async def _forget_conversation(session: AsyncSession, network_id: str, row_id: str) -> None:
    await session.exec(
        update(Interaction)
        .where(
            col(Interaction.network_id) == network_id, col(Interaction.conversation_id) == row_id
        )
        .values(conversation_id=None)
    )


async def _forget_person(session: AsyncSession, network_id: str, row_id: str) -> None:
    """The voice goes from everywhere; what they said stays."""
    await session.exec(
        update(Interaction)
        .where(col(Interaction.network_id) == network_id, col(Interaction.speaker_id) == row_id)
        .values(speaker_id=None, voice_embedding=None)
    )
    await session.exec(
        delete(VoiceCentroid).where(
            col(VoiceCentroid.network_id) == network_id, col(VoiceCentroid.person_id) == row_id
        )
    )
    with_people = await session.exec(
        select(Conversation).where(
            col(Conversation.network_id) == network_id,
            col(Conversation.participant_ids).is_not(None),
        )
    )
    for conversation in with_people:
        people = conversation.participant_ids or []
        if row_id in people:
            conversation.participant_ids = [one for one in people if one != row_id]


CONVERSATIONS = Kind(
    Conversation,
    ConversationDetails.of,
    "conversation",
    "last_interaction_at",
    True,
    forget=_forget_conversation,
)
PERSONS = Kind(Person, PersonDetails.of, "person", "created_at", forget=_forget_person)
ACTIONS = Kind(Action, ActionDetails.of, "action", "created_at", newest_first=True)
EVENTS = Kind(CalendarEvent, EventDetails.of, "event", "start_time", check=_ends_after_it_begins)
REMINDERS = Kind(Reminder, ReminderDetails.of, "reminder", "due_time")


@whole
class Household:
    """Every network's.

    Args:
        database: open; this does not close it.
        clock: the hub's clock, in microseconds since the Unix epoch.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def page(
        self,
        kind: Kind[R, D],
        network_id: str,
        where: Sequence[ColumnElement[bool]],
        limit: int,
        cursor: str | None,
    ) -> Page[D]:
        """At most `limit` rows after the cursor, in the kind's order.

        Raises:
            InvalidCursorError: not a cursor that a page gave.
        """
        after, time, key = position_of(cursor), kind.order(), col(kind.table.id)
        conditions = [col(kind.table.network_id) == network_id, *where]
        if after is not None:
            last = after.time or _BEGINNING
            beyond = time < last if kind.newest_first else time > last
            further = key < after.row_id if kind.newest_first else key > after.row_id
            conditions.append(or_(beyond, and_(time == last, further)))
        order = (time.desc(), key.desc()) if kind.newest_first else (time, key)
        async with self._database.session(Scope(network_id)) as session:
            found = await session.exec(
                select(kind.table).where(*conditions).order_by(*order).limit(limit + 1)
            )
            rows = tuple(found)
            page = rows[:limit]
            more = cursor_of(kind.position(page[-1])) if len(rows) > limit else None
            return Page(tuple(kind.show(row) for row in page), more)

    async def one(self, kind: Kind[R, D], network_id: str, row_id: str) -> D:
        """A row; raises NotFoundError."""
        async with self._database.session(Scope(network_id)) as session:
            return kind.show(await _one(session, kind, network_id, row_id))

    async def add(self, kind: Kind[R, D], network_id: str, values: Mapping[str, Any]) -> D:
        """A new row.

        Raises:
            NotFoundError: no such network.
            InvalidValueError: it contradicts itself.
        """
        async with self._database.transaction(Scope(network_id)) as session:
            await networks.one(session, network_id)
            now = self._now()
            row = kind.table(
                id=str(uuid.uuid4()),
                network_id=network_id,
                created_at=now,
                updated_at=now,
                **_in_utc(values),
            )
            kind.check(row)
            session.add(row)
            await session.flush()
            return kind.show(row)

    async def add_person(self, network_id: str, name: str) -> PersonDetails:
        """A person, with the next number; raises NotFoundError."""
        for last in (False, False, False, True):
            try:
                return await self._add_person(network_id, name)
            except StoreConflictError:  # another was added at that moment
                if last:
                    raise
        raise AssertionError

    async def _add_person(self, network_id: str, name: str) -> PersonDetails:
        async with self._database.transaction(Scope(network_id)) as session:
            await networks.one(session, network_id)
            highest = await session.exec(
                select(func.max(Person.index)).where(col(Person.network_id) == network_id)
            )
            now = self._now()
            row = Person(
                id=str(uuid.uuid4()),
                network_id=network_id,
                name=name,
                index=(highest.first() or 0) + 1,
                created_at=now,
                updated_at=now,
            )
            session.add(row)
            await session.flush()
            return PersonDetails.of(row)

    async def change(
        self,
        kind: Kind[R, D],
        network_id: str,
        row_id: str,
        changes: Mapping[str, Any],
        version: int | None,
    ) -> D:
        """Changes a row.

        Raises:
            NotFoundError: the network has no such row.
            VersionConflictError: it is not at `version` any more.
            InvalidValueError: it would contradict itself.
        """
        async with self._database.transaction(Scope(network_id)) as session:
            row = await _one(session, kind, network_id, row_id, lock=True)
            expect_version(row.version, version)
            for name, value in _in_utc(changes).items():
                setattr(row, name, value)
            kind.check(row)
            row.version += 1
            row.updated_at = self._now()
            await session.flush()
            return kind.show(row)

    async def delete(self, kind: Kind[R, D], network_id: str, row_id: str) -> None:
        """Deletes a row with what hangs on it; raises NotFoundError."""
        async with self._database.transaction(Scope(network_id)) as session:
            row = await _one(session, kind, network_id, row_id, lock=True)
            await kind.forget(session, network_id, row_id)
            await session.delete(row)

    def _now(self) -> datetime:
        return datetime.fromtimestamp(0, UTC) + timedelta(microseconds=self._clock())


def _in_utc(values: Mapping[str, Any]) -> dict[str, Any]:
    """Values as they will be read again, so that what is shown now is shown later, too."""
    return {
        name: value.astimezone(UTC) if isinstance(value, datetime) else value
        for name, value in values.items()
    }


async def _one(
    session: AsyncSession, kind: Kind[R, D], network_id: str, row_id: str, *, lock: bool = False
) -> R:
    statement = select(kind.table).where(
        col(kind.table.network_id) == network_id, col(kind.table.id) == row_id
    )
    found = await session.exec(statement.with_for_update() if lock else statement)
    row = found.first()
    if row is None:
        raise NotFoundError(f"The network has no such {kind.name}.")
    return row
