# ruff: noqa: S608 - the names in the statements are the legacy schema's own
"""What a move would do to a legacy file's rows, found out without a database."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from hub.migration import source
from hub.migration.conversion import (
    Moved,
    Oddity,
    Surroundings,
    Unmovable,
    convert,
    keys_of,
    people_of,
)
from hub.migration.legacy_rows import TABLES, Text, Value
from hub.migration.source import Copy

ROWS_PER_S = 4_000
"""About as many rows with vectors are moved and verified in a second (docs/performance.md)."""
NETWORK = "00000000-0000-0000-0000-000000000000"
"""Stands for the network that is not there yet."""


@dataclass
class Plan:
    """What would happen.

    Args:
        source: the legacy file.
        size: in bytes.
        sha256: hex.
        rows: by table.
        unmovable: rows that would be kept verbatim, by table.
        oddities: all that would be repaired.
    """

    source: str
    size: int
    sha256: str
    rows: dict[str, int]
    unmovable: Counter[str] = field(default_factory=Counter)
    oddities: list[Oddity] = field(default_factory=list)

    @property
    def seconds(self) -> int:
        """About how long the move would take."""
        return 1 + sum(self.rows.values()) // ROWS_PER_S

    def kinds(self) -> Counter[tuple[str, str, str, str]]:
        """How often each oddity occurs: table, column, kind and rule."""
        return Counter((one.table, one.column, one.kind, one.rule) for one in self.oddities)

    def document(self) -> dict[str, Any]:
        """For programs."""
        return {
            "source": self.source,
            "size": self.size,
            "sha256": self.sha256,
            "rows": self.rows,
            "quarantined": dict(self.unmovable),
            "seconds": self.seconds,
            "oddities": [one.document() for one in self.oddities],
        }

    def lines(self) -> list[str]:
        """For people."""
        said = [f"{self.source}: {self.size / 1e6:.1f} MB, sha256 {self.sha256}"]
        for table, rows in self.rows.items():
            apart = self.unmovable[table]
            said.append(f"  {table}: {rows} rows" + (f", {apart} to quarantine" if apart else ""))
        for (table, column, kind, rule), times in sorted(self.kinds().items()):
            said.append(f"  {table}.{column}: {times} x {kind}: {rule}")
        said.append(f"  about {self.seconds} s; twice {self.size / 1e6:.1f} MB of disk")
        return said


def plan(connection: sqlite3.Connection, copy: Copy, tell: Callable[[int], None]) -> Plan:
    """Goes through a copy of a legacy file as a move into an empty network would."""
    found = Plan(str(copy.source), copy.size, copy.sha256, source.counts(connection))
    indexes: set[int] = set()
    taken: set[str] = set()
    for table in TABLES:
        for rows in source.batches(connection, table):
            around = Surroundings(NETWORK, _referred(connection, table, rows), taken, indexes)
            for row in rows:
                made = convert(table, row, around)
                if isinstance(made, Moved):
                    found.oddities += made.oddities
                elif isinstance(made, Unmovable):
                    found.unmovable[table] += 1
            tell(len(rows))
    return found


def _referred(
    connection: sqlite3.Connection, table: str, rows: Sequence[tuple[Value, ...]]
) -> dict[str, dict[str, str]]:
    """Rows that some rows refer to, as far as they are in the file."""
    wanted: dict[str, set[str]] = {}
    for position, column in enumerate(TABLES[table]):
        values = [row[position] for row in rows]
        if column.refers_to:
            wanted.setdefault(column.refers_to, set()).update(
                key for value in values for key in keys_of(value)
            )
        elif column.kind == "people":
            people = (Text(one.encode()) for value in values for one in people_of(value))
            wanted["persons"] = {key for one in people for key in keys_of(one)}
    found: dict[str, dict[str, str]] = {}
    for other, keys in wanted.items():
        marks = ", ".join("?" * len(keys))
        there = connection.execute(f"SELECT id FROM {other} WHERE id IN ({marks})", list(keys))
        found[other] = {(key := str(id_, "utf-8")): key for (id_,) in there}
    return found
