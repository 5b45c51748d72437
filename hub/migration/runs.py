"""One run of a move: copy, move, verify, and what is noted of it."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import sqlite3
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hub.migration import files, source
from hub.migration.belonging import refuse_strangers, shares_rows
from hub.migration.conversion import Oddity
from hub.migration.errors import MigrationError
from hub.migration.folder import NEWEST, alone
from hub.migration.help_for import help_for
from hub.migration.helper import Helper
from hub.migration.moving import Counts, move_file
from hub.migration.progress import Progress, Rows
from hub.migration.source import Copy
from hub.migration.target import Target
from hub.migration.verification import Verified, verify
from hub.migration.writing import FAST, GENTLE
from hub.store.database import Database
from hub.store.errors import StoreFullError
from hub.store.moves import EXPORTED, Move, Moves
from hub.store.store import Store
from shared import ids
from shared.clock import Clock
from shared.errors import MiraError, StoreError

DEFAULT_ID = "legacy_migration_network"
DEFAULT_NAME = "Legacy Data Migration"


@dataclass(frozen=True)
class Destination:
    """Where a legacy file is to go.

    Args:
        file: an absolute path.
        public_id: of the network.
        name: its name.
        chosen: somebody said so; it may hold the same rows as another network.
    """

    file: Path
    public_id: str
    name: str
    chosen: bool = False


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

    def document(self) -> dict[str, Any]:
        """For programs."""
        return {
            "source": str(self.destination.file),
            "network_id": self.destination.public_id,
            "name": self.destination.name,
            "counts": self.counts,
            "oddities": dict(self.oddities),
            "listed": str(self.listed),
            "written_meanwhile": self.written_meanwhile,
            **self.verified.document(),
        }

    def lines(self) -> list[str]:
        """For people."""
        said = [f"{self.destination.file} -> {self.destination.public_id}"]
        for table, counted in self.counts.items():
            done = ", ".join(f"{count} {what}" for what, count in counted.items() if count)
            said.append(f"  {table}: {done or 'nothing'}")
        said += [f"  {times} x {kind}" for kind, times in sorted(self.oddities.items())]
        if self.oddities:
            said.append(f"  each of them: {self.listed}")
        said += [f"  {line}" for line in self.verified.lines()]
        if self.written_meanwhile:
            said.append("  The legacy system wrote meanwhile: run this again to take that, too.")
        return said


class Runs:
    """Moves legacy files.

    Args:
        database: open; this does not close it.
        clock: the hub's clock.
        folder: for copies and reports.
        served: a hub is at work on the same database, for other networks.
    """

    def __init__(
        self, database: Database, clock: Clock, folder: Path, *, served: bool = False
    ) -> None:
        self._database = database
        self._clock = clock
        self._folder = folder
        self._served = served
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
        moves = await self._moves.with_ended()
        before = {move.source: move for move in moves if move.ended_at is None}
        found = []
        for file in dict.fromkeys(file.resolve() for file in files):
            move = before.get(str(file))
            if network is not None:
                found.append(await self._chosen(file, network, move, moves))
            elif move is not None:
                found.append(Destination(file, move.public_id, move.name, chosen=True))
            elif len(files) == 1:
                other = [one.source for one in before.values() if one.public_id == DEFAULT_ID]
                if other:
                    raise MigrationError(
                        f"{DEFAULT_ID} holds what came from {other[0]}.",
                        f"If {file} is another installation, name a network for it: --network "
                        f"NAME. If it is the same file elsewhere: --network {DEFAULT_ID}.",
                    )
                found.append(Destination(file, DEFAULT_ID, DEFAULT_NAME))
            else:
                name = re.sub(r"[^\w .-]", "_", file.parent.name) or file.stem
                found.append(Destination(file, ids.new_network_id(), name[:64], chosen=True))
        return found

    async def _chosen(
        self, file: Path, network: str, move: Move | None, moves: Sequence[Move]
    ) -> Destination:
        known = await self._store.networks()
        named = [one for one in known if network in (one.public_id, one.name)]
        if len(named) > 1:
            raise MigrationError(f"Several networks are named {network}.", "Give its id, net_...")
        if not named and ids.NETWORK_ID.fullmatch(network):
            raise MigrationError(f"There is no network {network}.", "Give a new one's name.")
        if named and named[0].public_id not in {one.public_id for one in moves}:
            raise MigrationError(
                f"{network} is a network that nothing was moved into: what is in it is others'.",
                "Give a name that no network has.",
            )
        public_id = named[0].public_id if named else ids.new_network_id()
        if move is not None and move.public_id != public_id:
            raise MigrationError(
                f"{file} went into {move.public_id} before.",
                "Leave --network out; or roll that move back first.",
            )
        return Destination(file, public_id, named[0].name if named else network, chosen=True)

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
        size = destination.file.stat().st_size if destination.file.exists() else 0
        with alone(self._folder, destination.public_id) as folder:
            async with help_for(size, served=self._served) as other:
                return await self._run(destination, folder, other, progress)

    async def _run(
        self,
        destination: Destination,
        folder: Path,
        other: Helper | None,
        progress: Progress,
    ) -> Outcome:
        await self._refuse_full_disk(destination, folder)
        candidate = folder / "candidate.db"
        copied = source.copy(
            destination.file,
            candidate,
            lambda done, of: progress(f"{destination.name}: copy", done, of),
        )
        with source.open_copy(candidate) as connection:
            rows = sum(source.counts(connection).values())
            await self._refuse_others(connection, destination, copied)
        # From here on it is the network's file; whoever is killed now begins again.
        copied = source.keep(copied, folder / NEWEST)
        move = await self._moves.open(destination.public_id, destination.name, str(copied.source))
        await self._moves.came_from(move.network_id, str(copied.source))
        run_id = await self._moves.begin(move.network_id, str(copied.source), copied.sha256)
        listed = folder / f"{run_id}.oddities.jsonl"
        try:
            return await self._move(
                destination, move, run_id, copied, listed, rows, other, progress
            )
        except BaseException as error:
            await self._failed(move, run_id, error)
            raise

    async def _refuse_others(
        self, connection: sqlite3.Connection, destination: Destination, copied: Copy
    ) -> None:
        """Raises MigrationError where a file is not what went into its network before."""
        for move in await self._moves.with_ended():
            target = Target(self._database, move.network_id)
            if move.public_id == destination.public_id:
                await refuse_strangers(connection, target)
                runs = await self._moves.runs(move.network_id)
                if (
                    move.ended_at is None
                    and runs
                    and runs[-1].report.get(EXPORTED) == copied.sha256
                ):
                    raise MigrationError(
                        "A rollback was begun and did not end.",
                        "Let `mira-hub migrate rollback` finish it first.",
                    )
            elif not destination.chosen and await shares_rows(connection, target):
                raise MigrationError(
                    f"Most of it went into {move.public_id} before, from {move.source}.",
                    f"If it is the same installation: --network {move.public_id}. If it is a copy "
                    "that went its own way: --network NAME.",
                )

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

    async def _move(
        self,
        destination: Destination,
        to: Move,
        run_id: str,
        copy: Copy,
        listed: Path,
        rows: int,
        other: Helper | None,
        progress: Progress,
    ) -> Outcome:
        kinds: Counter[str] = Counter()
        label = destination.name

        async def note(done: Counts) -> None:
            await self._moves.note(to.network_id, run_id, done)

        with listed.open("w") as list_:

            def list_oddity(oddity: Oddity) -> None:
                kinds[f"{oddity.table}.{oddity.column}: {oddity.kind}"] += 1
                list_.write(json.dumps(oddity.document()) + "\n")

            counts = await move_file(
                self._database,
                self._clock,
                to,
                run_id,
                copy.path,
                list_oddity,
                Rows(progress, f"{label}: rows moved", rows),
                note,
                GENTLE if self._served else FAST,
                other,
            )
        tell = Rows(progress, f"{label}: rows verified", rows)
        verified, sha256_after = await asyncio.gather(
            verify(copy.path, self._database, to.network_id, tell, other),
            asyncio.to_thread(_sha256_of, copy.source),
        )
        runs = await self._moves.runs(to.network_id)
        first = not any(run.status == "completed" for run in runs)
        meanwhile = sha256_after != copy.sha256
        report: dict[str, Any] = {
            "oddities": dict(kinds),
            "listed": str(listed),
            "source_sha256": copy.sha256,
            "source_sha256_after": sha256_after,
            "written_meanwhile": meanwhile,
            **verified.document(),
        }
        (listed.parent / f"{run_id}.report.json").write_text(json.dumps(report, indent=1))
        # Nobody could change anything here before the first run was complete.
        right = verified.equal if first else verified.right
        await self._moves.note(
            to.network_id, run_id, counts, "completed" if right else "failed", report
        )
        if first and right:
            await self._store.set_network_status(to.network_id, "active")
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


def _sha256_of(path: Path) -> str:
    return files.sha256_of(path) if path.exists() else ""
