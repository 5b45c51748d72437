"""Bytes of legacy files and of copies: copied to the disk, hashed, and who may read them."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from hub.migration.errors import LegacyBusyError, LegacyFileError
from hub.store.errors import StoreFullError

CHUNK_BYTES = 1024 * 1024

Progress = Callable[[int, int], None]
"""Is told how much is done, of how much."""


def nobody(_done: int, _of: int) -> None:
    """Is told, and tells nobody."""


def sha256_of(path: Path) -> str:
    """Of a file, hex, and of what waits in its write-ahead log, if anything; raises OSError."""
    wal = log_of(path)
    log = sha256_alone(wal) if wal.exists() and wal.stat().st_size else ""
    return together(sha256_alone(path), log)


def sha256_alone(path: Path) -> str:
    """Of a file, hex, whatever waits in a log; raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def together(main: str, log: str) -> str:
    """The SHA-256 of a file and of its write-ahead log, as one; of the file alone without one."""
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


def copy_bytes(source: Path, target: Path, progress: Progress) -> str:
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


@dataclass(frozen=True)
class Rights:
    """Whose a file is, and who may do what with it."""

    mode: int
    uid: int
    gid: int


def remember_rights(source: Path, copied: Path) -> None:
    """Notes beside a copy the rights of what it was copied from."""
    at = source.stat()
    rights_file(copied).write_text(json.dumps([at.st_mode & 0o777, at.st_uid, at.st_gid]))


def rights_of(copied: Path) -> Rights:
    """Those that were noted beside a copy."""
    try:
        return Rights(*json.loads(rights_file(copied).read_text()))
    except (OSError, ValueError, TypeError):
        return Rights(0o600, os.geteuid(), os.getegid())


def rights_file(copied: Path) -> Path:
    """Where they are noted."""
    return copied.with_name(copied.name + ".rights")


def give_rights(made: Path, rights: Rights) -> None:
    """Gives a file rights; to another owner only root can."""
    made.chmod(rights.mode)
    if os.geteuid() == 0:
        os.chown(made, rights.uid, rights.gid)


def log_of(path: Path) -> Path:
    """The write-ahead log of a file."""
    return path.with_name(path.name + "-wal")


def raw_of(path: Path) -> Path:
    """The bytes of a file that had a write-ahead log, which is beside it."""
    return path.with_name(path.name + ".raw")


def clear(path: Path) -> None:
    """Takes a file away, with all that SQLite puts beside it."""
    for suffix in ("", "-wal", "-shm", "-journal"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


@contextmanager
def explained(source: Path) -> Iterator[None]:
    """What fails with a legacy file is told in words."""
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
