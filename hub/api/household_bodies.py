"""What callers send about conversations, people, actions, the calendar and reminders, and get."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from hub.store.details import InteractionDetails
from hub.store.household_details import (
    ActionDetails,
    ActionStatus,
    ConversationDetails,
    EventDetails,
    PersonDetails,
    Priority,
    ReminderDetails,
    ReminderStatus,
)
from shared.wire.fields import Name, Text, Timestamp, Uuid

Title = Annotated[str, Meta(min_length=1, max_length=256, pattern=r"\S")]
PersonName = Annotated[Name, Meta(pattern=r"\S")]
Attendees = Annotated[list[Title], Meta(max_length=100)]
Setting = Annotated[str, Meta(max_length=256)] | Annotated[int, Meta(ge=-(2**53), le=2**53)] | bool
ReminderSettings = Annotated[dict[Name, Setting], Meta(max_length=16)]
Limit = Annotated[int, Meta(ge=1, le=500)]
CursorText = Annotated[str, Meta(max_length=256)]


class Part(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How much of a list."""

    limit: Limit = 50
    cursor: CursorText | None = None


class WholeConversation(Struct, frozen=True, kw_only=True):
    """A conversation, and a part of what was said in it, the newest first."""

    conversation_id: str
    title: str | None  # its name, else its first words
    participant_ids: list[str]  # persons
    topic_summary: str | None
    context_summary: str | None
    last_interaction_at: datetime | None
    created_at: datetime | None
    updated_at: datetime | None
    version: int  # counts what people changed
    interactions: tuple[InteractionDetails, ...]
    next_cursor: str | None  # gives the next part of what was said; null: this was the last


class Conversations(Struct, frozen=True, kw_only=True):
    """A part of the conversations, the newest first."""

    conversations: tuple[ConversationDetails, ...]
    next_cursor: str | None  # gives the next part; null: this was the last


class ChangedConversation(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is to be changed of a conversation; what is left out stays."""

    title: Title | UnsetType | None = UNSET


class Persons(Struct, frozen=True, kw_only=True):
    """A part of the people, those known longest first."""

    persons: tuple[PersonDetails, ...]
    next_cursor: str | None


class NewPerson(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A person to be added; their voice is learned as they speak."""

    name: PersonName


class ChangedPerson(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is to be changed of a person; what is left out stays."""

    name: PersonName | UnsetType | None = UNSET


class ActionFilter(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which actions, and how many."""

    limit: Limit = 50
    cursor: CursorText | None = None
    status: ActionStatus | None = None
    interaction_id: Uuid | None = None


class Actions(Struct, frozen=True, kw_only=True):
    """A part of the actions, the newest first."""

    actions: tuple[ActionDetails, ...]
    next_cursor: str | None


class EventFilter(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which events, and how many."""

    limit: Limit = 50
    cursor: CursorText | None = None
    start_date: Timestamp | None = None  # that begin at this time or later
    end_date: Timestamp | None = None  # that begin before


class Events(Struct, frozen=True, kw_only=True):
    """A part of the calendar, the earliest first."""

    events: tuple[EventDetails, ...]
    next_cursor: str | None


class NewEvent(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An event to be put into the calendar."""

    title: Title
    start_time: Timestamp
    end_time: Timestamp | None = None
    description: Text | None = None
    location: Title | None = None
    attendees: Attendees = []
    reminder_settings: ReminderSettings = {}


class ChangedEvent(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is to be changed of an event; what is left out stays."""

    title: Title | UnsetType = UNSET
    start_time: Timestamp | UnsetType = UNSET
    end_time: Timestamp | UnsetType | None = UNSET
    description: Text | UnsetType | None = UNSET
    location: Title | UnsetType | None = UNSET
    attendees: Attendees | UnsetType = UNSET
    reminder_settings: ReminderSettings | UnsetType = UNSET


class ReminderFilter(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which reminders, and how many."""

    limit: Limit = 50
    cursor: CursorText | None = None
    status: ReminderStatus | None = None
    start_date: Timestamp | None = None  # that are due at this time or later
    end_date: Timestamp | None = None  # that are due before
    person_id: Uuid | None = None


class Reminders(Struct, frozen=True, kw_only=True):
    """A part of the reminders, those due first."""

    reminders: tuple[ReminderDetails, ...]
    next_cursor: str | None


class NewReminder(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A reminder to be made."""

    title: Title
    due_time: Timestamp
    description: Text | None = None
    priority: Priority = "medium"
    status: Literal["pending", "completed", "cancelled"] = "pending"
    person_id: Uuid | None = None  # whose; left out: everybody's


class ChangedReminder(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is to be changed of a reminder; what is left out stays."""

    title: Title | UnsetType = UNSET
    due_time: Timestamp | UnsetType = UNSET
    description: Text | UnsetType | None = UNSET
    priority: Priority | UnsetType = UNSET
    status: ReminderStatus | UnsetType = UNSET  # overdue: only as it was read
    person_id: Uuid | UnsetType | None = UNSET
