"""What is gone from a legacy file goes from its network, unless it was changed here."""

from __future__ import annotations

import sqlite3
import uuid
from collections import Counter
from typing import Any

from hub.migration import source
from hub.migration.target import Known, Present, Target
from hub.store.archive import Archive
from hub.store.database import Database
from hub.store.errors import NotFoundError
from hub.store.household import Household
from hub.store.household_kinds import ACTIONS, CONVERSATIONS, PERSONS, Kind
from shared.clock import Clock

_KINDS: dict[str, Kind[Any, Any]] = {
    "persons": PERSONS,
    "conversations": CONVERSATIONS,
    "actions": ACTIONS,
}


class Remover:
    """Deletes as a person would: with an event, and what hangs on a row.

    Args:
        database: open; this does not close it.
        clock: the hub's clock.
        target: the network.
    """

    def __init__(self, database: Database, clock: Clock, target: Target) -> None:
        self._target = target
        self._archive = Archive(database, clock)
        self._household = Household(database, clock)

    async def remove(
        self, connection: sqlite3.Connection, table: str, counted: Counter[str]
    ) -> None:
        """Removes what a copy of the legacy file has no more, and counts it."""
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
                outcome = await self._remove(table, key, before, present.get(before.row_id))
                if outcome:
                    counted[outcome] += 1

    async def _remove(self, table: str, key: str, before: Known, now: Present | None) -> str:
        outcome = ""
        if now is not None and not before.quarantined:
            if before.checksum not in (None, self._target.sum_of(table, before.row_id, now)):
                return "changed_here"
            await self._loosen(table, before.row_id)
            row_id, network_id = str(uuid.UUID(before.row_id)), self._target.network_id
            try:
                if table == "interactions":
                    await self._archive.delete_interaction(network_id, row_id)
                else:
                    await self._household.delete(_KINDS[table], network_id, row_id)
            except NotFoundError:
                pass
            outcome = "removed"
        await self._target.unmap(table, key)
        return outcome

    async def _loosen(self, table: str, row_id: str) -> None:
        """Has rows that refer to one be written anew, since it goes; but for those of which
        somebody wanted something otherwise here."""
        for other, known in (await self._target.referring(table, row_id)).items():
            present = await self._target.present(other, [one.row_id for one in known.values()])
            as_moved = [
                key
                for key, one in known.items()
                if one.row_id in present
                and self._target.sum_of(other, one.row_id, present[one.row_id]) == one.checksum
            ]
            if as_moved:
                await self._target.loosen(other, as_moved)


def _hashed_keys(connection: sqlite3.Connection, table: str) -> set[str]:
    """The keys that are not the ids themselves, for which SQLite cannot be asked."""
    rows = (row for some in source.batches(connection, table) for row in some)
    keys = (source.key_or_stand_in(row) for row in rows)
    return {key for key in keys if key.startswith("~")}
