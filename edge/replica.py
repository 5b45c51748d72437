"""The device's own copy of what its network's event log told, with the cursor, in SQLite."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

from shared.wire.codec import Event
from shared.wire.events import (
    ClientChanged,
    ClientRemoved,
    InteractionCreated,
    InteractionDeleted,
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
"""


Scope = Literal["client", "network"]
"""Whose listening: this device's, or that of the whole network."""


@dataclass(frozen=True)
class Switches:
    """Whether this device may listen, as the hub last said."""

    network: bool
    client: bool


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
        self._db.executescript(SCHEMA)
        if self._state("network_id") != network_id:
            self.clear()
            self._set_state("network_id", network_id)

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

    def set_pending(self, scope: Scope, listening: bool | None) -> None:
        """Keeps a person's choice until a hub has confirmed it."""
        state = "" if listening is None else "on" if listening else "off"
        self._set_state(f"pending_{scope}_listening", state)

    def apply(self, events: Iterable[Event]) -> int:
        """Applies events above the cursor; those at or below it were applied before.

        Returns:
            The new cursor, which is on disk.
        """
        with self._lock:
            cursor = self.cursor
            self._db.execute("BEGIN IMMEDIATE")
            try:
                for event in events:
                    if event.seq > cursor:
                        self._apply_one(event)
                        cursor = event.seq
                self._set_state("cursor", str(cursor))
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")
            return cursor

    def clear(self) -> None:
        """Forgets what the log told; a person's choice to listen or not stays."""
        with self._lock:
            self._db.executescript(
                "BEGIN; DELETE FROM interactions; DELETE FROM clients;"
                " DELETE FROM state WHERE key = 'cursor'; COMMIT;"
            )

    def interactions(self, limit: int = 50) -> list[InteractionCreated]:
        """The newest interactions, the newest first."""
        with self._lock:
            rows = self._db.execute(
                "SELECT seq, interaction_id, text, speaker_id, client_id, timestamp,"
                " processing_status FROM interactions ORDER BY timestamp DESC, seq DESC LIMIT ?",
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
            )
            for seq, interaction_id, text, speaker_id, client_id, timestamp, status in rows
        ]

    def _apply_one(self, event: Event) -> None:
        match event:
            case InteractionCreated():
                self._db.execute(
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
                self._db.execute(
                    "DELETE FROM interactions WHERE interaction_id = ?", (event.interaction_id,)
                )
            case ClientRemoved():
                self._db.execute("DELETE FROM clients WHERE client_id = ?", (event.client_id,))
            case ClientChanged():
                self._db.execute(
                    "INSERT OR REPLACE INTO clients VALUES (?, ?, ?)",
                    (event.client_id, event.name, event.listening),
                )
            case SettingsChanged():
                self._set_state("network_listening", "on" if event.listening else "off")
                self._set_state("language", event.language)

    def _state(self, key: str) -> str | None:
        with self._lock:
            row = self._db.execute("SELECT value FROM state WHERE key = ?", (key,)).fetchone()
        return None if row is None else str(row[0])

    def _set_state(self, key: str, value: str) -> None:
        with self._lock:
            self._db.execute("INSERT OR REPLACE INTO state VALUES (?, ?)", (key, value))
