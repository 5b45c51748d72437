"""The other way: a legacy file becomes the hub's database itself, by the schema's own history.

All of it happens to a copy, which is verified and then takes the file's place; a crash at any
moment leaves the old file or the new one. It takes files without further oddities; `migrate run`
repairs the others.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hub.migration import files, placing, source
from hub.migration.conversion import keys_of
from hub.migration.errors import LegacyBusyError, LegacyFileError, VerificationError
from hub.migration.folder import private
from hub.migration.legacy_rows import TABLES, checksum
from hub.migration.mapping_back import legacy_row
from hub.migration.plan import plan
from hub.migration.progress import Progress, Rows
from hub.migration.source import Copy
from hub.migration.target import Target
from hub.store import schema
from hub.store.database import Database
from hub.store.database_file import change_schema, revision_of
from hub.store.moves import Moves
from hub.store.store import Store
from shared.clock import Clock

BORNE = frozenset({"dangling_reference", "no_time", "embedding_length"})
"""Oddities that the hub's schema can hold as they are."""


@dataclass(frozen=True)
class Adopted:
    """What was done.

    Args:
        file: the hub's database from now on.
        backup: the legacy file as it was.
        rows: that were verified, by table.
        network_id: public, of the network that they are in; None: there were no rows.
    """

    file: Path
    backup: Path
    rows: dict[str, int]
    network_id: str | None

    def document(self) -> dict[str, Any]:
        """For programs."""
        return {
            "file": str(self.file),
            "backup": str(self.backup),
            "rows": self.rows,
            "network_id": self.network_id,
        }


async def adopt(file: Path, folder: Path, clock: Clock, progress: Progress) -> Adopted:
    """Makes a legacy file the hub's database, in its place.

    Args:
        file: a legacy file that nobody uses.
        folder: where the backup goes.
        clock: the hub's clock.
        progress: is told how far it is.

    Raises:
        LegacyFileError: not a legacy file, damaged, or with oddities that have to be repaired.
        LegacyBusyError: somebody uses the file.
        VerificationError: a value did not survive; the file is as it was.
        StoreError: no room, or the schema could not be changed; the file is as it was.
    """
    file = file.resolve()
    work = file.with_name(f"{file.name}.adopting")
    _refuse_used(file)
    copied = source.copy(
        file, private(folder) / "candidate.db", lambda done, of: progress("copy", done, of)
    )
    copied = source.keep(copied, folder / f"{file.name}.{copied.sha256[:16]}.backup")
    was = file.stat()
    with source.open_copy(copied.path) as connection:
        _refuse_oddities(connection, copied, progress)
    try:
        placing.copy_to(copied.path, work)
        _stamp(work)
        change_schema(work, schema.HEAD)
        network_id = await _verify(work, copied, clock, progress)
        with source.open_copy(copied.path) as connection:
            rows = source.counts(connection)
        # Nobody may open and close the file from here on: that would let go of the lock.
        with _locked(file):
            now = file.stat()
            if (now.st_mtime_ns, now.st_size) != (was.st_mtime_ns, was.st_size):
                raise LegacyBusyError(f"{file} was written meanwhile.", "Stop the legacy system.")
            placing.take_place(work, file, copied.path)
    finally:
        for leftover in ("", ".lock", ".turn", "-wal", "-shm", ".migrating"):
            work.with_name(work.name + leftover).unlink(missing_ok=True)
    return Adopted(file, copied.path, rows, network_id)


def give_back(file: Path) -> None:
    """Makes the hub's database a legacy file again, with every value that came from one.

    Raises:
        DowngradeRefusedError: there is more than one network in it.
        StoreError: it is in use, or cannot be changed; it is as it was.
        LegacyFileError: it is no database of a hub's.
    """
    file = file.resolve()
    if not file.is_file() or revision_of(file) in (None, schema.LEGACY):
        raise LegacyFileError(f"{file} is no database of a hub's.", "Name the adopted file.")
    change_schema(file, schema.LEGACY)


def _refuse_used(file: Path) -> None:
    if not file.is_file():
        raise LegacyFileError(f"{file} is no file.", "Name the legacy mira.db.")
    log = file.with_name(f"{file.name}-wal")
    users = files.users_of(file)
    if users or (log.exists() and log.stat().st_size):
        by = f" by process {users[0]}" if users else ""
        raise LegacyBusyError(f"{file} is in use{by}.", "Stop the legacy system first.")
    with _locked(file):
        pass


@contextmanager
def _locked(file: Path) -> Iterator[None]:
    """Keeps others from writing; reading goes on."""
    try:
        with closing(sqlite3.connect(file, timeout=0.5, isolation_level=None)) as guard:
            guard.execute("BEGIN IMMEDIATE")
            yield
    except sqlite3.OperationalError as error:
        raise LegacyBusyError(
            f"{file} is in use, or may not be written. SQLite: {error}.",
            "Stop the legacy system first, and do this as the file's owner or as root.",
        ) from error
    except sqlite3.DatabaseError as error:
        raise LegacyFileError(
            f"{file} is damaged or no SQLite file. SQLite: {error}.", "Nothing was changed."
        ) from error


def _refuse_oddities(connection: sqlite3.Connection, copied: Copy, progress: Progress) -> None:
    rows = sum(source.counts(connection).values())
    found = plan(connection, copied, Rows(progress, "rows looked at", rows))
    bad = [one for one in found.oddities if one.kind not in BORNE]
    if bad or sum(found.unmovable.values()):
        what = f"{bad[0].table}.{bad[0].column}: {bad[0].kind}" if bad else "rows without an id"
        raise LegacyFileError(
            f"{copied.source} holds what has to be repaired ({len(bad)} values, such as {what}).",
            "`mira-hub migrate run` repairs it, and lists each; nothing was changed.",
        )


def _stamp(work: Path) -> None:
    with closing(sqlite3.connect(work)) as connection:
        connection.execute(
            "CREATE TABLE IF NOT EXISTS alembic_version (version_num VARCHAR(32) NOT NULL)"
        )
        connection.execute("DELETE FROM alembic_version")
        connection.execute("INSERT INTO alembic_version VALUES (?)", (schema.LEGACY,))
        connection.commit()


async def _verify(work: Path, copied: Copy, clock: Clock, progress: Progress) -> str | None:
    """Compares every row, and notes where it came from; gives the network's public id."""
    database = await Database.open(work)
    try:
        networks = await Store(database, clock).networks()
        with source.open_copy(copied.path) as connection:
            counts = source.counts(connection)
            if not networks:
                if sum(counts.values()):
                    raise VerificationError("The rows are gone.", "Nothing was changed. Report it.")
                return None
            (network,) = networks
            target = Target(database, network.network_id)
            tell = Rows(progress, "rows verified", sum(counts.values()))
            for table in TABLES:
                for rows in source.batches(connection, table):
                    ids = [key for row in rows for key in keys_of(row[0])]
                    present = await target.present(table, ids)
                    for row in rows:
                        key = source.key_or_stand_in(row)
                        now = present.get(key)
                        if now is None or checksum(row) != checksum(
                            legacy_row(table, key, now.values, now.free, network.network_id)
                        ):
                            raise VerificationError(
                                f"{table} {key} did not survive.",
                                "Nothing was changed. Use `mira-hub migrate run`, and report this.",
                            )
                    tell(len(rows))
        moves = Moves(database, clock)
        await moves.open(network.public_id, network.name, str(copied.source))
        run_id = await moves.begin(network.network_id, str(copied.source), copied.sha256)
        tables = {table: {"moved": rows, "quarantined": 0} for table, rows in counts.items()}
        moved = {table: {"moved": rows} for table, rows in counts.items()}
        report = {"adopted": True, "tables": tables}
        await moves.note(network.network_id, run_id, moved, "completed", report)
        await database.truncate_wal()
        return network.public_id
    finally:
        await database.close()
