"""Legacy files: written as the legacy system did, with references that nobody enforced."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path

Value = str | int | float | None
Rows = Mapping[str, Sequence[Mapping[str, Value]]]

# Its constraints have no names, and its indexes names of their own.
DDL = """
CREATE TABLE persons (
    id CHAR(32) NOT NULL, name VARCHAR, "index" INTEGER NOT NULL, voice_embedding JSON,
    cluster_id INTEGER, created_at DATETIME, updated_at DATETIME, PRIMARY KEY (id));
CREATE UNIQUE INDEX some_name ON persons ("index");
CREATE INDEX ix_persons_name ON persons (name);
CREATE TABLE conversations (
    id CHAR(32) NOT NULL, user_ids JSON, topic_summary VARCHAR, context_summary VARCHAR,
    PRIMARY KEY (id));
CREATE TABLE interactions (
    id CHAR(32) NOT NULL, text VARCHAR NOT NULL, timestamp DATETIME, conversation_id CHAR(32),
    voice_embedding JSON, speaker_id CHAR(32), text_embedding JSON, entities JSON, topics JSON,
    sentiment FLOAT, PRIMARY KEY (id), FOREIGN KEY(conversation_id) REFERENCES conversations (id),
    FOREIGN KEY(speaker_id) REFERENCES persons (id));
CREATE INDEX ix_interactions_timestamp ON interactions (timestamp);
CREATE TABLE actions (
    id CHAR(32) NOT NULL, user_id CHAR(32) NOT NULL, person_id CHAR(32),
    action_type VARCHAR NOT NULL, details VARCHAR, interaction_id CHAR(32),
    conversation_id CHAR(32), status VARCHAR, scheduled_time DATETIME, completed_time DATETIME,
    PRIMARY KEY (id), FOREIGN KEY(person_id) REFERENCES persons (id),
    FOREIGN KEY(interaction_id) REFERENCES interactions (id),
    FOREIGN KEY(conversation_id) REFERENCES conversations (id));
CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL);
INSERT INTO alembic_version VALUES ('0001');
"""
TABLES = ("persons", "conversations", "interactions", "actions")


def write(path: Path, rows: Rows) -> None:
    """Makes a legacy file, stamped."""
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(DDL)
        insert(connection, rows)
        connection.commit()


def insert(connection: sqlite3.Connection, rows: Rows) -> None:
    """Puts rows into tables as they are; keys are column names."""
    for table, entries in rows.items():
        for entry in entries:
            columns = ", ".join(f'"{name}"' for name in entry)
            marks = ", ".join("?" for _ in entry)
            connection.execute(
                f"INSERT INTO {table} ({columns}) VALUES ({marks})",  # noqa: S608  # our own names
                tuple(entry.values()),
            )


def read(path: Path, tables: Sequence[str] = TABLES) -> dict[str, list[dict[str, Value]]]:
    """All rows, as the file keeps them, in the order of their ids."""
    with closing(sqlite3.connect(path)) as connection:
        connection.row_factory = sqlite3.Row
        return {
            table: [
                dict(row)
                for row in connection.execute(
                    f"SELECT * FROM {table} ORDER BY id"  # noqa: S608  # our own names
                )
            ]
            for table in tables
        }


def shape(path: Path) -> dict[str, object]:
    """What the file's tables are made of, whatever the order of constraints."""
    with closing(sqlite3.connect(path)) as connection:

        def facts(pragma: str, table: str, skip: int = 0) -> list[tuple[object, ...]]:
            found = connection.execute(f"PRAGMA {pragma}({table})")
            return sorted((row[skip:] for row in found), key=repr)

        tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        return {
            name: {
                "columns": connection.execute(f"PRAGMA table_info({name})").fetchall(),
                "references": facts("foreign_key_list", name, skip=2),
                "indexes": facts("index_list", name, skip=1),
            }
            for (name,) in tables
            if name != "alembic_version"
        }
