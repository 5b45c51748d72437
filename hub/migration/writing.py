# ruff: noqa: S608 - the names in the statements are the schema's own
"""Writes rows of a legacy table into a network: a batch at a time, each in one transaction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.migration.conversion import FREE_DATA, Moved
from hub.migration.statements import Sql
from hub.migration.target import TOLD_AS, some_at_a_time
from hub.migration.values import Stored
from hub.store import networks
from hub.store.database import Database
from hub.store.errors import NotFoundError
from hub.store.scope import Scope
from hub.store.sqlite import Bulk


@dataclass(frozen=True)
class Pace:
    """How fast rows are written.

    Args:
        rows: in one transaction, for whose end others wait who write.
        bulk: how it goes about it.
        rest_s: between two transactions, in seconds.
    """

    rows: int
    bulk: Bulk
    rest_s: float


FAST = Pace(2000, "fast", 0.0)
GENTLE = Pace(50, "gentle", 0.01)
"""Where a hub serves people."""
CONVERSATIONS_AT_ONCE = 200
"""Of which it is looked up when something was said in them last."""


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


class Writer:
    """Writes into one network.

    Args:
        database: open; this does not close it.
        network_id: the network's UUID.
        run_id: of the run in `migration_runs`.
        pace: how fast.
    """

    def __init__(self, database: Database, network_id: str, run_id: str, pace: Pace) -> None:
        self._database = database
        self._network_id = network_id
        self._run_id = run_id.replace("-", "")
        self._network = network_id.replace("-", "")
        self._pace = pace
        self._sql = Sql(postgres=database.engine == "postgresql")

    async def write(self, batch: Batch, sums: Mapping[str, str], now: datetime) -> None:
        """Writes a batch, the map of ids and the events, in one transaction.

        It is on the disk with the next transaction that is not `bulk`, such as the note that the
        run is complete: what a power failure takes before, the next run moves again.

        Args:
            batch: what to write.
            sums: the legacy rows' checksums, by key.
            now: the hub's time.

        Raises:
            IdsTakenError: rows have to be given other ids; nothing was written.
            StoreError: the database failed; nothing was written.
        """
        async with self._database.transaction(
            Scope(self._network_id), bulk=self._pace.bulk
        ) as session:
            # First of all, as whoever tells devices does: else two could wait for each other.
            await networks.one(session, self._network_id, lock=True)
            connection = await session.connection()
            if batch.new:
                await self._insert(connection, batch)
            if batch.changed:
                await self._sql.run(
                    connection,
                    self._sql.update(batch.table),
                    self._parameters(batch.table, batch.changed),
                )
            await self._keep_apart(connection, batch, now)
            await self._map(connection, batch, sums)
            told = [
                row.row_id
                for row in (*batch.new, *batch.changed)
                if row.values.get("timestamp", "") is not None  # else devices have no place for it
            ]
            if batch.table in TOLD_AS and told:
                await self._log(connection, TOLD_AS[batch.table], told, now)

    async def touch_conversations(self, now: datetime) -> None:
        """Notes of each conversation when something was said in it last, and tells devices of
        those of which it was not known; some at a time.

        Args:
            now: the hub's time.

        Raises:
            StoreError: the database failed.
        """
        after: str | None = "0" * 32
        while after is not None:
            async with self._database.transaction(
                Scope(self._network_id), bulk=self._pace.bulk
            ) as session:
                await networks.one(session, self._network_id, lock=True)
                connection = await session.connection()
                found = await connection.execute(
                    text(self._sql.some_conversations()),
                    {"network": self._network, "after": after, "limit": CONVERSATIONS_AT_ONCE},
                )
                ids = [row_id for (row_id,) in found]
                touched = await connection.execute(
                    text(self._sql.touch()), {"network": self._network, "ids": self._sql.ids(ids)}
                )
                if told := sorted(row_id for (row_id,) in touched):
                    await self._log(connection, "context_updated", told, now)
            after = ids[-1] if ids else None

    async def _insert(self, connection: AsyncConnection, batch: Batch) -> None:
        inserted = await self._sql.run(
            connection, self._sql.insert(batch.table), self._parameters(batch.table, batch.new)
        )
        if inserted == len(batch.new):
            return
        ids = [row.row_id for row in batch.new]
        mine: set[str] = set()
        for some in some_at_a_time(ids):
            found = await connection.execute(
                text(
                    f"SELECT {self._sql.read(batch.table, 'id')} FROM {batch.table}"
                    f" WHERE {self._sql.mine} AND {self._sql.among('id', uuids=True)}"
                ),
                {"network": self._network, "ids": self._sql.ids(some)},
            )
            mine |= {row_id for (row_id,) in found}
        raise IdsTakenError(set(ids) - mine)

    async def _keep_apart(self, connection: AsyncConnection, batch: Batch, now: datetime) -> None:
        if batch.quarantined:
            await self._sql.run(
                connection,
                self._sql.quarantine(),
                [
                    {
                        "id": one.row_id,
                        "network_id": self._network,
                        "migration_run_id": self._run_id,
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
                "network_id": self._network,
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

    async def _log(
        self, connection: AsyncConnection, kind: str, row_ids: Sequence[str], now: datetime
    ) -> None:
        seq = await connection.scalar(
            text(
                "UPDATE networks SET event_seq = event_seq + :count"
                f" WHERE id = {self._sql.uuid('network')} RETURNING event_seq"
            ),
            {"network": self._network, "count": len(row_ids)},
        )
        if seq is None:
            raise NotFoundError("The network that is being filled is gone.")
        first, at = int(seq) - len(row_ids) + 1, _time(now)
        await self._sql.run(
            connection,
            self._sql.log(),
            [
                {
                    "network_id": self._network,
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
        network = self._network
        return [
            {
                "id": row.row_id,
                "network_id": network,
                **row.values,
                free: _json(row.free) if row.free else None,
            }
            for row in rows
        ]


def _json(document: Any) -> str:
    return msgspec.json.encode(document).decode()


def _time(time: datetime) -> str:
    return time.replace(tzinfo=None).isoformat(" ", "microseconds")
