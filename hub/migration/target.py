# ruff: noqa: S608 - the names in the statements are the schema's own
"""A network as a migration sees it: rows, and the map of ids, as the database keeps values.

What goes through the tables' models is turned into objects and back, which for a vector of 256
numbers takes longer than all else. Here ids are 32 hex digits, times and documents text, and the
statements are SQL; the network is still told to the database, and named in every statement.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from hub.migration.conversion import FREE_DATA
from hub.migration.legacy_rows import TABLES, Value, checksum
from hub.migration.mapping_back import legacy_row
from hub.migration.statements import Sql, columns_of
from hub.migration.values import Stored
from hub.store.database import Database
from hub.store.scope import Scope

TOLD_AS = {
    "persons": "person_changed",
    "interactions": "interaction_created",
    "actions": "action_executed",
}
"""As which event devices learn of a row that was moved; of conversations they learn when it is
known when something was said in them last."""
GONE_AS = {
    "persons": "person_deleted",
    "conversations": "conversation_deleted",
    "interactions": "interaction_deleted",
    "actions": "action_deleted",
}
"""As which event they learn that a row is gone."""
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
            f" FROM id_map WHERE {self._sql.mine} AND source_table = :table"
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
                text(
                    f"SELECT count(*) FROM id_map WHERE {self._sql.mine} AND source_table = :table"
                ),
                {"network": self._network(), "table": table},
            )
            return int(counted.scalar_one())

    async def totals(self) -> dict[str, int]:
        """How many rows were moved, by table."""
        async with self._database.session(Scope(self.network_id)) as session:
            connection = await session.connection()
            found = await connection.execute(
                text(
                    f"SELECT source_table, count(*) FROM id_map WHERE {self._sql.mine}"
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
                text(f"SELECT count(*) FROM quarantine WHERE {self._sql.mine}"),
                {"network": self._network()},
            )
            return int(found.scalar_one())

    async def keys(self, table: str, after: str, limit: int = IDS_AT_ONCE) -> list[str]:
        """Keys in the map of ids behind a key, in their order."""
        async with self._database.session(Scope(self.network_id)) as session:
            connection = await session.connection()
            found = await connection.execute(
                text(
                    f"SELECT legacy_id FROM id_map WHERE {self._sql.mine} AND source_table = :table"
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
                text(f'SELECT "index" FROM persons WHERE {self._sql.mine}'),
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
            f" WHERE {self._sql.mine} AND {self._sql.among('id', uuids=True)}",
            ids,
        )
        return {row[0]: _present(columns, row[1:]) for row in found}

    async def moved(
        self, table: str, keys: Collection[str]
    ) -> tuple[dict[str, Known], dict[str, Present]]:
        """What was moved before, by key, and those rows as they are now, by id."""
        if self._sql.postgres:
            # Of tables that were filled just now it has no figures, and would read one of the two
            # whole for each such join: a move would take the longer, the more there is.
            known = await self.known(table, keys)
            ids = [one.row_id for one in known.values() if not one.quarantined]
            return known, await self.present(table, ids)
        columns, free = columns_of(table), FREE_DATA[table]
        selected = ", ".join(self._sql.read(table, name) for name in ("id", *columns, free))
        found = await self._select(
            f"SELECT legacy_id, {self._sql.read('id_map', 'row_id')}, checksum, quarantined,"
            f" {selected} FROM id_map LEFT JOIN {table}"
            f" ON {table}.network_id = id_map.network_id AND {table}.id = row_id"
            f" AND NOT quarantined WHERE id_map.{self._sql.mine} AND source_table = :table"
            f" AND {self._sql.among('legacy_id')}",
            keys,
            table=table,
        )
        known = {row[0]: Known(row[1], row[2], bool(row[3])) for row in found}
        present = {row[4]: _present(columns, row[5:]) for row in found if row[4] is not None}
        return known, present

    def legacy_row(self, table: str, row_id: str, present: Present) -> tuple[Value, ...]:
        """The legacy row that a row is."""
        return legacy_row(table, row_id, present.values, present.free, self.network_id)

    def sum_of(self, table: str, row_id: str, present: Present) -> str:
        """The checksum of the legacy row that a row is."""
        return checksum(self.legacy_row(table, row_id, present))

    async def quarantined(self, ids: Collection[str]) -> dict[str, dict[str, Any]]:
        """Rows that are kept verbatim, by their ids."""
        row = self._sql.read("quarantine", "source_row")
        found = await self._select(
            f"SELECT {self._sql.read('quarantine', 'id')}, {row} FROM quarantine"
            f" WHERE {self._sql.mine} AND {self._sql.among('id', uuids=True)}",
            ids,
        )
        return {row_id: msgspec.json.decode(kept) for row_id, kept in found}

    async def told_gone(self, table: str, ids: Collection[str]) -> set[str]:
        """Those of the ids that the event log says are gone; all, where it does not reach back."""
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
            f" WHERE {self._sql.mine} AND kind = :kind AND {self._sql.among('row_id', uuids=True)}",
            ids,
            kind=GONE_AS[table],
        )
        return {row_id for (row_id,) in found}

    async def referring(self, table: str, row_id: str) -> dict[str, dict[str, Known]]:
        """Rows that came from the legacy system and refer to a row, by table and key."""
        conditions = {
            "persons": (
                ("interactions", f"speaker_id = {self._sql.uuid('id')}"),
                ("conversations", "CAST(participant_ids AS text) LIKE :inside"),
            ),
            "conversations": (("interactions", f"conversation_id = {self._sql.uuid('id')}"),),
            "interactions": (
                ("actions", f"interaction_id = {self._sql.uuid('id')}"),
                # Which does not refer to it, but is told anew when it goes.
                (
                    "conversations",
                    "id = (SELECT conversation_id FROM interactions"
                    f" WHERE {self._sql.mine} AND id = {self._sql.uuid('id')})",
                ),
            ),
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
                        f" FROM id_map WHERE {self._sql.mine} AND source_table = :table"
                        " AND NOT quarantined AND row_id IN"
                        f" (SELECT id FROM {other} WHERE {self._sql.mine} AND {where})"
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
                f"UPDATE id_map SET checksum = NULL WHERE {self._sql.mine}"
                " AND source_table = :table AND legacy_id = :key",
                [{"network": self._network(), "table": table, "key": key} for key in keys],
            )

    async def unmap(self, table: str, key: str) -> None:
        """Forgets where a legacy row went."""
        async with self._database.transaction(Scope(self.network_id)) as session:
            connection = await session.connection()
            await connection.execute(
                text(
                    f"DELETE FROM id_map WHERE {self._sql.mine}"
                    " AND source_table = :table AND legacy_id = :key"
                ),
                {"network": self._network(), "table": table, "key": key},
            )

    async def _select(self, sql: str, ids: Collection[str], **more: Any) -> list[Any]:
        """Rows for ids that stand in `:ids`, some at a time."""
        statement = text(sql)
        network = {"network": self._network()} if ":network" in sql else {}
        found: list[Any] = []
        if ids:
            async with self._database.session(Scope(self.network_id)) as session:
                connection = await session.connection()
                for some in some_at_a_time(list(ids)):
                    given = {**network, **more, "ids": self._sql.ids(some)}
                    rows = await connection.execute(statement, given)
                    found += rows.all()
        return found

    def _network(self) -> str:
        return self.network_id.replace("-", "")


def _present(columns: Sequence[str], values: Sequence[Any]) -> Present:
    """A row of which these are the values of some columns, and its free data."""
    *stored, free = values
    document = msgspec.json.decode(free) or {} if free else {}
    return Present(dict(zip(columns, stored, strict=True)), document)


def some_at_a_time(ids: list[str]) -> Iterable[list[str]]:
    """As many ids as a statement bears."""
    for start in range(0, len(ids), IDS_AT_ONCE):
        yield ids[start : start + IDS_AT_ONCE]
