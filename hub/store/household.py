"""What a household keeps beside what was said: people, conversations, calendar, reminders."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, func, or_
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from hub.store import events, networks
from hub.store.accounts import expect_version
from hub.store.database import Database
from hub.store.details import Page
from hub.store.errors import NotFoundError, VoicesOffError
from hub.store.household_details import PersonDetails
from hub.store.household_kinds import BEGINNING, PERSONS, D, Kind, R
from hub.store.keyset import cursor_of, position_of
from hub.store.scope import Scope
from hub.store.tables import Person
from hub.store.types import in_utc
from hub.store.whole import whole
from shared.clock import Clock
from shared.wire.events import Event


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
            last = after.time or BEGINNING
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
            return Page(await kind.show(session, page), more)

    async def one(self, kind: Kind[R, D], network_id: str, row_id: str) -> D:
        """A row; raises NotFoundError."""
        async with self._database.session(Scope(network_id)) as session:
            return await _shown(session, kind, await _one(session, kind, network_id, row_id))

    async def add(
        self, kind: Kind[R, D], network_id: str, values: Mapping[str, Any]
    ) -> tuple[D, tuple[Event, ...]]:
        """A new row, and what devices are to be told.

        Raises:
            NotFoundError: no such network.
            InvalidValueError: it contradicts itself, or has an unusable time.
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
            return await _shown(session, kind, row), await _told(session, kind, row, now)

    async def add_person(
        self, network_id: str, name: str
    ) -> tuple[PersonDetails, tuple[Event, ...]]:
        """A person, with the next number, and what devices are to be told; raises NotFoundError."""
        async with self._database.transaction(Scope(network_id)) as session:
            # Whoever adds another waits here, and then sees this one's number.
            await networks.one(session, network_id, lock=True)
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
            return PersonDetails.of(row, None), await _told(session, PERSONS, row, now)

    async def change(
        self,
        kind: Kind[R, D],
        network_id: str,
        row_id: str,
        changes: Mapping[str, Any],
        version: int | None,
    ) -> tuple[D, tuple[Event, ...]]:
        """Changes a row; gives it, and what devices are to be told.

        Raises:
            NotFoundError: the network has no such row.
            VersionConflictError: it is not at `version` any more.
            InvalidValueError: it would contradict itself, or have an unusable time.
        """
        async with self._database.transaction(Scope(network_id)) as session:
            await _take_turn(session, kind, network_id)
            row = await _one(session, kind, network_id, row_id, lock=True)
            expect_version(row.version, version)
            for name, value in _in_utc(changes).items():
                setattr(row, name, value)
            kind.check(row)
            row.version += 1
            row.updated_at = now = self._now()
            await session.flush()
            return await _shown(session, kind, row), await _told(session, kind, row, now)

    async def learn_voice(
        self,
        network_id: str,
        person_id: str,
        learn: Callable[[list[float] | None], list[float]],
    ) -> tuple[Event, ...]:
        """Gives a person another vector, made of theirs; gives what devices are to be told.

        Raises:
            NotFoundError: the network has no such person.
            VoicesOffError: the network wants no voices.
        """
        async with self._database.transaction(Scope(network_id)) as session:
            await _take_turn(session, PERSONS, network_id)
            row = await _one(session, PERSONS, network_id, person_id, lock=True)
            if not (await networks.one(session, network_id)).settings.voices:
                raise VoicesOffError("This network wants no voices.")
            row.voice_embedding = learn(row.voice_embedding)
            row.version += 1
            row.updated_at = now = self._now()
            await session.flush()
            return await _told(session, PERSONS, row, now)

    async def delete(self, kind: Kind[R, D], network_id: str, row_id: str) -> tuple[Event, ...]:
        """Deletes a row with what hangs on it; gives what devices are to be told.

        Raises:
            NotFoundError: the network has no such row.
        """
        async with self._database.transaction(Scope(network_id)) as session:
            await _take_turn(session, kind, network_id)
            row, now = await _one(session, kind, network_id, row_id, lock=True), self._now()
            await kind.forget(session, network_id, row_id, now)
            await session.delete(row)
            await session.flush()
            if kind.told_as is None:
                return ()
            return (await events.tell(session, network_id, kind.told_as[1], row_id, now),)

    def _now(self) -> datetime:
        return datetime.fromtimestamp(0, UTC) + timedelta(microseconds=self._clock())


def _in_utc(values: Mapping[str, Any]) -> dict[str, Any]:
    """Values as they will be read again, so that what is shown now is shown later, too.

    Raises:
        InvalidValueError: a time at the very beginning or end of the calendar.
    """
    return {
        name: in_utc(value) if isinstance(value, datetime) else value
        for name, value in values.items()
    }


async def _take_turn(session: AsyncSession, kind: Kind[R, D], network_id: str) -> None:
    """Has whoever changes what devices are told of wait here, before it holds any row.

    Whoever stores an interaction holds the network, and then changes conversations.
    """
    if kind.told_as is not None:
        await networks.one(session, network_id, lock=True)


async def _shown(session: AsyncSession, kind: Kind[R, D], row: R) -> D:
    (shown,) = await kind.show(session, [row])
    return shown


async def _told(
    session: AsyncSession, kind: Kind[R, D], row: R, now: datetime
) -> tuple[Event, ...]:
    if kind.told_as is None:
        return ()
    return (await events.tell(session, row.network_id, kind.told_as[0], row.id, now),)


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
