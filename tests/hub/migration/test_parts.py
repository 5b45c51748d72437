"""Large legacy files, in two parts, and moved by two processes."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.migration import help_for, source
from hub.migration.errors import MigrationError
from hub.migration.legacy_rows import Text
from hub.migration.parts import WHOLE, Part, halves
from hub.migration.runs import Runs
from hub.store.database import Database
from tests.bench.tools import legacy_file
from tests.hub.migration.test_helper import die
from tests.hub.migration.test_runs import run
from tests.hub.store import legacy
from tests.hub.store.making import WoundClock

ROWS = 120


@given(st.lists(st.one_of(st.none(), st.text(), st.binary(), st.integers(-3, 3)), unique=True))
def test_each_interaction_is_in_one_of_the_halves(ids: list[Any]) -> None:
    with _legacy(ids) as connection:
        parts = halves(connection)
        if parts is not None:
            found = [row for part in parts for row in _rows(connection, part)]
            assert found == _rows(connection, WHOLE)


def test_the_halves_are_halves() -> None:
    with _legacy([f"{number:032x}" for number in range(100)]) as connection:
        parts = halves(connection)
        assert parts is not None
        assert [len(_rows(connection, part)) for part in parts] == [51, 49]


@contextmanager
def _legacy(ids: list[Any]) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript(legacy.DDL)
        connection.executemany(
            "INSERT OR IGNORE INTO interactions (id, text) VALUES (?, '')", [(id_,) for id_ in ids]
        )
        connection.text_factory = Text
        yield connection


def _rows(connection: sqlite3.Connection, part: Part) -> list[Any]:
    return [row for some in source.batches(connection, "interactions", 7, part) for row in some]


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A legacy file that two processes move."""
    monkeypatch.setattr(help_for, "WORTH_BYTES", 0)
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    path = tmp_path / "legacy.db"
    legacy_file.make(path, ROWS, seed=3)
    return path


async def test_two_processes_move_and_verify_what_one_does(
    runs: Runs,
    any_database: Database,
    clock: WoundClock,
    file: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(help_for, "WORTH_BYTES", 10**12)
        others = tmp_path / "others.db"
        legacy_file.make(others, ROWS, seed=3)
        alone = await run(Runs(any_database, clock, tmp_path / "alone"), others, "Others")
    together = await run(runs, file, "All ids are taken now")
    assert together.right
    assert together.verified.document()["tables"] == alone.verified.document()["tables"]
    assert together.counts == alone.counts | {
        table: {"moved": counted["moved"], "repaired": counted["moved"]}
        for table, counted in alone.counts.items()
    }
    assert together.oddities - alone.oddities == {
        f"{table}.id: id_taken": counted["moved"] for table, counted in alone.counts.items()
    }
    assert together.listed.read_text().count("\n") == sum(together.oddities.values())
    again = await run(runs, file)
    assert again.counts["interactions"] == {"unchanged": ROWS}


async def test_a_second_process_that_is_killed_fails_the_run_and_the_next_goes_on(
    runs: Runs, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("moving", "help_for"):
        monkeypatch.setattr(f"hub.migration.{module}.move_half", die)
    with pytest.raises(MigrationError, match="ended by itself"):
        await run(runs, file)
    monkeypatch.undo()
    assert (await run(runs, file)).right


async def test_a_small_file_or_one_beside_a_hub_is_moved_by_one_process() -> None:
    for size, served in ((1000, False), (10**12, True)):
        async with help_for.help_for(size, served=served) as other:
            assert other is None
