"""What was asked for is done: in the transaction that stores the interaction, once, and on record.

An action is kept of everything that was asked for. Where it cannot be done, its row says why; where
nobody can tell whether it was meant for Mira at all, there is no row.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import msgspec
from sqlmodel.ext.asyncio.session import AsyncSession

from hub.actions.intents import (
    Cancel,
    Complete,
    CreateEvent,
    CreateReminder,
    Intent,
    Meant,
    Move,
    SetPriority,
)
from hub.store import changing, events, meant
from hub.store.errors import InvalidValueError
from hub.store.household_kinds import EVENTS
from hub.store.meant import Subject
from hub.store.records import Asked
from hub.store.tables import Action, CalendarEvent, Interaction, Reminder
from hub.store.types import in_utc
from shared.wire.events import Event

LATEST = timedelta(days=1)
"""What should have been so long ago when the hub hears of it is not made any more."""
_PROBLEMS = {
    "past": "That time has passed.",
    "no_time": "Nobody said when.",
    "unsupported": "That cannot be done.",
}


class RefusedError(Exception):
    """It cannot be done; the text is for people."""


class NotMeantError(Exception):
    """Nobody can tell that it was meant for Mira."""


async def carry_out(
    session: AsyncSession, row: Interaction, asked: Asked | None, now: datetime
) -> tuple[Event, ...]:
    """Does what an interaction asks for, and notes that.

    Args:
        session: of the caller's transaction.
        row: the interaction, stored, with its speaker where they are known.
        asked: what it asks for; None: nothing.
        now: the hub's clock.

    Returns:
        What devices are to be told, in the log's order.
    """
    if asked is None:
        return ()
    deed = _Deed(session, row, asked, now)
    status, error = "completed", None
    try:
        await deed.do(asked.intent)
    except NotMeantError:
        return ()
    except (RefusedError, InvalidValueError) as refused:
        status, error = "failed", str(refused)
    except OverflowError:  # nothing is written before times are known, and speech is not lost
        status, error = "failed", "A time is too early or too late."
    action = Action(
        id=str(uuid.uuid4()),
        network_id=row.network_id,
        interaction_id=row.id,
        action_type=str(asked.intent.__struct_config__.tag),
        action_data=described(asked),
        status=status,
        result=deed.result,
        error_message=error,
        completed_at=now,
        created_at=now,
        updated_at=now,
    )
    session.add(action)
    await session.flush()
    told = await events.tell(session, row.network_id, "action_executed", action.id, now)
    return (*deed.told, told)


def described(asked: Asked) -> dict[str, Any]:
    """An intent as an action's row keeps it: what says nothing is left out."""
    data = msgspec.to_builtins(asked.intent)
    said = {name: value for name, value in data.items() if value not in (None, False)}
    said.pop("kind", None)
    return {**said, "extractor": asked.extractor}


class _Deed:
    """One of them; `result` and `told` say what came of it.

    Nothing is written before it is sure that all of it can be.
    """

    def __init__(
        self, session: AsyncSession, row: Interaction, asked: Asked, now: datetime
    ) -> None:
        self._session = session
        self._row = row
        self._network_id = row.network_id
        self._zone = asked.zone
        self._now = now
        self._said_at = row.timestamp or now
        self.result: dict[str, Any] = {}
        self.told: list[Event] = []

    async def do(self, intent: Intent) -> None:
        """Does it.

        Raises:
            RefusedError, InvalidValueError: it cannot be done; nothing was written.
            NotMeantError: there is nothing that it may be about.
        """
        if isinstance(intent, CreateReminder | CreateEvent | Cancel | Move) and intent.problem:
            raise RefusedError(_PROBLEMS[intent.problem])
        match intent:
            case CreateReminder():
                await self._remind(intent)
            case CreateEvent():
                await self._put_into_calendar(intent)
            case Cancel():
                await (self._undo(intent) if intent.last else self._cancel(intent))
            case Complete():
                reminder = self._reminder(await self._subject(intent))
                await self._change(reminder, {"status": "completed"})
            case SetPriority():
                reminder = self._reminder(await self._subject(intent))
                await self._change(reminder, {"priority": intent.priority})
            case Move():
                await self._move(intent)

    async def _remind(self, intent: CreateReminder) -> None:
        due = self._time(intent.at)
        person_id = self._row.speaker_id
        if intent.person:
            person_id = await meant.called(self._session, self._network_id, intent.person)
        row = Reminder(
            id=str(uuid.uuid4()),
            network_id=self._network_id,
            title=intent.title,
            description=f"For {intent.person}." if intent.person else None,
            due_time=due,
            priority=intent.priority,
            status="pending",
            person_id=person_id,
            said_in=None if intent.person else self._row.id,
            created_at=self._now,
            updated_at=self._now,
        )
        await self._add(row, intent.repeats, due)

    async def _put_into_calendar(self, intent: CreateEvent) -> None:
        start = self._time(intent.at)
        row = CalendarEvent(
            id=str(uuid.uuid4()),
            network_id=self._network_id,
            title=intent.title,
            start_time=start,
            end_time=in_utc(intent.end) if intent.end else None,
            created_at=self._now,
            updated_at=self._now,
        )
        EVENTS.check(row)
        await self._add(row, intent.repeats, start)

    def _time(self, at: datetime | None) -> datetime:
        if at is None:
            raise RefusedError(_PROBLEMS["no_time"])
        if self._now - at > LATEST:
            raise RefusedError("That time had passed long before the hub heard of it.")
        return in_utc(at)

    async def _add(self, row: Subject, repeats: str | None, at: datetime) -> None:
        self.result = meant.named(row)
        if repeats:
            self.result["note"] = "It is not repeated: only the first one was made."
        elif at <= self._now:
            self.result["note"] = "It was due already when the hub heard of it."
        self.told += await changing.add(self._session, row, self._now)

    async def _undo(self, intent: Cancel) -> None:
        """Takes back what was done last for the same person or on the same device."""
        action = await meant.latest_action(self._session, self._row, self._said_at, intent.what)
        if action is None:
            raise NotMeantError
        result = action.result or {}
        row = await meant.subject_of(self._session, self._network_id, result)
        before: dict[str, Any] | None = result.get("before")
        if row is None and (before is None or not result.get("deleted")):
            raise RefusedError("It is gone already.")
        self.result = {**_without_traces(result), "undid": action.id}
        if row is None:
            restored = changing.restored(before or {})
            self.told += await changing.add(self._session, restored, self._now)
        elif before is not None:
            values = changing.values_of(row, before)
            self.told += await changing.change(self._session, row, values, self._now)
        else:
            self.told += await changing.remove(self._session, row, self._now)
        action.status, action.updated_at = "undone", self._now
        action.version += 1
        await self._session.flush()
        self.told.append(
            await events.tell(
                self._session, self._network_id, "action_executed", action.id, self._now
            )
        )

    async def _cancel(self, intent: Cancel) -> None:
        row = await self._subject(intent)
        self.result = meant.named(row)
        if isinstance(row, CalendarEvent):
            self.result |= {"before": changing.whole(row), "deleted": True}
        else:
            self.result |= {"before": {"status": row.status}}
        self.told += await changing.remove(self._session, row, self._now)

    async def _move(self, intent: Move) -> None:
        row = await self._subject(intent)
        start = row.due_time if isinstance(row, Reminder) else row.start_time
        moved = changing.moved(start, intent, self._zone, self._now)
        if moved <= self._said_at and intent.either_half and intent.time is not None:
            later = intent.time.replace(hour=(intent.time.hour + 12) % 24)
            other = msgspec.structs.replace(intent, time=later)
            moved = changing.moved(start, other, self._zone, self._now)
        if moved <= self._said_at:
            raise RefusedError(_PROBLEMS["past"])
        if isinstance(row, Reminder):
            status = "pending" if row.status == "overdue" else row.status
            await self._change(row, {"due_time": in_utc(moved), "status": status})
            return
        values: dict[str, Any] = {"start_time": in_utc(moved)}
        if row.end_time is not None:
            end = changing.moved_end(start, row.end_time, moved, self._zone, self._now)
            values["end_time"] = in_utc(end)
        await self._change(row, values)

    async def _subject(self, intent: Meant) -> Subject:
        row = await meant.find(self._session, self._row, intent, self._said_at, self._zone)
        if row is None:
            if intent.certain and not intent.last:
                raise RefusedError("There is no such reminder or event.")
            raise NotMeantError
        return row

    def _reminder(self, row: Subject) -> Reminder:
        if not isinstance(row, Reminder):
            raise RefusedError("That is an event, and no reminder.")
        return row

    async def _change(self, row: Subject, values: Mapping[str, Any]) -> None:
        before = changing.shown(row, values)
        self.told += await changing.change(self._session, row, values, self._now)
        self.result = {**meant.named(row), "before": before}


def _without_traces(result: Mapping[str, Any]) -> dict[str, Any]:
    """What an action was about, without how it was before."""
    return {k: v for k, v in result.items() if k in ("reminder_id", "event_id", "title")}
