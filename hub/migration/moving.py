"""Moves a whole legacy file; of a large one a second process moves half the interactions."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from hub.migration import source
from hub.migration.conversion import Oddity
from hub.migration.helper import Helper, Tell, both
from hub.migration.legacy_rows import TABLES
from hub.migration.mover import Mover
from hub.migration.parts import Part, halves
from hub.migration.writing import Pace
from hub.store.database import Database
from hub.store.moves import Move
from shared.clock import Clock, steady_clock

NOTE_EVERY = 20
"""Batches between two notes of how far a run is, for those who ask from elsewhere."""
Counts = dict[str, dict[str, int]]
"""What became of the rows, by table and outcome: moved, changed, removed and so on."""


async def move_file(
    database: Database,
    clock: Clock,
    to: Move,
    run_id: str,
    copy: Path,
    list_oddity: Callable[[Oddity], None],
    tell: Callable[[int], None],
    note: Callable[[Counts], Awaitable[None]],
    pace: Pace,
    other: Helper | None,
) -> Counts:
    """Moves all that is in a copy of a legacy file.

    Args:
        database: open; this does not close it.
        clock: the hub's clock.
        to: where to.
        run_id: of the run, which has begun.
        copy: of the legacy file.
        list_oddity: is told of each oddity.
        tell: is told how many more rows are done.
        note: is given now and then, and at last, what was done so far.
        pace: how fast.
        other: a process that moves half of the interactions, if there is one.

    Returns:
        What was done.

    Raises:
        MiraError: it failed; what was moved before stays, and is not moved again.
    """
    others: Counts = {}
    batches = 0

    async def told(rows: int) -> None:
        nonlocal batches
        tell(rows)
        if batches % NOTE_EVERY == 0:
            await note(mover.counts.with_those(others))
        batches += 1

    def heard(said: Oddity | tuple[int, Counts]) -> None:
        nonlocal others
        if isinstance(said, Oddity):
            list_oddity(said)
        else:
            rows, others = said
            tell(rows)

    mover = Mover(database, clock, to, run_id, list_oddity, told, pace)
    with source.open_copy(copy) as connection:
        await mover.remove(connection)
        anew = {table: await mover.anew(table) for table in TABLES}
        for table in TABLES:
            parts = halves(connection) if table == "interactions" else None
            if parts is None or other is None:
                await mover.take(connection, table, anew=anew[table])
            else:
                half = _Half(database.where, to, run_id, copy, parts[1], pace, anew[table])
                await both(
                    mover.take(connection, table, parts[0], anew=anew[table]),
                    other.do(move_half, half, heard),
                )
        await mover.touch_conversations()
    done = mover.counts.with_those(others)
    await note(done)
    return done


@dataclass(frozen=True)
class _Half:
    """What a second process is given."""

    where: Path | str  # the hub's database
    to: Move
    run_id: str
    copy: Path
    part: Part
    pace: Pace
    anew: bool


def move_half(given: _Half, tell: Tell) -> None:
    """What the second process does."""
    asyncio.run(_move_part(given, tell))


async def _move_part(given: _Half, tell: Tell) -> None:
    async def told(rows: int) -> None:
        tell((rows, mover.counts.document()))

    database = await Database.open(given.where)
    try:
        mover = Mover(database, steady_clock(), given.to, given.run_id, tell, told, given.pace)
        with source.open_copy(given.copy) as connection:
            await mover.take(connection, "interactions", given.part, anew=given.anew)
    finally:
        await database.close()
