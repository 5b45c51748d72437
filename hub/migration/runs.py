"""One run of a move: copy, move, verify, and what is noted of it."""

from __future__ import annotations

import fcntl
import json
import re
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hub.migration import source
from hub.migration.conversion import Oddity
from hub.migration.errors import LegacyFileError, MigrationError
from hub.migration.moving import Mover
from hub.migration.progress import Progress, Rows
from hub.migration.source import Copy
from hub.migration.verification import Verified, verify
from hub.store.database import Database
from hub.store.errors import StoreFullError
from hub.store.moves import Move, Moves
from hub.store.store import Store
from shared import ids
from shared.clock import Clock
from shared.errors import MiraError, StoreError

DEFAULT_ID = "legacy_migration_network"
DEFAULT_NAME = "Legacy Data Migration"


@dataclass(frozen=True)
class Destination:
    """Where a legacy file is to go."""

    file: Path
    public_id: str
    name: str


@dataclass(frozen=True)
class Outcome:
    """What a run came to."""

    destination: Destination
    counts: dict[str, dict[str, int]]
    oddities: Counter[str]
    listed: Path  # every oddity, a JSON document a line
    verified: Verified
    right: bool  # verified, as far as it has to be
    written_meanwhile: bool  # the legacy system went on


class Runs:
    """Moves legacy files.

    Args:
        database: open; this does not close it.
        clock: the hub's clock.
        folder: for copies and reports.
    """

    def __init__(self, database: Database, clock: Clock, folder: Path) -> None:
        self._database = database
        self._clock = clock
        self._folder = folder
        self._moves = Moves(database, clock)
        self._store = Store(database, clock)

    async def destinations(self, files: Sequence[Path], network: str | None) -> list[Destination]:
        """Where files go: where they went before, else into new networks.

        Args:
            files: legacy files.
            network: the public id of a network, or the name of a new one; for one file only.

        Raises:
            MigrationError: that contradicts what was moved before.
        """
        if network is not None and len(files) > 1:
            raise MigrationError("--network names the network of one file.", "Run each by itself.")
        known = await self._store.networks()
        before = {move.source: move for move in await self._moves.every()}
        found = []
        for file in files:
            path = str(file.resolve())
            move = before.get(path)
            if network is not None:
                named = [one for one in known if network in (one.public_id, one.name)]
                if len(named) > 1:
                    raise MigrationError(
                        f"Several networks are named {network}.", "Give its id, net_..."
                    )
                if not named and ids.NETWORK_ID.fullmatch(network):
                    raise MigrationError(f"There is no network {network}.", "Give another name.")
                public_id = named[0].public_id if named else ids.new_network_id()
                if move is not None and move.public_id != public_id:
                    raise MigrationError(
                        f"{path} went into {move.public_id} before.",
                        "Leave --network out; or roll that move back first.",
                    )
                found.append(Destination(file, public_id, named[0].name if named else network))
            elif move is not None:
                found.append(Destination(file, move.public_id, move.name))
            elif len(files) == 1:
                other = [one.source for one in before.values() if one.public_id == DEFAULT_ID]
                if other:
                    raise MigrationError(
                        f"{DEFAULT_ID} holds what came from {other[0]}.",
                        f"If {path} is another installation, name a network for it: --network "
                        f"NAME. If it is the same file elsewhere: --network {DEFAULT_ID}.",
                    )
                found.append(Destination(file, DEFAULT_ID, DEFAULT_NAME))
            else:
                name = re.sub(r"[^\w .-]", "_", file.resolve().parent.name) or file.stem
                found.append(Destination(file, ids.new_network_id(), name[:64]))
        return found

    async def completed(self, destination: Destination) -> bool:
        """Whether a file was moved as a whole once."""
        for move in await self._moves.every():
            if move.public_id == destination.public_id:
                runs = await self._moves.runs(move.network_id)
                return any(run.status == "completed" for run in runs)
        return False

    async def run(self, destination: Destination, progress: Progress) -> Outcome:
        """Moves what is new in a legacy file, and verifies all of it.

        Raises:
            MiraError: it failed; what was moved stays, and the next run goes on from there.
        """
        folder = self._folder / destination.public_id
        with _alone(folder):
            await self._refuse_full_disk(destination, folder)
            copy = source.copy(
                destination.file,
                folder / "newest.db",
                lambda done, of: progress(f"{destination.name}: copy", done, of),
            )
            with source.open_copy(copy.path) as connection:
                rows = sum(source.counts(connection).values())
            move = await self._moves.open(destination.public_id, destination.name, str(copy.source))
            run_id = await self._moves.begin(move.network_id, str(copy.source), copy.sha256)
            listed = folder / f"{run_id}.oddities.jsonl"
            try:
                return await self._run(destination, move, run_id, copy, listed, rows, progress)
            except BaseException as error:
                await self._failed(move, run_id, error)
                raise

    async def _refuse_full_disk(self, destination: Destination, folder: Path) -> None:
        """Raises StoreFullError where there is surely too little room."""
        if not destination.file.exists():
            return  # which is told by whoever opens it
        size = destination.file.stat().st_size
        needed = {folder: size}
        if self._database.path is not None and not await self.completed(destination):
            needed[self._database.path.parent] = size
        disks: Counter[int] = Counter()
        for where, bytes_ in needed.items():
            disk = where.stat().st_dev
            disks[disk] += bytes_
            free = shutil.disk_usage(where).free
            if free < disks[disk]:
                raise StoreFullError(
                    f"{where} has {free / 1e6:.0f} MB left, and at least "
                    f"{disks[disk] / 1e6:.0f} MB are needed.",
                    "Free some space; nothing was changed.",
                )

    async def _run(
        self,
        destination: Destination,
        move: Move,
        run_id: str,
        copy: Copy,
        listed: Path,
        rows: int,
        progress: Progress,
    ) -> Outcome:
        kinds: Counter[str] = Counter()
        with source.open_copy(copy.path) as connection, listed.open("w") as list_:

            def list_oddity(oddity: Oddity) -> None:
                kinds[f"{oddity.table}.{oddity.column}: {oddity.kind}"] += 1
                document = {
                    "table": oddity.table,
                    "row": oddity.key,
                    "column": oddity.column,
                    "kind": oddity.kind,
                    "rule": oddity.rule,
                }
                list_.write(json.dumps(document) + "\n")

            label = destination.name
            mover = Mover(
                self._database,
                self._clock,
                move,
                run_id,
                list_oddity,
                Rows(progress, f"{label}: rows moved", rows),
            )
            await mover.refuse_strangers(connection)
            await self._moves.came_from(move.network_id, str(copy.source))
            await mover.move(connection)
            verified = await verify(
                connection,
                self._database,
                move.network_id,
                Rows(progress, f"{label}: rows verified", rows),
            )
        runs = await self._moves.runs(move.network_id)
        first = not any(run.status == "completed" for run in runs)
        counts = mover.counts.document()
        meanwhile = source.sha256_of(copy.source) != copy.sha256
        report: dict[str, Any] = {
            "oddities": dict(kinds),
            "listed": str(listed),
            "written_meanwhile": meanwhile,
            **verified.document(),
        }
        (listed.parent / f"{run_id}.report.json").write_text(json.dumps(report, indent=1))
        # Nobody could change anything here before the first run was complete.
        right = verified.equal if first else verified.right
        await self._moves.note(
            move.network_id, run_id, counts, "completed" if right else "failed", report
        )
        if first and right:
            await self._store.set_network_status(move.network_id, "active")
        return Outcome(destination, counts, kinds, listed, verified, right, meanwhile)

    async def _failed(self, move: Move, run_id: str, error: BaseException) -> None:
        said = str(error) if isinstance(error, MiraError) else type(error).__name__
        code = error.code if isinstance(error, MiraError) else "INTERRUPTED"
        try:
            runs = {run.run_id: run for run in await self._moves.runs(move.network_id)}
            await self._moves.note(
                move.network_id,
                run_id,
                runs[run_id].counts,
                "failed",
                {"error": code, "message": said},
            )
        except StoreError:
            pass  # it is the database that failed; the run is found interrupted by the next


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Keeps a second run from the same network."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = (folder / "lock").open("w")
    except OSError as error:
        raise LegacyFileError(
            f"The folder {folder} cannot be used: {error.strerror}.",
            "Check [paths] state_dir, and that this user may write there.",
        ) from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise MigrationError(
                "Another `mira-hub migrate` is at work on this network.", "Let it finish."
            ) from None
        yield
