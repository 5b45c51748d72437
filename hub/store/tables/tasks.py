"""What is to be done."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import UniqueConstraint
from sqlmodel import Field

from hub.store.tables.base import TenantRow, index, of_network, within_network
from hub.store.types import JsonDocument, UtcDateTime, UuidText


class Action(TenantRow, table=True):
    """What was done because of an interaction."""

    __tablename__ = "actions"
    __table_args__ = (
        of_network(),
        within_network("interaction_id", "interactions"),
        UniqueConstraint("network_id", "id"),
        index("interaction_id"),
    )

    id: str = Field(sa_type=UuidText, primary_key=True)
    interaction_id: str | None = Field(default=None, sa_type=UuidText)
    action_type: str
    action_data: dict[str, Any] | None = Field(default=None, sa_type=JsonDocument)
    status: str | None = "pending"
    result: dict[str, Any] | None = Field(default=None, sa_type=JsonDocument)
    error_message: str | None = None
    completed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    version: int = Field(default=1, sa_column_kwargs={"server_default": "1"})  # counts changes
    created_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    updated_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class CalendarEvent(TenantRow, table=True):
    """Something that takes place."""

    __tablename__ = "calendar_events"
    __table_args__ = (of_network(), UniqueConstraint("network_id", "id"), index("start_time"))

    id: str = Field(sa_type=UuidText, primary_key=True)
    title: str
    description: str | None = None
    start_time: datetime = Field(sa_type=UtcDateTime)
    end_time: datetime | None = Field(default=None, sa_type=UtcDateTime)
    location: str | None = None
    attendees: list[str] | None = Field(default=None, sa_type=JsonDocument)
    reminder_settings: dict[str, Any] | None = Field(default=None, sa_type=JsonDocument)
    version: int = Field(default=1, sa_column_kwargs={"server_default": "1"})  # counts changes
    created_at: datetime = Field(sa_type=UtcDateTime)
    updated_at: datetime = Field(sa_type=UtcDateTime)


class Reminder(TenantRow, table=True):
    """Something that somebody wants to be told of."""

    __tablename__ = "reminders"
    __table_args__ = (
        of_network(),
        within_network("person_id", "persons"),
        within_network("announce_to", "clients"),
        within_network("said_in", "interactions"),
        UniqueConstraint("network_id", "id"),
        index("due_time"),
        index("status", "due_time"),
        index("person_id"),
        index("announce_to"),
        index("said_in"),
    )

    id: str = Field(sa_type=UuidText, primary_key=True)
    title: str
    description: str | None = None
    person_id: str | None = Field(default=None, sa_type=UuidText)  # whose; null: everybody's
    # The interaction whose speaker it belongs to, whoever that turns out to be; null: whose it is
    # was said, or nobody's words made it.
    said_in: str | None = Field(default=None, sa_type=UuidText)
    due_time: datetime = Field(sa_type=UtcDateTime)
    priority: str = Field(max_length=16)  # low, medium, high, urgent
    status: str = Field(max_length=16)  # pending, completed, cancelled, overdue
    # Devices were told that it is due: for which due_time, when, and which one announces it.
    told_due_time: datetime | None = Field(default=None, sa_type=UtcDateTime)
    told_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    announce_to: str | None = Field(default=None, sa_type=UuidText)  # null: every device
    version: int = Field(default=1, sa_column_kwargs={"server_default": "1"})  # counts changes
    created_at: datetime = Field(sa_type=UtcDateTime)
    updated_at: datetime = Field(sa_type=UtcDateTime)
