"""The database's file is never at risk, and an unusable one is explained."""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Connection

from hub.store import database_file, schema
from hub.store.database_file import DatabaseFile, change_schema, revision_of
from hub.store.errors import SchemaError, StoreBusyError, StoreFileError, StoreFullError
from tests.hub.store import legacy

PERSON: legacy.Rows = {"persons": [{"id": "a" * 32, "index": 1}]}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "mira.db"
    legacy.write(path, PERSON)
    return path


def test_a_file_is_made_with_its_folder_and_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "state" / "mira.db"
    DatabaseFile.open(path).close()
    assert revision_of(path) == schema.HEAD
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_an_empty_file_becomes_a_database(tmp_path: Path) -> None:
    path = tmp_path / "mira.db"
    path.touch()
    DatabaseFile.open(path).close()
    assert revision_of(path) == schema.HEAD


def test_a_change_of_schema_leaves_nothing_lying_about(file: Path) -> None:
    DatabaseFile.open(file).close()
    names = {entry.name for entry in file.parent.iterdir()}
    assert names == {"mira.db", "mira.db.lock", "mira.db.turn"}


def test_several_programs_use_one_file(path: Path) -> None:
    files = [DatabaseFile.open(path, timeout_s=0) for _ in range(2)]
    for used in files:
        used.close()


def test_the_schema_of_a_file_in_use_is_not_changed(path: Path) -> None:
    used = DatabaseFile.open(path)
    with pytest.raises(StoreBusyError, match="in use"):
        change_schema(path, schema.LEGACY, timeout_s=0)
    used.close()
    change_schema(path, schema.LEGACY, timeout_s=0)


def test_a_file_that_another_program_writes_to_is_not_changed(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hub.store.sqlite.BUSY_TIMEOUT_S", 0)
    with closing(sqlite3.connect(file, isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreBusyError) as busy:
            DatabaseFile.open(file)
    assert busy.value.hint
    assert revision_of(file) == schema.LEGACY


def test_a_change_that_fails_leaves_the_file_as_it_was(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = schema.run

    def run_and_fail(connection: Connection, revision: str) -> None:
        run(connection, revision)
        raise RuntimeError("power cut")

    monkeypatch.setattr(schema, "run", run_and_fail)
    before = file.read_bytes()
    with pytest.raises(RuntimeError):
        DatabaseFile.open(file)
    assert file.read_bytes() == before
    assert {entry.name for entry in file.parent.iterdir()} == {"mira.db", "mira.db.lock"}


def test_a_change_that_does_not_hold_together_is_not_taken(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = schema.run

    def run_and_spoil(connection: Connection, revision: str) -> None:
        run(connection, revision)
        connection.exec_driver_sql(
            "INSERT INTO conversations (id, network_id) VALUES ('c', 'nobody')"
        )

    monkeypatch.setattr(schema, "run", run_and_spoil)
    with pytest.raises(StoreFileError, match="does not hold together"):
        DatabaseFile.open(file)
    assert revision_of(file) == schema.LEGACY


def test_what_a_crash_left_behind_is_swept_away(file: Path) -> None:
    file.with_name("mira.db.migrating").write_bytes(b"half a copy")
    DatabaseFile.open(file).close()
    assert len(legacy.read(file)["persons"]) == 1


@pytest.fixture
def killed(file: Path, tmp_path: Path) -> Path:
    """A file whose second row stands in the write-ahead log only."""
    path = tmp_path / "killed.db"
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        legacy.insert(connection, {"persons": [{"id": "b" * 32, "index": 2}]})
        connection.commit()
        for suffix in ("", "-wal"):
            shutil.copy(f"{file}{suffix}", f"{path}{suffix}")
    assert Path(f"{path}-wal").stat().st_size > 0
    return path


def test_what_stands_in_the_write_ahead_log_only_comes_along(killed: Path) -> None:
    DatabaseFile.open(killed).close()
    assert len(legacy.read(killed)["persons"]) == 2


def test_when_the_copy_takes_the_files_place_no_log_of_the_old_file_is_left_to_be_played(
    killed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    beside: list[set[str]] = []
    monkeypatch.setattr(
        database_file,
        "_sync_folder",
        lambda folder: beside.append({entry.name for entry in folder.glob("killed.db*")}),
    )
    DatabaseFile.open(killed).close()
    assert beside == [{"killed.db", "killed.db.lock"}]


def test_the_owner_and_the_mode_stay_as_they_were(file: Path) -> None:
    file.chmod(0o640)
    if os.geteuid() == 0:
        os.chown(file, 1234, 1234)
    before = file.stat()
    DatabaseFile.open(file).close()
    after = file.stat()
    assert (after.st_mode, after.st_uid, after.st_gid) == (
        before.st_mode,
        before.st_uid,
        before.st_gid,
    )


def test_a_legacy_file_is_not_taken_for_a_hubs(file: Path) -> None:
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("DROP TABLE alembic_version")
    with pytest.raises(SchemaError, match="not made by a hub") as unknown:
        DatabaseFile.open(file)
    assert unknown.value.hint


def test_a_newer_programs_file_is_left_alone(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.commit()
    with pytest.raises(SchemaError, match="9999") as newer:
        DatabaseFile.open(path)
    assert "newer" in newer.value.hint


def test_a_file_that_is_no_database_is_explained(tmp_path: Path) -> None:
    path = tmp_path / "mira.db"
    path.write_bytes(b"not a database, " * 100)
    with pytest.raises(StoreFileError, match="no database"):
        DatabaseFile.open(path)


def test_a_folder_that_cannot_be_made_is_explained(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file where the folder should be")
    with pytest.raises(StoreFileError) as unusable:
        DatabaseFile.open(tmp_path / "state" / "mira.db")
    assert "folder" in unusable.value.hint


def test_a_disk_without_room_for_the_copy_is_explained(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> sqlite3.Connection:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(database_file, "_copied", full)
    with pytest.raises(StoreFullError):
        DatabaseFile.open(file)
    assert revision_of(file) == schema.LEGACY
