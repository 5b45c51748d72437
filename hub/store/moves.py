"""Legacy installations that were moved, or are being moved, each into a network of its own."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlmodel import col, select

from hub.store.database import Database
from hub.store.scope import OPERATOR
from hub.store.tables import Network
from hub.store.whole import whole
from shared.clock import Clock

MARK = "legacy"
"""Under this name a network's metadata says what was moved into it."""


@dataclass(frozen=True)
class Move:
    """Where a legacy installation went."""

    network_id: str
    public_id: str  # of the network
    name: str
    source: str  # the legacy file, an absolute path
    started_at: datetime  # of the first run: the deprecation counts from here


@whole
class Moves:
    """All of them.

    Args:
        database: open; this does not close it.
        clock: the hub's clock, in microseconds since the Unix epoch.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def every(self) -> tuple[Move, ...]:
        """All moves that were not rolled back, oldest first."""
        async with self._database.session(OPERATOR) as session:
            rows = await session.exec(
                select(Network.id, Network.network_id, Network.name, col(Network.extra)).order_by(
                    col(Network.created_at), col(Network.id)
                )
            )
            return tuple(
                Move(id_, public_id, name, mark["source"], _time(mark["started_at"]))
                for id_, public_id, name, extra in rows
                if (mark := extra.get(MARK))
            )

    def _now(self) -> datetime:
        return datetime.fromtimestamp(0, UTC) + timedelta(microseconds=self._clock())


def mark(source: str, started_at: datetime) -> dict[str, Any]:
    """What a network's metadata says of a move."""
    return {MARK: {"source": source, "started_at": started_at.isoformat()}}


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)
