"""Puts files where a legacy file is: its backup, or one that was made in its stead."""

from __future__ import annotations

import os
from pathlib import Path

from hub.migration.errors import LegacyFileError
from hub.migration.files import (
    Rights,
    clear,
    copy_bytes,
    explained,
    give_rights,
    log_of,
    nobody,
    raw_of,
    rights_of,
    together,
)


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
    with explained(file):
        raw = raw_of(copied)
        log = log_of(raw)
        beside = file.with_name(f"{file.name}.new")
        clear(beside)
        try:
            main = copy_bytes(raw if raw.exists() else copied, beside, nobody)
            if together(main, copy_bytes(log, log_of(beside), nobody) if raw.exists() else "") != (
                sha256
            ):
                raise LegacyFileError(
                    f"The backup {copied} is not what was copied.",
                    "Take another backup of the file.",
                )
            rights = rights_of(copied)
            if raw.exists():
                give_rights(log_of(beside), rights)
                log_of(beside).replace(log_of(file))
            _take_place(beside, file, rights)
        finally:
            clear(beside)


def copy_to(copied: Path, target: Path) -> None:
    """Copies a file to a place where nothing is, or whatever is there goes."""
    with explained(target):
        clear(target)
        copy_bytes(copied, target, nobody)


def take_place(made: Path, file: Path, copied: Path) -> None:
    """Puts one file in the place of another, with its owner and rights, and on the disk.

    Args:
        made: goes.
        file: what is there, and its write-ahead log, is replaced.
        copied: a copy of what was there, which remembers the rights.
    """
    with explained(file):
        beside = file.with_name(f"{file.name}.new")
        clear(beside)
        copy_bytes(made, beside, nobody)
        for suffix in ("-wal", "-shm", "-journal"):  # or SQLite would play it into the new one
            file.with_name(file.name + suffix).unlink(missing_ok=True)
        _take_place(beside, file, rights_of(copied))
        made.unlink()


def _take_place(made: Path, file: Path, rights: Rights) -> None:
    give_rights(made, rights)
    made.replace(file)
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
