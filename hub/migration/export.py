# ruff: noqa: S608 - the names in the statements are the legacy schema's own
"""Writes what a network holds into a legacy file: what came from there, and what came since."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hub.migration import source
from hub.migration.errors import VerificationError
from hub.migration.legacy_rows import TABLES, Text, Value, checksum
from hub.migration.mapping_back import legacy_row
from hub.migration.target import Target

NOBODY = "0" * 32
"""The user of an action that the legacy system did not make: its schema asks for one."""

Tell = Callable[[int], None]


@dataclass
class Exported:
    """What was written.

    Args:
        new: rows that were made here, by table.
        changed: rows that were changed here.
        deleted: rows that were deleted here.
        places: row ids and checksums of what was written, by table and key.
        renumbered: people whose number was taken in the legacy file.
    """

    new: dict[str, int] = field(default_factory=dict)
    changed: dict[str, int] = field(default_factory=dict)
    deleted: dict[str, int] = field(default_factory=dict)
    places: dict[str, dict[str, tuple[str, str]]] = field(default_factory=dict)
    renumbered: int = 0

    @property
    def anything(self) -> bool:
        """Whether the network holds anything but what came from the legacy system."""
        counted = (self.new, self.changed, self.deleted)
        return any(count for by_table in counted for count in by_table.values())


async def export(before: Path, into: Path, target: Target, tell: Tell) -> Exported:
    """Writes a legacy file that holds what a network does.

    Args:
        before: a copy of the legacy file as it was moved last.
        into: the file to be made; complete and on the disk when this returns.
        target: the network.
        tell: is told how many more rows are done.

    Raises:
        VerificationError: what was written does not read as what was to be written.
        StoreError: the hub's database failed.
        OSError, sqlite3.Error: the file cannot be written.
    """
    shutil.copyfile(before, into)
    exported = Exported()
    with source.open_copy(before) as old, closing(sqlite3.connect(into)) as new:
        new.execute("PRAGMA journal_mode=DELETE")
        new.execute("BEGIN")
        for table in TABLES:
            await _bring_up_to_date(old, new, table, target, exported, tell)
            await _add(new, table, target, exported)
        new.commit()
    _check(into, exported)
    with into.open("rb") as file:
        os.fsync(file.fileno())
    return exported


async def _bring_up_to_date(
    old: sqlite3.Connection,
    new: sqlite3.Connection,
    table: str,
    target: Target,
    exported: Exported,
    tell: Tell,
) -> None:
    changed = deleted = 0
    places = exported.places.setdefault(table, {})
    for rows in source.batches(old, table):
        by_key = {source.key_or_stand_in(row): row for row in rows}
        known = await target.known(table, list(by_key))
        moved = [one.row_id for one in known.values() if not one.quarantined]
        present = await target.present(table, moved)
        for key, row in by_key.items():
            where = known.get(key)
            if where is None or where.quarantined:
                continue  # it is in the file as it was
            now = present.get(where.row_id)
            if now is None:
                _delete(new, table, row)
                deleted += 1
                continue
            back = legacy_row(table, where.row_id, now.values, now.free, target.network_id)
            sum_ = checksum(back)
            # What the last run did not get to is as it was here, not changed here.
            if sum_ not in (checksum(row), where.checksum):
                _delete(new, table, row)
                _insert(new, table, back)
                changed += 1
                places[key] = where.row_id, sum_
        tell(len(rows))
    exported.changed[table], exported.deleted[table] = changed, deleted


async def _add(new: sqlite3.Connection, table: str, target: Target, exported: Exported) -> None:
    added = 0
    places = exported.places.setdefault(table, {})
    made_here = await target.made_here(table)
    for start in range(0, len(made_here), source.ROWS_AT_ONCE):
        ids = made_here[start : start + source.ROWS_AT_ONCE]
        for row_id, now in (await target.present(table, ids)).items():
            back = legacy_row(table, row_id, now.values, now.free, target.network_id)
            if table == "actions" and back[1] is None:
                back = (back[0], Text(NOBODY.encode()), *back[2:])
            if table == "persons":
                back = _with_free_index(new, back, exported)
            _insert(new, table, back)
            places[row_id] = row_id, checksum(back)
            added += 1
    exported.new[table] = added


def _with_free_index(
    new: sqlite3.Connection, row: tuple[Value, ...], exported: Exported
) -> tuple[Value, ...]:
    taken = new.execute('SELECT 1 FROM persons WHERE "index" = ?', (row[2],)).fetchone()
    if taken is None:
        return row
    (highest,) = new.execute(
        'SELECT coalesce(max("index"), 0) FROM persons WHERE typeof("index") = \'integer\''
    ).fetchone()
    exported.renumbered += 1
    return (*row[:2], int(highest) + 1, *row[3:])


def _insert(new: sqlite3.Connection, table: str, row: Sequence[Value]) -> None:
    names = ", ".join(f'"{column.name}"' for column in TABLES[table])
    marks = ", ".join("CAST(? AS TEXT)" if isinstance(value, Text) else "?" for value in row)
    new.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", _plain(row))


def _delete(new: sqlite3.Connection, table: str, row: Sequence[Value]) -> None:
    mark = "CAST(? AS TEXT)" if isinstance(row[0], Text) else "?"
    new.execute(f"DELETE FROM {table} WHERE id = {mark}", _plain(row[:1]))


def _plain(row: Iterable[Value]) -> list[Any]:
    return [bytes(value) if isinstance(value, Text) else value for value in row]


def _check(path: Path, exported: Exported) -> None:
    """Raises VerificationError unless a file is whole and says what it was to say."""
    with source.open_copy(path) as connection:
        source.check(connection, path)
        for table, places in exported.places.items():
            wanted = sorted(sum_ for _, sum_ in places.values())
            there = set(wanted)
            found = sorted(
                sum_
                for rows in source.batches(connection, table)
                for row in rows
                if (sum_ := checksum(row)) in there
            )
            if found != wanted:
                raise VerificationError(
                    f"Of {len(wanted)} rows that were written to {table}, {len(found)} read so.",
                    "Nothing was replaced; the legacy system's file is as it was. Report this.",
                )
