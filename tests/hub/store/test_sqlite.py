"""SQLite is set up to lose nothing, and its errors say what to do."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from sqlalchemy import text

from hub.store.database import Database
from hub.store.errors import (
    StoreBusyError,
    StoreConflictError,
    StoreFileError,
    StoreFullError,
)
from hub.store.scope import OPERATOR
from hub.store.sqlite import Bulk, explain
from shared.errors import StoreError


async def test_every_connection_is_durable_and_enforces_references(database: Database) -> None:
    wanted = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "secure_delete": 1}
    async with database.session(OPERATOR) as reading, database.transaction(OPERATOR) as writing:
        for session in (reading, writing):
            connection = await session.connection()
            for pragma, value in wanted.items():
                assert await connection.scalar(text(f"PRAGMA {pragma}")) == value


async def test_one_of_many_waits_for_no_disk_and_the_next_that_is_not_does(
    database: Database,
) -> None:
    found = []
    modes: tuple[Bulk | None, ...] = (None, "fast", None, "gentle", None)
    for bulk in modes:
        async with database.transaction(OPERATOR, bulk=bulk) as session:
            found.append(await (await session.connection()).scalar(text("PRAGMA synchronous")))
    full, normal = 2, 1
    assert found == [full, normal, full, normal, full]


@contextmanager
def _opened(path: Path | str, script: str = "") -> Iterator[sqlite3.Connection]:
    uri = str(path).startswith("file:")
    with closing(sqlite3.connect(path, timeout=0, isolation_level=None, uri=uri)) as connection:
        connection.executescript(script)
        yield connection


def _error_of(connection: sqlite3.Connection, statement: str) -> sqlite3.Error:
    with pytest.raises(sqlite3.Error) as raised:
        connection.execute(statement)
    return raised.value


def test_a_lock_is_explained(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    with _opened(path, "CREATE TABLE t (x); BEGIN IMMEDIATE;"), _opened(path) as other:
        error = explain(_error_of(other, "INSERT INTO t VALUES (1)"))
    assert isinstance(error, StoreBusyError)
    assert error.hint


def test_a_full_disk_is_explained(tmp_path: Path) -> None:
    with _opened(tmp_path / "a.db", "CREATE TABLE t (x); PRAGMA max_page_count=2;") as connection:
        error = explain(_error_of(connection, "INSERT INTO t VALUES (zeroblob(100000))"))
    assert isinstance(error, StoreFullError)
    assert error.hint


def test_a_file_that_may_not_be_written_is_explained(tmp_path: Path) -> None:
    with _opened(tmp_path / "a.db", "CREATE TABLE t (x)"):
        pass
    with _opened(f"file:{tmp_path}/a.db?mode=ro") as connection:
        error = explain(_error_of(connection, "INSERT INTO t VALUES (1)"))
    assert isinstance(error, StoreFileError)
    assert error.hint


def test_a_contradiction_is_explained(tmp_path: Path) -> None:
    with _opened(tmp_path / "a.db", "CREATE TABLE t (x NOT NULL)") as connection:
        error = explain(_error_of(connection, "INSERT INTO t VALUES (NULL)"))
    assert isinstance(error, StoreConflictError)


def test_any_other_error_is_still_the_stores() -> None:
    assert type(explain(sqlite3.ProgrammingError("odd"))) is StoreError
