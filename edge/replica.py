"""The device's own copy of what its network's event log told, with the cursor, in SQLite."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

import msgspec

from edge import replica_rows
from shared.wire.codec import encode
from shared.wire.events import (
    ActionDeleted,
    ActionExecuted,
    CalendarDeleted,
    ConversationDeleted,
    Event,
    InteractionCreated,
    InteractionDeleted,
    PersonDeleted,
    ReminderDeleted,
    ResyncRequired,
    Row,
    SettingsChanged,
    Snapshot,
)
from shared.wire.network import (
    Change,
    ChangeApplied,
    ChangeRefused,
    CompleteReminder,
    DeleteInteraction,
    NamePerson,
)

Scope = Literal["client", "network"]
"""Whose listening: this device's, or that of the whole network."""


Deleted = (
    InteractionDeleted
    | ConversationDeleted
    | PersonDeleted
    | ReminderDeleted
    | ActionDeleted
    | CalendarDeleted
)
"""Events after which something that people said or wrote is to be nowhere."""
Written = Event | ResyncRequired | Snapshot | ChangeApplied | ChangeRefused
"""What of the hub's words goes into the copy."""
_row_decoder: msgspec.json.Decoder[Row] = msgspec.json.Decoder(Row)
_change_decoder: msgspec.json.Decoder[Change] = msgspec.json.Decoder(Change)


@dataclass(frozen=True)
class Switches:
    """Whether this device may listen, as the hub last said."""

    network: bool
    client: bool


@dataclass(frozen=True)
class Announcement:
    """A reminder that is due, to be said aloud."""

    reminder_id: str
    due_time: str  # ISO 8601
    title: str


class Replica:
    """Events applied in order, each once; the cursor and what it covers commit together.

    Args:
        path: the SQLite file; its folder is made.
        network_id: whose; a file of another network is emptied first.
    """

    def __init__(self, path: Path, network_id: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(0o600)  # what was spoken is for nobody else on this machine to read
        # Events are written on another thread, for a disk can be slow; nobody sees half of it.
        self._lock = threading.RLock()
        self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.execute("PRAGMA secure_delete = ON")
        replica_rows.prepare(self._db)
        if self._state("network_id") != network_id:
            self.clear()
            self._db.execute("DELETE FROM changes")
            self._db.execute("DELETE FROM announcements")
            self._set_state("network_id", network_id)
        self._wal_holds_deleted = True  # what an earlier run deleted, perhaps
        self._truncate_wal()
        # What a person deleted here does not come back while the hub does not know.
        self._deleted = {
            change.deed.interaction_id
            for change in self.changes()
            if isinstance(change.deed, DeleteInteraction)
        }

    def close(self) -> None:
        """Closes the file, after what is being written."""
        with self._lock:
            self._db.close()

    @property
    def cursor(self) -> int:
        """Seq of the last event applied; 0: none."""
        return int(self._state("cursor") or 0)

    @property
    def switches(self) -> Switches:
        """Whether the hub lets this device listen; on until it says otherwise."""
        return Switches(
            network=self._state("network_listening") != "off",
            client=self._state("client_listening") != "off",
        )

    def set_switches(self, switches: Switches) -> None:
        """Keeps what the hub said, for the next start without a hub."""
        self._set_state("network_listening", "on" if switches.network else "off")
        self._set_state("client_listening", "on" if switches.client else "off")

    def pending(self, scope: Scope) -> bool | None:
        """What a person chose at this device and no hub has confirmed; None: nothing."""
        state = self._state(f"pending_{scope}_listening")
        return None if not state else state == "on"

    def pending_since(self, scope: Scope) -> int:
        """When they chose it, by the device's clock, in microseconds; 0: nobody knows."""
        return int(self._state(f"pending_{scope}_since") or 0)

    def set_pending(self, scope: Scope, listening: bool | None, made_at_us: int = 0) -> None:
        """Keeps a person's choice, and when it was made, until a hub has confirmed it."""
        state = "" if listening is None else "on" if listening else "off"
        self._set_state(f"pending_{scope}_since", str(made_at_us))
        self._set_state(f"pending_{scope}_listening", state)

    # What a person did here

    @property
    def last_change(self) -> int:
        """Number of the newest change that was ever kept; 0: none."""
        return int(self._state("last_change") or 0)

    @property
    def refused(self) -> str:
        """What the hub refused last, for people; empty: nothing."""
        return self._state("refused") or ""

    def changes(self) -> list[Change]:
        """What the hub has not answered yet, the oldest first."""
        with self._lock:
            rows = self._db.execute("SELECT message FROM changes ORDER BY client_seq").fetchall()
        return [_change_decoder.decode(message) for (message,) in rows]

    def keep_change(self, change: Change) -> None:
        """Keeps it until the hub has answered; it is on disk afterwards.

        What is deleted is gone from this copy at once. A new name and a finished reminder are
        shown as such, but the copy says what the log says (see `edge.history`).

        Raises:
            sqlite3.Error: it cannot be written, and nothing is kept.
        """
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                self._db.execute(
                    "INSERT INTO changes VALUES (?, ?)", (change.client_seq, encode(change))
                )
                self._set_state("last_change", str(change.client_seq))
                if isinstance(change.deed, DeleteInteraction):
                    for table in ("interactions", "actions"):
                        self._db.execute(
                            f"DELETE FROM {table} WHERE interaction_id = ?",  # noqa: S608
                            (change.deed.interaction_id,),
                        )
                self._db.execute("COMMIT")
            except BaseException:
                self._rollback()
                raise
            if isinstance(change.deed, DeleteInteraction):
                self._deleted.add(change.deed.interaction_id)
                self._wal_holds_deleted = True
                self._truncate_wal()

    # What is to be said here

    def announcements(self, client_id: str) -> list[Announcement]:
        """What is due, to be announced by this device, and was not yet; what is due first, first.

        Of what was dealt with meanwhile, moved or deleted, nothing is to be said.
        """
        with self._lock:
            rows = self._db.execute(
                "SELECT reminder_id, due_time, title FROM announcements"
                " JOIN reminders USING (reminder_id, due_time)"
                " WHERE NOT done AND status = 'pending' AND coalesce(announce_to, ?1) = ?1"
                " ORDER BY due_time, reminder_id",
                (client_id,),
            ).fetchall()
        return [Announcement(*row) for row in rows]

    def announced(self, one: Announcement) -> None:
        """It was said; raises sqlite3.Error where that cannot be written."""
        with self._lock:
            self._db.execute(
                "UPDATE announcements SET done = 1 WHERE reminder_id = ? AND due_time = ?",
                (one.reminder_id, one.due_time),
            )

    # What the hub says

    def apply(self, said: Iterable[Written]) -> int:
        """Applies events above the cursor; those at or below it were applied before.

        Returns:
            The new cursor, which is on disk.
        """
        with self._lock:
            cursor = self.cursor
            self._db.execute("BEGIN IMMEDIATE")
            try:
                for message in said:
                    match message:
                        case ResyncRequired():
                            self._db.execute("DELETE FROM snapshot")
                            self._set_state("resync", str(message.cursor))
                        case Snapshot():
                            cursor = self._stage(message, cursor)
                        case ChangeApplied() | ChangeRefused():
                            self._answered(message)
                        case _ if message.seq > cursor:
                            self._apply_one(message)
                            cursor = message.seq
                self._set_state("cursor", str(cursor))
                self._db.execute("COMMIT")
            except BaseException:
                self._rollback()
                raise
            self._truncate_wal()
            return cursor

    def _truncate_wal(self) -> None:
        """Empties the write-ahead log once something was deleted, whose text it would keep.

        Where somebody is reading just now, or the disk is full, it is tried again with what is
        written next.
        """
        if self._wal_holds_deleted:
            with suppress(sqlite3.Error):
                (busy, _, _) = self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
                self._wal_holds_deleted = bool(busy)

    def _rollback(self) -> None:
        if self._db.in_transaction:  # some failures have ended it already
            self._db.execute("ROLLBACK")

    def _stage(self, part: Snapshot, cursor: int) -> int:
        """Puts a part aside; the last one has all of them take the place of what there is."""
        self._db.executemany(
            "INSERT INTO snapshot (row) VALUES (?)", [(encode(row),) for row in part.rows]
        )
        if not part.last:
            return cursor
        self._empty()
        self._wal_holds_deleted = True
        for (row,) in self._db.execute("SELECT row FROM snapshot ORDER BY number").fetchall():
            self._apply_one(_row_decoder.decode(row))
        self._db.execute("DELETE FROM snapshot")
        self._db.execute(
            "DELETE FROM announcements WHERE reminder_id NOT IN (SELECT reminder_id FROM reminders)"
        )
        return int(self._state("resync") or 0)

    def _empty(self) -> None:
        for table in replica_rows.COPIED:
            self._db.execute(f"DELETE FROM {table}")  # noqa: S608 - our own names

    def _answered(self, answer: ChangeApplied | ChangeRefused) -> None:
        row = self._db.execute(
            "SELECT message FROM changes WHERE client_seq = ?", (answer.client_seq,)
        ).fetchone()
        if row is None:
            return
        self._db.execute("DELETE FROM changes WHERE client_seq = ?", (answer.client_seq,))
        deed = _change_decoder.decode(row[0]).deed
        if isinstance(answer, ChangeRefused):
            what = {NamePerson: "a person's name", CompleteReminder: "a finished reminder"}
            self._set_state("refused", f"{what.get(type(deed), 'a deletion')}: {answer.message}")

    def forget_network(self) -> None:
        """The device was removed from its network: of what was said and done there, nothing stays.

        Raises:
            sqlite3.Error: it cannot be written.
        """
        with self._lock:
            self.clear()
            self._db.execute("DELETE FROM changes")
            self._db.execute("DELETE FROM announcements")
            self._db.execute("DELETE FROM state WHERE key = 'refused'")
            self._wal_holds_deleted = True
            self._truncate_wal()

    def clear(self) -> None:
        """Forgets what the log told; what a person chose or did here stays."""
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            self._empty()
            self._db.execute("DELETE FROM snapshot")
            self._db.execute("DELETE FROM state WHERE key = 'cursor'")
            self._db.execute("COMMIT")

    def interactions(self, limit: int = 50) -> list[InteractionCreated]:
        """The newest interactions, the newest first."""
        with self._lock:
            rows = self._db.execute(
                "SELECT seq, interaction_id, text, speaker_id, client_id, timestamp,"
                " processing_status, conversation_id FROM interactions"
                " ORDER BY timestamp DESC, seq DESC LIMIT ?",
                (limit,),
            ).fetchall()
        return [
            InteractionCreated(
                seq=seq,
                interaction_id=interaction_id,
                text=text,
                speaker_id=speaker_id,
                client_id=client_id,
                timestamp=datetime.fromisoformat(timestamp),
                processing_status=status,
                conversation_id=conversation_id,
            )
            for (
                seq,
                interaction_id,
                text,
                speaker_id,
                client_id,
                timestamp,
                status,
                conversation_id,
            ) in rows
        ]

    def _apply_one(self, event: Event) -> None:
        if isinstance(event, SettingsChanged):
            self._set_state("network_listening", "on" if event.listening else "off")
            self._set_state("language", event.language)
        elif not (
            isinstance(event, InteractionCreated | ActionExecuted)
            and event.interaction_id in self._deleted
        ):
            replica_rows.apply(self._db, event)
            self._wal_holds_deleted |= isinstance(event, Deleted)

    def _state(self, key: str) -> str | None:
        with self._lock:
            row = self._db.execute("SELECT value FROM state WHERE key = ?", (key,)).fetchone()
        return None if row is None else str(row[0])

    def _set_state(self, key: str, value: str) -> None:
        with self._lock:
            self._db.execute("INSERT OR REPLACE INTO state VALUES (?, ?)", (key, value))
