"""How far a long command is: a bar where somebody looks, now and then a line elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bars

LINE_EVERY_S = 10.0


class Progress(Protocol):
    """Is told how far something is."""

    def __call__(self, label: str, done: int, total: int) -> None:
        """So much of `label` is done, of so much."""


@contextmanager
def shown() -> Iterator[Progress]:
    """Shows progress on stderr."""
    if not sys.stderr.isatty():
        yield _Lines()
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Bars(*columns, console=Console(stderr=True)) as bars:
        tasks = {}

        def tell(label: str, done: int, total: int) -> None:
            if label not in tasks:
                tasks[label] = bars.add_task(label, total=total)
            bars.update(tasks[label], completed=done, total=total)

        yield tell


class _Lines:
    def __init__(self) -> None:
        self._said_at = time.monotonic()

    def __call__(self, label: str, done: int, total: int) -> None:
        now = time.monotonic()
        if now - self._said_at >= LINE_EVERY_S:
            self._said_at = now
            print(f"{label}: {done} of {total}", file=sys.stderr, flush=True)


class Rows:
    """Counts rows of several tables as one thing that goes on."""

    def __init__(self, progress: Progress, label: str, total: int) -> None:
        self._progress, self._label, self._total = progress, label, total
        self._done = 0

    def __call__(self, rows: int) -> None:
        self._done += rows
        self._progress(self._label, self._done, self._total)
