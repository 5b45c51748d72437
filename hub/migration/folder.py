"""The folder of copies and reports: private, with one for each network, where one works at once."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hub.migration.errors import LegacyFileError, MigrationError

NEWEST = "newest.db"
"""The copy of the legacy file as it was moved last, in the network's folder."""
LOCK = "lock"


@contextmanager
def alone(base: Path, public_id: str) -> Iterator[Path]:
    """Keeps others from the same network's move, and gives its folder."""
    try:
        folder = private(base) / public_id
        folder.mkdir(exist_ok=True, mode=0o700)
        lock = (folder / LOCK).open("w")
    except OSError as error:
        raise LegacyFileError(
            f"The folder {base} cannot be used: {error.strerror}.",
            "Check [paths] state_dir, and that this user may write there.",
        ) from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise MigrationError(
                "Another `mira-hub migrate` is at work on this network.", "Let it finish."
            ) from None
        yield folder


def at_work(base: Path, public_id: str) -> bool:
    """Whether somebody is at work on a network's move just now."""
    try:
        with (base / public_id / LOCK).open() as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except (BlockingIOError, PermissionError):
        return True
    return False


def private(folder: Path) -> Path:
    """A folder that only its owner may look into, made where it is not there."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.mkdir(exist_ok=True, mode=0o700)
    return folder
