"""People, conversations, actions, calendar and reminders of a household."""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import datetime
from typing import Any

from msgspec import UNSET, UnsetType, structs
from sqlalchemy import ColumnElement
from sqlmodel import col

from hub.api.household_bodies import (
    ActionFilter,
    Actions,
    ChangedReminder,
    Conversations,
    EventFilter,
    Events,
    NewPerson,
    Part,
    Persons,
    ReminderFilter,
    Reminders,
    WholeConversation,
)
from hub.api.route import Call, Versioned, id_of
from hub.store.archive import Wanted
from hub.store.details import Page
from hub.store.errors import InvalidValueError, NotFoundError
from hub.store.household_kinds import (
    ACTIONS,
    CONVERSATIONS,
    EVENTS,
    PERSONS,
    REMINDERS,
    D,
    Kind,
    R,
)
from hub.store.tables import Action, CalendarEvent, Reminder

# Conversations


async def list_conversations(call: Call) -> Conversations:
    """Lists conversations, the newest first."""
    page = await _page(call, CONVERSATIONS)
    return Conversations(conversations=page.items, next_cursor=page.next_cursor)


async def read_conversation(call: Call) -> Versioned:
    """Shows a conversation with what was said in it, in parts."""
    query: Part = call.query
    conversation_id = _id(call, CONVERSATIONS)
    found = await call.services.household.one(CONVERSATIONS, call.network_id, conversation_id)
    said = await call.services.archive.interactions(
        call.network_id, Wanted(conversation_id=conversation_id), query.limit, query.cursor
    )
    whole = WholeConversation(
        **asdict(found), interactions=said.items, next_cursor=said.next_cursor
    )
    return Versioned(whole, found.version)


async def change_conversation(call: Call) -> Versioned:
    """Changes a conversation."""
    return await _change(call, CONVERSATIONS)


async def delete_conversation(call: Call) -> None:
    """Deletes a conversation; what was said in it stays."""
    await _delete(call, CONVERSATIONS)


# People


async def list_persons(call: Call) -> Persons:
    """Lists the people of the household."""
    page = await _page(call, PERSONS)
    return Persons(persons=page.items, next_cursor=page.next_cursor)


async def add_person(call: Call) -> Versioned:
    """Adds a person."""
    body: NewPerson = call.body
    made, told = await call.services.household.add_person(call.network_id, body.name)
    call.services.networks.publish(call.network_id, *told)
    return Versioned(made, made.version)


async def read_person(call: Call) -> Versioned:
    """Shows a person."""
    return await _read(call, PERSONS)


async def change_person(call: Call) -> Versioned:
    """Names a person."""
    return await _change(call, PERSONS)


async def delete_person(call: Call) -> None:
    """Deletes a person and their voice; what they said stays, without their name."""
    await _delete(call, PERSONS)


# Actions


async def list_actions(call: Call) -> Actions:
    """Lists actions, the newest first."""
    query: ActionFilter = call.query
    where = []
    if query.status is not None:
        where.append(col(Action.status) == query.status)
    if query.interaction_id is not None:
        where.append(col(Action.interaction_id) == query.interaction_id)
    page = await _page(call, ACTIONS, *where)
    return Actions(actions=page.items, next_cursor=page.next_cursor)


async def read_action(call: Call) -> Versioned:
    """Shows an action."""
    return await _read(call, ACTIONS)


async def delete_action(call: Call) -> None:
    """Deletes an action; what it made stays."""
    await _delete(call, ACTIONS)


# Calendar


async def list_events(call: Call) -> Events:
    """Lists the calendar, the earliest first."""
    page = await _page(call, EVENTS, *_between(call.query, CalendarEvent.start_time))
    return Events(events=page.items, next_cursor=page.next_cursor)


async def add_event(call: Call) -> Versioned:
    """Puts an event into the calendar."""
    return await _add(call, EVENTS)


async def read_event(call: Call) -> Versioned:
    """Shows an event."""
    return await _read(call, EVENTS)


async def change_event(call: Call) -> Versioned:
    """Changes an event."""
    return await _change(call, EVENTS)


async def delete_event(call: Call) -> None:
    """Deletes an event."""
    await _delete(call, EVENTS)


# Reminders


async def list_reminders(call: Call) -> Reminders:
    """Lists reminders, those due first."""
    query: ReminderFilter = call.query
    where = _between(query, Reminder.due_time)
    if query.status is not None:
        where.append(col(Reminder.status) == query.status)
    if query.person_id is not None:
        where.append(col(Reminder.person_id) == query.person_id)
    page = await _page(call, REMINDERS, *where)
    return Reminders(reminders=page.items, next_cursor=page.next_cursor)


async def add_reminder(call: Call) -> Versioned:
    """Makes a reminder."""
    await _check_person(call)
    return await _add(call, REMINDERS)


async def read_reminder(call: Call) -> Versioned:
    """Shows a reminder."""
    return await _read(call, REMINDERS)


async def change_reminder(call: Call) -> Versioned:
    """Changes a reminder."""
    await _check_person(call)
    body: ChangedReminder = call.body
    if body.status == "overdue":
        await _check_overdue(call)
        call = replace(call, body=structs.replace(body, status=UNSET))
    return await _change(call, REMINDERS)


async def delete_reminder(call: Call) -> None:
    """Deletes a reminder."""
    await _delete(call, REMINDERS)


async def _check_overdue(call: Call) -> None:
    """Raises InvalidValueError where a reminder is to be overdue that is not.

    What is read and sent back as a whole may say so; nothing that is to come is told where it does.
    """
    found = await call.services.household.one(REMINDERS, call.network_id, _id(call, REMINDERS))
    if found.status != "overdue":
        raise InvalidValueError(
            "The hub alone says when a reminder is overdue.",
            "Allowed: cancelled, completed, pending.",
        )


async def _check_person(call: Call) -> None:
    """Raises InvalidValueError where a reminder is to be somebody's who is not of the network."""
    person_id = call.body.person_id
    if isinstance(person_id, str):
        try:
            await call.services.household.one(PERSONS, call.network_id, person_id)
        except NotFoundError as error:
            raise InvalidValueError(
                "The network has no person of this person_id.",
                "GET .../persons shows them; without it, the reminder is everybody's.",
            ) from error


# What they share


async def _page(call: Call, kind: Kind[R, D], *where: ColumnElement[bool]) -> Page[D]:
    query = call.query
    return await call.services.household.page(
        kind, call.network_id, where, query.limit, query.cursor
    )


async def _add(call: Call, kind: Kind[R, D]) -> Versioned:
    made, told = await call.services.household.add(kind, call.network_id, structs.asdict(call.body))
    call.services.networks.publish(call.network_id, *told)
    return Versioned(made, _version(made))


async def _read(call: Call, kind: Kind[R, D]) -> Versioned:
    found = await call.services.household.one(kind, call.network_id, _id(call, kind))
    return Versioned(found, _version(found))


async def _change(call: Call, kind: Kind[R, D]) -> Versioned:
    given = {
        name: value
        for name, value in structs.asdict(call.body).items()
        if not isinstance(value, UnsetType)
    }
    changed, told = await call.services.household.change(
        kind, call.network_id, _id(call, kind), given, call.version
    )
    call.services.networks.publish(call.network_id, *told)
    return Versioned(changed, _version(changed))


async def _delete(call: Call, kind: Kind[R, D]) -> None:
    told = await call.services.household.delete(kind, call.network_id, _id(call, kind))
    call.services.networks.publish(call.network_id, *told)


def _id(call: Call, kind: Kind[R, D]) -> str:
    return id_of(call, f"{kind.name}_id")


def _version(shown: Any) -> int:
    version: int = shown.version
    return version


def _between(query: EventFilter | ReminderFilter, time: datetime) -> list[ColumnElement[bool]]:
    where = []
    if query.start_date is not None:
        where.append(col(time) >= query.start_date)
    if query.end_date is not None:
        where.append(col(time) < query.end_date)
    return where
