"""Verifies a move: each row, mapped back, and the database as a whole."""

from __future__ import annotations

import asyncio
import sqlite3
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hub.migration import source
from hub.migration.comparing import MOST_LISTED, Compared, TableCheck, compare
from hub.migration.helper import Helper, Tell, both
from hub.migration.legacy_rows import TABLES
from hub.migration.parts import Part, halves
from hub.migration.target import Target
from hub.store.database import Database
from hub.store.store import Store


@dataclass(frozen=True)
class Verified:
    """The whole report.

    Args:
        tables: by name.
        problems: of the database as a whole, such as references that point at nothing.
    """

    tables: dict[str, TableCheck]
    problems: tuple[str, ...]

    @property
    def right(self) -> bool:
        """Whether nothing differs but what was changed here since, and nothing is wrong."""
        return not self.problems and not any(one.differences for one in self.tables.values())

    @property
    def equal(self) -> bool:
        """Whether nothing differs at all."""
        here = sum(one.changed_here + one.deleted_here for one in self.tables.values())
        return self.right and not here

    def document(self) -> dict[str, Any]:
        """As it is stored and printed."""
        return {
            "verified": self.right,
            "equal": self.equal,
            "tables": {name: vars(found) for name, found in self.tables.items()},
            "problems": list(self.problems),
        }

    def lines(self) -> list[str]:
        """For people."""
        said = []
        for name, found in self.tables.items():
            outcome = "equal" if not found.differences else f"{found.differences} DIFFER"
            if found.changed_here or found.deleted_here:
                outcome += (
                    f" (but for {found.changed_here} changed and {found.deleted_here} deleted "
                    "here since)"
                )
            said.append(
                f"{name}: {found.source} rows, {found.moved} moved, "
                f"{found.quarantined} in quarantine, checksum {found.target_checksum}: {outcome}"
            )
            said += [f"  {one['row']}: {one['what']}" for one in found.listed]
        said += [f"PROBLEM: {problem}" for problem in self.problems]
        said.append("verified" if self.right else "NOT verified")
        return said


async def verify(
    copy: Path,
    database: Database,
    network_id: str,
    tell: Callable[[int], None],
    other: Helper | None = None,
) -> Verified:
    """Compares a copy of a legacy file with a network.

    Args:
        copy: of the legacy file.
        database: the hub's.
        network_id: the network's UUID.
        tell: is told how many more rows are done.
        other: a process that compares half of the interactions, if there is one.

    Raises:
        StoreError: the database failed.
    """
    compared, file_problems = await asyncio.gather(
        _compare(copy, database, network_id, tell, other),
        asyncio.to_thread(_file_problems, database.path),
    )
    absent = {table: one.absent for table, one in compared.items()}
    strays = await _strays(database, network_id, absent)
    tables = {table: one.finished() for table, one in compared.items()}
    target = Target(database, network_id)
    for table, check in tables.items():
        mapped = await target.map_size(table)
        if mapped != check.source and not check.differences:
            check.differs("", f"the hub knows of {mapped} rows, the legacy file has {check.source}")
    return Verified(tables, tuple(strays + file_problems))


async def _compare(
    copy: Path,
    database: Database,
    network_id: str,
    tell: Callable[[int], None],
    other: Helper | None,
) -> dict[str, Compared]:
    """Each table's rows."""
    target, found = Target(database, network_id), {}
    with source.open_copy(copy) as connection:
        for table in TABLES:
            parts = halves(connection) if table == "interactions" else None
            if parts is None or other is None:
                found[table] = await compare(connection, target, table, tell)
            else:
                half = _Half(database.where, network_id, copy, parts[1])
                mine, others = await both(
                    compare(connection, target, table, tell, parts[0]),
                    other.do(compare_half, half, tell),
                )
                found[table] = mine.with_those(others)
    return found


@dataclass(frozen=True)
class _Half:
    """What a second process is given."""

    where: Path | str  # the hub's database
    network_id: str
    copy: Path
    part: Part


def compare_half(given: _Half, tell: Tell) -> Compared:
    """What the second process does."""
    return asyncio.run(_compare_part(given, tell))


async def _compare_part(given: _Half, tell: Tell) -> Compared:
    database = await Database.open(given.where)
    try:
        with source.open_copy(given.copy) as connection:
            target = Target(database, given.network_id)
            return await compare(connection, target, "interactions", tell, given.part)
    finally:
        await database.close()


async def _strays(database: Database, network_id: str, absent: dict[str, list[str]]) -> list[str]:
    """Which rows that are not in their network are in another.

    An id is in a database once: a row that is in its network is in no other.
    """
    found: Counter[str] = Counter()
    if any(absent.values()):
        for move in await Store(database, lambda: 0).networks():
            if move.network_id != network_id:
                elsewhere = Target(database, move.network_id)
                for table, ids in absent.items():
                    found[table] += len(await elsewhere.present(table, ids))
    return [
        f"isolation: {count} rows of {table} are in another network"
        for table, count in found.items()
        if count
    ]


def _file_problems(path: Path | None) -> list[str]:
    """What SQLite itself finds wrong with the hub's database; a server looks after its own."""
    if path is None:
        return []
    with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as connection:
        found = [
            f"integrity_check: {row[0]}"
            for row in connection.execute("PRAGMA integrity_check")
            if row[0] != "ok"
        ]
        rows = connection.execute("PRAGMA foreign_key_check").fetchmany(MOST_LISTED)
        return found + [f"foreign_key_check: {row[0]} row {row[1]} to {row[2]}" for row in rows]
