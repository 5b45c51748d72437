"""Whether a legacy file is the one that went into a network before."""

from __future__ import annotations

import sqlite3

from hub.migration import source
from hub.migration.errors import MigrationError
from hub.migration.legacy_rows import TABLES
from hub.migration.target import Target


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
