"""Who said it is stored with what was said, on both databases; and one stranger is one person."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import msgspec
import numpy as np
import pytest
from sqlalchemy import event as sql_event
from sqlmodel import col, select

from hub.speakers.book import Heard
from hub.speakers.spaces import CAMPPLUS, GE2E, GE2E_LEGACY, SIZES, Embedding
from hub.store import voice_cache
from hub.store.archive import Archive
from hub.store.database import Database
from hub.store.errors import StoreConflictError
from hub.store.household import Household
from hub.store.household_details import PersonDetails
from hub.store.household_kinds import PERSONS
from hub.store.records import Command, InteractionRecord, NetworkInfo
from hub.store.scope import Scope
from hub.store.store import Store
from hub.store.tables import Interaction, Person, VoiceCentroid
from shared.ids import new_id
from shared.wire.events import (
    ContextUpdated,
    Event,
    InteractionCreated,
    PersonChanged,
    SettingsChanged,
)
from tests.hub.speakers.people import between, heard, person, sentence
from tests.hub.store.making import SPOKEN_AT, WoundClock, again, election, furnish, interaction


class House:
    """A network, and a hub at work for it."""

    def __init__(self, database: Database, clock: WoundClock) -> None:
        self.database, self.clock = database, clock
        clock.now_us = int(SPOKEN_AT.timestamp() * 1e6)
        self.store = Store(database, clock)
        self.household = Household(database, clock)
        self.network: NetworkInfo

    async def open(self) -> House:
        self.network = await furnish(self.store)
        return self

    @property
    def network_id(self) -> str:
        return self.network.network_id

    async def hears(
        self, voice: Embedding | Heard, store: Store | None = None, **more: Any
    ) -> tuple[InteractionRecord, tuple[Event, ...]]:
        """Somebody says something."""
        said = replace(interaction("hello"), heard=_heard(voice), **more)
        record = election(self.network_id)
        return said, await (store or self.store).record_interaction(said, record)

    async def said(self, interaction_id: str) -> Interaction:
        async with self.database.session(Scope(self.network_id)) as session:
            found = await session.exec(select(Interaction).where(Interaction.id == interaction_id))
            return found.one()

    async def speaker(self, said: InteractionRecord) -> str | None:
        return (await self.said(said.interaction_id)).speaker_id

    async def persons(self) -> list[Person]:
        async with self.database.session(Scope(self.network_id)) as session:
            found = await session.exec(
                select(Person)
                .where(Person.network_id == self.network_id)
                .order_by(col(Person.index))
            )
            return list(found)

    async def centroids(self) -> list[VoiceCentroid]:
        async with self.database.session(Scope(self.network_id)) as session:
            found = await session.exec(
                select(VoiceCentroid).where(VoiceCentroid.network_id == self.network_id)
            )
            return list(found)

    async def legacy(self, person_id: str, vector: list[float] | None) -> None:
        """What a legacy system knew."""
        async with self.database.transaction(Scope(self.network_id)) as session:
            row = (await session.exec(select(Person).where(Person.id == person_id))).one()
            row.voice_embedding = vector
            session.add(row)


def _heard(voice: Embedding | Heard) -> Heard:
    if isinstance(voice, Heard):
        return voice
    return heard(voice, space=GE2E if len(voice) == SIZES[GE2E] else CAMPPLUS)


@pytest.fixture
async def house(any_database: Database, clock: WoundClock) -> House:
    return await House(any_database, clock).open()


@pytest.fixture
async def sqlite_house(database: Database, clock: WoundClock) -> House:
    return await House(database, clock).open()


async def test_a_stranger_becomes_one_person_and_what_they_said_before_is_theirs(
    house: House,
) -> None:
    first, _ = await house.hears(sentence(1, 0))
    second, told = await house.hears(sentence(1, 1))
    assert [await house.speaker(one) for one in (first, second)] == [None, None]
    assert [type(event) for event in told] == [InteractionCreated, ContextUpdated]
    third, told = await house.hears(sentence(1, 2))
    (only,) = await house.persons()
    assert (only.name, only.index) == (None, 1)
    for one in (first, second, third):
        assert await house.speaker(one) == only.id
    assert [type(event) for event in told] == [
        *(PersonChanged, InteractionCreated, InteractionCreated, ContextUpdated),
        *(InteractionCreated, ContextUpdated),
    ]
    assert [event.seq for event in told] == list(range(told[0].seq, told[0].seq + 6))
    assert {event.speaker_id for event in told if isinstance(event, InteractionCreated)} == {
        only.id
    }
    after = await house.store.events_after(house.network_id, told[0].seq - 1)
    assert after == told
    for number in range(3, 8):
        more, told = await house.hears(sentence(1, number))
        assert await house.speaker(more) == only.id
        assert [type(event) for event in told] == [InteractionCreated, ContextUpdated]
    assert len(await house.persons()) == 1


async def test_how_it_was_decided_is_kept_and_the_voice_with_it(house: House) -> None:
    said, _ = await house.hears(sentence(1, 0))
    row = await house.said(said.interaction_id)
    np.testing.assert_allclose(row.voice_embedding or [], sentence(1, 0), atol=1e-6)
    assert row.processing_metadata == {
        "language": "en",
        "engine": "moonshine",
        "speaker": {
            "outcome": "unknown",
            "similarity": None,
            "margin": None,
            "threshold": 0.8,
            "speech_s": 3.0,
            "space": "ge2e",
            "clear": True,
            "taught": False,
        },
    }
    for number in (1, 2):
        await house.hears(sentence(1, number))
    for number in range(3):
        await house.hears(sentence(2, number))
    said, _ = await house.hears(sentence(1, 9))
    speaker = ((await house.said(said.interaction_id)).processing_metadata or {})["speaker"]
    assert speaker["outcome"] == "known"
    assert 0.8 < speaker["similarity"] < 1
    assert 0.1 < speaker["margin"] < 0.6
    said, _ = await house.hears(Heard({}, 1.1))
    row = await house.said(said.interaction_id)
    assert row.voice_embedding is None
    assert (row.processing_metadata or {})["speaker"]["outcome"] == "too_little_speech"


async def test_a_voice_learns_and_its_rows_are_few(house: House) -> None:
    for number in range(12):
        await house.hears(sentence(1, number))
    (centroid,) = await house.centroids()
    assert centroid.weight == pytest.approx(36.0)
    assert not centroid.enrolled
    (only,) = await house.persons()
    shown = await house.household.one(PERSONS, house.network_id, only.id)
    assert shown.voice_known
    assert shown.voice_learned_s == pytest.approx(36.0)


async def test_nobody_is_told_by_another_networks_voices(house: House) -> None:
    for number in range(3):
        await house.hears(sentence(1, number))
    (theirs,) = await house.persons()
    other = House(house.database, house.clock)
    other.store = house.store
    await other.open()
    said, _ = await other.hears(sentence(1, 5))
    assert await other.speaker(said) is None
    for number in range(6, 8):
        await other.hears(sentence(1, number))
    (own,) = await other.persons()
    assert own.id != theirs.id
    assert len(await house.persons()) == 1


async def test_what_is_offered_again_changes_nothing(house: House) -> None:
    for number in range(2):
        await house.hears(sentence(1, number))
    said = replace(interaction("hello"), heard=heard(sentence(1, 2)))
    record = election(house.network_id)
    await house.store.record_interaction(said, record)
    before = (
        [(one.id, one.version) for one in await house.persons()],
        [(one.id, one.weight) for one in await house.centroids()],
        await house.store.last_seq(house.network_id),
    )
    replayed = replace(interaction("hello"), heard=heard(sentence(1, 2)))
    told = await house.store.record_interaction(replayed, again(record))
    assert {type(event) for event in told} == {InteractionCreated}
    assert before == (
        [(one.id, one.version) for one in await house.persons()],
        [(one.id, one.weight) for one in await house.centroids()],
        await house.store.last_seq(house.network_id),
    )


async def test_a_deleted_person_is_known_no_more_and_the_voice_is_gone(house: House) -> None:
    said = [(await house.hears(sentence(1, number)))[0] for number in range(4)]
    (only,) = await house.persons()
    await house.household.delete(PERSONS, house.network_id, only.id)
    assert await house.centroids() == []
    for one in said:
        row = await house.said(one.interaction_id)
        assert (row.speaker_id, row.voice_embedding) == (None, None)
    later, _ = await house.hears(sentence(1, 7))
    assert await house.speaker(later) is None


async def test_a_deleted_interaction_counts_towards_nobody(house: House) -> None:
    first, _ = await house.hears(sentence(1, 0))
    await house.hears(sentence(1, 1))
    archive = Archive(house.database, house.clock)
    await archive.delete_interaction(house.network_id, first.interaction_id)
    await house.hears(sentence(1, 2))
    assert await house.persons() == []


async def test_what_was_heard_long_ago_counts_towards_nobody(house: House) -> None:
    for number in range(2):
        await house.hears(sentence(1, number))
    house.clock.now_us += int(timedelta(days=31).total_seconds() * 1e6)
    another = Store(house.database, house.clock)
    for store in (house.store, another):
        await house.hears(sentence(1, 2), store, timestamp=SPOKEN_AT + timedelta(days=31))
        assert await house.persons() == []


async def test_another_hub_sees_at_once_whom_this_one_knows(house: House) -> None:
    other = Store(house.database, house.clock)
    assert await other.voice_spaces(house.network_id, GE2E) == (GE2E,)  # so that it holds them
    for number, store in enumerate((house.store, other, house.store)):
        await house.hears(sentence(1, number), store)
    (only,) = await house.persons()
    said, _ = await house.hears(sentence(1, 3), other)
    assert await house.speaker(said) == only.id
    await house.household.delete(PERSONS, house.network_id, only.id)
    said, _ = await house.hears(sentence(1, 4), other)
    assert await house.speaker(said) is None


async def test_two_hubs_make_one_person_of_one_stranger(house: House) -> None:
    stores = [Store(house.database, house.clock) for _ in range(4)]
    for number in range(2):
        await house.hears(sentence(1, number))
    await asyncio.gather(
        *(house.hears(sentence(1, 2 + n), store) for n, store in enumerate(stores))
    )
    await house.hears(sentence(1, 9))
    assert len(await house.persons()) == 1


async def test_a_network_that_wants_no_voices_has_none(house: House) -> None:
    settings = replace_setting(house, voices=False)
    await house.store.change_settings(house.network_id, settings)
    assert await house.store.voice_spaces(house.network_id, GE2E) == ()
    for number in range(4):
        said, told = await house.hears(sentence(1, number))
        assert [type(event) for event in told] == [InteractionCreated, ContextUpdated]
    row = await house.said(said.interaction_id)
    assert (row.voice_embedding, row.speaker_id) == (None, None)
    assert "speaker" not in (row.processing_metadata or {})
    await house.store.change_settings(house.network_id, replace_setting(house, voices=True))
    for number in range(3):
        await house.hears(sentence(1, number))
    assert len(await house.persons()) == 1


def replace_setting(house: House, **changes: bool) -> Any:
    return msgspec.structs.replace(house.network.settings, **changes)


async def test_migrated_people_are_known_from_their_first_sentence_and_learned_anew(
    house: House,
) -> None:
    ann, _ = await house.household.add_person(house.network_id, "Ann")
    odd, _ = await house.household.add_person(house.network_id, "Odd")
    await house.legacy(ann.person_id, [0.7 * float(x) for x in sentence(1, 50)])
    await house.legacy(odd.person_id, [0.5] * 192)
    store = Store(house.database, house.clock)
    assert await store.voice_spaces(house.network_id, GE2E) == (GE2E, GE2E_LEGACY)
    for number in range(4):
        both = Heard({GE2E: sentence(1, number), GE2E_LEGACY: sentence(1, 60 + number)}, 3.0)
        said, _ = await house.hears(both, store)
        assert await house.speaker(said) == ann.person_id
    assert sum(one.weight for one in await house.centroids()) == pytest.approx(12.0)
    assert await store.voice_spaces(house.network_id, GE2E) == (GE2E,)
    said, _ = await house.hears(sentence(1, 9), store)
    assert await house.speaker(said) == ann.person_id


async def test_people_are_known_when_better_weights_come_and_learned_in_their_space(
    house: House,
) -> None:
    """Nobody has to read anything again, and going back to the old weights loses nobody."""
    for seed in (1, 2):
        for number in range(4):
            await house.hears(sentence(seed, number))
    ann, ben = await house.persons()
    better = Store(house.database, house.clock)
    assert await better.voice_spaces(house.network_id, CAMPPLUS) == (CAMPPLUS, GE2E)
    for seed, person_id in ((1, ann.id), (2, ben.id)):
        for number in range(10, 14):
            said, _ = await house.hears(in_both(seed, number), better)
            row = await house.said(said.interaction_id)
            assert row.speaker_id == person_id
            assert len(row.voice_embedding or []) == 192
            told = (row.processing_metadata or {})["speaker"]
            assert told["space"] == CAMPPLUS
            # The first is told by the space of before alone.
            assert told.get("compared_in") == (GE2E if number == 10 else None)
    assert await better.voice_spaces(house.network_id, CAMPPLUS) == (CAMPPLUS,)
    only = Heard({CAMPPLUS: sentence(1, 20, space=CAMPPLUS)}, 3.0, CAMPPLUS)
    said, _ = await house.hears(only, better)
    assert await house.speaker(said) == ann.id
    said, _ = await house.hears(sentence(2, 21), better)  # the same hub, with the old weights
    assert await house.speaker(said) == ben.id
    assert {(one.person_id, one.space) for one in await house.centroids()} == {
        (person_id, space) for person_id in (ann.id, ben.id) for space in (GE2E, CAMPPLUS)
    }


async def test_strangers_are_gathered_in_the_space_in_which_people_are_told(house: House) -> None:
    await house.hears(sentence(1, 0))
    await house.hears(sentence(1, 1))
    for number in range(2):
        said, _ = await house.hears(sentence(1, number, space=CAMPPLUS))
        assert await house.speaker(said) is None
    said, _ = await house.hears(sentence(1, 2, space=CAMPPLUS))
    (only,) = await house.persons()
    assert await house.speaker(said) == only.id
    (centroid,) = await house.centroids()
    assert (centroid.space, len(centroid.vector), centroid.weight) == (CAMPPLUS, 192, 9.0)


def in_both(seed: int, number: int) -> Heard:
    """Something said, in the old space and in the new one."""
    new = sentence(seed, number, space=CAMPPLUS)
    return Heard({CAMPPLUS: new, GE2E: sentence(seed, number)}, 3.0, CAMPPLUS)


async def test_a_voice_that_is_taught_is_known_at_once(house: House) -> None:
    ann, _ = await house.household.add_person(house.network_id, "Ann")
    both = Heard({GE2E: sentence(1, 1), GE2E_LEGACY: sentence(1, 1)}, 3.0)
    said, _ = await house.hears(both)
    assert await house.speaker(said) is None
    await house.household.learn_voice(
        house.network_id, ann.person_id, lambda _: [float(x) for x in sentence(1, 0)]
    )
    said, _ = await house.hears(both)
    assert await house.speaker(said) == ann.person_id


async def test_nothing_is_known_of_what_was_rolled_back(house: House) -> None:
    for number in range(2):
        await house.hears(sentence(1, number))
    known, _ = await house.hears(sentence(3, 0))
    clash = replace(interaction(), interaction_id=known.interaction_id, heard=heard(sentence(1, 2)))
    with pytest.raises(StoreConflictError):
        await house.store.record_interaction(clash, election(house.network_id))
    assert await house.persons() == []
    await house.hears(sentence(1, 2))
    (only,) = await house.persons()
    said, _ = await house.hears(sentence(1, 3))
    assert await house.speaker(said) == only.id


async def test_nobody_is_told_who_might_be_two(house: House) -> None:
    for seed in (1, 2):
        for number in range(3):
            await house.hears(sentence(seed, number))
    said, _ = await house.hears(between(1, 2))
    assert await house.speaker(said) is None


async def test_voices_are_read_once_and_then_only_what_changed(sqlite_house: House) -> None:
    house = sqlite_house
    for seed in (1, 2):
        for number in range(3):
            await house.hears(sentence(seed, number))
    asked: list[Any] = []

    def note(_: Any, __: Any, statement: str, parameters: Any, *___: Any) -> None:
        if statement.startswith("SELECT") and "voice_centroids" in statement:
            asked.append(parameters)

    engine = house.database._engine.sync_engine
    sql_event.listen(engine, "before_cursor_execute", note)
    await house.store.voice_spaces(house.network_id, GE2E)
    asked.clear()
    await house.store.voice_spaces(house.network_id, GE2E)
    assert asked == []
    said, _ = await house.hears(sentence(1, 9))
    await house.store.voice_spaces(house.network_id, GE2E)
    speaker = await house.speaker(said)
    assert speaker is not None
    assert asked
    assert all(speaker.replace("-", "") in str(one) for one in asked)
    sql_event.remove(engine, "before_cursor_execute", note)


async def test_after_a_long_log_all_is_read_anew(
    sqlite_house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(voice_cache, "MOST_LINES", 1)
    for number in range(3):
        await sqlite_house.hears(sentence(1, number))
    (only,) = await sqlite_house.persons()
    said, _ = await sqlite_house.hears(sentence(1, 3))
    assert await sqlite_house.speaker(said) == only.id


def test_the_fake_people_are_as_far_apart_as_real_ones() -> None:
    within = [float(sentence(1, n) @ sentence(1, n + 1)) for n in range(20)]
    across = [float(person(n) @ person(n + 1)) for n in range(20)]
    assert 0.8 < min(within) < max(within) < 0.95
    assert 0.45 < min(across) < max(across) < 0.75


def test_seconds_of_speech_are_shown_without_dust() -> None:
    somebody = Person(id=new_id(), network_id=new_id(), index=1)
    assert PersonDetails.of(somebody, 23.009999999999998).voice_learned_s == 23.01


async def test_from_a_control_phrase_that_is_obeyed_no_voice_learns_and_nobody_is_made(
    house: House,
) -> None:
    strangers = [(await house.hears(sentence(1, number)))[0] for number in (0, 1)]
    stop = Command("network_off", "anyone")
    _, told = await house.hears(sentence(1, 2), command=stop)
    assert [type(event) for event in told] == [SettingsChanged]
    assert await house.persons() == []
    assert [await house.speaker(one) for one in strangers] == [None, None]
    await house.hears(sentence(1, 3))
    before = await house.centroids()
    await house.hears(sentence(1, 4), command=stop)
    assert [one.vector for one in await house.centroids()] == [one.vector for one in before]
    # Where it is not obeyed, it is speech like any other.
    await house.hears(sentence(2, 0), command=Command("network_off", "owner_only"))
    await house.hears(sentence(1, 5), command=Command("network_off", "owner_only"))
    assert len(await house.store.recent_interactions(house.network_id, 10)) == 4
