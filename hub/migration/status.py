"""How far the moves are, in all and for each network, whichever process made them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hub.migration.folder import at_work
from hub.migration.legacy_rows import TABLES
from hub.migration.target import Target
from hub.store.database import Database
from hub.store.moves import Move, Moves, Run
from shared.clock import Clock


@dataclass(frozen=True)
class MoveStatus:
    """One network.

    Args:
        move: where from, where to.
        runs: all of them, oldest first.
        moved: rows by legacy table.
        quarantined: rows that are kept verbatim.
        at_work: somebody is at work on it just now.
    """

    move: Move
    runs: tuple[Run, ...]
    moved: dict[str, int]
    quarantined: int
    at_work: bool

    @property
    def state(self) -> str:
        """Of the newest run: running, interrupted, completed or failed; waiting: there is none."""
        if not self.runs:
            return "waiting"
        found = self.runs[-1].status
        return "interrupted" if found == "running" and not self.at_work else found

    @property
    def completed(self) -> bool:
        """Whether all of it was moved and verified once."""
        return any(run.status == "completed" for run in self.runs)

    @property
    def errors(self) -> int:
        """Runs that failed, and rows that could not be moved."""
        return self.quarantined + sum(run.status == "failed" for run in self.runs)

    @property
    def duration(self) -> float:
        """How long the runs took, in seconds."""
        ends = ((run, run.finished_at or run.started_at) for run in self.runs)
        return sum((end - run.started_at).total_seconds() for run, end in ends)

    @property
    def success_rate(self) -> float:
        """The share of rows that were moved, 0 to 1; 1 where there were none."""
        return _share(sum(self.moved.values()), self.quarantined)

    def document(self) -> dict[str, Any]:
        """For programs."""
        return {
            "network_id": self.move.public_id,
            "name": self.move.name,
            "source": self.move.source,
            "state": self.state,
            "networks_migrated": int(self.completed),
            "interactions_migrated": self.moved["interactions"],
            "rows": self.moved,
            "errors": self.errors,
            "start_time": self.move.started_at.isoformat(),
            "duration": round(self.duration, 3),
            "success_rate": self.success_rate,
            "progress": self.runs[-1].counts if self.runs else {},
        }


@dataclass(frozen=True)
class Status:
    """All of them, and those that were rolled back."""

    moves: tuple[MoveStatus, ...]
    ended: tuple[Move, ...] = ()

    def document(self) -> dict[str, Any]:
        """For programs."""
        started = [one.move.started_at for one in self.moves]
        moved = sum(sum(one.moved.values()) for one in self.moves)
        apart = sum(one.quarantined for one in self.moves)
        return {
            "networks_migrated": sum(one.completed for one in self.moves),
            "interactions_migrated": sum(one.moved["interactions"] for one in self.moves),
            "errors": sum(one.errors for one in self.moves),
            "start_time": min(started).isoformat() if started else None,
            "duration": round(sum(one.duration for one in self.moves), 3),
            "success_rate": _share(moved, apart),
            "networks": [one.document() for one in self.moves],
            "rolled_back": [move.public_id for move in self.ended],
        }

    def lines(self) -> list[str]:
        """For people."""
        ended = [
            f"{move.public_id}  rolled back on {move.ended_at:%Y-%m-%d %H:%M}  {move.name}"
            for move in self.ended
        ]
        if not self.moves:
            none = "Nothing was moved: `mira-hub migrate plan FILE` says what would happen."
            return [*ended, none]
        said = self.document()
        lines = [
            f"networks_migrated      {said['networks_migrated']} of {len(self.moves)}",
            f"interactions_migrated  {said['interactions_migrated']}",
            f"errors                 {said['errors']}",
            f"start_time             {said['start_time']}",
            f"duration               {said['duration']:.1f} s",
            f"success_rate           {100 * said['success_rate']:.2f} %",
        ]
        for one in self.moves:
            rows = ", ".join(f"{one.moved[table]} {table}" for table in TABLES)
            lines.append(f"{one.move.public_id}  {one.state}  {one.move.name}")
            lines.append(f"  from {one.move.source}, since {one.move.started_at:%Y-%m-%d %H:%M}")
            lines.append(f"  {rows}; {one.quarantined} in quarantine; {one.duration:.1f} s")
            if one.runs and "error" in one.runs[-1].report:
                report = one.runs[-1].report
                lines.append(f"  the last run failed: {report['error']}: {report['message']}")
        return lines + ended


async def status(database: Database, clock: Clock, folder: Path) -> Status:
    """What there is now; `folder` is where copies and reports are kept."""
    moves, found = Moves(database, clock), []
    known = await moves.with_ended()
    for move in known:
        if move.ended_at is not None:
            continue
        runs = await moves.runs(move.network_id)
        target = Target(database, move.network_id)
        if runs and runs[-1].status == "completed":  # it has counted them
            tables = runs[-1].report["tables"]
            moved = {table: int(tables[table]["moved"]) for table in TABLES}
        else:
            moved = await target.totals()
        busy = at_work(folder, move.public_id)
        found.append(MoveStatus(move, runs, moved, await target.apart(), busy))
    return Status(tuple(found), tuple(move for move in known if move.ended_at is not None))


def _share(moved: int, apart: int) -> float:
    return round(moved / (moved + apart), 6) if moved + apart else 1.0
