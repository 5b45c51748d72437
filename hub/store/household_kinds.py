"""The kinds of rows that a household keeps: how each is ordered, shown, checked and forgotten."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

from sqlalchemy import ColumnElement, func, literal, update
from sqlalchemy.orm.attributes import get_history
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from hub.store import conversation_rows, events, openings, voice_rows
from hub.store.errors import InvalidValueError
from hub.store.household_details import (
    ActionDetails,
    ConversationDetails,
    EventDetails,
    PersonDetails,
    ReminderDetails,
)
from hub.store.keyset import Position
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

Entry = Action | CalendarEvent | Conversation | Person | Reminder
R = TypeVar("R", bound=Entry)
D = TypeVar("D")

DEALT_WITH = "action_deleted"
"""In an interaction's `processing_metadata`: what it asks for was done, and the action deleted."""
BEGINNING = datetime.fromtimestamp(0, UTC)
"""Stands for the time of what a legacy system left without one."""
Show = Callable[[AsyncSession, Sequence[R]], Awaitable[tuple[D, ...]]]
Forget = Callable[[AsyncSession, str, str, datetime], Awaitable[None]]


def _nothing(_: Any) -> None:
    pass


async def _nothing_refers(_: AsyncSession, __: str, ___: str, ____: datetime) -> None:
    pass


def _each(of: Callable[[R], D]) -> Show[R, D]:
    """Shows rows of which each says all that there is to say."""

    async def show(_: AsyncSession, rows: Sequence[R]) -> tuple[D, ...]:
        return tuple(of(row) for row in rows)

    return show


async def _with_voices(
    session: AsyncSession, persons: Sequence[Person]
) -> tuple[PersonDetails, ...]:
    """Shows people, and how much of their speech is known."""
    learned: dict[str, float] = {}
    if persons:
        weights = await session.exec(
            select(VoiceCentroid.person_id, func.sum(VoiceCentroid.weight))
            .where(
                col(VoiceCentroid.network_id) == persons[0].network_id,
                col(VoiceCentroid.person_id).in_([person.id for person in persons]),
            )
            .group_by(col(VoiceCentroid.person_id), col(VoiceCentroid.space))
        )
        for person_id, weight in weights:
            # Each space has learned from the same speech, which counts once.
            learned[person_id] = max(weight, learned.get(person_id, 0.0))
    return tuple(PersonDetails.of(person, learned.get(person.id)) for person in persons)


async def _with_titles(
    session: AsyncSession, talks: Sequence[Conversation]
) -> tuple[ConversationDetails, ...]:
    titles = await openings.titles(session, talks)
    return tuple(ConversationDetails.of(row, titles.get(row.id)) for row in talks)


@dataclass(frozen=True)
class Kind(Generic[R, D]):
    """One kind of rows.

    Args:
        table: where they are.
        show: what is shown of some, in their order.
        name: for people.
        time: the column that lists are ordered by.
        newest_first: in which direction.
        check: makes a changed row agree with itself, or raises InvalidValueError.
        forget: what else goes when a row of a network goes, in the same transaction, and when.
        told_as: the events by which devices learn that a row changed, and that it is gone.
    """

    table: type[R]
    show: Show[R, D]
    name: str
    time: str
    newest_first: bool = False
    check: Callable[[Any], None] = _nothing
    forget: Forget = _nothing_refers
    told_as: tuple[events.Kind, events.Kind] | None = None

    def order(self) -> ColumnElement[Any]:
        """The time, never null."""
        column: ColumnElement[Any] = getattr(self.table, self.time)
        if not self.table.__table__.c[self.time].nullable:  # type: ignore[attr-defined]
            return column
        return func.coalesce(column, literal(BEGINNING, UtcDateTime))

    def position(self, row: R) -> Position:
        """Where a part ends whose last row this is."""
        return Position(getattr(row, self.time) or BEGINNING, row.id)


def _ends_after_it_begins(event: CalendarEvent) -> None:
    if event.end_time is not None and event.end_time < event.start_time:
        raise InvalidValueError("end_time is before start_time.")


def _settle_reminder(reminder: Reminder) -> None:
    """What is overdue and put off is waited for again; what was given to another stays theirs."""
    if get_history(reminder, "person_id").has_changes():
        reminder.said_in = None
    told = reminder.told_due_time
    if reminder.status == "overdue" and told is not None and told != reminder.due_time:
        reminder.status = "pending"


async def _forget_conversation(
    session: AsyncSession, network_id: str, row_id: str, _: datetime
) -> None:
    await session.exec(
        update(Interaction)
        .where(
            col(Interaction.network_id) == network_id, col(Interaction.conversation_id) == row_id
        )
        .values(conversation_id=None)
    )


async def _forget_person(
    session: AsyncSession, network_id: str, row_id: str, now: datetime
) -> None:
    """The voice goes from everywhere; what they said stays."""
    for conversation in await conversation_rows.with_person(session, network_id, row_id):
        people = conversation.participant_ids or []
        conversation.participant_ids = [one for one in people if one != row_id]
        conversation.version += 1
        conversation.updated_at = now
    await session.flush()
    await voice_rows.forget(session, network_id, [row_id])
    await session.exec(
        update(Interaction)
        .where(col(Interaction.network_id) == network_id, col(Interaction.speaker_id) == row_id)
        .values(speaker_id=None)
    )
    await session.exec(
        update(Reminder)
        .where(col(Reminder.network_id) == network_id, col(Reminder.person_id) == row_id)
        .values(person_id=None, version=col(Reminder.version) + 1, updated_at=now)
    )


async def _forget_action(session: AsyncSession, network_id: str, row_id: str, _: datetime) -> None:
    """What was asked for was done all the same: it is not done again (`Archive.carry_out`)."""
    found = await session.exec(
        select(Interaction)
        .join(Action, col(Action.interaction_id) == col(Interaction.id))
        .where(col(Interaction.network_id) == network_id, col(Action.id) == row_id)
    )
    for said in found:
        said.processing_metadata = {**(said.processing_metadata or {}), DEALT_WITH: True}


CONVERSATIONS = Kind(
    Conversation,
    _with_titles,
    "conversation",
    "last_interaction_at",
    True,
    forget=_forget_conversation,
    told_as=("context_updated", "conversation_deleted"),
)
PERSONS = Kind(
    Person,
    _with_voices,
    "person",
    "created_at",
    forget=_forget_person,
    told_as=("person_changed", "person_deleted"),
)
ACTIONS = Kind(
    Action,
    _each(ActionDetails.of),
    "action",
    "created_at",
    newest_first=True,
    forget=_forget_action,
    told_as=("action_executed", "action_deleted"),
)
EVENTS = Kind(
    CalendarEvent,
    _each(EventDetails.of),
    "event",
    "start_time",
    check=_ends_after_it_begins,
    told_as=("calendar_changed", "calendar_deleted"),
)
REMINDERS = Kind(
    Reminder,
    _each(ReminderDetails.of),
    "reminder",
    "due_time",
    check=_settle_reminder,
    told_as=("reminder_changed", "reminder_deleted"),
)
