"""How far the moves are, told alike to people and programs, whoever made them."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from hub.migration.errors import LegacyFileError
from hub.migration.rollback import Rollback
from hub.migration.runs import Runs
from hub.migration.status import status
from hub.store.database import Database
from hub.store.moves import Moves
from tests.hub.migration.test_runs import ROWS, change, quiet, run
from tests.hub.store import legacy
from tests.hub.store.making import WoundClock


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "legacy.db"
    legacy.write(path, ROWS)
    return path


async def test_before_anything_nothing_is_divided_by(
    any_database: Database, clock: WoundClock, tmp_path: Path
) -> None:
    found = await status(any_database, clock, tmp_path)
    assert found.document() == {
        "networks_migrated": 0,
        "interactions_migrated": 0,
        "errors": 0,
        "start_time": None,
        "duration": 0.0,
        "success_rate": 1.0,
        "networks": [],
        "rolled_back": [],
    }
    assert "migrate plan FILE" in found.lines()[0]


async def test_what_was_moved_and_what_was_not_is_counted(
    runs: Runs, file: Path, any_database: Database, clock: WoundClock, tmp_path: Path
) -> None:
    change(file, "INSERT INTO interactions (id, text) VALUES (x'00', 'no id')")
    await run(runs, file)
    found = (await status(any_database, clock, tmp_path)).document()
    assert (found["networks_migrated"], found["interactions_migrated"]) == (1, 2)
    assert (found["errors"], found["success_rate"]) == (1, round(6 / 7, 6))
    (one,) = found["networks"]
    assert (one["state"], one["rows"]) == (
        "completed", {"persons": 2, "conversations": 1, "interactions": 2, "actions": 1},
    )  # fmt: skip
    assert one["source"] == str(file)


async def test_a_run_that_failed_is_told_with_its_reason_and_one_that_died_is_interrupted(
    runs: Runs,
    file: Path,
    any_database: Database,
    clock: WoundClock,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def fail(*_: object) -> None:
        raise LegacyFileError("It broke.")

    monkeypatch.setattr("hub.migration.runs.verify", fail)
    with pytest.raises(LegacyFileError):
        await run(runs, file)
    found = await status(any_database, clock, tmp_path)
    assert found.document()["networks"][0]["state"] == "failed"
    assert found.document()["errors"] == 1
    assert any("It broke." in line for line in found.lines())

    async def die(*_: object) -> None:
        raise sqlite3.Error("dead")

    monkeypatch.undo()
    monkeypatch.setattr("hub.migration.runs.Runs._move", die)
    monkeypatch.setattr("hub.migration.runs.Runs._failed", die)
    with pytest.raises(sqlite3.Error):
        await run(runs, file)
    monkeypatch.undo()
    clock.now_us += 1_000_000
    assert (await run(runs, file)).right
    (one,) = (await status(any_database, clock, tmp_path)).moves
    assert sorted(seen.status for seen in one.runs) == ["completed", "failed", "interrupted"]


async def test_what_was_rolled_back_is_told_apart(
    runs: Runs, file: Path, any_database: Database, clock: WoundClock, tmp_path: Path
) -> None:
    await run(runs, file)
    rollback = Rollback(any_database, clock, tmp_path / "migration")
    await rollback.roll_back(await rollback.move_of(None), None, quiet)
    found = await status(any_database, clock, tmp_path)
    assert found.document()["rolled_back"] == ["legacy_migration_network"]
    assert found.document()["networks_migrated"] == 0
    clock.now_us += 86_400_000_000
    await run(runs, file)
    (one,) = (await status(any_database, clock, tmp_path)).moves
    assert one.move.started_at == Moves(any_database, clock).now()
