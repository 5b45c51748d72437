"""The way back: the old file bit for bit, or one that holds what came since as well."""

from __future__ import annotations

import sqlite3
import uuid
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings

from hub.migration import files, placing
from hub.migration.errors import LegacyFileError, MigrationError
from hub.migration.rollback import Rollback, RolledBack
from hub.migration.runs import Runs
from hub.speakers.spaces import CAMPPLUS
from hub.store.archive import Archive
from hub.store.database import Database
from hub.store.household import Household
from hub.store.household_kinds import PERSONS
from hub.store.moves import Moves
from hub.store.store import Store
from tests.hub.migration import odd_files
from tests.hub.migration.odd_files import File
from tests.hub.migration.test_runs import ANNA, BEN, ROWS, SAID, change, quiet, run
from tests.hub.speakers.people import heard, sentence
from tests.hub.store import legacy
from tests.hub.store.making import WoundClock, election, interaction


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "legacy.db"
    legacy.write(path, ROWS)
    return path


@pytest.fixture
def rollback(any_database: Database, clock: WoundClock, tmp_path: Path) -> Rollback:
    return Rollback(any_database, clock, tmp_path / "migration")


async def back(rollback: Rollback, into: Path | None = None) -> RolledBack:
    return await rollback.roll_back(await rollback.move_of(None), into, quiet)


async def test_a_file_that_is_as_it_was_stays_so(
    runs: Runs, rollback: Rollback, file: Path, any_database: Database, clock: WoundClock
) -> None:
    before = file.read_bytes()
    await run(runs, file)
    (move,) = await Moves(any_database, clock).every()
    done = await back(rollback)
    assert (done.state, done.kept) == ("untouched", None)
    assert file.read_bytes() == before
    assert await Moves(any_database, clock).every() == ()
    assert (await Store(any_database, clock).network(move.network_id)).status == "inactive"


@pytest.mark.parametrize("log", [False, True])
async def test_a_file_that_is_gone_comes_back_bit_for_bit(
    runs: Runs, rollback: Rollback, file: Path, log: bool
) -> None:
    if log:
        writer = sqlite3.connect(file)
        writer.execute("PRAGMA journal_mode=WAL")
        writer.execute("INSERT INTO interactions (id, text) VALUES ('77', 'in the log')")
        writer.commit()
    wal = file.with_name(file.name + "-wal")
    before = file.read_bytes(), wal.read_bytes() if log else b""
    outcome = await run(runs, file)
    assert outcome.counts["interactions"]["moved"] == 2 + log
    if log:
        writer.close()
    file.unlink()
    wal.unlink(missing_ok=True)
    done = await back(rollback)
    assert done.state == "restored"
    assert (file.read_bytes(), wal.read_bytes() if log else b"") == before


async def test_what_came_since_is_written_into_a_file_that_the_legacy_system_takes(
    runs: Runs, rollback: Rollback, file: Path, any_database: Database, clock: WoundClock
) -> None:
    shape = legacy.shape(file)
    before = file.read_bytes()
    await run(runs, file)
    (move,) = await Moves(any_database, clock).every()
    home = move.network_id
    store, household = Store(any_database, clock), Household(any_database, clock)
    await store.add_client(home, "Kitchen", client_id="kitchen")
    # The legacy system knows no voices of 192 numbers.
    voice = heard(sentence(1, 0, space=CAMPPLUS), space=CAMPPLUS)
    said = replace(interaction("and sugar"), heard=voice)
    await store.record_interaction(said, election(home))
    await household.change(PERSONS, home, str(uuid.UUID(BEN)), {"name": "Ben"}, None)
    cleo, _ = await household.add_person(home, "Cleo")
    await Archive(any_database, clock).delete_interaction(home, str(uuid.UUID(SAID)))
    done = await back(rollback)
    assert done.state == "exported"
    assert (done.exported.new, done.exported.changed, done.exported.deleted) == (
        {"persons": 1, "conversations": 1, "interactions": 1, "actions": 0},
        {"persons": 1, "conversations": 0, "interactions": 0, "actions": 0},
        {"persons": 0, "conversations": 0, "interactions": 1, "actions": 1},
    )
    assert done.unheld["devices (clients)"] == 1
    assert done.kept is not None
    assert done.kept.read_bytes() == before
    assert legacy.shape(file) == shape
    rows = legacy.read(file)
    assert [(row["name"], row["index"]) for row in rows["persons"]] == [
        *[("Anna", 1), ("Ben", 2)], *[("Cleo", 3)],
    ] or sorted(str(row["name"]) for row in rows["persons"]) == ["Anna", "Ben", "Cleo"]  # fmt: skip
    assert {row["text"] for row in rows["interactions"]} == {"and milk", "and sugar"}
    (sugar,) = [row for row in rows["interactions"] if row["text"] == "and sugar"]
    assert sugar["id"] == said.interaction_id.replace("-", "")
    assert sugar["voice_embedding"] is None
    assert sugar["timestamp"] == "2026-03-01 12:00:00.250000"
    # And once more there: nothing comes twice.
    outcome = await run(runs, file)
    assert outcome.right
    assert outcome.counts["interactions"] == {"unchanged": 2, "removed": 1} or (
        outcome.counts["interactions"] == {"unchanged": 2}
    )
    assert cleo.person_id == str(uuid.UUID(_cleo(file)))


def _cleo(file: Path) -> str:
    (key,) = [row["id"] for row in legacy.read(file)["persons"] if row["name"] == "Cleo"]
    return str(key)


async def test_a_file_that_was_written_since_is_not_overwritten(
    runs: Runs, rollback: Rollback, file: Path, tmp_path: Path
) -> None:
    await run(runs, file)
    change(file, "INSERT INTO interactions (id, text) VALUES ('77', 'later')")
    before = file.read_bytes()
    with pytest.raises(MigrationError, match="written since"):
        await back(rollback)
    assert file.read_bytes() == before
    done = await back(rollback, tmp_path / "elsewhere.db")
    assert done.state == "restored"
    assert legacy.read(done.file)["persons"] == legacy.read(file)["persons"]


async def test_a_backup_that_is_damaged_is_not_put_back(
    runs: Runs, rollback: Rollback, file: Path, tmp_path: Path
) -> None:
    await run(runs, file)
    (copy,) = (tmp_path / "migration").glob("*/newest.db")
    with closing(sqlite3.connect(copy)) as connection:
        connection.execute("UPDATE persons SET name = 'Eve' WHERE \"index\" = 2")
        connection.commit()
    with pytest.raises(LegacyFileError, match="not what was copied"):
        placing.put_back(copy, files.sha256_of(file), file)
    assert legacy.read(file)["persons"][1]["name"] is None
    assert legacy.read(file)["persons"][0]["id"] == ANNA


@settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(before=odd_files.files())
async def test_whatever_was_moved_is_in_the_file_that_is_written_back(
    before: File, any_database: Database, clock: WoundClock
) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "mira.db"
        odd_files.write(path, before)
        runs = Runs(any_database, clock, Path(folder) / "migration")
        (destination,) = await runs.destinations([path], f"Home {folder}")
        await runs.run(destination, quiet)
        (move,) = [
            one
            for one in await Moves(any_database, clock).every()
            if one.public_id == destination.public_id
        ]
        person, _ = await Household(any_database, clock).add_person(move.network_id, "Zoe")
        rollback = Rollback(any_database, clock, Path(folder) / "migration")
        done = await rollback.roll_back(move, None, quiet)
        assert done.state == "exported"
        was, now = odd_files.read(Path(str(done.kept))), odd_files.read(path)
        zoe = [row for row in now["persons"] if row not in was["persons"]]
        assert [row[0] for row in zoe] == [person.person_id.replace("-", "").encode()]
        now["persons"].remove(zoe[0])
        assert now == was
