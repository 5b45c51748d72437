"""Legacy installations that were moved, or are being moved, each into a network of its own."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from sqlalchemy import func, update
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from hub.store import networks
from hub.store.database import Database
from hub.store.errors import NotFoundError
from hub.store.scope import OPERATOR, Scope
from hub.store.settings import NetworkSettings, settings_document
from hub.store.tables import MigrationRun, Network
from hub.store.whole import whole
from shared import ids
from shared.clock import Clock
from shared.wire.events import SettingsChanged

RunStatus = Literal["running", "interrupted", "completed", "failed", "rolled_back"]

MARK = "legacy"
"""Under this name a network's metadata says what was moved into it."""
EXPORTED = "exported_sha256"
"""Under this name a run's report says what was written in the legacy file's place."""


@dataclass(frozen=True)
class Move:
    """Where a legacy installation went."""

    network_id: str
    public_id: str  # of the network
    name: str
    source: str  # the legacy file, an absolute path
    started_at: datetime  # of the first run: the deprecation counts from here
    ended_at: datetime | None = None  # when it was rolled back


@dataclass(frozen=True)
class Run:
    """One run of a migration."""

    run_id: str
    source: str
    source_sha256: str | None
    status: str  # a `RunStatus`
    counts: dict[str, Any]  # by legacy table and what became of its rows
    report: dict[str, Any]
    started_at: datetime
    finished_at: datetime | None


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
        return tuple(move for move in await self.with_ended() if move.ended_at is None)

    async def with_ended(self) -> tuple[Move, ...]:
        """All moves, oldest first."""
        async with self._database.session(OPERATOR) as session:
            rows = await session.exec(
                select(Network.id, Network.network_id, Network.name, col(Network.extra)).order_by(
                    col(Network.created_at), col(Network.id)
                )
            )
            return tuple(
                Move(
                    id_,
                    public_id,
                    name,
                    said["source"],
                    _time(said["started_at"]),
                    _time(ended) if (ended := said.get("ended_at")) else None,
                )
                for id_, public_id, name, extra in rows
                if (said := extra.get(MARK))
            )

    async def open(self, public_id: str, name: str, source: str) -> Move:
        """The network that a legacy file goes into, made where it is not there.

        A new one takes no audio until it is `complete`.
        """
        async with self._database.transaction(OPERATOR) as session:
            found = await session.exec(select(Network).where(Network.network_id == public_id))
            network, now = found.first(), self.now()
            if network is None:
                network = Network(
                    id=ids.new_id(),
                    network_id=public_id,
                    name=name,
                    status="inactive",
                    settings=settings_document(NetworkSettings()),
                    extra={},
                    created_at=now,
                    updated_at=now,
                )
            if "ended_at" in network.extra.get(MARK, {"ended_at": None}):  # none, or rolled back
                network.extra = {**network.extra, **mark(source, now)}
            session.add(network)
            await session.flush()
            known = network.extra[MARK]
            return Move(
                network.id,
                public_id,
                network.name,
                known["source"],
                _time(known["started_at"]),
            )

    async def came_from(self, network_id: str, source: str) -> None:
        """Notes under which path a legacy file is found now."""
        async with self._database.transaction(Scope(network_id)) as session:
            network = await session.get(Network, network_id)
            if network is None:
                raise NotFoundError("There is no such network.")
            network.extra = {**network.extra, MARK: {**network.extra[MARK], "source": source}}
            session.add(network)

    async def begin(self, network_id: str, source: str, sha256: str) -> str:
        """Notes that a run begins; one that never ended was interrupted. Gives the run's id."""
        async with self._database.transaction(Scope(network_id)) as session:
            await session.exec(
                update(MigrationRun)
                .where(
                    col(MigrationRun.network_id) == network_id,
                    col(MigrationRun.status) == "running",
                )
                .values(status="interrupted")
            )
            newest = await session.exec(
                select(func.max(MigrationRun.started_at)).where(
                    MigrationRun.network_id == network_id
                )
            )
            before, now = newest.one(), self.now()
            # Their times tell runs apart, also where the clock was set back.
            started_at = now if before is None else max(now, before + timedelta(microseconds=1))
            run = MigrationRun(
                id=ids.new_id(),
                network_id=network_id,
                source=source,
                source_sha256=sha256,
                status="running",
                counts={},
                started_at=started_at,
            )
            session.add(run)
            return run.id

    async def note(
        self,
        network_id: str,
        run_id: str,
        counts: Mapping[str, Any],
        status: RunStatus = "running",
        report: Mapping[str, Any] | None = None,
    ) -> None:
        """Notes how far a run is, or how it ended."""
        async with self._database.transaction(Scope(network_id)) as session:
            run = await session.get(MigrationRun, run_id)
            if run is None:
                raise NotFoundError("The migration's run is gone: was its network deleted?")
            run.counts, run.status = dict(counts), status
            if report is not None:
                run.report = dict(report)
            run.finished_at = self.now()  # of one that is killed, it is when it was seen last
            session.add(run)

    async def runs(self, network_id: str) -> tuple[Run, ...]:
        """All runs into a network, oldest first."""
        async with self._database.session(Scope(network_id)) as session:
            found = await session.exec(
                select(MigrationRun)
                .where(MigrationRun.network_id == network_id)
                .order_by(col(MigrationRun.started_at), col(MigrationRun.id))
            )
            return tuple(
                Run(
                    row.id,
                    row.source,
                    row.source_sha256,
                    row.status,
                    row.counts,
                    row.report or {},
                    row.started_at,
                    row.finished_at,
                )
                for row in found
            )

    async def exporting(self, network_id: str, run_id: str, sha256: str) -> None:
        """Notes what a file is like that is to take the legacy file's place."""
        async with self._database.transaction(Scope(network_id)) as session:
            run = await session.get(MigrationRun, run_id)
            if run is None:
                raise NotFoundError("The migration's run is gone: was its network deleted?")
            run.report = {**(run.report or {}), EXPORTED: sha256}
            session.add(run)

    async def end(
        self, network_id: str, also: Callable[[AsyncSession], Awaitable[None]]
    ) -> SettingsChanged:
        """A move was rolled back: the network takes no audio, and the legacy API ends.

        Args:
            network_id: the network's UUID.
            also: what else is to be done in the same transaction.
        """
        async with self._database.transaction(Scope(network_id)) as session:
            network = await session.get(Network, network_id)
            if network is None:
                raise NotFoundError("There is no such network.")
            ended = {**network.extra[MARK], "ended_at": self.now().isoformat()}
            network.extra = {**network.extra, MARK: ended}
            session.add(network)
            await session.exec(
                update(MigrationRun)
                .where(col(MigrationRun.network_id) == network_id)
                .values(status="rolled_back")
            )
            await also(session)
            return await networks.set_status(session, network_id, "inactive", self.now())

    def now(self) -> datetime:
        """The hub's time."""
        return datetime.fromtimestamp(0, UTC) + timedelta(microseconds=self._clock())


def mark(source: str, started_at: datetime) -> dict[str, Any]:
    """What a network's metadata says of a move."""
    return {MARK: {"source": source, "started_at": started_at.isoformat()}}


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)
