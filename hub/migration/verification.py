"""Compares a legacy file with the network that it was moved into, row by row, mapped back."""

from __future__ import annotations

import asyncio
import sqlite3
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hub.migration import source
from hub.migration.legacy_rows import TABLES, Value, checksum, unpacked
from hub.migration.mapping_back import legacy_row
from hub.migration.target import Known, Target
from hub.store.database import Database
from hub.store.store import Store

MOST_LISTED = 100
"""Differences that are named one by one; the others are counted."""
MODULUS = 2**128


@dataclass
class TableCheck:
    """What was found of one table.

    Args:
        source: rows in the legacy file.
        moved: of these, in the network.
        quarantined: of these, kept verbatim.
        source_checksum: of all rows, whatever their order, hex.
        target_checksum: of all rows that came out of the network again, mapped back.
        changed_here: rows of which somebody wanted it otherwise here, since they were moved.
        deleted_here: rows that somebody deleted here.
        differences: rows that are missing, or differ from what was moved.
        listed: some of all these, each with what it is about.
    """

    source: int = 0
    moved: int = 0
    quarantined: int = 0
    source_checksum: str = ""
    target_checksum: str = ""
    changed_here: int = 0
    deleted_here: int = 0
    differences: int = 0
    listed: list[dict[str, str]] = field(default_factory=list)

    def differs(self, key: str, what: str) -> None:
        """Notes a difference."""
        self.differences += 1
        self.lists(key, what)

    def lists(self, key: str, what: str) -> None:
        """Names a row, if there is room."""
        if len(self.listed) < MOST_LISTED:
            self.listed.append({"row": key, "what": what})


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
    connection: sqlite3.Connection,
    database: Database,
    network_id: str,
    tell: Callable[[str, int], None],
) -> Verified:
    """Compares a copy of a legacy file with a network.

    Args:
        connection: of the copy.
        database: the hub's.
        network_id: the network's UUID.
        tell: is told of which table how many more rows are done.
    """
    target, tables = Target(database, network_id), {}
    absent: dict[str, list[str]] = {}
    for table in TABLES:
        check, sums = TableCheck(), [0, 0]
        for rows in source.batches(connection, table):
            absent.setdefault(table, []).extend(await _compare(target, table, rows, check, sums))
            tell(table, len(rows))
        check.source_checksum, check.target_checksum = (f"{one % MODULUS:032x}" for one in sums)
        mapped = await target.map_size(table)
        if mapped != check.source and not check.differences:
            check.differs("", f"the hub knows of {mapped} rows, the legacy file has {check.source}")
        tables[table] = check
    problems = await _strays(database, network_id, absent)
    if database.path is not None:  # a server looks after its own
        problems += await asyncio.to_thread(_file_problems, database.path)
    return Verified(tables, tuple(problems))


async def _compare(
    target: Target,
    table: str,
    rows: Sequence[tuple[Value, ...]],
    check: TableCheck,
    sums: list[int],
) -> list[str]:
    """Compares some rows; gives the ids of those that are not in the network."""
    by_key = {source.key_or_stand_in(row): checksum(row) for row in rows}
    known = await target.known(table, list(by_key))
    moved = [one.row_id for one in known.values() if not one.quarantined]
    present = await target.present(table, moved)
    kept = await target.quarantined([one.row_id for one in known.values() if one.quarantined])
    missing = [row_id for row_id in moved if row_id not in present]
    gone = await target.told_gone(table, missing)
    for key, wanted in by_key.items():
        check.source += 1
        sums[0] += int(wanted, 16)
        where = known.get(key)
        if where is None:
            check.differs(key, "was not moved")
            continue
        found = _found(table, where, present, kept, target.network_id)
        if found is None:
            if where.row_id in gone:
                check.deleted_here += 1
                check.lists(key, "was deleted here")
            else:
                check.differs(key, "is not here, and nobody deleted it")
            continue
        sums[1] += int(found, 16)
        if where.quarantined:
            check.quarantined += 1
        else:
            check.moved += 1
        if found == wanted:
            continue
        if where.checksum == wanted:
            check.changed_here += 1
            check.lists(key, "was changed here")
        else:
            check.differs(key, "was changed in the legacy system since")
    return missing


def _found(
    table: str, where: Known, present: Any, kept: dict[str, Any], network_id: str
) -> str | None:
    """The checksum of the legacy row that is here; None: it is not."""
    if where.quarantined:
        row = kept.get(where.row_id)
        return row and checksum([unpacked(row[column.name]) for column in TABLES[table]])
    now = present.get(where.row_id)
    if now is None:
        return None
    return checksum(legacy_row(table, where.row_id, now.values, now.free, network_id))


async def _strays(database: Database, network_id: str, absent: dict[str, list[str]]) -> list[str]:
    """Which rows that are not in their network are in another.

    An id is in a database once: a row that is in its network is in no other.
    """
    found: Counter[str] = Counter()
    if any(absent.values()):
        for move in await Store(database, lambda: 0).networks():
            if move.network_id != network_id:
                other = Target(database, move.network_id)
                for table, ids in absent.items():
                    found[table] += len(await other.present(table, ids))
    return [
        f"isolation: {count} rows of {table} are in another network"
        for table, count in found.items()
        if count
    ]


def _file_problems(path: Path) -> list[str]:
    """What SQLite itself finds wrong with the hub's database."""
    with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as connection:
        found = [
            f"integrity_check: {row[0]}"
            for row in connection.execute("PRAGMA integrity_check")
            if row[0] != "ok"
        ]
        rows = connection.execute("PRAGMA foreign_key_check").fetchmany(MOST_LISTED)
        return found + [f"foreign_key_check: {row[0]} row {row[1]} to {row[2]}" for row in rows]
