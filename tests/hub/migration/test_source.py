"""A legacy file that cannot be taken is refused with a word that says why, and stays as it is."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from hub.migration import files, source
from hub.migration.errors import LegacyBusyError, LegacyFileError
from hub.store.errors import StoreFullError
from shared.errors import MiraError
from tests.hub.migration.test_runs import ROWS, change
from tests.hub.store import legacy


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "legacy.db"
    legacy.write(path, ROWS)
    return path


def refused(file: Path, why: str, kind: type[MiraError] = LegacyFileError) -> None:
    before = file.read_bytes() if file.exists() else None
    target = file.parent / "copies" / "copy.db"
    with pytest.raises(kind, match=why):
        source.copy(file, target)
    assert before == (file.read_bytes() if file.exists() else None)
    assert not target.exists()
    assert list(target.parent.glob("*")) == []


def test_a_copy_is_the_same_bytes_and_the_hash_is_theirs(file: Path, tmp_path: Path) -> None:
    told: list[int] = []
    copied = source.copy(file, tmp_path / "copy.db", lambda done, of: told.append(of - done))
    assert copied.path.read_bytes() == file.read_bytes()
    assert copied.sha256 == files.sha256_of(file)
    assert copied.size == file.stat().st_size
    assert told[-1] == 0


def test_what_is_no_legacy_file_is_refused(file: Path, tmp_path: Path) -> None:
    refused(tmp_path / "nothing.db", "No such file")
    text = tmp_path / "text.db"
    text.write_text("not a database")
    refused(text, "no SQLite file")
    other = tmp_path / "other.db"
    with closing(sqlite3.connect(other)) as connection:
        connection.execute("CREATE TABLE songs (id)")
    refused(other, "table actions is missing")
    change(file, "ALTER TABLE persons ADD COLUMN nickname VARCHAR")
    refused(file, "persons has also nickname")


def test_an_older_schema_is_refused(file: Path) -> None:
    change(file, "ALTER TABLE interactions DROP COLUMN sentiment")
    refused(file, "interactions lacks sentiment")


def test_a_damaged_page_is_noticed(file: Path) -> None:
    with closing(sqlite3.connect(file)) as connection:
        (page,) = connection.execute(
            "SELECT rootpage FROM sqlite_master WHERE name = 'interactions'"
        ).fetchone()
        (size,) = connection.execute("PRAGMA page_size").fetchone()
    with file.open("r+b") as raw:
        raw.seek((page - 1) * size)
        raw.write(b"\xff" * 64)
    refused(file, "damaged")


def test_a_locked_file_is_refused(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "BUSY_TIMEOUT_S", 0.0)
    with closing(sqlite3.connect(file, isolation_level=None)) as writer:
        writer.execute("BEGIN EXCLUSIVE")
        refused(file, "locked", LegacyBusyError)
        writer.execute("ROLLBACK")


def test_a_file_that_is_written_all_the_time_is_refused(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "sleep", lambda _: None)
    rows = iter(range(100))

    def write(_done: int, _of: int) -> None:
        change(file, f"INSERT INTO interactions (id, text) VALUES ('{next(rows)}', '')")  # noqa: S608

    with pytest.raises(LegacyBusyError, match="all the time"):
        source.copy(file, tmp_path / "copies" / "copy.db", write)
    assert next(rows) == source.TRIES


def test_a_write_during_the_copy_has_it_made_anew(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "sleep", lambda _: None)
    rows = iter(["77"])

    def write(_done: int, _of: int) -> None:
        if row := next(rows, None):
            change(file, f"INSERT INTO interactions (id, text) VALUES ('{row}', 'late')")  # noqa: S608

    copied = source.copy(file, tmp_path / "copy.db", write)
    assert "77" in {row["id"] for row in legacy.read(copied.path)["interactions"]}
    assert copied.sha256 == files.sha256_of(file)


def test_what_is_in_the_write_ahead_log_comes_along(file: Path, tmp_path: Path) -> None:
    with closing(sqlite3.connect(file)) as writer:
        writer.execute("PRAGMA journal_mode=WAL")
        writer.execute("INSERT INTO interactions (id, text) VALUES ('77', 'in the log')")
        writer.commit()
        before = file.read_bytes()
        copied = source.copy(file, tmp_path / "copy.db")
        assert file.read_bytes() == before
    assert "77" in {row["id"] for row in legacy.read(copied.path)["interactions"]}


def test_a_write_that_was_broken_off_is_left_to_the_legacy_system(file: Path) -> None:
    broken_off = """
import os, sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("PRAGMA cache_size=1")  # pages reach the file before the commit
connection.execute("BEGIN")
for row in range(1000):
    connection.execute("INSERT INTO interactions (id, text) VALUES (?, ?)", (str(row), "x" * 500))
os._exit(0)
"""
    subprocess.run([sys.executable, "-c", broken_off, str(file)], check=True)  # noqa: S603 - ours
    assert file.with_name(file.name + "-journal").stat().st_size > 0
    refused(file, "midst of a write")


def test_a_full_disk_leaves_nothing_behind(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    refused(file, "No room left", StoreFullError)
