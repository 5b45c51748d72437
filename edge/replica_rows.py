"""The tables of a device's copy, and what each event does to them."""

from __future__ import annotations

import sqlite3

from shared.wire.events import (
    ActionDeleted,
    ActionExecuted,
    ClientChanged,
    ClientRemoved,
    Event,
    InteractionCreated,
    InteractionDeleted,
    PersonChanged,
    PersonDeleted,
    ReminderChanged,
    ReminderDeleted,
    SettingsChanged,
)

SCHEMA = """
CREATE TABLE IF NOT EXISTS state (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS interactions (
    interaction_id TEXT PRIMARY KEY,
    seq INTEGER NOT NULL,
    text TEXT NOT NULL,
    speaker_id TEXT,
    client_id TEXT,
    timestamp TEXT NOT NULL,
    processing_status TEXT NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS interactions_by_time ON interactions (timestamp);
CREATE TABLE IF NOT EXISTS clients (
    client_id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    listening INTEGER NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS persons (
    person_id TEXT PRIMARY KEY,
    name TEXT,
    "index" INTEGER NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS reminders (
    reminder_id TEXT PRIMARY KEY,
    title TEXT NOT NULL,
    description TEXT,
    due_time TEXT NOT NULL,
    priority TEXT NOT NULL,
    status TEXT NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS actions (
    action_id TEXT PRIMARY KEY,
    action_type TEXT NOT NULL,
    status TEXT NOT NULL,
    interaction_id TEXT,
    title TEXT NOT NULL,
    error_message TEXT
) STRICT;
CREATE TABLE IF NOT EXISTS changes (client_seq INTEGER PRIMARY KEY, message TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS snapshot (number INTEGER PRIMARY KEY, row TEXT NOT NULL) STRICT;
"""
COPIED = ("interactions", "clients", "persons", "reminders", "actions")
"""What the log tells; all else is the device's own."""


def apply(db: sqlite3.Connection, event: Event) -> None:
    """Does to the tables what an event tells; settings are not in tables."""
    match event:
        case InteractionCreated():
            db.execute(
                "INSERT OR REPLACE INTO interactions VALUES (?, ?, ?, ?, ?, ?, ?)",
                (
                    event.interaction_id,
                    event.seq,
                    event.text,
                    event.speaker_id,
                    event.client_id,
                    event.timestamp.isoformat(),
                    event.processing_status,
                ),
            )
        case InteractionDeleted():
            db.execute("DELETE FROM interactions WHERE interaction_id = ?", (event.interaction_id,))
            # What was done stays, as it does at the hub.
            db.execute(
                "UPDATE actions SET interaction_id = NULL WHERE interaction_id = ?",
                (event.interaction_id,),
            )
        case ClientChanged():
            db.execute(
                "INSERT OR REPLACE INTO clients VALUES (?, ?, ?)",
                (event.client_id, event.name, event.listening),
            )
        case ClientRemoved():  # what it heard stays, as it does at the hub
            db.execute(
                "UPDATE interactions SET client_id = NULL WHERE client_id = ?", (event.client_id,)
            )
            db.execute("DELETE FROM clients WHERE client_id = ?", (event.client_id,))
        case PersonChanged():
            db.execute(
                "INSERT OR REPLACE INTO persons VALUES (?, ?, ?)",
                (event.person_id, event.name, event.index),
            )
        case PersonDeleted():  # what they said stays, as it does at the hub
            db.execute(
                "UPDATE interactions SET speaker_id = NULL WHERE speaker_id = ?", (event.person_id,)
            )
            db.execute("DELETE FROM persons WHERE person_id = ?", (event.person_id,))
        case ReminderChanged():
            db.execute(
                "INSERT OR REPLACE INTO reminders VALUES (?, ?, ?, ?, ?, ?)",
                (
                    event.reminder_id,
                    event.title,
                    event.description,
                    event.due_time.isoformat(),
                    event.priority,
                    event.status,
                ),
            )
        case ReminderDeleted():
            db.execute("DELETE FROM reminders WHERE reminder_id = ?", (event.reminder_id,))
        case ActionExecuted():
            db.execute(
                "INSERT OR REPLACE INTO actions VALUES (?, ?, ?, ?, ?, ?)",
                (
                    event.action_id,
                    event.action_type,
                    event.status,
                    event.interaction_id,
                    event.title,
                    event.error_message,
                ),
            )
        case ActionDeleted():
            db.execute("DELETE FROM actions WHERE action_id = ?", (event.action_id,))
        case SettingsChanged():
            pass
