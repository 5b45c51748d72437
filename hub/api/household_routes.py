"""The part of the table of routes that is about a household's people, calendar and the like."""

from __future__ import annotations

from typing import Any

from hub.api import household, household_bodies, voices
from hub.api.route import Handler, Route, roles
from hub.store.household_details import (
    ActionDetails,
    ConversationDetails,
    EventDetails,
    PersonDetails,
    ReminderDetails,
)

NETWORK = "/api/v1/networks/{network_id}"
_HOUSEHOLD = roles("network", "client")


def _list(path: str, summary: str, handler: Handler, answer: Any, query: Any) -> Route:
    return Route(
        "GET",
        f"{NETWORK}/{path}",
        _HOUSEHOLD,
        summary,
        handler,
        answer,
        query=query,
        missing="INVALID_NETWORK_ID",
    )


def _add(path: str, summary: str, handler: Handler, answer: Any, body: Any) -> Route:
    return Route(
        "POST",
        f"{NETWORK}/{path}",
        _HOUSEHOLD,
        summary,
        handler,
        answer,
        body=body,
        status=201,
        missing="INVALID_NETWORK_ID",
    )


def _one(
    method: str,
    path: str,
    summary: str,
    handler: Handler,
    answer: Any = None,
    body: Any = None,
    query: Any = None,
) -> Route:
    name = path.partition("{")[2].partition("}")[0]
    return Route(
        method,
        f"{NETWORK}/{path}",
        _HOUSEHOLD,
        summary,
        handler,
        answer,
        body=body,
        query=query,
        status=204 if answer is None else 200,
        missing=f"INVALID_{name.upper()}",
    )


CONVERSATION = "conversations/{conversation_id}"
PERSON = "persons/{person_id}"
EVENT = "calendar/{event_id}"
REMINDER = "reminders/{reminder_id}"

HOUSEHOLD_ROUTES = (
    _list(
        "conversations",
        "Lists conversations, the newest first.",
        household.list_conversations,
        household_bodies.Conversations,
        household_bodies.Part,
    ),
    _one(
        "GET",
        CONVERSATION,
        "Shows a conversation with what was said in it, the newest first.",
        household.read_conversation,
        household_bodies.WholeConversation,
        query=household_bodies.Part,
    ),
    _one(
        "PUT",
        CONVERSATION,
        "Changes a conversation.",
        household.change_conversation,
        ConversationDetails,
        household_bodies.ChangedConversation,
    ),
    _one(
        "DELETE",
        CONVERSATION,
        "Deletes a conversation; what was said in it stays.",
        household.delete_conversation,
    ),
    _list(
        "persons",
        "Lists the people of the household.",
        household.list_persons,
        household_bodies.Persons,
        household_bodies.Part,
    ),
    _add(
        "persons", "Adds a person.", household.add_person, PersonDetails, household_bodies.NewPerson
    ),
    _one("GET", PERSON, "Shows a person.", household.read_person, PersonDetails),
    _one(
        "PUT",
        PERSON,
        "Names a person.",
        household.change_person,
        PersonDetails,
        household_bodies.ChangedPerson,
    ),
    _one(
        "DELETE",
        PERSON,
        "Deletes a person and their voice; what they said stays.",
        household.delete_person,
    ),
    _one(
        "DELETE",
        PERSON + "/voice",
        "Deletes a person's voice everywhere; the person, and what they said, stay.",
        voices.forget,
    ),
    Route(
        "POST",
        f"{NETWORK}/{PERSON}/enrol",
        _HOUSEHOLD,
        "Takes a sentence that somebody read, for their voice to be known.",
        voices.enrol,
        voices.Enrolment,
        query=voices.Sentence,
        missing="INVALID_PERSON_ID",
        recording=True,
    ),
    _one(
        "POST",
        PERSON + "/merge",
        "Makes one person of two.",
        voices.merge,
        PersonDetails,
        voices.Merge,
    ),
    _one(
        "POST",
        PERSON + "/split",
        "Gives some of what a person said to another, or to somebody new; shows whom.",
        voices.split,
        PersonDetails,
        voices.Split,
    ),
    Route(
        "DELETE",
        f"{NETWORK}/voices",
        roles("network"),
        "Deletes all voices of the network; people, and what was said by whom, stay.",
        voices.forget_all,
        status=204,
        missing="INVALID_NETWORK_ID",
    ),
    _list(
        "actions",
        "Lists actions, the newest first.",
        household.list_actions,
        household_bodies.Actions,
        household_bodies.ActionFilter,
    ),
    _one("GET", "actions/{action_id}", "Shows an action.", household.read_action, ActionDetails),
    _one(
        "DELETE",
        "actions/{action_id}",
        "Deletes an action; what it made stays.",
        household.delete_action,
    ),
    _list(
        "calendar",
        "Lists the calendar, the earliest first.",
        household.list_events,
        household_bodies.Events,
        household_bodies.EventFilter,
    ),
    _add(
        "calendar",
        "Puts an event into the calendar.",
        household.add_event,
        EventDetails,
        household_bodies.NewEvent,
    ),
    _one("GET", EVENT, "Shows an event.", household.read_event, EventDetails),
    _one(
        "PUT",
        EVENT,
        "Changes an event.",
        household.change_event,
        EventDetails,
        household_bodies.ChangedEvent,
    ),
    _one("DELETE", EVENT, "Deletes an event.", household.delete_event),
    _list(
        "reminders",
        "Lists reminders, those due first.",
        household.list_reminders,
        household_bodies.Reminders,
        household_bodies.ReminderFilter,
    ),
    _add(
        "reminders",
        "Makes a reminder.",
        household.add_reminder,
        ReminderDetails,
        household_bodies.NewReminder,
    ),
    _one("GET", REMINDER, "Shows a reminder.", household.read_reminder, ReminderDetails),
    _one(
        "PUT",
        REMINDER,
        "Changes a reminder.",
        household.change_reminder,
        ReminderDetails,
        household_bodies.ChangedReminder,
    ),
    _one("DELETE", REMINDER, "Deletes a reminder.", household.delete_reminder),
)
