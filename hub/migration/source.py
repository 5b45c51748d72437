# ruff: noqa: S608 - the names in the statements are the legacy schema's own
"""Legacy files: copied as they are at one moment, checked, and read. They are never written.

A legacy system may be at work on its file. What is read is a copy, made while nobody wrote: the
file's own counter of changes is the same before and after. It is also the backup.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from hub.migration.errors import LegacyBusyError, LegacyFileError
from hub.migration.files import (
    Progress,
    clear,
    copy_bytes,
    explained,
    log_of,
    nobody,
    raw_of,
    remember_rights,
    rights_file,
    together,
)
from hub.migration.legacy_rows import TABLES, Text, Value, checksum, key_of
from hub.migration.parts import WHOLE, Part

TRIES = 5
"""A legacy system that writes once a second leaves time for a copy in between."""
BUSY_TIMEOUT_S = 5.0
ROWS_AT_ONCE = 500


@dataclass(frozen=True)
class Copy:
    """A legacy file at one moment.

    Args:
        path: of the copy, which SQLite may open.
        source: the legacy file, an absolute path.
        sha256: of the legacy file, hex; see `sha256_of`.
        size: of the legacy file, in bytes.
    """

    path: Path
    source: Path
    sha256: str
    size: int


@dataclass(frozen=True)
class _State:
    """Is another one after each write to the file."""

    size: int
    modified_ns: int
    changes: bytes  # SQLite's own counter, in the file's header
    log: tuple[int, int]  # the write-ahead log's size and time

    @classmethod
    def of(cls, path: Path) -> _State:
        at = path.stat()
        wal = path.with_name(path.name + "-wal")
        log = (wal.stat().st_size, wal.stat().st_mtime_ns) if wal.exists() else (0, 0)
        with path.open("rb") as file:
            file.seek(24)
            return cls(at.st_size, at.st_mtime_ns, file.read(4), log)


def copy(source: Path, target: Path, progress: Progress = nobody) -> Copy:
    """Copies a legacy file as it is at one moment, and checks the copy.

    Args:
        source: the legacy file; only read.
        target: where the copy goes; whatever is there is replaced once the copy is whole.
        progress: in bytes.

    Raises:
        LegacyFileError: no legacy file, damaged, or of another schema than LEGACY's.
        LegacyBusyError: locked, or written so often that no moment was found.
        StoreFullError: no room for the copy.
    """
    source = source.resolve()
    partial = target.with_name(target.name + ".partial")
    with explained(source):
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            before, sha256 = _copied_at_rest(source, partial, progress)
            remember_rights(source, target)
            if before.log[0]:  # the copy takes it in; the backup stays as it was
                copy_bytes(partial, raw_of(partial), nobody)
                copy_bytes(log_of(partial), log_of(raw_of(partial)), nobody)
                _take_log_in(partial)
            with open_copy(partial) as connection:
                check(connection, source)
        except BaseException:
            clear(partial)
            clear(raw_of(partial))
            rights_file(target).unlink(missing_ok=True)
            raise
        clear(raw_of(target))
        if before.log[0]:
            log_of(raw_of(partial)).replace(log_of(raw_of(target)))
            raw_of(partial).replace(raw_of(target))
        partial.replace(target)
    return Copy(target, source, sha256, before.size)


def keep(copied: Copy, target: Path) -> Copy:
    """Gives a copy, and what belongs to it, another name; what was there goes."""
    clear(raw_of(target))
    for of in (rights_file, raw_of, lambda path: log_of(raw_of(path))):
        if of(copied.path).exists():
            of(copied.path).replace(of(target))
    copied.path.replace(target)
    return replace(copied, path=target)


@contextmanager
def open_copy(path: Path) -> Iterator[sqlite3.Connection]:
    """A copy of a legacy file, for reading: texts come as `Text`, undecoded."""
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro&immutable=1", uri=True)) as connection:
        connection.text_factory = Text
        yield connection


def counts(connection: sqlite3.Connection) -> dict[str, int]:
    """How many rows each table has."""
    return {
        table: connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in TABLES
    }


def batches(
    connection: sqlite3.Connection, table: str, size: int = ROWS_AT_ONCE, part: Part = WHOLE
) -> Iterator[list[tuple[Value, ...]]]:
    """All rows of a table, some at a time, their values in the order of `TABLES`.

    Interactions come by their ids, perhaps only a part of them: ids stand in most indexes of
    what they become, which then grow at their ends, and not all over. Others come oldest first.
    """
    columns = ", ".join(f'"{column.name}"' for column in TABLES[table])
    order, where = "rowid", "1"
    bounds: tuple[str, ...] = ()
    if table == "interactions":
        order, (where, bounds) = "id", part.condition()
    cursor = connection.execute(
        f"SELECT {columns} FROM {table} WHERE {where} ORDER BY {order}", bounds
    )
    while rows := cursor.fetchmany(size):
        yield rows


def key_or_stand_in(row: Sequence[Value]) -> str:
    """A row's key; for one whose id is no text, one that is made of all that it says."""
    return key_of(row[0]) or f"~{checksum(row)}"


def check(connection: sqlite3.Connection, source: Path) -> None:
    """Raises LegacyFileError unless a file is whole and has the legacy schema."""
    found = [
        str(row[0], "utf-8", "replace") for row in connection.execute("PRAGMA integrity_check")
    ]
    if found != ["ok"]:
        raise LegacyFileError(
            f"{source} is damaged: {found[0]}",
            "Nothing was changed. Try `sqlite3 FILE .recover` on a copy of it, or take a backup.",
            problems=len(found),
        )
    tables = {
        str(name, "utf-8", "replace")
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
    }
    if missing := set(TABLES) - tables:
        raise LegacyFileError(
            f"{source} is no file of the legacy system: the table {min(missing)} is missing.",
            "Name its mira.db.",
        )
    for table, columns in TABLES.items():
        wanted = {column.name for column in columns}
        has = {
            str(row[1], "utf-8", "replace")
            for row in connection.execute(f"PRAGMA table_info({table})")
        }
        if has != wanted:
            lacks, more = sorted(wanted - has), sorted(has - wanted)
            raise LegacyFileError(
                f"{source} has another schema: {table} "
                + " and ".join(
                    [f"lacks {', '.join(lacks)}"] * bool(lacks)
                    + [f"has also {', '.join(more)}"] * bool(more)
                )
                + ".",
                "Bring the legacy system to its last version, which made the schema that is "
                "known here, and start it once; take away columns that somebody added.",
            )


def _copied_at_rest(source: Path, partial: Path, progress: Progress) -> tuple[_State, str]:
    """Copies a file while nobody writes to it; gives its state, and its SHA-256."""
    for _ in range(TRIES):
        clear(partial)
        clear(raw_of(partial))
        before = _at_rest(source)
        sha256, log = copy_bytes(source, partial, progress), ""
        if before.log[0]:
            log = copy_bytes(log_of(source), log_of(partial), nobody)
        if _at_rest(source) == before:
            return before, together(sha256, log)
        time.sleep(0.2)
    raise LegacyBusyError(
        f"{source} is being written all the time.",
        "Try again when the legacy system has less to do, or stop it.",
    )


def _at_rest(source: Path) -> _State:
    """The file's state at a moment when nobody is in the midst of a write."""
    with source.open("rb") as file:
        head = file.read(20)
    if not head.startswith(b"SQLite format 3"):
        raise LegacyFileError(f"{source} is no SQLite file.", "Name the legacy mira.db.")
    if head[18:20] == b"\x02\x02" and not log_of(source).exists():
        return _State.of(source)  # whoever has it open has a log; SQLite would make one for us
    uri = f"{source.as_uri()}?mode=ro"
    with closing(sqlite3.connect(uri, uri=True, timeout=BUSY_TIMEOUT_S)) as connection:
        connection.execute("BEGIN")
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()  # takes the lock
        return _State.of(source)


def _take_log_in(path: Path) -> None:
    """What is in the copied write-ahead log comes into the copy."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode=DELETE").fetchone()
