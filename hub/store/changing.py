"""Reminders and calendar events as deeds change them: written, counted and told."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Any

from sqlmodel.ext.asyncio.session import AsyncSession

from hub.actions.intents import Move
from hub.actions.moments import day_that_begins, localized
from hub.store import events
from hub.store.household_kinds import EVENTS, REMINDERS
from hub.store.meant import Subject
from hub.store.tables import CalendarEvent, Reminder
from shared.wire.events import Event

DAY_MIN = 1440
_KEPT = frozenset(
    {"id", "network_id", "title", "description", "start_time", "end_time", "location", "attendees"}
    | {"reminder_settings", "created_at"}
)


async def add(session: AsyncSession, row: Subject, now: datetime) -> list[Event]:
    """Stores a new row; gives what devices are to be told."""
    session.add(row)
    await session.flush()
    return await _told(session, row, now, gone=False)


async def change(
    session: AsyncSession, row: Subject, values: Mapping[str, Any], now: datetime
) -> list[Event]:
    """Changes a row; gives what devices are to be told."""
    for name, value in values.items():
        setattr(row, name, value)
    row.version += 1
    row.updated_at = now
    await session.flush()
    return await _told(session, row, now, gone=False)


async def remove(session: AsyncSession, row: Subject, now: datetime) -> list[Event]:
    """Cancels a reminder, takes an event out of the calendar; gives what devices are to be told."""
    if isinstance(row, Reminder):
        return await change(session, row, {"status": "cancelled"}, now)
    await session.delete(row)
    await session.flush()
    return await _told(session, row, now, gone=True)


async def _told(session: AsyncSession, row: Subject, now: datetime, *, gone: bool) -> list[Event]:
    kind = REMINDERS if isinstance(row, Reminder) else EVENTS
    if kind.told_as is None:
        return []
    return [await events.tell(session, row.network_id, kind.told_as[gone], row.id, now)]


def shown(row: Subject, names: Mapping[str, Any]) -> dict[str, Any]:
    """Some of a row's fields as an action's result keeps them."""
    return {name: _plain(getattr(row, name)) for name in names}


def whole(row: CalendarEvent) -> dict[str, Any]:
    """All of an event that brings it back."""
    return shown(row, row.model_dump(include=set(_KEPT)))


def restored(before: Mapping[str, Any]) -> CalendarEvent:
    """The event that it was."""
    row = CalendarEvent(**values_of(CalendarEvent, before))
    row.updated_at = row.created_at
    return row


def values_of(row: Subject | type[CalendarEvent], before: Mapping[str, Any]) -> dict[str, Any]:
    """Fields as a row has them, from what `shown` made of them."""
    return {
        name: datetime.fromisoformat(value) if name.endswith(("_time", "_at")) and value else value
        for name, value in before.items()
    }


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value


def moved(start: datetime, intent: Move, zone: tzinfo, now: datetime) -> datetime:
    """When something begins that was to begin at `start`, once it has moved.

    Whole days leave the time of day as it is, whatever clocks do meanwhile.
    """
    local = start.astimezone(zone)
    if intent.shift_min is not None:
        days, minutes = divmod(intent.shift_min, DAY_MIN)
        if minutes:
            return start + timedelta(minutes=intent.shift_min)
        return _at(local.date() + timedelta(days=days), local.time(), zone, now)
    return _at(intent.date or local.date(), intent.time or local.time(), zone, now)


def moved_end(
    start: datetime, end: datetime, moved_start: datetime, zone: tzinfo, now: datetime
) -> datetime:
    """When something ends that was to last from `start` to `end`, once its beginning has moved.

    What takes whole days takes as many of them, however long they are.
    """
    first, behind = day_that_begins(start, zone), day_that_begins(end, zone)
    day = day_that_begins(moved_start, zone)
    if first is None or behind is None or day is None:
        return moved_start + (end - start)
    return _at(day + (behind - first), time(), zone, now)


def _at(day: date, at: time, zone: tzinfo, now: datetime) -> datetime:
    return localized(day, at.replace(tzinfo=None), zone, now).astimezone(UTC)
