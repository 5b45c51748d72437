"""Rows as events tell them: what stands in the log as a name goes out as the row that it names."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple, cast

import sqlalchemy
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from hub.store import openings
from hub.store.household_details import Priority, ReminderStatus
from hub.store.records import ProcessingStatus
from hub.store.settings import NetworkSettings, parse_settings
from hub.store.tables import (
    Action,
    CalendarEvent,
    Client,
    Conversation,
    Interaction,
    Network,
    Person,
    Reminder,
)
from shared.wire.events import (
    ActionExecuted,
    CalendarChanged,
    ClientChanged,
    ContextUpdated,
    InteractionCreated,
    PersonChanged,
    ReminderChanged,
    ReminderDue,
    Row,
    SettingsChanged,
)

MAX_TEXT = 4096
MAX_NAME = 64
"""What came from a legacy system may be longer; devices get the beginning."""
MAX_PARTICIPANTS = 1000
MAX_ATTENDEES = 100

Told = Callable[[int], Row | ReminderDue]
"""Makes a row's event, given its seq."""
Loader = Callable[[AsyncSession, str, Collection[str]], Awaitable[dict[str, Told]]]
"""Those of a network's rows that are there, by id."""


class _Said(NamedTuple):
    """What an interaction's event tells; the rest of its row may be long, and is left unread."""

    id: str
    text: str
    speaker_id: str | None
    timestamp: datetime | None
    processing_status: str
    conversation_id: str | None


_SAID_FIELDS: list[Any] = [getattr(Interaction, name) for name in _Said._fields]
_SAID: Any = (
    sqlalchemy.select(*_SAID_FIELDS, col(Client.client_id))
    .select_from(Interaction)
    .outerjoin(Client, col(Interaction.client_id) == col(Client.id))
)


def interaction_created(
    seq: int, row: Interaction | _Said, client_id: str | None
) -> InteractionCreated:
    """The event of an interaction; `client_id` is the public id."""
    if row.timestamp is None:
        raise ValueError("only legacy interactions lack a time, and they have no event")
    return InteractionCreated(
        seq=seq,
        interaction_id=row.id,
        text=row.text[:MAX_TEXT],
        speaker_id=row.speaker_id,
        client_id=client_id,
        timestamp=row.timestamp,
        processing_status=cast("ProcessingStatus", row.processing_status),
        conversation_id=row.conversation_id,
    )


def context_updated(seq: int, row: Conversation, title: str | None) -> ContextUpdated:
    """The event of a conversation; `title` is its name or, without one, its first words."""
    return ContextUpdated(
        seq=seq,
        conversation_id=row.id,
        title=None if title is None else title[:MAX_TEXT],
        participants=(row.participant_ids or [])[:MAX_PARTICIPANTS],
        last_interaction_at=row.last_interaction_at,
    )


def client_changed(seq: int, row: Client) -> ClientChanged:
    """The event of a device."""
    return ClientChanged(seq=seq, client_id=row.client_id, name=row.name, listening=row.listening)


def person_changed(seq: int, row: Person) -> PersonChanged:
    """The event of a person."""
    name = (row.name or "")[:MAX_NAME]
    return PersonChanged(seq=seq, person_id=row.id, name=name or None, index=row.index)


def reminder_changed(seq: int, row: Reminder) -> ReminderChanged:
    """The event of a reminder."""
    return ReminderChanged(
        seq=seq,
        reminder_id=row.id,
        title=row.title[:MAX_TEXT],
        description=None if row.description is None else row.description[:MAX_TEXT],
        due_time=row.due_time,
        priority=cast("Priority", row.priority),
        status=cast("ReminderStatus", row.status),
        person_id=row.person_id,
    )


def reminder_due(seq: int, row: Reminder, announce_to: str | None) -> ReminderDue:
    """The event of a reminder that is due; `announce_to` is the device's public id."""
    return ReminderDue(
        seq=seq,
        reminder_id=row.id,
        title=row.title[:MAX_TEXT],
        description=None if row.description is None else row.description[:MAX_TEXT],
        due_time=row.due_time,
        priority=cast("Priority", row.priority),
        status="pending",
        person_id=row.person_id,
        announce_to=announce_to,
    )


def calendar_changed(seq: int, row: CalendarEvent) -> CalendarChanged:
    """The event of an event of the calendar."""
    return CalendarChanged(
        seq=seq,
        event_id=row.id,
        title=row.title[:MAX_TEXT],
        description=None if row.description is None else row.description[:MAX_TEXT],
        start_time=row.start_time,
        end_time=row.end_time,
        location=None if row.location is None else row.location[:MAX_TEXT],
        attendees=[one[:MAX_TEXT] for one in row.attendees or []][:MAX_ATTENDEES],
    )


def action_executed(seq: int, row: Action) -> ActionExecuted:
    """The event of an action."""
    data, result = row.action_data or {}, row.result or {}
    title = result.get("title") or data.get("title") or data.get("target") or ""
    return ActionExecuted(
        seq=seq,
        action_id=row.id,
        action_type=row.action_type[:MAX_NAME] or "unknown",
        status=(row.status or "pending")[:MAX_NAME],
        interaction_id=row.interaction_id,
        title=str(title)[:MAX_TEXT],
        error_message=None if row.error_message is None else row.error_message[:MAX_TEXT],
    )


def settings_changed(seq: int, settings: NetworkSettings, status: str) -> SettingsChanged:
    """The event of a network's settings; a network that is not active does not listen."""
    return SettingsChanged(
        seq=seq,
        listening=settings.listening and status == "active",
        language=settings.language,
    )


async def interactions(
    session: AsyncSession, network_id: str, ids: Collection[str]
) -> dict[str, Told]:
    """Interactions; those of a legacy system that have no time are told to nobody."""
    found = await session.exec(
        _SAID.where(Interaction.network_id == network_id, col(Interaction.id).in_(ids))
    )
    told: dict[str, Told] = {}
    for *fields, client_id in found:
        row = _Said(*fields)
        # Not asked of the database: SQLite would then read a whole index of times for a few ids.
        if row.timestamp is not None:
            told[row.id] = partial(interaction_created, row=row, client_id=client_id)
    return told


async def conversations(
    session: AsyncSession, network_id: str, ids: Collection[str]
) -> dict[str, Told]:
    """Conversations."""
    found = await session.exec(
        select(Conversation).where(
            Conversation.network_id == network_id, col(Conversation.id).in_(ids)
        )
    )
    rows = found.all()
    titles = await openings.titles(session, rows)
    return {row.id: partial(context_updated, row=row, title=titles.get(row.id)) for row in rows}


async def clients(session: AsyncSession, network_id: str, ids: Collection[str]) -> dict[str, Told]:
    """Devices, by the ids of their rows."""
    found = await session.exec(
        select(Client).where(Client.network_id == network_id, col(Client.id).in_(ids))
    )
    return {row.id: partial(client_changed, row=row) for row in found}


async def persons(session: AsyncSession, network_id: str, ids: Collection[str]) -> dict[str, Told]:
    """People."""
    found = await session.exec(
        select(Person).where(Person.network_id == network_id, col(Person.id).in_(ids))
    )
    return {row.id: partial(person_changed, row=row) for row in found}


async def reminders(
    session: AsyncSession, network_id: str, ids: Collection[str]
) -> dict[str, Told]:
    """Reminders."""
    found = await session.exec(
        select(Reminder).where(Reminder.network_id == network_id, col(Reminder.id).in_(ids))
    )
    return {row.id: partial(reminder_changed, row=row) for row in found}


async def actions(session: AsyncSession, network_id: str, ids: Collection[str]) -> dict[str, Told]:
    """What was done because of what was said."""
    found = await session.exec(
        select(Action).where(Action.network_id == network_id, col(Action.id).in_(ids))
    )
    return {row.id: partial(action_executed, row=row) for row in found}


async def due_reminders(
    session: AsyncSession, network_id: str, ids: Collection[str]
) -> dict[str, Told]:
    """Reminders that are due; one that was moved or dealt with since is told as it is now."""
    found = await session.exec(
        select(Reminder, Client.client_id)
        .outerjoin(Client, col(Reminder.announce_to) == col(Client.id))
        .where(Reminder.network_id == network_id, col(Reminder.id).in_(ids))
    )
    return {
        row.id: partial(reminder_due, row=row, announce_to=announce_to)
        if row.status == "pending" and row.told_due_time == row.due_time
        else partial(reminder_changed, row=row)
        for row, announce_to in found
    }


async def calendar(session: AsyncSession, network_id: str, ids: Collection[str]) -> dict[str, Told]:
    """Events of the calendar."""
    found = await session.exec(
        select(CalendarEvent).where(
            CalendarEvent.network_id == network_id, col(CalendarEvent.id).in_(ids)
        )
    )
    return {row.id: partial(calendar_changed, row=row) for row in found}


async def settings(session: AsyncSession, network_id: str, _: Collection[str]) -> dict[str, Told]:
    """The network itself."""
    found = await session.exec(
        select(Network.settings, Network.status).where(Network.id == network_id)
    )
    row = found.first()
    if row is None:
        return {}
    document, status = row
    told = partial(settings_changed, settings=parse_settings(document), status=status)
    return {network_id: told}
