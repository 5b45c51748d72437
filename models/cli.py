"""`mira-hub models`: lists, fetches and verifies weights."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.progress import Progress as Bars
from rich.table import Table

from models.fetch import pull
from models.location import WeightStore
from shared.errors import WeightsError

if TYPE_CHECKING:
    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]  # has no public name

_NAMES = (
    "Names of the catalogue (see `mira-hub models list`), or vosk:LANGUAGE for another language "
    "of Vosk's, such as vosk:fr."
)


def add_models_commands(subparsers: Subparsers) -> None:
    """Adds `models list|pull|verify`; each sets `handler`, which takes the parsed arguments and
    returns the exit code."""
    models = subparsers.add_parser(
        "models",
        help="list, fetch and verify weights",
        description="Weights are what recognisers and the encoder of voices have learnt. They are "
        "fetched once and kept in the user's cache, in the service's state directory, or in the "
        "folder that MIRA_WEIGHTS names; afterwards no network is needed.",
    )
    commands = models.add_subparsers(required=True, metavar="COMMAND")

    listing = commands.add_parser("list", help="show what there is, and what is here")
    listing.set_defaults(handler=_list)

    fetching = commands.add_parser("pull", help="fetch weights", description=_NAMES)
    fetching.add_argument("names", nargs="+", metavar="NAME", help="what to fetch")
    fetching.set_defaults(handler=_pull)

    verifying = commands.add_parser(
        "verify",
        help="compare weights with their published hashes",
        description="Reads every file and compares its SHA-256; exits with 1 if one differs.",
    )
    verifying.add_argument("names", nargs="*", metavar="NAME", help="what to verify; else all here")
    verifying.set_defaults(handler=_verify)


def _list(_arguments: argparse.Namespace) -> int:
    store = WeightStore()
    table = Table(box=None)
    table.add_column("name", no_wrap=True)
    for title in ("language", "engine", "MB", "here", "licence", "about"):
        table.add_column(title)
    for name, weight in store.catalog.weights.items():
        table.add_row(
            name,
            weight.language,
            weight.engine or "-",
            f"{weight.size / 1e6:.0f}",
            _state(store, name),
            weight.licence,
            weight.about,
        )
    for name in store.fetched_languages():
        language = name.removeprefix("vosk:")
        table.add_row(name, language, "vosk", "-", _state(store, name), "see its README", "Vosk")
    # Where nobody looks, a line is a line, however long.
    console = Console(width=None if sys.stdout.isatty() else 200)
    console.print(table)
    console.print(f"in {store.directory}", highlight=False, soft_wrap=True)
    return 0


def _pull(arguments: argparse.Namespace) -> int:
    try:
        if sys.stderr.isatty():
            columns = (
                TextColumn("{task.description}"),
                BarColumn(),
                DownloadColumn(),
                TransferSpeedColumn(),
                TimeRemainingColumn(),
            )
            with Bars(*columns, console=Console(stderr=True)) as bars:
                folders = pull(arguments.names, _BarProgress(bars))
        else:
            folders = pull(arguments.names, _LineProgress())
    except WeightsError as error:
        return _complain(error)
    for folder in folders:
        print(folder)
    return 0


def _verify(arguments: argparse.Namespace) -> int:
    store = WeightStore()
    names = arguments.names or [
        name
        for name in (*store.catalog.weights, *store.fetched_languages())
        if store.folder(name).exists()
    ]
    code = 0
    for name in names:
        try:
            store.verify(name)
        except WeightsError as error:
            code = _complain(error)
        else:
            print(f"{name}: whole")
    if not names:
        print(f"There are no weights in {store.directory}.")
    return code


def _state(store: WeightStore, name: str) -> str:
    try:
        store.locate(name)
    except WeightsError:
        return "damaged" if store.folder(name).exists() else "no"
    return "yes"


def _complain(error: WeightsError) -> int:
    print(f"{error.message}\n{error.hint}".rstrip(), file=sys.stderr)
    return 1


class _BarProgress:
    """One bar for each thing that is fetched or unpacked."""

    def __init__(self, bars: Bars) -> None:
        self._bars = bars
        self._tasks: dict[str, TaskID] = {}

    def __call__(self, label: str, done: int, total: int) -> None:
        if label not in self._tasks:
            self._tasks[label] = self._bars.add_task(label)
        self._bars.update(self._tasks[label], completed=done, total=total or None)


class _LineProgress:
    """A line when a thing begins, every quarter of it, and when it is complete."""

    def __init__(self) -> None:
        self._said: dict[str, int] = {}

    def __call__(self, label: str, done: int, total: int) -> None:
        quarter = 4 * done // total if total else 0
        if self._said.get(label, -1) < quarter:
            self._said[label] = quarter
            size = f": {done / 1e6:.1f} of {total / 1e6:.1f} MB" if total else ""
            print(f"{label}{size}", file=sys.stderr, flush=True)
