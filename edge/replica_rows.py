"""The tables of a device's copy, and what each event does to them."""

from __future__ import annotations

import json
import sqlite3

from shared.wire.events import (
    ActionDeleted,
    ActionExecuted,
    CalendarChanged,
    CalendarDeleted,
    ClientChanged,
    ClientRemoved,
    ContextUpdated,
    ConversationDeleted,
    Event,
    InteractionCreated,
    InteractionDeleted,
    PersonChanged,
    PersonDeleted,
    ReminderChanged,
    ReminderDeleted,
    ReminderDue,
    SettingsChanged,
)

VERSION = 1
"""Of the tables that the log fills. Those of another version are made anew: the hub tells all."""
SCHEMA = """
CREATE TABLE IF NOT EXISTS state (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS interactions (
    interaction_id TEXT PRIMARY KEY,
    seq INTEGER NOT NULL,
    text TEXT NOT NULL,
    speaker_id TEXT,
    client_id TEXT,
    timestamp TEXT NOT NULL,
    processing_status TEXT NOT NULL,
    conversation_id TEXT
) STRICT;
CREATE INDEX IF NOT EXISTS interactions_by_time ON interactions (timestamp);
CREATE TABLE IF NOT EXISTS conversations (
    conversation_id TEXT PRIMARY KEY,
    title TEXT,
    participants TEXT NOT NULL,
    last_interaction_at TEXT
) STRICT;
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
    status TEXT NOT NULL,
    person_id TEXT
) STRICT;
CREATE TABLE IF NOT EXISTS actions (
    action_id TEXT PRIMARY KEY,
    action_type TEXT NOT NULL,
    status TEXT NOT NULL,
    interaction_id TEXT,
    title TEXT NOT NULL,
    error_message TEXT
) STRICT;
CREATE TABLE IF NOT EXISTS calendar (
    event_id TEXT PRIMARY KEY,
    title TEXT NOT NULL,
    description TEXT,
    start_time TEXT NOT NULL,
    end_time TEXT,
    location TEXT,
    attendees TEXT NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS announcements (
    reminder_id TEXT PRIMARY KEY,
    due_time TEXT NOT NULL,
    announce_to TEXT,
    done INTEGER NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS changes (client_seq INTEGER PRIMARY KEY, message TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS snapshot (number INTEGER PRIMARY KEY, row TEXT NOT NULL) STRICT;
"""
COPIED = ("interactions", "conversations", "clients", "persons", "reminders", "actions", "calendar")
"""What the log tells; all else is the device's own."""


def prepare(db: sqlite3.Connection) -> None:
    """Makes the tables. Of another version, what is told again goes, with the cursor."""
    (version,) = db.execute("PRAGMA user_version").fetchone()
    db.execute("BEGIN IMMEDIATE")
    if version != VERSION:
        for table in COPIED:
            db.execute(f"DROP TABLE IF EXISTS {table}")
    for statement in SCHEMA.split(";"):
        db.execute(statement)
    if version != VERSION:
        db.execute("DELETE FROM snapshot")
        db.execute("DELETE FROM state WHERE key = 'cursor'")
        db.execute(f"PRAGMA user_version = {VERSION}")
    db.execute("COMMIT")


def apply(db: sqlite3.Connection, event: Event) -> None:
    """Does to the tables what an event tells; settings are not in tables."""
    match event:
        case InteractionCreated():
            db.execute(
                "INSERT OR REPLACE INTO interactions VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    event.interaction_id,
                    event.seq,
                    event.text,
                    event.speaker_id,
                    event.client_id,
                    event.timestamp.isoformat(),
                    event.processing_status,
                    event.conversation_id,
                ),
            )
        case InteractionDeleted():
            db.execute("DELETE FROM interactions WHERE interaction_id = ?", (event.interaction_id,))
            # What was noted of it has its words.
            db.execute("DELETE FROM actions WHERE interaction_id = ?", (event.interaction_id,))
        case ContextUpdated():
            last = event.last_interaction_at
            db.execute(
                "INSERT OR REPLACE INTO conversations VALUES (?, ?, ?, ?)",
                (
                    event.conversation_id,
                    event.title,
                    json.dumps(event.participants, separators=(",", ":")),  # as SQLite does
                    None if last is None else last.isoformat(),
                ),
            )
        case ConversationDeleted():  # what was said in it stays, as it does at the hub
            db.execute(
                "UPDATE interactions SET conversation_id = NULL WHERE conversation_id = ?",
                (event.conversation_id,),
            )
            db.execute(
                "DELETE FROM conversations WHERE conversation_id = ?", (event.conversation_id,)
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
            db.execute(
                "UPDATE reminders SET person_id = NULL WHERE person_id = ?", (event.person_id,)
            )
            db.execute(
                "UPDATE conversations SET participants ="
                " (SELECT json_group_array(value) FROM json_each(participants) WHERE value <> ?1)"
                " WHERE instr(participants, ?1)",
                (event.person_id,),
            )
            db.execute("DELETE FROM persons WHERE person_id = ?", (event.person_id,))
        case ReminderChanged():
            _keep_reminder(db, event)
        case ReminderDue():
            _keep_reminder(db, event)
            # One that is due at the same time is the same one, told again.
            db.execute(
                "INSERT INTO announcements VALUES (?1, ?2, ?3, 0) ON CONFLICT (reminder_id)"
                " DO UPDATE SET due_time = ?2, announce_to = ?3, done = 0 WHERE due_time <> ?2",
                (event.reminder_id, event.due_time.isoformat(), event.announce_to),
            )
        case ReminderDeleted():
            db.execute("DELETE FROM reminders WHERE reminder_id = ?", (event.reminder_id,))
            db.execute("DELETE FROM announcements WHERE reminder_id = ?", (event.reminder_id,))
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
        case CalendarChanged():
            end = event.end_time
            db.execute(
                "INSERT OR REPLACE INTO calendar VALUES (?, ?, ?, ?, ?, ?, ?)",
                (
                    event.event_id,
                    event.title,
                    event.description,
                    event.start_time.isoformat(),
                    None if end is None else end.isoformat(),
                    event.location,
                    json.dumps(event.attendees),
                ),
            )
        case CalendarDeleted():
            db.execute("DELETE FROM calendar WHERE event_id = ?", (event.event_id,))
        case SettingsChanged():
            pass


def _keep_reminder(db: sqlite3.Connection, event: ReminderChanged | ReminderDue) -> None:
    db.execute(
        "INSERT OR REPLACE INTO reminders VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            event.reminder_id,
            event.title,
            event.description,
            event.due_time.isoformat(),
            event.priority,
            event.status,
            event.person_id,
        ),
    )
