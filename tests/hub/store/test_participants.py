"""Who takes part in which conversation is looked up, however the conversation was written."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, text
from sqlalchemy import event as sql_event
from sqlmodel import select

from hub.store import conversation_rows, postgres, schema, sqlite
from hub.store.database import Database
from hub.store.household import Household
from hub.store.household_kinds import CONVERSATIONS, PERSONS
from hub.store.scope import Scope
from hub.store.store import Store
from hub.store.tables import Conversation, Participant
from hub.store.voice_deeds import VoiceDeeds
from shared.ids import new_id
from tests.hub.store.making import WoundClock, furnish
from tests.hub.store.server import Server

ANN, BEN, CID = (f"{letter * 8}-0000-4000-8000-000000000000" for letter in "abc")


async def found(database: Database, network_id: str, person_id: str) -> list[str]:
    async with database.transaction(Scope(network_id)) as session:
        return [
            one.id for one in await conversation_rows.with_person(session, network_id, person_id)
        ]


async def test_those_who_take_part_are_found_after_whatever_becomes_of_a_conversation(
    any_database: Database, clock: WoundClock
) -> None:
    network_id = (await furnish(Store(any_database, clock))).network_id
    other_network = (await furnish(Store(any_database, clock))).network_id
    household = Household(any_database, clock)

    async def talk(network: str, *people: str) -> str:
        values = {"participant_ids": list(people)}
        return (await household.add(CONVERSATIONS, network, values))[0].conversation_id

    both, one = await talk(network_id, ANN, BEN, ANN), await talk(network_id, ANN)
    await talk(other_network, ANN)
    await talk(network_id)
    assert await found(any_database, network_id, ANN) == sorted([both, one])
    assert await found(any_database, network_id, BEN) == [both]
    async with any_database.transaction(Scope(network_id)) as session:
        (await session.get_one(Conversation, both)).participant_ids = [BEN, CID]
    assert await found(any_database, network_id, ANN) == [one]
    assert await found(any_database, network_id, CID) == [both]
    await household.delete(CONVERSATIONS, network_id, both)
    assert await found(any_database, network_id, BEN) == []
    async with any_database.transaction(Scope(network_id)) as session:
        (await session.get_one(Conversation, one)).participant_ids = None
    async with any_database.session(Scope(network_id)) as session:
        assert list(await session.exec(select(Participant))) == []


@pytest.fixture(params=["sqlite", "postgres"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """An empty database."""
    if request.param == "sqlite":
        engine = sqlite.migration_engine(tmp_path / "history.db")
        yield engine
        engine.dispose()
        return
    server: Server = request.getfixturevalue("server")
    with server.database("template1") as name:
        engine = create_engine(postgres.address(server.owner(name)))
        yield engine
        engine.dispose()


ODD = ("{}", "null", "3", '"Bob"', '["Bob", null, 4, {}]', json.dumps([ANN, ANN]), None)
"""What a legacy system may have left, among it two lists."""


def test_what_is_no_list_of_people_has_nobody_in_it(engine: Engine) -> None:
    def written(row_id: str) -> str:  # SQLite keeps a UUID without dashes
        return row_id.replace("-", "") if engine.dialect.name == "sqlite" else row_id

    network = written(new_id())
    listed = text("SELECT DISTINCT person_id FROM participants")
    with engine.begin() as connection:
        schema.run(connection, "0013")
        connection.execute(
            text(
                "INSERT INTO networks (id, network_id, name, status, settings, metadata, event_seq,"
                " created_at, updated_at)"
                " VALUES (:id, 'net', 'Home', 'active', '{}', '{}', 0, :now, :now)"
            ),
            {"id": network, "now": "2026-03-01 12:00:00+00:00"},
        )
        talks = [{"id": written(new_id()), "network": network, "people": people} for people in ODD]
        add = text(
            "INSERT INTO conversations (id, network_id, participant_ids)"
            " VALUES (:id, :network, CAST(:people AS json))"
            if engine.dialect.name == "postgresql"
            else "INSERT INTO conversations (id, network_id, participant_ids)"
            " VALUES (:id, :network, :people)"
        )
        connection.execute(add, talks)
        schema.run(connection, "0014")  # of those that were there
        assert sorted(connection.scalars(listed)) == sorted([ANN, "Bob"])
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM conversations"))
        assert list(connection.scalars(listed)) == []
        connection.execute(add, talks)  # of those that come
        assert sorted(connection.scalars(listed)) == sorted([ANN, "Bob"])
    with engine.begin() as connection:
        schema.run(connection, "0013")
        connection.execute(text("DELETE FROM conversations"))


async def test_no_conversation_is_read_in_which_a_person_who_goes_takes_no_part(
    database: Database, path: Path, clock: WoundClock
) -> None:
    network_id = (await furnish(Store(database, clock))).network_id
    household = Household(database, clock)
    people = [(await household.add_person(network_id, name))[0].person_id for name in "ABC"]
    for one in people:
        await household.add(CONVERSATIONS, network_id, {"participant_ids": [one]})
    asked: list[tuple[str, Any]] = []

    def note(_: Any, __: Any, statement: str, values: Any, ___: Any, many: bool) -> None:
        if "FROM conversations" in statement:
            asked.append((statement, values[0] if many else values))

    sql_event.listen(database._engine.sync_engine, "before_cursor_execute", note)
    await VoiceDeeds(database, clock).merge(network_id, *people[:2])
    await household.delete(PERSONS, network_id, people[2])
    assert asked
    with closing(sqlite3.connect(path)) as reader:
        for statement, values in asked:
            plan = reader.execute(f"EXPLAIN QUERY PLAN {statement}", values).fetchall()
            looks = [detail for *_, detail in plan if "conversations" in detail]
            assert all(LOOKED_UP.search(detail) for detail in looks), (statement, looks)


LOOKED_UP = re.compile(r"SEARCH conversations USING .*\((?:network_id=\? AND )?id=\?\)")
