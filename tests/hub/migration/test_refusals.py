"""What a move must not do: fill others' networks, lose a backup, or a word that was said."""

from __future__ import annotations

import sqlite3
import uuid
from contextlib import closing
from pathlib import Path

import pytest

from hub.migration.errors import LegacyBusyError, MigrationError
from hub.migration.folder import NEWEST, alone
from hub.migration.rollback import Rollback
from hub.migration.runs import Runs
from hub.store.archive import Archive, Wanted
from hub.store.database import Database
from hub.store.household import Household
from hub.store.household_kinds import PERSONS
from hub.store.moves import Moves
from hub.store.store import Store
from tests.hub.migration.test_runs import ANNA, BEN, ROWS, SAID, change, quiet, run
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


async def test_a_network_that_nothing_was_moved_into_is_left_alone(
    runs: Runs, file: Path, any_database: Database, clock: WoundClock
) -> None:
    other, _ = await Store(any_database, clock).create_network("Neighbours")
    for named in ("Neighbours", other.public_id):
        with pytest.raises(MigrationError, match="what is in it is others'"):
            await runs.destinations([file], named)


async def test_a_refused_file_takes_no_backups_place_and_opens_nothing(
    runs: Runs,
    rollback: Rollback,
    file: Path,
    tmp_path: Path,
    any_database: Database,
    clock: WoundClock,
) -> None:
    await run(runs, file)
    before = (tmp_path / "migration" / "legacy_migration_network" / NEWEST).read_bytes()
    await rollback.roll_back(await rollback.move_of(None), None, quiet)
    other = tmp_path / "other.db"
    legacy.write(other, {"persons": [{"id": "1" * 32, "name": "Eve", "index": 1}]})
    with pytest.raises(MigrationError, match="no row in common"):
        await run(runs, other)
    after = (tmp_path / "migration" / "legacy_migration_network" / NEWEST).read_bytes()
    assert after == before
    assert await Moves(any_database, clock).every() == ()


async def test_one_file_goes_into_one_network(runs: Runs, file: Path, tmp_path: Path) -> None:
    twice = await runs.destinations([file, file.parent / "." / file.name], None)
    assert len(twice) == 1
    await run(runs, file, "Ours")
    moved = tmp_path / "elsewhere.db"
    file.rename(moved)
    with pytest.raises(MigrationError, match="Most of it went into net_"):
        await run(runs, moved)


async def test_another_file_is_written_and_all_stays_as_it_is(
    runs: Runs,
    rollback: Rollback,
    file: Path,
    tmp_path: Path,
    any_database: Database,
    clock: WoundClock,
) -> None:
    await run(runs, file)
    (move,) = await Moves(any_database, clock).every()
    precious = tmp_path / "precious.txt"
    precious.write_text("keep me")
    with pytest.raises(MigrationError, match="there already"):
        await rollback.roll_back(move, precious, quiet)
    assert precious.read_text() == "keep me"
    done = await rollback.roll_back(move, tmp_path / "other.db", quiet)
    assert not done.ended
    assert legacy.read(done.file) == legacy.read(file)
    assert await Moves(any_database, clock).every() == (move,)
    assert (await Store(any_database, clock).network(move.network_id)).status == "active"


async def test_what_a_run_did_not_get_to_is_not_taken_back(
    runs: Runs, rollback: Rollback, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await run(runs, file)
    change(file, f"UPDATE interactions SET text = 'make coffee' WHERE id = '{SAID}'")  # noqa: S608

    async def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("hub.migration.moving.Mover.take", stop)
    with pytest.raises(KeyboardInterrupt):
        await run(runs, file)
    done = await rollback.roll_back(await rollback.move_of(None), None, quiet)
    assert done.state == "untouched"
    assert "make coffee" in {row["text"] for row in legacy.read(file)["interactions"]}


async def test_nothing_that_waits_in_a_log_is_overwritten(
    runs: Runs, rollback: Rollback, file: Path, any_database: Database, clock: WoundClock
) -> None:
    with closing(sqlite3.connect(file)) as writer:
        writer.execute("PRAGMA journal_mode=WAL")
        writer.execute("INSERT INTO interactions (id, text) VALUES ('77', 'in the log')")
        writer.commit()
        await run(runs, file)
        writer.execute("INSERT INTO interactions (id, text) VALUES ('78', 'later')")
        writer.commit()
        with pytest.raises(MigrationError, match="written since"):
            await rollback.roll_back(await rollback.move_of(None), None, quiet)
        await run(runs, file)
        (move,) = await Moves(any_database, clock).every()
        await Store(any_database, clock).record_interaction(
            interaction("and sugar"), election(move.network_id)
        )
        # As a legacy system that was killed leaves it: the log is there, and nobody has it open.
        main, log = file.read_bytes(), file.with_name(file.name + "-wal").read_bytes()
    file.write_bytes(main)
    file.with_name(file.name + "-wal").write_bytes(log)
    done = await rollback.roll_back(move, None, quiet)
    assert done.state == "exported"
    with closing(sqlite3.connect(file)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    texts = {row["text"] for row in legacy.read(file)["interactions"]}
    assert {"in the log", "later", "and sugar"} <= texts
    assert done.kept is not None
    assert "later" in {row["text"] for row in legacy.read(done.kept)["interactions"]}


async def test_a_rollback_that_was_killed_between_log_and_file_is_finished(
    runs: Runs,
    rollback: Rollback,
    file: Path,
    any_database: Database,
    clock: WoundClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    log = file.with_name(file.name + "-wal")
    with closing(sqlite3.connect(file)) as writer:
        writer.execute("PRAGMA journal_mode=WAL")
        writer.execute("INSERT INTO interactions (id, text) VALUES ('77', 'in the log')")
        writer.commit()
        main, waiting = file.read_bytes(), log.read_bytes()
    file.write_bytes(main)
    log.write_bytes(waiting)
    await run(runs, file)
    (move,) = await Moves(any_database, clock).every()
    await Household(any_database, clock).add_person(move.network_id, "Zoe")

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("hub.migration.placing._take_place", die)
        patched.setattr(Rollback, "_keep", lambda *_: None)
        with pytest.raises(KeyboardInterrupt):
            await rollback.roll_back(move, None, quiet)
    assert not log.exists()
    await rollback.roll_back(move, None, quiet)
    assert "in the log" in {row["text"] for row in legacy.read(file)["interactions"]}
    assert "Zoe" in {row["name"] for row in legacy.read(file)["persons"]}


async def test_what_is_said_while_the_file_is_written_is_noticed(
    runs: Runs, rollback: Rollback, file: Path, any_database: Database, clock: WoundClock
) -> None:
    await run(runs, file)
    (move,) = await Moves(any_database, clock).every()
    store, household = Store(any_database, clock), Household(any_database, clock)
    statuses = []

    async def settle() -> None:
        statuses.append((await store.network(move.network_id)).status)

    first = rollback._write

    async def write(*arguments: object) -> object:
        done = rollback._moves.end

        async def end(*more: object) -> object:
            await household.add_person(move.network_id, "Zoe")
            return await done(*more)  # type: ignore[arg-type]

        rollback._moves.end = end  # type: ignore[method-assign, assignment]
        return await first(*arguments)  # type: ignore[arg-type]

    rollback._write = write  # type: ignore[method-assign, assignment]
    with pytest.raises(MigrationError, match="meanwhile"):
        await rollback.roll_back(move, None, quiet, settle)
    assert statuses == ["suspended"]
    assert (await store.network(move.network_id)).status == "active"
    again = Rollback(any_database, clock, rollback._folder)
    done = await again.roll_back(move, None, quiet)
    assert done.exported.new["persons"] == 1
    assert "Zoe" in {row["name"] for row in legacy.read(file)["persons"]}


async def test_a_rollback_that_was_broken_off_is_finished_before_another_run(
    runs: Runs,
    rollback: Rollback,
    file: Path,
    any_database: Database,
    clock: WoundClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await run(runs, file)
    (move,) = await Moves(any_database, clock).every()
    await Household(any_database, clock).add_person(move.network_id, "Zoe")

    async def die(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Moves, "end", die)
    with pytest.raises(KeyboardInterrupt):
        await rollback.roll_back(move, None, quiet)
    monkeypatch.undo()
    with pytest.raises(MigrationError, match="rollback was begun"):
        await run(runs, file)
    await rollback.roll_back(move, None, quiet)
    assert sorted(str(row["name"]) for row in legacy.read(file)["persons"]) == [
        "Anna", "None", "Zoe",
    ]  # fmt: skip


async def test_a_run_and_a_rollback_take_turns(
    runs: Runs, rollback: Rollback, file: Path, tmp_path: Path
) -> None:
    await run(runs, file)
    with alone(tmp_path / "migration", "legacy_migration_network"):
        with pytest.raises(MigrationError, match="at work"):
            await rollback.roll_back(await rollback.move_of(None), None, quiet)
        with pytest.raises(MigrationError, match="at work"):
            await run(runs, file)
    assert (tmp_path / "migration").stat().st_mode & 0o777 == 0o700


async def test_a_file_that_somebody_has_open_is_not_replaced(
    runs: Runs, rollback: Rollback, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await run(runs, file)
    monkeypatch.setattr("hub.migration.files.users_of", lambda _: [4711])
    with pytest.raises(LegacyBusyError, match="process 4711"):
        await rollback.roll_back(await rollback.move_of(None), None, quiet)


async def test_a_row_that_nobody_deleted_and_is_gone_is_a_difference(
    runs: Runs, file: Path, path: Path, database: Database, clock: WoundClock, tmp_path: Path
) -> None:
    local = Runs(database, clock, tmp_path / "local")
    assert (await run(local, file)).right
    (move,) = await Moves(database, clock).every()
    archive = Archive(database, clock)
    (said, _) = (await archive.interactions(move.network_id, Wanted(), 10, None)).items
    await archive.delete_interaction(move.network_id, said.interaction_id)
    assert (await run(local, file)).verified.tables["interactions"].deleted_here == 1
    change(path, "DELETE FROM interactions")
    outcome = await run(local, file)
    assert not outcome.right
    assert outcome.verified.tables["interactions"].differences == 1
    assert await Household(database, clock).one(PERSONS, move.network_id, str(uuid.UUID(BEN)))
    assert runs


async def test_what_was_changed_here_is_not_overwritten_because_its_speaker_is_gone(
    runs: Runs, file: Path, any_database: Database, clock: WoundClock
) -> None:
    await run(runs, file)
    (move,) = await Moves(any_database, clock).every()
    archive, said = Archive(any_database, clock), str(uuid.UUID(SAID))
    await archive.recognised_again(move.network_id, said, "make coffee", {"engine": "other"})
    change(file, f"DELETE FROM persons WHERE id = '{ANNA}'")  # noqa: S608 - our own
    outcome = await run(runs, file)
    assert outcome.counts["persons"]["removed"] == 1
    kept = await archive.interaction(move.network_id, said)
    assert (kept.text, kept.speaker_id) == ("make coffee", None)


async def test_a_row_that_went_to_the_legacy_file_from_here_does_not_come_twice(
    runs: Runs,
    rollback: Rollback,
    file: Path,
    tmp_path: Path,
    any_database: Database,
    clock: WoundClock,
) -> None:
    await run(runs, file)
    (move,) = await Moves(any_database, clock).every()
    said = interaction("and sugar")
    await Store(any_database, clock).record_interaction(said, election(move.network_id))
    await Household(any_database, clock).add_person(move.network_id, "Zoe")
    done = await rollback.roll_back(move, tmp_path / "other.db", quiet)  # nothing is noted of it
    done.file.replace(file)
    outcome = await run(runs, file)
    assert outcome.right
    archive = Archive(any_database, clock)
    rows = (await archive.interactions(move.network_id, Wanted(), 10, None)).items
    assert sorted(row.text for row in rows) == ["and milk", "and sugar", "make tea"]
    people = await Household(any_database, clock).page(PERSONS, move.network_id, (), 10, None)
    assert sorted(str(person.name) for person in people.items) == ["Anna", "None", "Zoe"]
    again = await run(runs, file)
    assert {what for counted in again.counts.values() for what in counted} == {"unchanged"}
