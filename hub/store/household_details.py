"""What the API shows of a household's people, conversations, calendar and reminders."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, cast

from hub.store.tables import Action, CalendarEvent, Conversation, Person, Reminder

Priority = Literal["low", "medium", "high", "urgent"]
ActionStatus = Literal["pending", "completed", "failed", "undone"]
"""Those of this system; a row that a legacy system left may have another."""
ReminderStatus = Literal["pending", "completed", "cancelled", "overdue"]


@dataclass(frozen=True)
class ConversationDetails:
    """Interactions that belong together."""

    conversation_id: str
    title: str | None  # its name, else its first words
    participant_ids: list[str]  # persons
    topic_summary: str | None
    context_summary: str | None
    last_interaction_at: datetime | None
    created_at: datetime | None
    updated_at: datetime | None
    version: int  # counts changes

    @classmethod
    def of(cls, row: Conversation, title: str | None) -> ConversationDetails:
        """From its row; `title` is what it is called (see `openings`)."""
        return cls(
            row.id,
            title,
            row.participant_ids or [],
            row.topic_summary,
            row.context_summary,
            row.last_interaction_at,
            row.created_at,
            row.updated_at,
            row.version,
        )


@dataclass(frozen=True)
class PersonDetails:
    """Somebody who lives or speaks here."""

    person_id: str
    name: str | None
    index: int  # 1 is the owner
    voice_known: bool
    voice_learned_s: float  # of speech; 0 where only a legacy system's voice is known, or none
    created_at: datetime | None
    updated_at: datetime | None
    version: int  # counts changes

    @classmethod
    def of(cls, row: Person, learned_s: float | None) -> PersonDetails:
        """From its row; the voice itself is shown to nobody.

        Args:
            row: the person.
            learned_s: how much speech their voice was learned from; None: it never was.
        """
        return cls(
            row.id,
            row.name,
            row.index,
            row.voice_embedding is not None or learned_s is not None,
            round(learned_s or 0.0, 2),
            row.created_at,
            row.updated_at,
            row.version,
        )


@dataclass(frozen=True)
class ActionDetails:
    """What was done because of an interaction."""

    action_id: str
    interaction_id: str | None  # null: it was deleted
    action_type: str
    action_data: dict[str, Any]
    status: str | None
    result: dict[str, Any] | None
    error_message: str | None
    completed_at: datetime | None
    created_at: datetime | None
    updated_at: datetime | None
    version: int  # counts changes

    @classmethod
    def of(cls, row: Action) -> ActionDetails:
        """From its row."""
        return cls(
            row.id,
            row.interaction_id,
            row.action_type,
            row.action_data or {},
            row.status,
            row.result,
            row.error_message,
            row.completed_at,
            row.created_at,
            row.updated_at,
            row.version,
        )


@dataclass(frozen=True)
class EventDetails:
    """Something that takes place."""

    event_id: str
    title: str
    description: str | None
    start_time: datetime
    end_time: datetime | None
    location: str | None
    attendees: list[str]
    reminder_settings: dict[str, Any]
    created_at: datetime
    updated_at: datetime
    version: int  # counts changes

    @classmethod
    def of(cls, row: CalendarEvent) -> EventDetails:
        """From its row."""
        return cls(
            row.id,
            row.title,
            row.description,
            row.start_time,
            row.end_time,
            row.location,
            row.attendees or [],
            row.reminder_settings or {},
            row.created_at,
            row.updated_at,
            row.version,
        )


@dataclass(frozen=True)
class ReminderDetails:
    """Something that somebody wants to be told of."""

    reminder_id: str
    title: str
    description: str | None
    due_time: datetime
    priority: Priority
    status: ReminderStatus
    person_id: str | None  # whose; null: everybody's
    created_at: datetime
    updated_at: datetime
    version: int  # counts changes

    @classmethod
    def of(cls, row: Reminder) -> ReminderDetails:
        """From its row."""
        return cls(
            row.id,
            row.title,
            row.description,
            row.due_time,
            cast("Priority", row.priority),
            cast("ReminderStatus", row.status),
            row.person_id,
            row.created_at,
            row.updated_at,
            row.version,
        )
