# ruff: noqa: S608 - the names in the statements are the schema's own
"""The statements of a migration, in the words of the database.

SQLite keeps as text what PostgreSQL types; to a migration, all of it is text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import msgspec
from sqlalchemy import Dialect, text
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.migration.conversion import FREE_DATA
from hub.migration.legacy_rows import TABLES
from hub.store.tables import Row
from hub.store.types import JsonDocument, UtcDateTime, UuidText


class Sql:
    """The statements.

    Args:
        postgres: for PostgreSQL, and not for SQLite.
    """

    def __init__(self, *, postgres: bool) -> None:
        self.postgres = postgres

    async def run(
        self, connection: AsyncConnection, statement: str, rows: Sequence[Mapping[str, Any]]
    ) -> int:
        """Executes a statement for each of the rows; how many it changed.

        It goes to the driver as it is: SQLAlchemy would look at every row's parameters.
        """
        sql, order = _for_driver(statement, connection.dialect)
        given = rows if order is None else [tuple([row[name] for name in order]) for row in rows]
        return (await connection.exec_driver_sql(sql, list(given))).rowcount

    def uuid(self, name: str) -> str:
        """A parameter that is an id."""
        return f"CAST(:{name} AS uuid)" if self.postgres else f":{name}"

    @property
    def mine(self) -> str:
        """A condition: the row is of the network that is the parameter `network`."""
        return f"network_id = {self.uuid('network')}"

    def among(self, column: str, *, uuids: bool = False) -> str:
        """A condition: the column is one of `ids`, a single parameter however many they are."""
        if self.postgres:
            return f"{column} = ANY(CAST(:ids AS {'uuid' if uuids else 'text'}[]))"
        return f"{column} IN (SELECT value FROM json_each(:ids))"

    def ids(self, ids: Sequence[str]) -> str | list[str]:
        """That parameter."""
        return list(ids) if self.postgres else msgspec.json.encode(ids).decode()

    def given(self, table: str, column: str, name: str | None = None) -> str:
        """A parameter for a column."""
        name = name or column
        kind = _type(table, column)
        if not self.postgres:
            return f":{name}"
        if isinstance(kind, UuidText):
            return self.uuid(name)
        if isinstance(kind, UtcDateTime):
            return f"CAST(CAST(:{name} AS text) || '+00' AS timestamptz)"
        if isinstance(kind, JsonDocument):
            return f"CAST(:{name} AS json)"
        return f":{name}"

    def read(self, table: str, column: str) -> str:
        """A column, as text where SQLite keeps text."""
        kind, name = _type(table, column), f'"{column}"'
        if not self.postgres:
            return name
        if isinstance(kind, UuidText):
            return f"replace(CAST({name} AS text), '-', '')"
        if isinstance(kind, UtcDateTime):
            return f"to_char({name} AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US')"
        if isinstance(kind, JsonDocument):
            return f"CAST({name} AS text)"
        return name

    def insert(self, table: str) -> str:
        columns = ("id", "network_id", *columns_of(table), FREE_DATA[table])
        return self._insert(table, columns, "ON CONFLICT (id) DO NOTHING")

    def update(self, table: str) -> str:
        columns = (*columns_of(table), FREE_DATA[table])
        changes = ", ".join(f'"{name}" = {self.given(table, name)}' for name in columns)
        if "version" in Row.metadata.tables[table].columns:
            changes += ", version = version + 1"
        return (
            f"UPDATE {table} SET {changes} WHERE network_id = {self.uuid('network_id')}"
            f" AND id = {self.uuid('id')}"
        )

    def quarantine(self) -> str:
        columns = ("id", "network_id", "migration_run_id", "source_table", "source_row")
        return self._insert(
            "quarantine",
            (*columns, "reason", "created_at"),
            "ON CONFLICT (id) DO UPDATE SET source_row = excluded.source_row,"
            " reason = excluded.reason",
        )

    def map_ids(self) -> str:
        columns = ("network_id", "source_table", "legacy_id", "row_id", "checksum", "quarantined")
        return self._insert(
            "id_map",
            columns,
            "ON CONFLICT (network_id, source_table, legacy_id) DO UPDATE SET"
            " row_id = excluded.row_id, checksum = excluded.checksum,"
            " quarantined = excluded.quarantined",
        )

    def log(self) -> str:
        return self._insert("events", ("network_id", "seq", "kind", "row_id", "created_at"), "")

    def some_conversations(self) -> str:
        """Ids of the next ones behind one."""
        return (
            f"SELECT {self.read('conversations', 'id')} FROM conversations WHERE {self.mine}"
            f" AND id > {self.uuid('after')} ORDER BY id LIMIT :limit"
        )

    def touch(self) -> str:
        """Notes of some conversations when something was said in them last, if that is later."""
        return (
            "UPDATE conversations SET last_interaction_at = newest FROM"
            " (SELECT conversation_id, max(timestamp) AS newest FROM interactions"
            f" WHERE {self.mine} AND {self.among('conversation_id', uuids=True)}"
            " GROUP BY conversation_id) AS said"
            f" WHERE {self.mine} AND id = conversation_id AND newest IS NOT NULL"
            " AND (last_interaction_at IS NULL OR last_interaction_at < newest)"
            f" RETURNING {self.read('conversations', 'id')}"
        )

    def _insert(self, table: str, columns: Sequence[str], end: str) -> str:
        names = ", ".join(f'"{name}"' for name in columns)
        given = ", ".join(self.given(table, name) for name in columns)
        return f"INSERT INTO {table} ({names}) VALUES ({given}) {end}"


def columns_of(table: str) -> tuple[str, ...]:
    """Those of the hub's table that a legacy row fills, but for its id."""
    return tuple(column.target for column in TABLES[table] if column.target and column.name != "id")


@cache
def _for_driver(statement: str, dialect: Dialect) -> tuple[str, tuple[str, ...] | None]:
    """A statement as the driver takes it, and the order of its parameters; None: by name."""
    compiled = text(statement).compile(dialect=dialect)
    order = compiled.positiontup if compiled.positional else None
    return str(compiled), None if order is None else tuple(order)


def _type(table: str, column: str) -> Any:
    return Row.metadata.tables[table].columns[column].type
