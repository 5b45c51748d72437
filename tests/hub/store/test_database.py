"""Transactions happen whole or not at all, and writers take turns."""

from __future__ import annotations

import asyncio
import sqlite3
import traceback
from contextlib import closing
from datetime import datetime
from pathlib import Path

import pytest
from sqlalchemy import text, update
from sqlmodel import col, select

from hub.store import schema
from hub.store.database import Database
from hub.store.database_file import change_schema
from hub.store.errors import SchemaError, StoreBusyError, StoreConflictError, StoreFileError
from hub.store.scope import OPERATOR, Scope
from hub.store.store import Store
from hub.store.tables import Client, Network
from shared.errors import StoreError
from tests.hub.store.making import WoundClock, furnish, raw


async def _names(database: Database) -> list[str]:
    async with database.session(OPERATOR) as session:
        return list(await session.exec(select(Network.name).order_by(Network.name)))


async def test_what_was_committed_is_there_after_opening_again(path: Path) -> None:
    database = await Database.open(path)
    await Store(database, WoundClock()).create_network("Home")
    await database.close()
    database = await Database.open(path)
    assert await _names(database) == ["Home"]
    await database.close()


async def test_a_block_that_raises_stores_nothing(database: Database) -> None:
    store = Store(database, WoundClock())
    await store.create_network("Home")

    async def change_and_fail() -> None:
        async with database.transaction(OPERATOR) as session:
            await session.exec(update(Network).values(name="Changed"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await change_and_fail()
    assert await _names(database) == ["Home"]


async def test_a_cancelled_writer_stores_nothing_and_lets_the_next_one_in(
    database: Database,
) -> None:
    store = Store(database, WoundClock())
    await store.create_network("Home")
    written = asyncio.Event()

    async def write() -> None:
        async with database.transaction(OPERATOR) as session:
            await session.exec(update(Network).values(name="Changed"))
            written.set()
            await asyncio.Event().wait()

    writer = asyncio.create_task(write())
    await written.wait()
    writer.cancel()
    with pytest.raises(asyncio.CancelledError):
        await writer
    await store.create_network("Next")
    assert await _names(database) == ["Home", "Next"]


async def test_a_reader_sees_one_picture_while_others_write(database: Database) -> None:
    store = Store(database, WoundClock())
    await store.create_network("Home")
    async with database.session(OPERATOR) as session:
        before = list(await session.exec(select(Network.name)))
        await store.create_network("Next")
        assert list(await session.exec(select(Network.name))) == before


async def test_writers_wait_their_turn_and_are_counted_and_too_many_are_sent_away(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    if database.engine != "sqlite":
        pytest.skip("a server lets many write at once")
    monkeypatch.setattr("hub.store.database.MAX_WRITERS", 3)
    store = Store(database, WoundClock())
    async with database.transaction(OPERATOR):
        assert database.writers_waiting == 0
        waiting = [asyncio.ensure_future(store.create_network(f"Home {n}")) for n in range(3)]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert database.writers_waiting == 3
        with pytest.raises(StoreBusyError):
            await store.create_network("One too many")
        assert await _names(database) == []  # readers wait for nobody
    await asyncio.gather(*waiting)
    assert await _names(database) == ["Home 0", "Home 1", "Home 2"]
    assert store.writers_waiting == 0


async def test_another_programs_long_write_is_reported_and_survived(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hub.store.sqlite.BUSY_TIMEOUT_S", 0)
    database = await Database.open(path)
    store = Store(database, WoundClock())
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreBusyError):
            await store.create_network("Home")
        await store.ping()
        other.execute("ROLLBACK")
    await store.create_network("Home")
    await database.close()


async def test_a_file_that_cannot_be_opened_is_explained(tmp_path: Path) -> None:
    path = tmp_path / "mira.db"
    path.write_bytes(b"not a database, " * 100)
    with pytest.raises(StoreFileError):
        await Database.open(path)


async def test_a_database_that_fails_to_open_is_let_go(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("ALTER TABLE networks RENAME TO gone")
    with pytest.raises(StoreError, match="no such table"):
        await Database.open(path)
    change_schema(path, schema.HEAD, timeout_s=0)  # would be refused while somebody uses it


async def test_a_newer_programs_database_is_not_opened(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.commit()
    with pytest.raises(SchemaError):
        await Database.open(path)


async def test_a_database_that_breaks_is_noticed_by_a_ping(database: Database) -> None:
    async with raw(database) as session, session.begin():
        await session.exec(text("ALTER TABLE networks RENAME TO gone"))  # type: ignore[call-overload]  # exec's types leave out text
    with pytest.raises(StoreError, match="no such table"):
        await database.ping()


async def test_a_network_has_a_client_id_once(database: Database) -> None:
    store = Store(database, WoundClock())
    home = await furnish(store)

    async def rename() -> None:
        async with database.transaction(Scope(home.network_id)) as session:
            hall = update(Client).where(col(Client.client_id) == "hall")
            await session.exec(hall.values(client_id="kitchen"))

    with pytest.raises(StoreConflictError):
        await rename()
    known = {client.client_id for client in await store.clients(home.network_id)}
    assert known == {"kitchen", "hall"}


@pytest.mark.parametrize("wrong", ["a naive time", "no name"])
async def test_what_is_stored_is_in_no_error(database: Database, wrong: str) -> None:
    await Store(database, WoundClock()).create_network("Home")
    said = " ".join(["spoken", "words"])  # a traceback quotes this file, too
    values = {"name": None} if wrong == "no name" else {"created_at": datetime(2026, 3, 1)}  # noqa: DTZ001
    with pytest.raises(StoreError) as failed:
        async with database.transaction(OPERATOR) as session:
            await session.exec(update(Network).values(description=said, **values))
    assert said not in "".join(traceback.format_exception(failed.value))
