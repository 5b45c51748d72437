"""Moves rows of a legacy file into a network: what is new there, what changed, what is gone.

Each batch is a transaction of its own, which writes rows, the map of ids and events together. So
a run may end at any moment, and the next goes on where it was: the map says what was moved, and a
checksum what it was like.
"""

from __future__ import annotations

import asyncio
import sqlite3
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from hub.migration import source
from hub.migration.conversion import (
    Moved,
    Oddity,
    Surroundings,
    Unmovable,
    convert,
    keys_of,
    people_of,
    replacement_id,
)
from hub.migration.legacy_rows import TABLES, Text, Value, checksum, packed
from hub.migration.parts import WHOLE, Part
from hub.migration.removing import Remover
from hub.migration.target import Known, Present, Target
from hub.migration.writing import Batch, IdsTakenError, Pace, Quarantined, Writer
from hub.store.database import Database
from hub.store.errors import StoreConflictError
from hub.store.moves import Move
from shared.clock import Clock

MOST_PLACES = 50_000
"""Rows that others refer to of which it is kept in mind where they are: some 13 MB."""
Row = tuple[Value, ...]
Tell = Callable[[int], Awaitable[None]]
"""Is told how many more rows are done."""


@dataclass
class Counts:
    """What became of the rows, by table and outcome: moved, changed, removed and so on."""

    by_table: dict[str, Counter[str]] = field(
        default_factory=lambda: {table: Counter() for table in TABLES}
    )

    def document(self) -> dict[str, dict[str, int]]:
        """As it is stored."""
        return {table: dict(+counted) for table, counted in self.by_table.items()}

    def with_those(self, others: Mapping[str, Mapping[str, int]]) -> dict[str, dict[str, int]]:
        """The same, with what others did."""
        return {
            table: dict(counted + Counter(others.get(table, {})))
            for table, counted in self.by_table.items()
        }


@dataclass
class _Rows:
    """Rows that were read, and what is to become of them."""

    table: str
    by_key: dict[str, Row]
    sums: dict[str, str]
    new: dict[str, Row] = field(default_factory=dict)
    changed: dict[str, Known] = field(default_factory=dict)
    present: dict[str, Present] = field(default_factory=dict)  # what is here of the changed ones


class Mover:
    """One run.

    Args:
        database: open; this does not close it.
        clock: the hub's clock.
        move: where to.
        run_id: of the run, which has begun.
        list_oddity: is told of each oddity, before its row is written.
        tell: is told how far it is.
        pace: how fast.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        move: Move,
        run_id: str,
        list_oddity: Callable[[Oddity], None],
        tell: Tell,
        pace: Pace,
    ) -> None:
        self.counts = Counts()
        self._move = move
        self._run_id = run_id
        self._clock = clock
        self._target = Target(database, move.network_id)
        self._writer = Writer(database, move.network_id, run_id, pace)
        self._remover = Remover(database, clock, self._target)
        self._places: dict[str, dict[str, str]] = {table: {} for table in TABLES}
        self._list = list_oddity
        self._tell = tell
        self._pace = pace

    async def remove(self, connection: sqlite3.Connection) -> None:
        """Removes what is gone from the file of which there is a copy.

        Raises:
            StoreError: the database failed; what was removed before stays so.
        """
        for table in reversed(TABLES):
            if not await self.anew(table):
                await self._remover.remove(connection, table, self.counts.by_table[table])

    async def touch_conversations(self) -> None:
        """Notes of each conversation when something was said in it last."""
        await self._writer.touch_conversations(self._now())

    async def anew(self, table: str) -> bool:
        """Whether nothing was moved into a table before."""
        return not await self._target.map_size(table)

    async def take(
        self, connection: sqlite3.Connection, table: str, part: Part = WHOLE, *, anew: bool
    ) -> None:
        """Moves what is in a table of a copy of a legacy file; the tables come in their order.

        Raises:
            StoreError: the database failed; what was moved before stays, and is not moved again.
        """
        for some in source.batches(connection, table, self._pace.rows, part):
            by_key = {source.key_or_stand_in(row): row for row in some}
            rows = _Rows(table, by_key, {key: checksum(row) for key, row in by_key.items()})
            await self._compare(rows, anew=anew)
            await self._write(rows)
            await asyncio.sleep(self._pace.rest_s)
            await self._tell(len(some))

    async def _compare(self, rows: _Rows, *, anew: bool) -> None:
        """Finds out what is new, and what changed."""
        known = {} if anew else await self._target.known(rows.table, list(rows.by_key))
        rows.changed = {
            key: before
            for key, before in known.items()
            if before.checksum != rows.sums[key] and not before.quarantined
        }
        rows.new = {
            key: row
            for key, row in rows.by_key.items()
            if key not in known
            or (known[key].quarantined and known[key].checksum != rows.sums[key])
        }
        ids = [one.row_id for one in rows.changed.values()]
        rows.present = await self._target.present(rows.table, ids)

    async def _write(self, rows: _Rows) -> None:
        counted = self.counts.by_table[rows.table]
        counted["unchanged"] += len(rows.by_key) - len(rows.new) - len(rows.changed)
        if not rows.new and not rows.changed:
            return
        taken: set[str] = set()
        listed: set[Oddity] = set()
        while True:
            around = await self._surroundings(rows)
            around.taken = set(taken)
            batch, oddities = self._batch(rows, around)
            for oddity in oddities:
                if oddity not in listed:
                    self._list(oddity)
            listed.update(oddities)
            try:
                await self._writer.write(batch, rows.sums, self._now())
                break
            except IdsTakenError as refused:
                # Seldom enough: only now is asked who has them.
                own = {uid: key for key in rows.new if (uid := _own_id(key))}
                here = await self._target.present(rows.table, own)
                for row_id, now in here.items():  # it went to the legacy file from here
                    key = own[row_id]
                    sum_ = self._target.sum_of(rows.table, row_id, now)
                    rows.changed[key] = Known(row_id, sum_, False)
                    rows.present[row_id] = now
                    del rows.new[key]
                more = (refused.ids | await self._target.taken(rows.table, own)) - here.keys()
                if more <= taken and not here:
                    raise StoreConflictError("Rows contradict each other's ids.") from refused
                taken |= more
        counted["moved"] += len(batch.new)
        counted["changed"] += len(batch.changed)
        counted["quarantined"] += len(batch.quarantined)
        counted["deleted_here"] += len(batch.passed)
        counted["repaired"] += len({oddity.key for oddity in oddities})

    def _batch(self, rows: _Rows, around: Surroundings) -> tuple[Batch, list[Oddity]]:
        table, by_key = rows.table, rows.by_key
        new: list[Moved] = []
        rewritten: list[Moved] = []
        apart: list[Quarantined] = []
        passed: dict[str, str] = {}
        oddities: list[Oddity] = []
        for key, row in rows.new.items():
            made = convert(table, row, around)
            if isinstance(made, Unmovable):
                apart.append(self._quarantined(table, key, row, made.reason))
            else:
                new.append(made)
                oddities += made.oddities
        for key, before in rows.changed.items():
            now = rows.present.get(before.row_id)
            if now is None:
                passed[key] = before.row_id
                continue
            made = convert(table, by_key[key], around)
            reason = made.reason if isinstance(made, Unmovable) else ""
            if before.checksum not in (None, self._target.sum_of(table, before.row_id, now)):
                reason = "it was changed in the legacy system and here: what is here stays"
            if reason or isinstance(made, Unmovable):
                one = self._quarantined(table, key, by_key[key], reason)
                apart.append(replace(one, beside=before.row_id))
            else:
                rewritten.append(made)
                oddities += made.oddities
        return Batch(table, new, rewritten, apart, passed), oddities

    def _quarantined(self, table: str, key: str, row: Row, reason: str) -> Quarantined:
        values = {
            column.name: packed(value) for column, value in zip(TABLES[table], row, strict=True)
        }
        row_id = replacement_id(self._move.network_id, f"quarantine/{table}", key)
        return Quarantined(key, row_id, values, reason)

    async def _surroundings(self, rows: _Rows) -> Surroundings:
        wanted: dict[str, set[str]] = {}
        for position, column in enumerate(TABLES[rows.table]):
            if column.refers_to:
                keys = wanted.setdefault(column.refers_to, set())
                for value in {row[position] for row in rows.by_key.values()}:
                    keys.update(keys_of(value))
            elif column.kind == "people":
                lists = {row[position] for row in rows.by_key.values()}
                wanted["persons"] = {key for value in lists for key in _people(value)}
        found = {other: await self._places_of(other, keys) for other, keys in wanted.items()}
        own = {key: one.row_id for key, one in rows.changed.items()}
        found[rows.table] = found.get(rows.table, {}) | own
        indexes: set[int] = set()
        if rows.table == "persons":
            indexes = await self._target.indexes()
            indexes -= {int(str(one.values["index"])) for one in rows.present.values()}
        return Surroundings(self._move.network_id, found, indexes=indexes)

    async def _places_of(self, table: str, keys: set[str]) -> dict[str, str]:
        """Where rows are that others refer to, by key; a row that was moved stays there."""
        places = self._places[table]
        if missing := keys - places.keys():
            if len(places) > MOST_PLACES:
                places.clear()
                missing = keys
            known = await self._target.known(table, missing)
            places |= {key: one.row_id for key, one in known.items() if not one.quarantined}
        return {key: places[key] for key in keys if key in places}

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock() / 1e6, UTC)


def _own_id(key: str) -> str | None:
    try:
        return uuid.UUID(key).hex
    except ValueError:
        return None


def _people(value: Value) -> Iterator[str]:
    for one in people_of(value):
        yield from keys_of(Text(one.encode()))
