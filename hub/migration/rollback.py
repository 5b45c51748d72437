"""Goes back to the legacy file: the old one as it was, or a new one with what came since."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import func
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from hub.migration import files, placing, source
from hub.migration.errors import LegacyBusyError, LegacyFileError, MigrationError
from hub.migration.export import Exported, export
from hub.migration.folder import NEWEST, alone
from hub.migration.legacy_rows import TABLES
from hub.migration.progress import Progress, Rows
from hub.migration.target import Target
from hub.store import events
from hub.store.database import Database
from hub.store.moves import EXPORTED, Move, Moves
from hub.store.scope import Scope
from hub.store.store import Store
from hub.store.tables import (
    CalendarEvent,
    Client,
    Conversation,
    Election,
    Interaction,
    Recording,
    Reminder,
    VoiceCentroid,
)
from shared.clock import Clock

UNHELD: tuple[tuple[str, Any, Any], ...] = (
    ("devices (clients)", Client, None),
    ("elections, and why each microphone was chosen", Election, None),
    ("recordings", Recording, None),
    ("calendar events", CalendarEvent, None),
    ("reminders", Reminder, None),
    ("learned voices (centroids)", VoiceCentroid, None),
    ("titles of conversations", Conversation, col(Conversation.title).is_not(None)),
    (
        "which device heard an interaction, how well, for how long",
        Interaction,
        col(Interaction.client_id).is_not(None),
    ),
)
"""What the legacy schema has no place for."""


@dataclass(frozen=True)
class RolledBack:
    """What was done.

    Args:
        move: that was rolled back.
        file: the legacy file that the legacy system is to go on with.
        sha256: its, hex.
        state: untouched: it is as it was; restored: from the backup, bit for bit; exported: it
            was written anew, with what came since.
        kept: where the file of before is, if it was replaced.
        exported: what was written.
        unheld: how many rows there are of what the legacy schema cannot hold.
        ended: the move is over; or another file was written, and all is as it was.
    """

    move: Move
    file: Path
    sha256: str
    state: str
    kept: Path | None
    exported: Exported
    unheld: dict[str, int]
    ended: bool = True

    def document(self) -> dict[str, Any]:
        """For programs."""
        return {
            "network_id": self.move.public_id,
            "file": str(self.file),
            "sha256": self.sha256,
            "state": self.state,
            "kept": str(self.kept) if self.kept else None,
            "new": self.exported.new,
            "changed": self.exported.changed,
            "deleted": self.exported.deleted,
            "renumbered": self.exported.renumbered,
            "not_held": self.unheld,
        }

    def lines(self) -> list[str]:
        """For people."""
        what = {
            "untouched": "is as it was, bit for bit",
            "restored": "is restored from its backup, bit for bit",
            "exported": "holds what was in it and what came since",
        }[self.state]
        said = [f"{self.file} {what}.", f"  sha256 {self.sha256}"]
        if self.kept:
            said.append(f"  the file of before: {self.kept}")
        for table in TABLES:
            counted = (self.exported.new, self.exported.changed, self.exported.deleted)
            new, changed, deleted = (by_table.get(table, 0) for by_table in counted)
            if new or changed or deleted:
                said.append(f"  {table}: {new} new, {changed} changed, {deleted} deleted")
        for name, count in self.unheld.items():
            said.append(f"  the legacy system has no place for: {count} x {name}")
        if self.exported.renumbered:
            said.append(f"  {self.exported.renumbered} people got another number")
        if self.ended:
            said.append(
                f"{self.move.public_id} is inactive: what is in it stays there, to be read, until "
                "`mira-hub network delete`."
            )
        return said


async def _at_once() -> None:
    """Waits for nobody."""


@dataclass(frozen=True)
class _Prepared:
    newest: Path  # the copy
    file: Path  # that is to be written
    run_id: str  # of the newest run
    sha256: str  # of the legacy file then
    there: str | None  # of the file now


class Rollback:
    """Takes a move back.

    Args:
        database: open; this does not close it.
        clock: the hub's clock.
        folder: where copies are kept.
    """

    def __init__(self, database: Database, clock: Clock, folder: Path) -> None:
        self._database = database
        self._clock = clock
        self._folder = folder
        self._moves = Moves(database, clock)
        self._store = Store(database, clock)

    async def move_of(self, network: str | None) -> Move:
        """The move into a network, by its public id; None: the only one.

        Raises:
            MigrationError: there is none, or several.
        """
        found = [move for move in await self._moves.every() if network in (None, move.public_id)]
        if not found:
            raise MigrationError("Nothing was moved there.", "`migrate status` lists all moves.")
        if len(found) > 1:
            raise MigrationError("There are several moves.", "Say which one: --network net_...")
        return found[0]

    async def check(self, move: Move, into: Path | None) -> None:
        """Raises what `roll_back` would raise, but for a file that is in use."""
        await self._prepared(move, into)

    async def roll_back(
        self,
        move: Move,
        into: Path | None,
        progress: Progress,
        settle: Callable[[], Awaitable[None]] = _at_once,
    ) -> RolledBack:
        """Puts a legacy file where it was; or into another place, and leaves all as it is.

        Args:
            move: what is rolled back.
            into: the other place, where nothing is yet.
            progress: is told how far it is.
            settle: waits until a running hub has noticed that the network is suspended.

        Raises:
            MiraError: nothing was replaced, or it is to be called again.
        """
        with alone(self._folder, move.public_id) as folder:
            prepared = await self._prepared(move, into)
            if prepared.there and (users := files.users_of(prepared.file)):
                raise LegacyBusyError(
                    f"{prepared.file} is open in process {users[0]}.",
                    "Stop the legacy application first.",
                )
            if into is not None:
                return await self._write(move, folder, into, prepared, progress)
            status = (await self._store.network(move.network_id)).status
            await self._store.set_network_status(move.network_id, "suspended")
            try:
                await settle()
                return await self._write(move, folder, None, prepared, progress)
            except BaseException:
                await self._store.set_network_status(move.network_id, status)
                raise

    async def _prepared(self, move: Move, into: Path | None) -> _Prepared:
        newest = self._folder / move.public_id / NEWEST
        file = into.resolve() if into else Path(move.source)
        runs = [run for run in await self._moves.runs(move.network_id) if run.source_sha256]
        if runs and runs[-1].report.get("adopted"):
            raise MigrationError(
                f"{move.source} was adopted: it is the hub's database itself.",
                "Stop the hub, then `mira-hub migrate adopt --back FILE`.",
            )
        if not newest.exists() or not runs:
            raise LegacyFileError(
                f"The copy of the legacy file is gone from {newest.parent}.",
                "Put it back from a backup; or, where the legacy file is as it was, just use it.",
            )
        if into is not None and (file.exists() or not file.parent.is_dir()):
            raise MigrationError(
                f"{file} is there already, or its folder is not.", "Name a new file."
            )
        sha256 = str(runs[-1].source_sha256)
        there = files.sha256_of(file) if file.exists() else None
        # Whoever was killed while they rolled back has put a file there already, or has taken
        # away the log of the one that was there.
        left = {runs[-1].report.get(EXPORTED)}
        if (raw := files.raw_of(newest)).exists():
            left.add(files.sha256_alone(raw))
        begun = there is not None and there in left
        if there not in (None, sha256) and not begun:
            raise MigrationError(
                f"{file} was written since the last run.",
                "Run `migrate run` once more, so that nothing of it is lost; or leave the file "
                "alone and name another with --to.",
            )
        return _Prepared(newest, file, runs[-1].run_id, sha256, there)

    async def _write(
        self, move: Move, folder: Path, into: Path | None, prepared: _Prepared, progress: Progress
    ) -> RolledBack:
        newest, file, sha256 = prepared.newest, prepared.file, prepared.sha256
        target = Target(self._database, move.network_id)
        made = folder / "export.db.partial"
        seq = await self._store.last_seq(move.network_id)
        with source.open_copy(newest) as connection:
            rows = sum(source.counts(connection).values())
        exported = await export(
            newest, made, target, Rows(progress, f"{move.name}: rows compared", rows)
        )
        unheld = await self._unheld(move.network_id)
        if apart := await target.apart():
            unheld["legacy rows in quarantine (as they were, but for those changed here)"] = apart
        kept: Path | None = None
        if exported.anything:
            state = "exported"
            if into is None:
                await self._moves.exporting(move.network_id, prepared.run_id, files.sha256_of(made))
                kept = self._keep(prepared)
            placing.take_place(made, file, newest)
        else:
            made.unlink()
            state = "untouched"
            if prepared.there != sha256:
                state = "restored"
                placing.put_back(newest, sha256, file)

        async def map_all(session: AsyncSession) -> None:
            if await events.last_seq(session, move.network_id) != seq:
                raise MigrationError(
                    "Something was said or changed meanwhile.",
                    "Call it again, with the hub stopped.",
                )
            for table, places in exported.places.items():
                await target.map(session, table, places)

        if into is None:
            await self._moves.end(move.network_id, map_all)
        ended = into is None
        sha256 = files.sha256_of(file)
        return RolledBack(move, file, sha256, state, kept, exported, unheld, ended)

    def _keep(self, prepared: _Prepared) -> Path | None:
        """Gives the file of before another name as well."""
        file = prepared.file
        if prepared.there != prepared.sha256:
            return None  # there is none; or it was kept by whoever was killed
        now = datetime.fromtimestamp(self._clock() / 1e6).astimezone()
        kept = file.with_name(f"{file.name}.before-rollback-{now:%Y%m%d-%H%M%S}")
        placing.put_back(prepared.newest, prepared.sha256, kept)
        return kept

    async def _unheld(self, network_id: str) -> dict[str, int]:
        found = {}
        async with self._database.session(Scope(network_id)) as session:
            for name, table, condition in UNHELD:
                statement = select(func.count()).select_from(table)
                statement = statement.where(table.network_id == network_id)
                if condition is not None:
                    statement = statement.where(condition)
                count = (await session.exec(statement)).one()
                if count:
                    found[name] = int(count)
        return found
