"""Compares rows of a legacy file with what is in the network that they were moved into."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from hub.migration import source
from hub.migration.legacy_rows import TABLES, Value, alike, checksum, unpacked
from hub.migration.parts import WHOLE, Part
from hub.migration.target import Known, Present, Target

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


@dataclass
class Compared:
    """What was found of some rows of a table.

    Args:
        check: so far.
        sums: of the checksums of the legacy file's rows, and of the network's.
        absent: ids of rows that are not in the network.
    """

    check: TableCheck = field(default_factory=TableCheck)
    sums: tuple[int, int] = (0, 0)
    absent: list[str] = field(default_factory=list)

    def with_those(self, others: Compared) -> Compared:
        """The same of these rows and others."""
        mine, theirs = self.check, others.check
        check = TableCheck(
            listed=(mine.listed + theirs.listed)[:MOST_LISTED],
            **{name: getattr(mine, name) + getattr(theirs, name) for name in COUNTED},
        )
        sums = self.sums[0] + others.sums[0], self.sums[1] + others.sums[1]
        return Compared(check, sums, self.absent + others.absent)

    def finished(self) -> TableCheck:
        """With the checksums of all rows, whatever their order."""
        sums = [f"{one % MODULUS:032x}" for one in self.sums]
        self.check.source_checksum, self.check.target_checksum = sums
        return self.check


COUNTED = ("source", "moved", "quarantined", "changed_here", "deleted_here", "differences")


async def compare(
    connection: sqlite3.Connection,
    target: Target,
    table: str,
    tell: Callable[[int], None],
    part: Part = WHOLE,
) -> Compared:
    """Compares a table of a copy of a legacy file, or a part of it, with a network.

    Args:
        connection: of the copy.
        target: the network.
        table: which.
        tell: is told how many more rows are done.
        part: which interactions.
    """
    compared = Compared()
    for some in source.batches(connection, table, part=part):
        read = await _read(target, table, some)
        _compare(target, table, read, compared)
        compared.absent += read.missing
        tell(len(some))
    return compared


@dataclass(frozen=True)
class _Read:
    """Some rows of the legacy file, by key, and what the hub has of them."""

    rows: dict[str, tuple[Value, ...]]
    known: dict[str, Known]
    present: dict[str, Present]
    kept: dict[str, dict[str, Any]]  # verbatim, in quarantine
    gone: set[str]  # ids of rows that somebody deleted here
    missing: list[str]  # ids of rows that are not in the network


async def _read(target: Target, table: str, some: Sequence[tuple[Value, ...]]) -> _Read:
    rows = {source.key_or_stand_in(row): row for row in some}
    known, present = await target.moved(table, list(rows))
    moved = [one.row_id for one in known.values() if not one.quarantined]
    kept = await target.quarantined([one.row_id for one in known.values() if one.quarantined])
    missing = [row_id for row_id in moved if row_id not in present]
    return _Read(rows, known, present, kept, await target.told_gone(table, missing), missing)


def _compare(target: Target, table: str, read: _Read, compared: Compared) -> None:
    check, (of_source, of_target) = compared.check, compared.sums
    for key, row in read.rows.items():
        check.source += 1
        wanted = checksum(row)
        of_source += int(wanted, 16)
        where = read.known.get(key)
        if where is None:
            check.differs(key, "was not moved")
            continue
        found = _found(target, table, where, read)
        if found is None:
            if where.row_id in read.gone:
                check.deleted_here += 1
                check.lists(key, "was deleted here")
            else:
                check.differs(key, "is not here, and nobody deleted it")
            continue
        same = alike(found, row)
        of_target += int(wanted if same else checksum(found), 16)
        if where.quarantined:
            check.quarantined += 1
        else:
            check.moved += 1
        if same:
            continue
        if where.checksum == wanted:
            check.changed_here += 1
            check.lists(key, "was changed here")
        else:
            check.differs(key, "was changed in the legacy system since")
    compared.sums = of_source, of_target


def _found(target: Target, table: str, where: Known, read: _Read) -> Sequence[Value] | None:
    """The legacy row that is here; None: it is not."""
    if where.quarantined:
        row = read.kept.get(where.row_id)
        return None if row is None else [unpacked(row[column.name]) for column in TABLES[table]]
    now = read.present.get(where.row_id)
    return None if now is None else target.legacy_row(table, where.row_id, now)
