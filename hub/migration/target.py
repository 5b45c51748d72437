# ruff: noqa: S608 - the names in the statements are the schema's own
"""A network as a migration reads and writes it: whole batches, as the database keeps values.

What goes through the tables' models is turned into objects and back, which for a vector of 256
numbers takes longer than all else. Here ids are 32 hex digits, times and documents text, and the
statements are SQL; the network is still told to the database, and named in every statement.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlmodel.ext.asyncio.session import AsyncSession

from hub.migration.conversion import FREE_DATA, Moved, Stored
from hub.migration.legacy_rows import TABLES
from hub.migration.statements import Sql, columns_of
from hub.store.database import Database
from hub.store.errors import NotFoundError
from hub.store.scope import Scope

TOLD_AS = {"persons": "person_changed", "interactions": "interaction_created"}
"""As which event devices learn of a row."""
IDS_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Known:
    """What the map of ids says of a legacy row."""

    row_id: str  # 32 hex digits
    checksum: str | None
    quarantined: bool


@dataclass(frozen=True, slots=True)
class Present:
    """A row as it is now."""

    values: dict[str, Stored]
    free: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A legacy row that is kept verbatim.

    Args:
        key: its key.
        row_id: in the quarantine.
        source_row: its packed values, by column.
        reason: for people.
        beside: the row of the hub's that stays; None: there is none.
    """

    key: str
    row_id: str
    source_row: dict[str, Any]
    reason: str
    beside: str | None = None


@dataclass(frozen=True)
class Batch:
    """What one transaction does to one table."""

    table: str
    new: Sequence[Moved] = ()
    changed: Sequence[Moved] = ()
    quarantined: Sequence[Quarantined] = ()
    passed: Mapping[str, str] = field(default_factory=dict)  # row ids of what stays, by key


class IdsTakenError(Exception):
    """Rows cannot keep these ids: another network's rows have them."""

    def __init__(self, ids: set[str]) -> None:
        super().__init__(f"{len(ids)} ids are taken")
        self.ids = ids


class Target:
    """One network.

    Args:
        database: open; this does not close it.
        network_id: the network's UUID.
    """

    def __init__(self, database: Database, network_id: str) -> None:
        self._database = database
        self.network_id = network_id
        self._sql = Sql(postgres=database.engine == "postgresql")

    async def known(self, table: str, keys: Collection[str]) -> dict[str, Known]:
        """What was moved before, by key."""
        found = await self._select(
            f"SELECT legacy_id, {self._sql.read('id_map', 'row_id')}, checksum, quarantined"
            f" FROM id_map WHERE {self._mine} AND source_table = :table"
            f" AND {self._sql.among('legacy_id')}",
            keys,
            table=table,
        )
        return {key: Known(row_id, sum_, bool(apart)) for key, row_id, sum_, apart in found}

    async def map_size(self, table: str) -> int:
        """How many rows of a table the map of ids has."""
        async with self._database.session(Scope(self.network_id)) as session:
            connection = await session.connection()
            counted = await connection.execute(
                text(f"SELECT count(*) FROM id_map WHERE {self._mine} AND source_table = :table"),
                {"network": self._network(), "table": table},
            )
            return int(counted.scalar_one())

    async def totals(self) -> dict[str, int]:
        """How many rows were moved, by table."""
        async with self._database.session(Scope(self.network_id)) as session:
            connection = await session.connection()
            found = await connection.execute(
                text(
                    f"SELECT source_table, count(*) FROM id_map WHERE {self._mine}"
                    " AND NOT quarantined GROUP BY source_table"
                ),
                {"network": self._network()},
            )
            counted = {table: int(count) for table, count in found}
        return {table: counted.get(table, 0) for table in TABLES}

    async def apart(self) -> int:
        """How many legacy rows are in quarantine, those included that were changed here, too."""
        async with self._database.session(Scope(self.network_id)) as session:
            connection = await session.connection()
            found = await connection.execute(
                text(f"SELECT count(*) FROM quarantine WHERE {self._mine}"),
                {"network": self._network()},
            )
            return int(found.scalar_one())

    async def keys(self, table: str, after: str, limit: int = IDS_AT_ONCE) -> list[str]:
        """Keys in the map of ids behind a key, in their order."""
        async with self._database.session(Scope(self.network_id)) as session:
            connection = await session.connection()
            found = await connection.execute(
                text(
                    f"SELECT legacy_id FROM id_map WHERE {self._mine} AND source_table = :table"
                    " AND legacy_id > :after ORDER BY legacy_id LIMIT :limit"
                ),
                {"network": self._network(), "table": table, "after": after, "limit": limit},
            )
            return [key for (key,) in found]

    async def taken(self, table: str, ids: Collection[str]) -> set[str]:
        """Those of the ids that rows have, as far as this network may see."""
        found = await self._select(
            f"SELECT {self._sql.read(table, 'id')} FROM {table}"
            f" WHERE {self._sql.among('id', uuids=True)}",
            ids,
        )
        return {row_id for (row_id,) in found}

    async def indexes(self) -> set[int]:
        """The numbers that persons have."""
        async with self._database.session(Scope(self.network_id)) as session:
            connection = await session.connection()
            found = await connection.execute(
                text(f'SELECT "index" FROM persons WHERE {self._mine}'),
                {"network": self._network()},
            )
            return {index for (index,) in found}

    async def made_here(self, table: str) -> list[str]:
        """Ids of rows that did not come from the legacy system, in their order."""
        id_ = f"{table}.id"
        shown = f"replace(CAST({id_} AS text), '-', '')" if self._sql.postgres else id_
        async with self._database.session(Scope(self.network_id)) as session:
            connection = await session.connection()
            found = await connection.execute(
                text(
                    f"SELECT {shown} FROM {table} LEFT JOIN id_map"
                    f" ON id_map.network_id = {table}.network_id AND id_map.row_id = {id_}"
                    " AND id_map.source_table = :table AND NOT id_map.quarantined"
                    f" WHERE {table}.network_id = {self._sql.uuid('network')}"
                    f" AND id_map.row_id IS NULL ORDER BY {id_}"
                ),
                {"network": self._network(), "table": table},
            )
            return [row_id for (row_id,) in found]

    async def map(
        self, session: AsyncSession, table: str, places: Mapping[str, tuple[str, str]]
    ) -> None:
        """Notes under which row ids, 32 hex digits, legacy rows are here, and their checksums."""
        lines = [
            {
                "network_id": self._network(),
                "source_table": table,
                "legacy_id": key,
                "row_id": row_id,
                "checksum": sum_,
                "quarantined": False,
            }
            for key, (row_id, sum_) in places.items()
        ]
        if lines:
            await self._sql.run(await session.connection(), self._sql.map_ids(), lines)

    async def present(self, table: str, ids: Collection[str]) -> dict[str, Present]:
        """Rows as they are now, by id."""
        columns, free = columns_of(table), FREE_DATA[table]
        selected = ", ".join(self._sql.read(table, name) for name in ("id", *columns, free))
        found = await self._select(
            f"SELECT {selected} FROM {table}"
            f" WHERE {self._mine} AND {self._sql.among('id', uuids=True)}",
            ids,
        )
        return {
            row[0]: Present(
                dict(zip(columns, row[1:-1], strict=True)),
                msgspec.json.decode(row[-1]) or {} if row[-1] else {},
            )
            for row in found
        }

    async def quarantined(self, ids: Collection[str]) -> dict[str, dict[str, Any]]:
        """Rows that are kept verbatim, by their ids."""
        row = self._sql.read("quarantine", "source_row")
        found = await self._select(
            f"SELECT {self._sql.read('quarantine', 'id')}, {row} FROM quarantine"
            f" WHERE {self._mine} AND {self._sql.among('id', uuids=True)}",
            ids,
        )
        return {row_id: msgspec.json.decode(kept) for row_id, kept in found}

    async def told_gone(self, table: str, ids: Collection[str]) -> set[str]:
        """Those of the ids that the event log says are gone; all, where it does not reach back.

        Of conversations and actions nobody is told, and so of all that the log was cut off of.
        """
        if table not in TOLD_AS:
            return set(ids)
        async with self._database.session(Scope(self.network_id)) as session:
            connection = await session.connection()
            floor = await connection.execute(
                text(f"SELECT event_floor FROM networks WHERE id = {self._sql.uuid('network')}"),
                {"network": self._network()},
            )
            if floor.scalar_one():
                return set(ids)
        found = await self._select(
            f"SELECT {self._sql.read('events', 'row_id')} FROM events"
            f" WHERE {self._mine} AND kind = :kind AND {self._sql.among('row_id', uuids=True)}",
            ids,
            kind=TOLD_AS[table].partition("_")[0] + "_deleted",
        )
        return {row_id for (row_id,) in found}

    async def write(
        self, batch: Batch, run_id: str, sums: Mapping[str, str], now: datetime
    ) -> None:
        """Writes a batch, the map of ids and the events, in one transaction.

        It is on the disk with the next transaction that is not `bulk`, such as the note that the
        run is complete: what a power failure takes before, the next run moves again.

        Args:
            batch: what to write.
            run_id: of the run in `migration_runs`.
            sums: the legacy rows' checksums, by key.
            now: the hub's time.

        Raises:
            IdsTakenError: rows have to be given other ids; nothing was written.
            StoreError: the database failed; nothing was written.
        """
        async with self._database.transaction(Scope(self.network_id), bulk=True) as session:
            connection = await session.connection()
            if batch.new:
                await self._insert(connection, batch)
            if batch.changed:
                await self._sql.run(
                    connection,
                    self._sql.update(batch.table),
                    self._parameters(batch.table, batch.changed),
                )
            await self._keep_apart(connection, batch, run_id, now)
            await self._map(connection, batch, sums)
            if batch.table == "interactions":
                await self._touch_conversations(connection, (*batch.new, *batch.changed))
            told = [
                row.row_id
                for row in (*batch.new, *batch.changed)
                if row.values.get("timestamp", "") is not None  # else devices have no place for it
            ]
            if batch.table in TOLD_AS and told:
                await self._log(connection, TOLD_AS[batch.table], told, now)

    async def referring(self, table: str, row_id: str) -> dict[str, dict[str, Known]]:
        """Rows that came from the legacy system and refer to a row, by table and key."""
        conditions = {
            "persons": (
                ("interactions", f"speaker_id = {self._sql.uuid('id')}"),
                ("conversations", "CAST(participant_ids AS text) LIKE :inside"),
            ),
            "conversations": (("interactions", f"conversation_id = {self._sql.uuid('id')}"),),
            "interactions": (("actions", f"interaction_id = {self._sql.uuid('id')}"),),
            "actions": (),
        }
        these = {"network": self._network(), "id": row_id, "inside": f"%{uuid.UUID(row_id)}%"}
        found: dict[str, dict[str, Known]] = {}
        async with self._database.session(Scope(self.network_id)) as session:
            connection = await session.connection()
            for other, where in conditions[table]:
                named = {name: these[name] for name in these if f":{name}" in where}
                rows = await connection.execute(
                    text(
                        f"SELECT legacy_id, {self._sql.read('id_map', 'row_id')}, checksum"
                        f" FROM id_map WHERE {self._mine} AND source_table = :table"
                        " AND NOT quarantined AND row_id IN"
                        f" (SELECT id FROM {other} WHERE {self._mine} AND {where})"
                    ),
                    {"network": self._network(), "table": other, **named},
                )
                found[other] = {key: Known(id_, sum_, False) for key, id_, sum_ in rows}
        return found

    async def loosen(self, table: str, keys: Sequence[str]) -> None:
        """Has rows be written anew, whatever they were like."""
        async with self._database.transaction(Scope(self.network_id)) as session:
            await self._sql.run(
                await session.connection(),
                f"UPDATE id_map SET checksum = NULL WHERE {self._mine}"
                " AND source_table = :table AND legacy_id = :key",
                [{"network": self._network(), "table": table, "key": key} for key in keys],
            )

    async def unmap(self, table: str, key: str) -> None:
        """Forgets where a legacy row went."""
        async with self._database.transaction(Scope(self.network_id)) as session:
            connection = await session.connection()
            await connection.execute(
                text(
                    f"DELETE FROM id_map WHERE {self._mine}"
                    " AND source_table = :table AND legacy_id = :key"
                ),
                {"network": self._network(), "table": table, "key": key},
            )

    async def _insert(self, connection: AsyncConnection, batch: Batch) -> None:
        inserted = await self._sql.run(
            connection, self._sql.insert(batch.table), self._parameters(batch.table, batch.new)
        )
        if inserted == len(batch.new):
            return
        ids = [row.row_id for row in batch.new]
        mine: set[str] = set()
        for some in _some(ids):
            found = await connection.execute(
                text(
                    f"SELECT {self._sql.read(batch.table, 'id')} FROM {batch.table}"
                    f" WHERE {self._mine} AND {self._sql.among('id', uuids=True)}"
                ),
                {"network": self._network(), "ids": self._sql.ids(some)},
            )
            mine |= {row_id for (row_id,) in found}
        raise IdsTakenError(set(ids) - mine)

    async def _keep_apart(
        self, connection: AsyncConnection, batch: Batch, run_id: str, now: datetime
    ) -> None:
        if batch.quarantined:
            await self._sql.run(
                connection,
                self._sql.quarantine(),
                [
                    {
                        "id": one.row_id,
                        "network_id": self._network(),
                        "migration_run_id": run_id.replace("-", ""),
                        "source_table": batch.table,
                        "source_row": _json(one.source_row),
                        "reason": one.reason,
                        "created_at": _time(now),
                    }
                    for one in batch.quarantined
                ],
            )

    async def _map(
        self, connection: AsyncConnection, batch: Batch, sums: Mapping[str, str]
    ) -> None:
        places = [(row.key, row.row_id, False) for row in (*batch.new, *batch.changed)]
        places += [(key, row_id, False) for key, row_id in batch.passed.items()]
        places += [
            (one.key, one.beside or one.row_id, one.beside is None) for one in batch.quarantined
        ]
        lines = [
            {
                "network_id": self._network(),
                "source_table": batch.table,
                "legacy_id": key,
                "row_id": row_id,
                "checksum": sums[key],
                "quarantined": apart,
            }
            for key, row_id, apart in places
        ]
        if lines:
            await self._sql.run(connection, self._sql.map_ids(), lines)

    async def _touch_conversations(
        self, connection: AsyncConnection, rows: Iterable[Moved]
    ) -> None:
        newest: dict[str, str] = {}
        for row in rows:
            conversation, at = row.values["conversation_id"], row.values["timestamp"]
            if isinstance(conversation, str) and isinstance(at, str):
                newest[conversation] = max(at, newest.get(conversation, at))
        if newest:
            await self._sql.run(
                connection,
                self._sql.touch(),
                [
                    {"network": self._network(), "id": id_, "at": at}
                    for id_, at in sorted(newest.items())
                ],
            )

    async def _log(
        self, connection: AsyncConnection, kind: str, row_ids: Sequence[str], now: datetime
    ) -> None:
        seq = await connection.scalar(
            text(
                "UPDATE networks SET event_seq = event_seq + :count"
                f" WHERE id = {self._sql.uuid('network')} RETURNING event_seq"
            ),
            {"network": self._network(), "count": len(row_ids)},
        )
        if seq is None:
            raise NotFoundError("The network that is being filled is gone.")
        first, at = int(seq) - len(row_ids) + 1, _time(now)
        await self._sql.run(
            connection,
            self._sql.log(),
            [
                {
                    "network_id": self._network(),
                    "seq": number,
                    "kind": kind,
                    "row_id": row_id,
                    "created_at": at,
                }
                for number, row_id in enumerate(row_ids, first)
            ],
        )

    def _parameters(self, table: str, rows: Iterable[Moved]) -> list[dict[str, Stored]]:
        free = FREE_DATA[table]
        network = self._network()
        return [
            {
                "id": row.row_id,
                "network_id": network,
                **row.values,
                free: _json(row.free) if row.free else None,
            }
            for row in rows
        ]

    async def _select(self, sql: str, ids: Collection[str], **more: Any) -> list[Any]:
        """Rows for ids that stand in `:ids`, some at a time."""
        statement = text(sql)
        network = {"network": self._network()} if ":network" in sql else {}
        found: list[Any] = []
        if ids:
            async with self._database.session(Scope(self.network_id)) as session:
                connection = await session.connection()
                for some in _some(list(ids)):
                    given = {**network, **more, "ids": self._sql.ids(some)}
                    rows = await connection.execute(statement, given)
                    found += rows.all()
        return found

    @property
    def _mine(self) -> str:
        return f"network_id = {self._sql.uuid('network')}"

    def _network(self) -> str:
        return self.network_id.replace("-", "")


def _json(document: Any) -> str:
    return msgspec.json.encode(document).decode()


def _time(time: datetime) -> str:
    return time.replace(tzinfo=None).isoformat(" ", "microseconds")


def _some(ids: list[str]) -> Iterable[list[str]]:
    for start in range(0, len(ids), IDS_AT_ONCE):
        yield ids[start : start + IDS_AT_ONCE]
