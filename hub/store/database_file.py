"""The database's file: who may use it, and how its schema is changed without risking it.

Whoever uses the file holds a shared lock on `<file>.lock`; whoever changes its schema holds it
alone. Whoever writes holds `<file>.turn` meanwhile. A change is made on a copy, which is verified
and then takes the file's place, so a crash at any moment leaves the old file or the new one.
"""

from __future__ import annotations

import errno
import fcntl
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

from sqlalchemy.exc import DBAPIError

from hub.store import schema, sqlite
from hub.store.errors import SchemaError, StoreBusyError, StoreFileError, StoreFullError
from hub.store.turn import Turn

LOCK_TIMEOUT_S = 10.0
_POLL_S = 0.05


class DatabaseFile:
    """A database file of this program's schema, in use until `close`."""

    def __init__(self, lock: int, turn: int) -> None:
        self._lock: int | None = lock
        self._turn = turn
        self.turn = Turn(turn)

    @classmethod
    def open(cls, path: Path, timeout_s: float = LOCK_TIMEOUT_S) -> DatabaseFile:
        """Brings the file to `schema.HEAD`, or makes it, and keeps others from changing that.

        Blocks for as long as the change takes.

        Raises:
            SchemaError: the file is a newer program's, another program's, or a legacy file.
            StoreBusyError: another program uses the file, whose schema would have to change.
            StoreFileError: not a database, damaged, or not to be opened.
            StoreFullError: no room for the copy.
        """
        with _explained(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            lock = _lock_file(path)
            try:
                if _alone(lock, path, timeout_s, or_revision=schema.HEAD):
                    _rewrite(path, schema.HEAD)
                    fcntl.flock(lock, fcntl.LOCK_SH)
                turn = _lock_file(path, ".turn")
            except BaseException:
                os.close(lock)
                raise
        return cls(lock, turn)

    def close(self) -> None:
        """Lets others change the schema; a second time changes nothing."""
        lock, self._lock = self._lock, None
        if lock is not None:
            os.close(lock)
            os.close(self._turn)


def change_schema(path: Path, revision: str, timeout_s: float = LOCK_TIMEOUT_S) -> None:
    """Brings a file that nobody uses to `revision`, up or down; raises as `open` does.

    Raises:
        DowngradeRefusedError: the older schema has no place for what is stored.
    """
    with _explained(path):
        lock = _lock_file(path)
        try:
            _alone(lock, path, timeout_s)
            _rewrite(path, revision)
        finally:
            os.close(lock)


def revision_of(path: Path) -> str | None:
    """The revision of the file's schema; None where there is no file or nothing in it yet.

    Raises:
        SchemaError: the file is a newer program's, another program's, or a legacy file.
    """
    if not path.exists() or path.stat().st_size == 0:
        return None
    with closing(sqlite3.connect(path, timeout=sqlite.BUSY_TIMEOUT_S)) as connection:
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
        if not tables:
            return None
        if "alembic_version" not in tables:
            raise SchemaError(
                f"{path} was not made by a hub: it is a legacy file or another program's.",
                "Name a file of the hub's own in its configuration.",
            )
        row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    if row is None:
        return None
    revision = str(row[0])
    if revision not in schema.REVISIONS:
        raise SchemaError(
            f"{path} has the schema {revision}, which this program does not know.",
            "It was made by a newer Mira: install that version or a later one.",
            revision=revision,
        )
    return revision


def _lock_file(path: Path, suffix: str = ".lock") -> int:
    lock_path = path.with_name(path.name + suffix)
    lock = os.open(lock_path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    _give_to_owner(lock_path, path)
    return lock


def _alone(lock: int, path: Path, timeout_s: float, or_revision: str | None = None) -> bool:
    """Waits until the lock is held alone (True), or shared with the file at `or_revision`."""
    deadline = time.monotonic() + timeout_s
    while True:
        if _try_lock(lock, fcntl.LOCK_EX):
            return True
        if or_revision is not None and _try_lock(lock, fcntl.LOCK_SH):
            if revision_of(path) == or_revision:
                return False
            fcntl.flock(lock, fcntl.LOCK_UN)
        if time.monotonic() > deadline:
            raise StoreBusyError(
                f"{path} is in use, and its schema has to be changed.",
                "Stop the hub (and other mira-hub commands), then try again.",
            )
        time.sleep(_POLL_S)


def _try_lock(lock: int, kind: int) -> bool:
    try:
        fcntl.flock(lock, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _rewrite(path: Path, revision: str) -> None:
    present = revision_of(path)
    if present == revision:
        return
    copy = path.with_name(path.name + ".migrating")
    leftovers = [copy.with_name(copy.name + suffix) for suffix in ("", "-journal", "-wal", "-shm")]
    for leftover in leftovers:
        leftover.unlink(missing_ok=True)
    try:
        os.close(os.open(copy, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        _give_to_owner(copy, path)
        with ExitStack() as until_swapped:
            if path.exists():
                until_swapped.enter_context(closing(_copied(path, copy)))
            _change(copy, revision)
            _verify(copy, references=revision >= schema.TENANTS)
            copy.replace(path)
            _sync_folder(path.parent)
    finally:
        for leftover in leftovers:
            leftover.unlink(missing_ok=True)


def _copied(path: Path, copy: Path) -> sqlite3.Connection:
    """Copies the file; while the connection is open, nobody writes to the original."""
    guard = sqlite3.connect(path, isolation_level=None, timeout=sqlite.BUSY_TIMEOUT_S)
    try:
        # Leaves no write-ahead log behind, which SQLite would play into the file's successor.
        guard.execute("PRAGMA journal_mode=DELETE")
        guard.execute("BEGIN IMMEDIATE")
        # Not through the guard itself: SQLite copies from no connection that may write.
        with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(copy)) as target:
            source.backup(target)
        copy.chmod(path.stat().st_mode)
    except BaseException:
        guard.close()
        raise
    return guard


def _change(copy: Path, revision: str) -> None:
    engine = sqlite.migration_engine(copy)
    try:
        with engine.begin() as connection:
            schema.run(connection, revision)
    except DBAPIError as error:
        raise sqlite.explain(error.orig) from error
    finally:
        engine.dispose()


def _verify(copy: Path, *, references: bool) -> None:
    with closing(sqlite3.connect(copy)) as connection:
        found = [row[0] for row in connection.execute("PRAGMA integrity_check") if row[0] != "ok"]
        if references:
            found += [str(row) for row in connection.execute("PRAGMA foreign_key_check")]
    if found:
        raise StoreFileError(
            f"The changed copy of the database does not hold together: {found[0]}",
            "The original is untouched; keep it, and report this.",
            problems=len(found),
        )


def _give_to_owner(made: Path, path: Path) -> None:
    """What root makes for a service belongs to the service, as the file or its folder does."""
    if os.geteuid() == 0:
        owner = (path if path.exists() else path.parent).stat()
        os.chown(made, owner.st_uid, owner.st_gid)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise sqlite.explain(error) from error
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StoreFullError(
                f"No room left beside {path}.", "Free some space; the database is untouched."
            ) from error
        raise StoreFileError(
            f"{path} cannot be used: {error.strerror}.",
            "Check that its folder exists and that the hub's user may write there.",
        ) from error
