"""Which reminder, event or action somebody means."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta, tzinfo
from typing import Any

from sqlalchemy import ColumnElement, or_
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from hub.actions.intents import Meant, What
from hub.actions.words import listed
from hub.store.tables import Action, CalendarEvent, Interaction, Person, Reminder

Subject = Reminder | CalendarEvent
RECENT = timedelta(minutes=5)
"""So long "that" means what was done last."""
ANNOUNCED = timedelta(minutes=15)
"""So long "that" means a reminder that was due."""
MOST = 1000
"""Rows that are looked through, those that are next first."""
TYPES = ("create_reminder", "create_event", "cancel", "complete", "move", "set_priority")
_GENERIC = listed(
    "reminder reminders event events appointment meeting entry alarm timer call visit the a an my"
    " our to for with about of at on in next that this last his her their is and from i me"
)
"""Words that tell little of what is meant."""


def named(row: Subject) -> dict[str, Any]:
    """A row as an action's result names it."""
    key = "reminder_id" if isinstance(row, Reminder) else "event_id"
    return {key: row.id, "title": row.title}


async def subject_of(
    session: AsyncSession, network_id: str, result: Mapping[str, Any]
) -> Subject | None:
    """What an action's result names; None: it is gone."""
    row: Subject | None
    if "reminder_id" in result:
        row = await session.get(Reminder, result["reminder_id"], with_for_update=True)
    elif "event_id" in result:
        row = await session.get(CalendarEvent, result["event_id"], with_for_update=True)
    else:
        return None
    return row if row is not None and row.network_id == network_id else None


async def called(session: AsyncSession, network_id: str, name: str) -> str | None:
    """The person of a name, in whatever case; None: nobody is called that, or several are."""
    found = await session.exec(
        select(Person.id, Person.name).where(
            col(Person.network_id) == network_id, col(Person.name).is_not(None)
        )
    )
    named = [key for key, its in found if (its or "").casefold() == name.casefold()]
    return named[0] if len(named) == 1 else None


async def latest_action(
    session: AsyncSession,
    row: Interaction,
    said_at: datetime,
    what: What | None,
) -> Action | None:
    """What was done last because of what the same person, or anybody at the same device, said.

    Args:
        session: of the caller's transaction.
        row: the interaction in which it is spoken of.
        said_at: when that was.
        what: of which kind it has to be; None: of any.
    """
    same: list[ColumnElement[bool]] = []
    if row.speaker_id is not None:
        same.append(col(Interaction.speaker_id) == row.speaker_id)
    if row.client_id is not None:
        same.append(col(Interaction.client_id) == row.client_id)
    if not same:
        return None
    found = await session.exec(
        select(Action)
        .join(Interaction, col(Action.interaction_id) == col(Interaction.id))
        .where(
            col(Action.network_id) == row.network_id,
            col(Interaction.network_id) == row.network_id,
            col(Action.status) == "completed",
            col(Action.action_type).in_(TYPES),
            col(Interaction.id) != row.id,
            col(Interaction.timestamp).between(said_at - RECENT, said_at),
            or_(*same),
        )
        .order_by(col(Interaction.timestamp).desc(), col(Action.created_at).desc())
    )
    for action in found:
        result = action.result or {}
        if "undid" in result:  # what took another back is not taken back itself
            continue
        if what is None or (what == "reminder") == ("reminder_id" in result):
            return action
    return None


async def find(
    session: AsyncSession, row: Interaction, intent: Meant, said_at: datetime, zone: tzinfo
) -> Subject | None:
    """The reminder or event that is meant; None: there is none."""
    if intent.last:
        action = await latest_action(session, row, said_at, intent.what)
        if action is not None:
            return await subject_of(session, row.network_id, action.result or {})
        return await _announced(session, row.network_id, said_at)
    best: tuple[int, int] | None = None
    chosen: Subject | None = None
    for place, subject in enumerate(await _open(session, row.network_id, intent.what, said_at)):
        fit = _fit(intent, subject, zone)
        if fit and (best is None or (fit, -place) > best):
            best, chosen = (fit, -place), subject
    return chosen


async def _announced(session: AsyncSession, network_id: str, said_at: datetime) -> Reminder | None:
    """The reminder that was due last, and just now."""
    found = await session.exec(
        select(Reminder)
        .where(
            col(Reminder.network_id) == network_id,
            col(Reminder.status).in_(("pending", "overdue")),
            col(Reminder.due_time).between(said_at - ANNOUNCED, said_at),
        )
        .order_by(col(Reminder.due_time).desc())
        .limit(1)
        .with_for_update()
    )
    return found.first()


async def _open(
    session: AsyncSession, network_id: str, what: What | None, said_at: datetime
) -> list[Subject]:
    """What is still to come, and reminders that were not completed; the next ones first."""
    rows: list[Subject] = []
    if what != "event":
        reminders = await session.exec(
            select(Reminder)
            .where(
                col(Reminder.network_id) == network_id,
                col(Reminder.status).in_(("pending", "overdue")),
            )
            .order_by(col(Reminder.due_time))
            .limit(MOST)
        )
        rows += reminders
    if what != "reminder":
        upcoming = await session.exec(
            select(CalendarEvent)
            .where(
                col(CalendarEvent.network_id) == network_id,
                or_(
                    col(CalendarEvent.start_time) >= said_at - timedelta(hours=1),
                    col(CalendarEvent.end_time) >= said_at,
                ),
            )
            .order_by(col(CalendarEvent.start_time))
            .limit(MOST)
        )
        rows += upcoming
    return sorted(rows, key=_begin)


def _begin(row: Subject) -> datetime:
    return row.due_time if isinstance(row, Reminder) else row.start_time


def _fit(intent: Meant, subject: Subject, zone: tzinfo) -> int:
    """How well a row fits what was said; 0: it is another."""
    local = _begin(subject).astimezone(zone)
    if intent.on is not None and local.date() != intent.on:
        return 0
    if intent.at is not None and (local.hour, local.minute) != (intent.at.hour, intent.at.minute):
        return 0
    wanted, there = words(intent.target or ""), words(subject.title)
    telling = wanted - _GENERIC
    if not telling:
        generic = wanted & {"alarm", "timer", "meeting", "appointment", "call", "visit"}
        if generic and generic <= there:
            return 3
        # "my next appointment", "my four pm meeting": any event will do.
        bare = intent.what == "event" and isinstance(subject, CalendarEvent)
        return 1 if bare or intent.at is not None else 0
    found = sum(any(_alike(word, other) for other in there) for word in telling)
    if found < len(telling):
        return 0
    return 4 + (10 if wanted == there else 0) + (2 if wanted <= there else 0)


def words(text: str) -> set[str]:
    """The words of a title, as they are compared."""
    return {word.removesuffix("'s") for word in re.findall(r"[^\W_]+(?:'[^\W_]+)?", text.lower())}


def _alike(one: str, other: str) -> bool:
    """Whether two words are one, but for how a recogniser spells its ending."""
    if one == other:
        return True
    short, long = sorted((one, other), key=len)
    return len(short) >= 4 and long.startswith(short) and len(long) - len(short) <= 2
