# ruff: noqa: S608 - the names in the statements are the legacy schema's own
"""Legacy files: copied as they are at one moment, checked, and read. They are never written.

A legacy system may be at work on its file. What is read is a copy, made while nobody wrote: the
file's own counter of changes is the same before and after. It is also the backup.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from hub.migration.errors import LegacyBusyError, LegacyFileError
from hub.migration.legacy_rows import TABLES, Text, Value, checksum, key_of
from hub.store.errors import StoreFullError

CHUNK_BYTES = 1024 * 1024
TRIES = 5
"""A legacy system that writes once a second leaves time for a copy in between."""
BUSY_TIMEOUT_S = 5.0
ROWS_AT_ONCE = 500

Progress = Callable[[int, int], None]
"""Is told how much is done, of how much."""


def _nobody(_done: int, _of: int) -> None:
    """Is told, and tells nobody."""


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


def sha256_of(path: Path) -> str:
    """Of a file, hex, and of what waits in its write-ahead log, if anything; raises OSError."""
    wal = _log_of(path)
    log = _sha256(wal) if wal.exists() and wal.stat().st_size else ""
    return _together(_sha256(path), log)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _together(main: str, log: str) -> str:
    return hashlib.sha256(f"{main} {log}".encode()).hexdigest() if log else main


def users_of(path: Path) -> list[int]:
    """Processes that have a file open, as far as this user may see; never this one."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if int(folder.name) != os.getpid() and any(
                link.samefile(path) for link in (folder / "fd").iterdir()
            ):
                found.append(int(folder.name))
        except OSError:
            continue  # gone, or not ours to look at
    return found


def copy(source: Path, target: Path, progress: Progress = _nobody) -> Copy:
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
    with _explained(source):
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            before, sha256 = _copied_at_rest(source, partial, progress)
            _remember_rights(source, target)
            if before.log[0]:  # the copy takes it in; the backup stays as it was
                _copied(partial, _raw_of(partial), _nobody)
                _copied(_log_of(partial), _log_of(_raw_of(partial)), _nobody)
                _take_log_in(partial)
            with open_copy(partial) as connection:
                check(connection, source)
        except BaseException:
            _clear(partial)
            _clear(_raw_of(partial))
            _rights_file(target).unlink(missing_ok=True)
            raise
        _clear(_raw_of(target))
        if before.log[0]:
            _log_of(_raw_of(partial)).replace(_log_of(_raw_of(target)))
            _raw_of(partial).replace(_raw_of(target))
        partial.replace(target)
    return Copy(target, source, sha256, before.size)


def keep(copied: Copy, target: Path) -> Copy:
    """Gives a copy, and what belongs to it, another name; what was there goes."""
    _clear(_raw_of(target))
    for of in (_rights_file, _raw_of, lambda path: _log_of(_raw_of(path))):
        if of(copied.path).exists():
            of(copied.path).replace(of(target))
    copied.path.replace(target)
    return replace(copied, path=target)


def put_back(copied: Path, sha256: str, file: Path) -> None:
    """Puts the bytes of a legacy file, of which a copy was made, into a file of that name.

    Args:
        copied: where the copy went.
        sha256: of the legacy file then, hex.
        file: where to; what is there is replaced once the bytes are on the disk.

    Raises:
        LegacyFileError: the copy is not what it was.
        StoreFullError: no room.
    """
    with _explained(file):
        raw = _raw_of(copied)
        log = _log_of(raw)
        beside = file.with_name(f"{file.name}.new")
        _clear(beside)
        try:
            main = _copied(raw if raw.exists() else copied, beside, _nobody)
            if _together(main, _copied(log, _log_of(beside), _nobody) if raw.exists() else "") != (
                sha256
            ):
                raise LegacyFileError(
                    f"The backup {copied} is not what was copied.",
                    "Take another backup of the file.",
                )
            rights = _rights_of(copied)
            if raw.exists():
                _give(_log_of(beside), rights)
                _log_of(beside).replace(_log_of(file))
            _take_place(beside, file, rights)
        finally:
            _clear(beside)


def copy_bytes(copied: Path, target: Path) -> None:
    """Copies a file to a place where nothing is, or whatever is there goes."""
    with _explained(target):
        _clear(target)
        _copied(copied, target, _nobody)


def take_place(made: Path, file: Path, copied: Path) -> None:
    """Puts one file in the place of another, with its owner and rights, and on the disk.

    Args:
        made: goes.
        file: what is there, and its write-ahead log, is replaced.
        copied: a copy of what was there, which remembers the rights.
    """
    with _explained(file):
        beside = file.with_name(f"{file.name}.new")
        _clear(beside)
        _copied(made, beside, _nobody)
        for suffix in ("-wal", "-shm", "-journal"):  # or SQLite would play it into the new one
            file.with_name(file.name + suffix).unlink(missing_ok=True)
        _take_place(beside, file, _rights_of(copied))
        made.unlink()


@dataclass(frozen=True)
class _Rights:
    mode: int
    uid: int
    gid: int


def _remember_rights(source: Path, copied: Path) -> None:
    at = source.stat()
    _rights_file(copied).write_text(json.dumps([at.st_mode & 0o777, at.st_uid, at.st_gid]))


def _rights_of(copied: Path) -> _Rights:
    try:
        return _Rights(*json.loads(_rights_file(copied).read_text()))
    except (OSError, ValueError, TypeError):
        return _Rights(0o600, os.geteuid(), os.getegid())


def _rights_file(copied: Path) -> Path:
    return copied.with_name(copied.name + ".rights")


def _give(made: Path, rights: _Rights) -> None:
    made.chmod(rights.mode)
    if os.geteuid() == 0:
        os.chown(made, rights.uid, rights.gid)


def _take_place(made: Path, file: Path, rights: _Rights) -> None:
    _give(made, rights)
    made.replace(file)
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


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
    connection: sqlite3.Connection, table: str, size: int = ROWS_AT_ONCE
) -> Iterator[list[tuple[Value, ...]]]:
    """All rows of a table, oldest first, some at a time, in the order of `TABLES`."""
    columns = ", ".join(f'"{column.name}"' for column in TABLES[table])
    cursor = connection.execute(f"SELECT {columns} FROM {table} ORDER BY rowid")
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
        _clear(partial)
        _clear(_raw_of(partial))
        before = _at_rest(source)
        sha256, log = _copied(source, partial, progress), ""
        if before.log[0]:
            log = _copied(_log_of(source), _log_of(partial), _nobody)
        if _at_rest(source) == before:
            return before, _together(sha256, log)
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
    if head[18:20] == b"\x02\x02" and not _log_of(source).exists():
        return _State.of(source)  # whoever has it open has a log; SQLite would make one for us
    uri = f"{source.as_uri()}?mode=ro"
    with closing(sqlite3.connect(uri, uri=True, timeout=BUSY_TIMEOUT_S)) as connection:
        connection.execute("BEGIN")
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()  # takes the lock
        return _State.of(source)


def _copied(source: Path, target: Path, progress: Progress) -> str:
    """Copies bytes, on the disk when it returns; their SHA-256."""
    digest, done, size = hashlib.sha256(), 0, source.stat().st_size
    descriptor = os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    with source.open("rb") as reader, os.fdopen(descriptor, "wb") as writer:
        while chunk := reader.read(CHUNK_BYTES):
            digest.update(chunk)
            writer.write(chunk)
            done += len(chunk)
            progress(done, size)
        writer.flush()
        os.fsync(writer.fileno())
    return digest.hexdigest()


def _take_log_in(path: Path) -> None:
    """What is in the copied write-ahead log comes into the copy."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode=DELETE").fetchone()


def _log_of(path: Path) -> Path:
    return path.with_name(path.name + "-wal")


def _raw_of(path: Path) -> Path:
    """The bytes of a file that had a write-ahead log, which is beside it."""
    return path.with_name(path.name + ".raw")


def _clear(path: Path) -> None:
    for suffix in ("", "-wal", "-shm", "-journal"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


@contextmanager
def _explained(source: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            raise LegacyBusyError(
                f"{source} is locked by another program.",
                "Nothing was changed. Let it finish, or stop it; `fuser FILE` tells which it is.",
            ) from error
        if code in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY):
            raise LegacyFileError(
                f"{source} cannot be read as it is: a program stopped in the midst of a write. "
                f"SQLite: {error}.",
                "Nothing was changed. Start the legacy system once: it puts its file right.",
            ) from error
        raise LegacyFileError(
            f"{source} is damaged or no SQLite file. SQLite: {error}.",
            "Nothing was changed. Try `sqlite3 FILE .recover` on a copy of it, or take a backup.",
        ) from error
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StoreFullError(
                "No room left for the copy of the legacy file.",
                "Free some space; nothing was changed.",
            ) from error
        raise LegacyFileError(
            f"{error.filename or source} cannot be used: {error.strerror}.",
            "Check its path, and that this user may read it.",
        ) from error
