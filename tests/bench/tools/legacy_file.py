"""Large legacy files, the same for the same seed, and the plain copy of one into the hub's schema.

The rows are what a household says in years: ten persons, a conversation to every twenty
interactions, an action to every fifty. One in two hundred is odd.
"""

from __future__ import annotations

import json
import random
import sqlite3
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

from hub.store import schema, sqlite
from hub.store.database_file import change_schema
from tests.bench.tools.archive import SAID
from tests.hub.store import legacy

PERSONS = 10
TO_A_CONVERSATION = 20
TO_AN_ACTION = 50
ODD = 1 / 200
NUMBERS = 256
VOICES = 500
"""Vectors that there are; making others would take longer than all else."""
BEGAN = datetime(2021, 1, 1)  # noqa: DTZ001 - legacy times are naive
BETWEEN = timedelta(minutes=2, microseconds=17)
NETWORK = "f" * 32

Row = tuple[str | int | float | None, ...]


def make(path: Path, rows: int, seed: int) -> None:
    """A new legacy file with `rows` interactions; its bytes are on the disk."""
    made = _Made(rows, seed)
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript("PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF;" + legacy.DDL)
        connection.execute("BEGIN")
        for table in legacy.TABLES:
            marks = ", ".join(
                "?" * len(connection.execute(f"PRAGMA table_info({table})").fetchall())
            )
            connection.executemany(
                f"INSERT INTO {table} VALUES ({marks})",  # noqa: S608 - our own names
                made.rows[table](),
            )
        connection.commit()
        connection.executescript("PRAGMA synchronous=FULL; PRAGMA journal_mode=DELETE;")


class _Made:
    def __init__(self, rows: int, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 - no secrets
        self._count = rows
        self._words = SAID.split()
        self._voices = [self._vector(NUMBERS) for _ in range(VOICES)]
        self._persons = [self._id() for _ in range(PERSONS)]
        self._conversations = [self._id() for _ in range(-(-rows // TO_A_CONVERSATION))]
        self._done_about: list[str] = []
        self.rows: dict[str, Callable[[], Iterator[Row]]] = {
            "persons": self._all_persons,
            "conversations": self._all_conversations,
            "interactions": self._all_interactions,
            "actions": self._all_actions,
        }

    def _all_persons(self) -> Iterator[Row]:
        for number, id_ in enumerate(self._persons, 1):
            at = self._at(0)
            yield id_, f"Person {number}", number, self._voices[number], number, at, at

    def _all_conversations(self) -> Iterator[Row]:
        for id_ in self._conversations:
            who = sorted(self._random.sample(self._persons, 2))
            yield id_, json.dumps([str(uuid.UUID(one)) for one in who]), self._said(), None

    def _all_interactions(self) -> Iterator[Row]:
        for number in range(self._count):
            id_, at = self._id(), self._at(number)
            speaker, voice = self._random.choice(self._persons), self._random.choice(self._voices)
            if number % TO_AN_ACTION == 0:
                self._done_about.append(id_)
            row: Row = (
                id_,
                self._said(),
                at,
                self._conversations[number // TO_A_CONVERSATION],
                voice,
                speaker,
                None,
                json.dumps([f"PERSON:{self._random.choice(self._words)}"]),
                json.dumps(self._random.choices(self._words, k=2)),
                round(self._random.uniform(-1, 1), 6),
            )
            yield self._odd(row) if self._random.random() < ODD else row

    def _odd(self, row: Row) -> Row:
        odd: dict[int, str | None] = {
            2: None,
            4: self._vector(NUMBERS // 2),
            5: self._id(),  # a speaker that is nobody
        }
        place = self._random.choice(sorted(odd))
        return (*row[:place], odd[place], *row[place + 1 :])

    def _all_actions(self) -> Iterator[Row]:
        for number, interaction in enumerate(self._done_about):
            at = self._at(number * TO_AN_ACTION)
            who = self._random.choice(self._persons)
            conversation = self._conversations[number * TO_AN_ACTION // TO_A_CONVERSATION]
            yield (
                self._id(), who, who, "reminder", self._said(), interaction, conversation,
                "completed", at, at,
            )  # fmt: skip

    def _said(self) -> str:
        return " ".join(self._random.choices(self._words, k=self._random.randint(3, 14)))

    def _vector(self, length: int) -> str:
        return json.dumps([self._random.uniform(-0.3, 0.3) for _ in range(length)])

    def _id(self) -> str:
        return uuid.UUID(int=self._random.getrandbits(128), version=4).hex

    def _at(self, number: int) -> str:
        return (BEGAN + number * BETWEEN).isoformat(" ", "microseconds")


# The plain copy

_COPY = """
INSERT INTO persons (id, network_id, name, "index", voice_embedding, cluster_id, created_at,
        updated_at)
    SELECT id, :network, name, "index", voice_embedding, cluster_id, created_at, updated_at
    FROM legacy.persons;
INSERT INTO conversations (id, network_id, participant_ids, topic_summary, context_summary)
    SELECT id, :network, user_ids, topic_summary, context_summary FROM legacy.conversations;
INSERT INTO interactions (id, network_id, text, timestamp, conversation_id, voice_embedding,
        speaker_id, text_embedding, entities, topics, sentiment)
    SELECT id, :network, text, timestamp, conversation_id, voice_embedding,
        (SELECT id FROM legacy.persons WHERE id = speaker_id), text_embedding, entities, topics,
        sentiment
    FROM legacy.interactions AS said;
INSERT INTO actions (id, network_id, interaction_id, action_type, status, completed_at)
    SELECT id, :network, interaction_id, action_type, status, completed_time FROM legacy.actions;
"""
"""What the hub's tables have columns for; only a speaker that is nobody is left out."""


def prepare(path: Path) -> None:
    """A new database of the hub's present schema, with an empty network."""
    change_schema(path, schema.HEAD)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(
            "INSERT INTO networks (id, network_id, name, status, settings, metadata, created_at,"
            " updated_at) VALUES (?, 'net_plain', 'plain', 'active', '{}', '{}', ?, ?)",
            (NETWORK, BEGAN.isoformat(" "), BEGAN.isoformat(" ")),
        )
        connection.commit()


def copy_plainly(file: Path, target: Path) -> None:
    """Copies a legacy file into a prepared database, as the hub's connections are set up."""
    with closing(sqlite3.connect(target, isolation_level=None)) as connection:
        sqlite.set_up(connection, None)
        connection.execute("ATTACH ? AS legacy", (str(file),))
        connection.execute("BEGIN IMMEDIATE")
        for statement in _COPY.split(";\n"):
            if statement.strip():
                connection.execute(statement, {"network": NETWORK})
        connection.execute("COMMIT")
        connection.execute("PRAGMA main.wal_checkpoint(TRUNCATE)").fetchone()
