"""Moves the rows of a legacy file into a network: what is new there, what changed, what is gone.

Each batch is a transaction of its own, which writes rows, the map of ids and events together. So
a run may end at any moment, and the next goes on where it was: the map says what was moved, and a
checksum what it was like.
"""

from __future__ import annotations

import sqlite3
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
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
    replacement_id,
)
from hub.migration.errors import MigrationError
from hub.migration.legacy_rows import TABLES, Text, Value, checksum, packed
from hub.migration.mapping_back import legacy_row
from hub.migration.target import Known, Present, Target
from hub.migration.writing import Batch, IdsTakenError, Quarantined, Writer
from hub.store.archive import Archive
from hub.store.database import Database
from hub.store.errors import NotFoundError, StoreConflictError
from hub.store.household import Household
from hub.store.household_kinds import ACTIONS, CONVERSATIONS, PERSONS, Kind
from hub.store.moves import Move, Moves
from shared.clock import Clock

BATCH_ROWS = 200
"""In one transaction: some 20 ms, for which the hub's own writers wait."""
MOST_PLACES = 10_000
"""Rows that others refer to of which it is kept in mind where they are: some 2 MB."""
NOTE_EVERY = 20
"""Batches between two notes of how far a run is, for those who ask from elsewhere."""

Row = tuple[Value, ...]
Tell = Callable[[str, int], None]
"""Is told of which table how many more rows are done."""


@dataclass
class Counts:
    """What became of the rows, by table and outcome: moved, changed, removed and so on."""

    by_table: dict[str, Counter[str]] = field(
        default_factory=lambda: {table: Counter() for table in TABLES}
    )

    def document(self) -> dict[str, dict[str, int]]:
        """As it is stored."""
        return {table: dict(+counted) for table, counted in self.by_table.items()}


class Mover:
    """One run.

    Args:
        database: open; this does not close it.
        clock: the hub's clock.
        move: where to.
        run_id: of the run, which has begun.
        list_oddity: is told of each oddity, before its row is written.
        tell: is told how far it is.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        move: Move,
        run_id: str,
        list_oddity: Callable[[Oddity], None],
        tell: Tell,
    ) -> None:
        self.counts = Counts()
        self._move = move
        self._run_id = run_id
        self._clock = clock
        self._target = Target(database, move.network_id)
        self._writer = Writer(database, move.network_id, run_id)
        self._moves = Moves(database, clock)
        self._archive = Archive(database, clock)
        self._household = Household(database, clock)
        self._places: dict[str, dict[str, str]] = {table: {} for table in TABLES}
        self._list = list_oddity
        self._tell = tell

    async def move(self, connection: sqlite3.Connection) -> None:
        """Moves all that is in a copy of a legacy file.

        Raises:
            StoreError: the database failed; what was moved before stays, and is not moved again.
        """
        moved_before = {table: await self._target.map_size(table) for table in TABLES}
        for table in reversed(TABLES):
            if moved_before[table]:
                await self._remove(connection, table)
        for table in TABLES:
            for number, rows in enumerate(source.batches(connection, table, BATCH_ROWS)):
                await self._take(table, rows, anew=not moved_before[table])
                self._tell(table, len(rows))
                if number % NOTE_EVERY == 0:
                    await self._note()
        await self._note()

    async def _note(self) -> None:
        await self._moves.note(self._move.network_id, self._run_id, self.counts.document())

    async def _take(self, table: str, rows: Sequence[Row], *, anew: bool) -> None:
        by_key: dict[str, Row] = {}
        for row in rows:
            by_key[source.key_or_stand_in(row)] = row
        sums = {key: checksum(row) for key, row in by_key.items()}
        known = {} if anew else await self._target.known(table, list(by_key))
        changed = {
            key: before
            for key, before in known.items()
            if before.checksum != sums[key] and not before.quarantined
        }
        new = {
            key: row
            for key, row in by_key.items()
            if key not in known or (known[key].quarantined and known[key].checksum != sums[key])
        }
        self.counts.by_table[table]["unchanged"] += len(by_key) - len(new) - len(changed)
        if not new and not changed:
            return
        present = await self._target.present(table, [one.row_id for one in changed.values()])
        taken: set[str] = set()
        listed: set[Oddity] = set()
        while True:
            around = await self._surroundings(table, by_key, changed, present)
            around.taken = set(taken)
            batch, oddities = self._batch(table, new, changed, present, around, by_key, sums)
            for oddity in oddities:
                if oddity not in listed:
                    self._list(oddity)
            listed.update(oddities)
            try:
                await self._writer.write(batch, sums, self._now())
                break
            except IdsTakenError as refused:
                # Seldom enough: only now is asked who has them.
                own = {uid: key for key in new if (uid := _own_id(key))}
                here = await self._target.present(table, own)
                for row_id, now in here.items():  # it went to the legacy file from here
                    key = own[row_id]
                    changed[key] = Known(row_id, self._sum_of(table, row_id, now), False)
                    present[row_id] = now
                    del new[key]
                more = (refused.ids | await self._target.taken(table, own)) - here.keys()
                if more <= taken and not here:
                    raise StoreConflictError("Rows contradict each other's ids.") from refused
                taken |= more
        counted = self.counts.by_table[table]
        counted["moved"] += len(batch.new)
        counted["changed"] += len(batch.changed)
        counted["quarantined"] += len(batch.quarantined)
        counted["deleted_here"] += len(batch.passed)
        counted["repaired"] += len({oddity.key for oddity in oddities})

    def _batch(
        self,
        table: str,
        new: dict[str, Row],
        changed: dict[str, Known],
        present: dict[str, Present],
        around: Surroundings,
        by_key: dict[str, Row],
        sums: dict[str, str],
    ) -> tuple[Batch, list[Oddity]]:
        rows: list[Moved] = []
        rewritten: list[Moved] = []
        apart: list[Quarantined] = []
        passed: dict[str, str] = {}
        oddities: list[Oddity] = []
        for key, row in new.items():
            made = convert(table, row, around)
            if isinstance(made, Unmovable):
                apart.append(self._quarantined(table, key, row, made.reason))
            else:
                rows.append(made)
                oddities += made.oddities
        for key, before in changed.items():
            now = present.get(before.row_id)
            if now is None:
                passed[key] = before.row_id
                continue
            made = convert(table, by_key[key], around)
            reason = made.reason if isinstance(made, Unmovable) else ""
            if before.checksum not in (None, self._sum_of(table, before.row_id, now)):
                reason = "it was changed in the legacy system and here: what is here stays"
            if reason or isinstance(made, Unmovable):
                one = self._quarantined(table, key, by_key[key], reason)
                apart.append(replace(one, beside=before.row_id))
            else:
                rewritten.append(made)
                oddities += made.oddities
        return Batch(table, rows, rewritten, apart, passed), oddities

    def _sum_of(self, table: str, row_id: str, present: Present) -> str:
        back = legacy_row(table, row_id, present.values, present.free, self._move.network_id)
        return checksum(back)

    def _quarantined(self, table: str, key: str, row: Row, reason: str) -> Quarantined:
        values = {
            column.name: packed(value) for column, value in zip(TABLES[table], row, strict=True)
        }
        row_id = replacement_id(self._move.network_id, f"quarantine/{table}", key)
        return Quarantined(key, row_id, values, reason)

    async def _surroundings(
        self,
        table: str,
        by_key: dict[str, Row],
        changed: dict[str, Known],
        present: dict[str, Present],
    ) -> Surroundings:
        wanted: dict[str, set[str]] = {}
        for position, column in enumerate(TABLES[table]):
            if column.refers_to:
                keys = wanted.setdefault(column.refers_to, set())
                for row in by_key.values():
                    keys.update(keys_of(row[position]))
            elif column.kind == "people":
                wanted["persons"] = {
                    key for row in by_key.values() for key in _people(row[position])
                }
        found = {other: await self._places_of(other, keys) for other, keys in wanted.items()}
        found[table] = found.get(table, {}) | {key: one.row_id for key, one in changed.items()}
        indexes: set[int] = set()
        if table == "persons":
            indexes = await self._target.indexes()
            indexes -= {int(str(one.values["index"])) for one in present.values()}
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

    async def _remove(self, connection: sqlite3.Connection, table: str) -> None:
        """What the legacy system has no more goes here too, unless it was changed here."""
        after = ""
        hashed: set[str] | None = None
        while keys := await self._target.keys(table, after):
            after = keys[-1]
            if hashed is None and any(key.startswith("~") for key in keys):
                hashed = _hashed_keys(connection, table)
            there = (hashed or set()) | {
                str(key, "utf-8")
                for (key,) in connection.execute(
                    f"SELECT id FROM {table} WHERE id IN ({', '.join('?' * len(keys))})",  # noqa: S608 - a name of the schema's
                    keys,
                )
            }
            gone = [key for key in keys if key not in there]
            if not gone:
                continue
            known = await self._target.known(table, gone)
            ids = [one.row_id for one in known.values()]
            present = await self._target.present(table, ids)
            for key, before in known.items():
                await self._remove_one(table, key, before, present.get(before.row_id))

    async def _remove_one(self, table: str, key: str, before: Known, now: Present | None) -> None:
        counted = self.counts.by_table[table]
        if now is not None and not before.quarantined:
            if before.checksum not in (None, self._sum_of(table, before.row_id, now)):
                counted["changed_here"] += 1
                return
            await self._loosen(table, before.row_id)
            row_id = str(uuid.UUID(before.row_id))
            try:
                if table == "interactions":
                    await self._archive.delete_interaction(self._move.network_id, row_id)
                else:
                    await self._household.delete(_KINDS[table], self._move.network_id, row_id)
            except NotFoundError:
                pass
            counted["removed"] += 1
        await self._target.unmap(table, key)

    async def _loosen(self, table: str, row_id: str) -> None:
        """Has rows that refer to one be written anew, since it goes; but for those of which
        somebody wanted something otherwise here."""
        for other, known in (await self._target.referring(table, row_id)).items():
            present = await self._target.present(other, [one.row_id for one in known.values()])
            as_moved = [
                key
                for key, one in known.items()
                if one.row_id in present
                and self._sum_of(other, one.row_id, present[one.row_id]) == one.checksum
            ]
            if as_moved:
                await self._target.loosen(other, as_moved)

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock() / 1e6, UTC)


async def refuse_strangers(connection: sqlite3.Connection, target: Target) -> None:
    """Raises MigrationError where a file has nothing in common with what was moved before.

    What is gone from a file is deleted here: another installation's would delete all.
    """
    for table in TABLES:
        if not await target.keys(table, "", 1):
            continue
        for rows in source.batches(connection, table):
            if await target.known(table, [source.key_or_stand_in(row) for row in rows]):
                return
    if any([await target.map_size(table) for table in TABLES]):
        raise MigrationError(
            "The file has no row in common with what was moved into this network before.",
            "It is another installation's: give it a network of its own with --network NAME.",
        )


async def shares_rows(connection: sqlite3.Connection, target: Target) -> bool:
    """Whether most of a file's first rows were moved into a network."""
    for table in TABLES:
        for rows in source.batches(connection, table):
            known = await target.known(table, [source.key_or_stand_in(row) for row in rows])
            return 2 * len(known) > len(rows)
    return False


_KINDS: dict[str, Kind[Any, Any]] = {
    "persons": PERSONS,
    "conversations": CONVERSATIONS,
    "actions": ACTIONS,
}


def _own_id(key: str) -> str | None:
    try:
        return uuid.UUID(key).hex
    except ValueError:
        return None


def _people(value: Value) -> Iterator[str]:
    for one in people_of(value):
        yield from keys_of(Text(one.encode()))


def _hashed_keys(connection: sqlite3.Connection, table: str) -> set[str]:
    """The keys that are not the ids themselves, for which SQLite cannot be asked."""
    rows = (row for some in source.batches(connection, table) for row in some)
    keys = (source.key_or_stand_in(row) for row in rows)
    return {key for key in keys if key.startswith("~")}
