"""Conversations come about with what is said, and go with it; late speech finds its own."""

from __future__ import annotations

import asyncio
import re
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event as sql_event
from sqlmodel import select

from hub.store import conversation_rows, conversations, networks
from hub.store.archive import Archive, Wanted
from hub.store.database import Database
from hub.store.household import Household
from hub.store.household_details import ConversationDetails
from hub.store.household_kinds import CONVERSATIONS, PERSONS
from hub.store.records import NetworkInfo
from hub.store.scope import Scope
from hub.store.settings import NetworkSettings
from hub.store.store import Store
from hub.store.tables import Conversation, Interaction
from hub.store.voice_deeds import VoiceDeeds
from shared.ids import new_id
from shared.wire.events import (
    ContextUpdated,
    ConversationDeleted,
    Event,
    InteractionCreated,
    InteractionDeleted,
)
from tests.hub.store.making import SPOKEN_AT, WoundClock, election, furnish, interaction
from tests.hub.store.server import Server

MINUTE = timedelta(minutes=1)


def contexts(told: tuple[Event, ...]) -> list[ContextUpdated]:
    return [event for event in told if isinstance(event, ContextUpdated)]


async def say(
    store: Store, home: NetworkInfo, text: str, after: timedelta, client_id: str = "kitchen"
) -> tuple[str, tuple[Event, ...]]:
    """Something said so long after noon, which arrives now."""
    said = replace(interaction(text, client_id), timestamp=SPOKEN_AT + after)
    return said.interaction_id, await store.record_interaction(said, election(home.network_id))


async def grouped(store: Store, home: NetworkInfo) -> list[list[str]]:
    """What was said, by conversation, the earliest first."""
    found: dict[str | None, list[tuple[datetime | None, str]]] = {}
    for each in await store.recent_interactions(home.network_id, 100):
        found.setdefault(each.conversation_id, []).append((each.timestamp, each.text))
    return sorted([text for _, text in sorted(said)] for said in found.values())


async def test_a_conversation_goes_on_until_nobody_has_spoken_for_a_while(
    store: Store, home: NetworkInfo
) -> None:
    _, first = await say(store, home, "turn on the light", 0 * MINUTE)
    _, second = await say(store, home, "and the heating", 4 * MINUTE, "hall")
    _, third = await say(store, home, "good night", 10 * MINUTE)
    (begun,), (grown,), (other,) = map(contexts, (first, second, third))
    assert begun.title == grown.title == "turn on the light"
    assert begun.conversation_id == grown.conversation_id != other.conversation_id
    assert grown.last_interaction_at == SPOKEN_AT + 4 * MINUTE
    assert await grouped(store, home) == [["good night"], ["turn on the light", "and the heating"]]


async def test_what_comes_late_finds_the_conversation_of_its_own_time(
    store: Store, home: NetworkInfo
) -> None:
    await say(store, home, "one", 0 * MINUTE)
    await say(store, home, "five hours on", 300 * MINUTE)
    _, told = await say(store, home, "before one", -4 * MINUTE)
    (late,) = contexts(told)
    assert late.title == "before one"
    assert late.last_interaction_at == SPOKEN_AT
    assert await grouped(store, home) == [["before one", "one"], ["five hours on"]]


async def test_what_fills_the_silence_between_two_conversations_makes_them_one(
    store: Store, home: NetworkInfo
) -> None:
    await say(store, home, "one", 0 * MINUTE)
    await say(store, home, "two", 1 * MINUTE)
    moved, told = await say(store, home, "nine", 9 * MINUTE)
    (ended,) = contexts(told)
    _, told = await say(store, home, "five", 5 * MINUTE)
    created, again, grown, gone = told
    assert isinstance(created, InteractionCreated)
    assert isinstance(again, InteractionCreated)
    assert isinstance(grown, ContextUpdated)
    assert again.interaction_id == moved
    assert created.conversation_id == again.conversation_id == grown.conversation_id
    assert gone == ConversationDeleted(seq=gone.seq, conversation_id=ended.conversation_id)
    assert grown.last_interaction_at == SPOKEN_AT + 9 * MINUTE
    assert await grouped(store, home) == [["one", "two", "five", "nine"]]
    assert await store.events_after(home.network_id, created.seq - 1) == told


async def test_a_failed_recognition_belongs_to_a_conversation_and_gives_it_no_title(
    store: Store, home: NetworkInfo
) -> None:
    failed = replace(interaction(""), processing_status="failed")
    told = await store.record_interaction(failed, election(home.network_id))
    assert contexts(told)[0].title is None
    _, told = await say(store, home, "say it again", MINUTE)
    assert contexts(told)[0].title == "say it again"
    assert await grouped(store, home) == [["", "say it again"]]


async def test_networks_say_how_long_a_conversation_outlasts_silence(
    store: Store, home: NetworkInfo
) -> None:
    await store.change_settings(home.network_id, NetworkSettings(conversation_silence_s=30))
    await say(store, home, "one", 0 * MINUTE)
    await say(store, home, "two", MINUTE)
    assert await grouped(store, home) == [["one"], ["two"]]


async def test_another_networks_speech_is_of_no_conversation_of_this_one(
    store: Store, home: NetworkInfo
) -> None:
    other = await furnish(store)
    _, ours = await say(store, home, "ours", 0 * MINUTE)
    _, theirs = await say(store, other, "theirs", 0 * MINUTE)
    assert contexts(ours)[0].conversation_id != contexts(theirs)[0].conversation_id


class House:
    """A database with one network, on either engine."""

    def __init__(self, database: Database) -> None:
        self.database, self.clock = database, WoundClock()
        self.store = Store(database, self.clock)
        self.archive = Archive(database, self.clock)
        self.household = Household(database, self.clock)
        self.home: NetworkInfo

    async def say(self, text: str, after: timedelta) -> tuple[str, tuple[Event, ...]]:
        return await say(self.store, self.home, text, after)

    async def conversations(self) -> list[ConversationDetails]:
        page = await self.household.page(CONVERSATIONS, self.home.network_id, [], 50, None)
        return list(page.items)

    async def change(self, conversation_id: str, **values: Any) -> tuple[Event, ...]:
        _, told = await self.household.change(
            CONVERSATIONS, self.home.network_id, conversation_id, values, None
        )
        return told

    async def spoken_by(self, person_id: str | None, *interaction_ids: str) -> tuple[Event, ...]:
        """What assigning a speaker does."""
        network_id = self.home.network_id
        async with self.database.transaction(Scope(network_id)) as session:
            await networks.one(session, network_id, lock=True)
            for interaction_id in interaction_ids:
                row = await session.get(Interaction, interaction_id)
                assert row is not None
                row.speaker_id = person_id
            await session.flush()
            touched = await conversation_rows.of_interactions(session, network_id, interaction_ids)
            return await conversations.refresh(session, network_id, touched, SPOKEN_AT)

    async def migrated(self, *times: datetime) -> str:
        """A conversation that a legacy system left, with what was said in it."""
        network_id = self.home.network_id
        conversation = Conversation(
            id=new_id(),
            network_id=network_id,
            participant_ids=[ANN],
            last_interaction_at=max(times),
        )
        async with self.database.transaction(Scope(network_id)) as session:
            session.add(conversation)
            await session.flush()
            for at in times:
                said = Interaction(
                    id=new_id(),
                    network_id=network_id,
                    text="long ago",
                    timestamp=at,
                    conversation_id=conversation.id,
                )
                session.add(said)
            return conversation.id


ANN = "0b1c2d3e-4f5a-4b6c-8d7e-9f0a1b2c3d05"


@pytest.fixture
async def house(any_database: Database) -> House:
    house = House(any_database)
    house.home = await furnish(house.store)
    return house


async def test_a_title_is_the_first_words_until_a_person_names_it(house: House) -> None:
    await house.say(
        "please turn on the light over the table in the kitchen, and dim it", 0 * MINUTE
    )
    (shown,) = await house.conversations()
    assert shown.title == "please turn on the light over the table in the kitchen, and…"
    (told,) = contexts(await house.change(shown.conversation_id, title="The light"))
    assert told.title == "The light"
    _, said = await house.say("thanks", MINUTE)
    assert contexts(said)[0].title == "The light"
    await house.change(shown.conversation_id, title=None)
    assert (await house.conversations())[0].title == shown.title


async def test_participants_are_those_who_are_known_to_have_spoken(house: House) -> None:
    ann, _ = await house.household.add_person(house.home.network_id, "Ann")
    bob, _ = await house.household.add_person(house.home.network_id, "Bob")
    one, _ = await house.say("one", 0 * MINUTE)
    two, _ = await house.say("two", MINUTE)
    await house.spoken_by(ann.person_id, one, two)
    (told,) = contexts(await house.spoken_by(bob.person_id, two))
    assert told.participants == [ann.person_id, bob.person_id]
    (told,) = contexts(await house.spoken_by(None, one))
    assert told.participants == [bob.person_id]
    await house.household.delete(PERSONS, house.home.network_id, bob.person_id)
    assert (await house.conversations())[0].participant_ids == []


async def test_what_is_deleted_goes_from_its_conversation(house: House) -> None:
    one, _ = await house.say("one", 0 * MINUTE)
    two, _ = await house.say("two", MINUTE)
    gone, told = await house.archive.delete_interaction(house.home.network_id, two)
    assert gone == InteractionDeleted(seq=gone.seq, interaction_id=two)
    assert isinstance(told, ContextUpdated)
    assert told.last_interaction_at == SPOKEN_AT
    _, last = await house.archive.delete_interaction(house.home.network_id, one)
    assert last == ConversationDeleted(seq=last.seq, conversation_id=told.conversation_id)
    assert await house.conversations() == []


async def test_first_words_that_are_deleted_are_the_title_no_more(house: House) -> None:
    secret, _ = await house.say("a secret", 0 * MINUTE)
    await house.say("the weather", MINUTE)
    told = await house.archive.delete_interaction(house.home.network_id, secret)
    assert contexts(told)[0].title == "the weather"


async def test_an_empty_conversation_that_a_person_named_stays(house: House) -> None:
    only, told = await house.say("one", 0 * MINUTE)
    conversation_id = contexts(told)[0].conversation_id
    await house.change(conversation_id, title="Ours")
    await house.archive.delete_interaction(house.home.network_id, only)
    (left,) = await house.conversations()
    assert (left.title, left.last_interaction_at) == ("Ours", SPOKEN_AT)


async def test_what_is_recognised_anew_may_change_the_title(house: House) -> None:
    said, _ = await house.say("", 0 * MINUTE)
    _, told = await house.archive.recognised_again(house.home.network_id, said, "good day", {})
    assert contexts(told)[0].title == "good day"


async def test_conversations_that_people_named_grow_and_are_not_joined(house: House) -> None:
    _, told = await house.say("one", 0 * MINUTE)
    await house.change(contexts(told)[0].conversation_id, title="First")
    _, told = await house.say("nine", 9 * MINUTE)
    await house.change(contexts(told)[0].conversation_id, title="Second")
    await house.say("five", 5 * MINUTE)
    assert await grouped(house.store, house.home) == [["five", "nine"], ["one"]]
    assert {each.title for each in await house.conversations()} == {"First", "Second"}


async def test_new_speech_continues_a_legacy_conversation_only_within_the_silence(
    house: House,
) -> None:
    old = await house.migrated(SPOKEN_AT - 60 * MINUTE, SPOKEN_AT)
    _, told = await house.say("an hour on", 60 * MINUTE)
    assert contexts(told)[0].conversation_id != old
    _, told = await house.say("at once", 3 * MINUTE)
    (grown,) = contexts(told)
    assert grown.conversation_id == old
    assert grown.participants == [ANN]  # as the legacy system had it
    assert len(await house.conversations()) == 2


async def test_a_deleted_conversation_leaves_what_was_said(house: House) -> None:
    said, told = await house.say("one", 0 * MINUTE)
    conversation_id = contexts(told)[0].conversation_id
    network_id = house.home.network_id
    (gone,) = await house.household.delete(CONVERSATIONS, network_id, conversation_id)
    assert gone == ConversationDeleted(seq=gone.seq, conversation_id=conversation_id)
    left = await house.store.interaction(network_id, said)
    assert left is not None
    assert left.conversation_id is None
    _, told = await house.say("two", MINUTE)  # what was deleted does not come back
    assert await grouped(house.store, house.home) == [["one"], ["two"]]


async def test_what_was_said_in_a_conversation_is_read_in_parts(house: House) -> None:
    for minute in range(3):
        _, told = await house.say(f"{minute}", minute * MINUTE)
    await house.say("another day", 999 * MINUTE)
    wanted = Wanted(conversation_id=contexts(told)[0].conversation_id)
    first = await house.archive.interactions(house.home.network_id, wanted, 2, None)
    rest = await house.archive.interactions(house.home.network_id, wanted, 2, first.next_cursor)
    assert [each.text for each in (*first.items, *rest.items)] == ["2", "1", "0"]


@pytest.fixture(params=["sqlite", "postgres"])
async def two_hubs(
    request: pytest.FixtureRequest, server: Server, path: Path
) -> AsyncIterator[tuple[Database, Database]]:
    """One database, opened by two hubs."""
    where: Path | str = path
    if request.param == "postgres":
        where = server.hub(request.getfixturevalue("postgres_name"))
    one, other = await Database.open(where), await Database.open(where)
    yield one, other
    await one.close()
    await other.close()


async def test_two_hubs_that_store_at_once_agree_on_the_conversation(
    two_hubs: tuple[Database, Database],
) -> None:
    stores = [Store(database, WoundClock()) for database in two_hubs]
    households = [Household(database, WoundClock()) for database in two_hubs]
    home = await furnish(stores[0])
    network_id = home.network_id
    # Every fourth minute first, so that what comes between joins conversations.
    minutes = [*range(0, 32, 8), *range(4, 32, 8), *range(2, 32, 4)]
    for part in (minutes[:4], minutes[4:]):
        await asyncio.gather(
            *(
                say(stores[number % 2], home, f"{minute:02}", minute * MINUTE)
                for number, minute in enumerate(part)
            ),
            *(household.add_person(network_id, "Ann") for household in households),
        )
    assert await grouped(stores[0], home) == [[f"{minute:02}" for minute in sorted(minutes)]]
    async with two_hubs[1].session(Scope(network_id)) as session:
        (only,) = await session.exec(select(Conversation))
    assert only.last_interaction_at == SPOKEN_AT + max(minutes) * MINUTE


LOOKED_UP = re.compile(
    r"\((?:network_id=\? AND )?(?:id|interaction_id|conversation_id|speaker_id)=\?"
)


async def test_what_hangs_on_a_few_interactions_is_found_by_their_ids_however_many_there_are(
    sqlite_store: Store, sqlite_home: NetworkInfo, path: Path, clock: WoundClock
) -> None:
    network_id, database = sqlite_home.network_id, sqlite_store._database
    people = [
        (await Household(database, clock).add_person(network_id, name))[0].person_id
        for name in ("Ann", "Ben")
    ]
    deeds = VoiceDeeds(database, clock)
    said = [(await say(sqlite_store, sqlite_home, f"{n}", 20 * n * MINUTE))[0] for n in range(40)]
    for number, one in enumerate(said):
        await deeds.set_speaker(network_id, one, people[number % 2])
    asked: list[tuple[str, Any]] = []

    def note(_: Any, __: Any, statement: str, values: Any, ___: Any, many: bool) -> None:
        asked.append((statement, values[0] if many else values))

    sql_event.listen(database._engine.sync_engine, "before_cursor_execute", note)
    await deeds.set_speaker(network_id, said[0], people[1])
    await Archive(database, clock).delete_interaction(network_id, said[1])
    before = len(asked)
    await deeds.merge(network_id, *people)
    assert len(asked) - before < len(said)  # and not some for each of what was said
    with closing(sqlite3.connect(path)) as reader:
        for statement, values in asked:
            if not re.search(r"(?:FROM|UPDATE) interactions", statement):
                continue
            plan = reader.execute(f"EXPLAIN QUERY PLAN {statement}", values).fetchall()
            looks = [
                detail for *_, detail in plan if re.match("(SEARCH|SCAN) interactions", detail)
            ]
            assert all(LOOKED_UP.search(detail) for detail in looks), (statement, looks)
