"""Small file systems in memory that can be filled, where this process may mount some."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

SIZE = "96m"
_APART = "MIRA_TORTURE_APART"


@dataclass
class Disk:
    """A file system of its own."""

    folder: Path

    def fill(self) -> None:
        """Takes all that is free."""
        block = bytes(1 << 16)
        with suppress(OSError), (self.folder / "ballast").open("ab", buffering=0) as file:
            while True:
                file.write(block)

    def free(self) -> None:
        """Gives it back."""
        (self.folder / "ballast").unlink(missing_ok=True)


def stand_apart(module: str, arguments: Sequence[str]) -> None:
    """Begins `module` anew with mounts of its own, which go when it ends, whatever ends it.

    Returns where that is done already, or cannot be done.
    """
    unshare = shutil.which("unshare")
    if _APART in os.environ or unshare is None or os.geteuid() != 0:
        return
    if _run("unshare", "--mount", "true"):
        os.environ[_APART] = "1"
        os.execv(unshare, [unshare, "--mount", sys.executable, "-m", module, *arguments])  # noqa: S606


@contextmanager
def disks(*folders: Path) -> Iterator[list[Disk | None]]:
    """A disk at each of these folders, which are made; None where that cannot be."""
    made: list[Disk] = []
    try:
        for folder in folders:
            folder.mkdir(parents=True)
            if _APART in os.environ and _mount(folder):
                made.append(Disk(folder))
        by_folder = {disk.folder: disk for disk in made}
        yield [by_folder.get(folder) for folder in folders]
    finally:
        for disk in made:
            _run("umount", "--lazy", str(disk.folder))


def _mount(folder: Path) -> bool:
    return _run("mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(folder))


def _run(name: str, *arguments: str) -> bool:
    """Whether a command of the system's exists and works."""
    path = shutil.which(name)
    if path is None:
        return False
    done = subprocess.run([path, *arguments], capture_output=True, check=False)  # noqa: S603
    return done.returncode == 0
