"""A legacy file becomes the hub's database in its place, and a legacy file again."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from hub.migration.adoption import adopt, give_back
from hub.migration.errors import LegacyBusyError, LegacyFileError
from hub.store.database import Database
from hub.store.errors import DowngradeRefusedError
from hub.store.moves import Moves
from hub.store.store import Store
from tests.hub.migration.test_runs import ROWS, change, quiet
from tests.hub.store import legacy
from tests.hub.store.making import WoundClock


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "legacy.db"
    legacy.write(path, ROWS)
    change(path, "DROP TABLE alembic_version")  # the legacy system knows of none
    return path


async def test_the_file_is_the_hubs_and_every_value_comes_back(
    file: Path, tmp_path: Path, clock: WoundClock
) -> None:
    bytes_before, before = file.read_bytes(), legacy.read(file)
    done = await adopt(file, tmp_path / "backups", clock, quiet)
    assert done.backup.read_bytes() == bytes_before
    assert done.rows == {"persons": 2, "conversations": 1, "interactions": 2, "actions": 1}
    database = await Database.open(file)
    (network,) = await Store(database, clock).networks()
    (move,) = await Moves(database, clock).every()
    await database.close()
    assert (network.public_id, network.status) == ("legacy_migration_network", "active")
    assert (move.network_id, move.source) == (network.network_id, str(file))
    give_back(file)
    assert legacy.read(file) == before


async def test_what_has_to_be_repaired_is_not_adopted(
    file: Path, tmp_path: Path, clock: WoundClock
) -> None:
    change(file, "UPDATE interactions SET text = CAST(x'ff' AS TEXT)")
    before = file.read_bytes()
    with pytest.raises(LegacyFileError, match=r"interactions\.text: not_utf8"):
        await adopt(file, tmp_path / "backups", clock, quiet)
    assert file.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir() if "adopting" in path.name] == []


async def test_a_file_in_use_is_not_adopted(file: Path, tmp_path: Path, clock: WoundClock) -> None:
    with closing(sqlite3.connect(file, isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        with pytest.raises(LegacyBusyError, match="in use"):
            await adopt(file, tmp_path / "backups", clock, quiet)
        writer.execute("ROLLBACK")


async def test_with_two_networks_there_is_no_way_back(
    file: Path, tmp_path: Path, clock: WoundClock
) -> None:
    await adopt(file, tmp_path / "backups", clock, quiet)
    database = await Database.open(file)
    await Store(database, clock).create_network("Neighbours")
    await database.close()
    with pytest.raises(DowngradeRefusedError):
        give_back(file)


def test_only_an_adopted_file_is_given_back(tmp_path: Path) -> None:
    with pytest.raises(LegacyFileError, match="no database of a hub"):
        give_back(tmp_path / "nothing.db")
