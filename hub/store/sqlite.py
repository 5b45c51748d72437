"""All that is SQLite's own: how connections are set up, and what its errors mean."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import URL, Connection, Engine, NullPool, create_engine, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from hub.store.errors import StoreBusyError, StoreConflictError, StoreFileError, StoreFullError
from shared.errors import StoreError

BUSY_TIMEOUT_S = 5.0
"""How long a statement waits for another program's write."""

_PRAGMAS = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",  # a commit has reached the disk
    "PRAGMA foreign_keys=ON",
    "PRAGMA secure_delete=ON",  # what is deleted is overwritten
)
Bulk = Literal["fast", "gentle"]
"""How one of many transactions goes about it: with all there is, or so that others go first."""
_BULK: dict[Bulk | None, tuple[str, ...]] = {
    "fast": (
        "PRAGMA synchronous=NORMAL",  # the log is synchronised with the next commit that is FULL
        "PRAGMA cache_size=-32768",  # KiB: some indexes are written all over
        "PRAGMA wal_autocheckpoint=16000",  # pages: the same ones are written again soon
    ),
    "gentle": (
        "PRAGMA synchronous=NORMAL",
        "PRAGMA cache_size=-16384",
        # The log stays so short that nobody else has to bring it into the file: who does, waits.
        "PRAGMA wal_autocheckpoint=300",
    ),
    None: ("PRAGMA synchronous=FULL",),  # the rest does no harm to a program that does both
}

CONNECTIONS = 4
"""Each is a thread with a page cache of its own; whoever comes when all are busy waits."""


def engine(path: Path) -> AsyncEngine:
    """The engine that the hub works with; connections with `read_only` never wait for writers."""
    # The driver's own BEGIN comes late and leaves schema changes out; ours is the one below.
    made = create_async_engine(
        URL.create("sqlite+aiosqlite", database=str(path)),
        connect_args={"isolation_level": None, "timeout": BUSY_TIMEOUT_S},
        pool_size=CONNECTIONS,
        max_overflow=0,
        hide_parameters=True,  # what was said, and voices: errors are logged
    )
    event.listen(made.sync_engine, "connect", set_up)
    event.listen(made.sync_engine, "begin", _begin)
    return made


def migration_engine(path: Path) -> Engine:
    """An engine for changing the schema: foreign keys off, since tables are rebuilt."""
    made = create_engine(
        URL.create("sqlite", database=str(path)),
        connect_args={"isolation_level": None},
        poolclass=NullPool,
    )
    event.listen(made, "begin", _begin)
    return made


def truncate_wal(path: Path) -> bool:
    """Writes all that is in the write-ahead log into the file, and empties it.

    Returns:
        False where somebody reads or writes just now.

    Raises:
        DBAPIError: SQLite's trouble, as SQLAlchemy tells it.
    """
    log = path.with_name(f"{path.name}-wal")
    if not log.exists() or log.stat().st_size == 0:
        return True
    try:
        with closing(sqlite3.connect(path, timeout=0, isolation_level=None)) as connection:
            (busy, _, _) = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    except sqlite3.Error as error:
        raise DBAPIError("PRAGMA wal_checkpoint(TRUNCATE)", None, error) from error
    return not busy


def set_up(connection: Any, _record: object) -> None:
    """Sets a new connection of the driver's up as the hub's are."""
    cursor = connection.cursor()
    for pragma in _PRAGMAS:
        cursor.execute(pragma)
    cursor.close()


def _begin(connection: Connection) -> None:
    # A writer takes its turn at once: a transaction that reads first and writes later would be
    # refused whenever somebody else wrote in between.
    options = connection.get_execution_options()
    if options.get("read_only", False):
        connection.exec_driver_sql("BEGIN")
        return
    bulk = options.get("bulk")
    if connection.info.get("bulk") != bulk:
        for pragma in _BULK[bulk]:
            connection.exec_driver_sql(pragma)
        connection.info["bulk"] = bulk
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def explain(error: BaseException | None) -> StoreError:
    """What an error of SQLite's means for whoever runs the hub."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # the rest tells where it happened
    said = f"SQLite: {error}."
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return StoreBusyError(
            f"The database is held by another program. {said}",
            "Find out which one (`fuser` with the database's path) and let it finish.",
        )
    if code == sqlite3.SQLITE_FULL:
        return StoreFullError(
            f"The disk is full. {said}", "Free some space; nothing that was stored is lost."
        )
    if code in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT):
        return StoreFileError(
            f"The database file is damaged or is no database. {said}",
            "Move it away and restore a backup, or name another file in the configuration.",
        )
    if code in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM):
        return StoreFileError(
            f"The database file cannot be opened for writing. {said}",
            "Check that its folder exists and that the hub's user may write there.",
        )
    if code == sqlite3.SQLITE_IOERR:
        return StoreFileError(f"The disk failed. {said}", "Check the disk and the system's log.")
    if code == sqlite3.SQLITE_CONSTRAINT:
        return StoreConflictError(f"The row contradicts what is stored. {said}")
    return StoreError(f"The database refused. {said}")
