"""What this device knows of its network, read from its own copy: no hub and no daemon is asked."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Literal

import msgspec
from msgspec import Struct

from shared.errors import Fault, MiraError
from shared.wire.network import Change, CompleteReminder, NamePerson

LEAST_OF_AN_ID = 4
"""So many characters of an id have to be given."""


class HistoryError(MiraError):
    """The copy cannot be read."""

    code = "HISTORY_UNREADABLE"
    fault = Fault.PERSON


class UnknownIdError(MiraError):
    """Nothing has this id, or more than one thing."""

    code = "UNKNOWN_ID"
    fault = Fault.PERSON


class Said(Struct, frozen=True, kw_only=True):
    """One interaction."""

    interaction_id: str
    timestamp: datetime
    device: str  # its name; its id where the name is not known
    speaker: str  # their name, or "Person 3" without one; empty where nobody knows
    text: str
    status: str  # pending, processing, completed, failed
    conversation_id: str | None  # what it belongs to
    conversation: str  # its title; empty where it has none


class Person(Struct, frozen=True, kw_only=True):
    """Somebody of the household."""

    person_id: str
    name: str | None
    index: int  # 1 is the owner


class Reminder(Struct, frozen=True, kw_only=True):
    """Something that somebody wants to be told of."""

    reminder_id: str
    due_time: datetime
    title: str
    status: str  # pending, completed, cancelled, overdue


def read_history(path: Path, limit: int, words: Sequence[str] = ()) -> list[Said]:
    """The newest interactions that hold all of `words`, the oldest of them first.

    Args:
        path: the replica's file; a daemon may be writing it.
        limit: how many at most.
        words: parts of the text, in whatever case.

    Raises:
        HistoryError: there is none, or this person may not read it.
    """
    folded = [word.casefold() for word in words]
    with _opened(path) as db:
        names = {one.person_id: one.name or f"Person {one.index}" for one in _people(db)}
        db.create_function(
            "wanted", 1, lambda text: all(word in text.casefold() for word in folded)
        )
        rows = db.execute(
            "SELECT interaction_id, timestamp, coalesce(name, interactions.client_id, ''),"
            " speaker_id, text, processing_status, interactions.conversation_id, title"
            " FROM interactions LEFT JOIN clients ON clients.client_id = interactions.client_id"
            " LEFT JOIN conversations"
            " ON conversations.conversation_id = interactions.conversation_id"
            " WHERE wanted(text) ORDER BY timestamp DESC, seq DESC LIMIT ?",
            (limit,),
        ).fetchall()
    return [
        Said(
            interaction_id=interaction_id,
            timestamp=datetime.fromisoformat(timestamp),
            device=device,
            speaker=names.get(speaker_id, ""),
            text=text,
            status=status,
            conversation_id=conversation_id,
            conversation=title or "",
        )
        for (
            interaction_id,
            timestamp,
            device,
            speaker_id,
            text,
            status,
            conversation_id,
            title,
        ) in reversed(rows)
    ]


def read_people(path: Path) -> list[Person]:
    """The people of the household, the owner first; raises HistoryError."""
    with _opened(path) as db:
        return _people(db)


def read_reminders(path: Path) -> list[Reminder]:
    """All reminders, those due first; raises HistoryError."""
    with _opened(path) as db:
        finished = {
            change.deed.reminder_id
            for change in _changes(db)
            if isinstance(change.deed, CompleteReminder)
        }
        rows = db.execute(
            "SELECT reminder_id, due_time, title, status FROM reminders"
            " ORDER BY due_time, reminder_id"
        ).fetchall()
    return [
        Reminder(
            reminder_id=reminder_id,
            due_time=datetime.fromisoformat(due_time),
            title=title,
            status="completed" if reminder_id in finished else status,
        )
        for reminder_id, due_time, title, status in rows
    ]


def whole_id(
    path: Path, table: Literal["interactions", "persons", "reminders"], beginning: str
) -> str:
    """The id that begins so.

    Raises:
        UnknownIdError: there is none, or more than one.
        HistoryError: the copy cannot be read.
    """
    column = f"{table.removesuffix('s')}_id"
    if len(beginning) < LEAST_OF_AN_ID:
        raise UnknownIdError(f"At least {LEAST_OF_AN_ID} characters of the id are needed.")
    with _opened(path) as db:
        found = db.execute(
            f"SELECT {column} FROM {table} WHERE substr({column}, 1, ?) = ? LIMIT 2",  # noqa: S608
            (len(beginning), beginning.lower()),
        ).fetchall()
    if len(found) != 1:
        how_many = "More than one id begins" if found else "No id begins"
        raise UnknownIdError(
            f"{how_many} with {beginning!r}.", "mira-edge history, people and reminders show ids."
        )
    return str(found[0][0])


def _people(db: sqlite3.Connection) -> list[Person]:
    named = {
        change.deed.person_id: change.deed.name
        for change in _changes(db)
        if isinstance(change.deed, NamePerson)
    }
    rows = db.execute('SELECT person_id, name, "index" FROM persons ORDER BY "index"').fetchall()
    return [
        Person(person_id=person_id, name=named.get(person_id, name), index=index)
        for person_id, name, index in rows
    ]


def _changes(db: sqlite3.Connection) -> list[Change]:
    """What was done here and the hub has not answered: it is shown as if it were done."""
    rows = db.execute("SELECT message FROM changes ORDER BY client_seq").fetchall()
    return [msgspec.json.decode(message, type=Change) for (message,) in rows]


@contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    if not path.exists():
        raise HistoryError(
            f"{path} is not there: this device has never been connected to its network.",
            "Is it another user's? Then ask as that user: sudo -u mira-edge mira-edge history.",
        )
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as db:
            yield db
    except sqlite3.Error as error:
        raise HistoryError(
            f"{path} cannot be read: {error}.",
            "Ask as the user that the daemon runs as: sudo -u mira-edge mira-edge history.",
        ) from error
