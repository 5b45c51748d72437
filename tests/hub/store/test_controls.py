"""Words that switch listening off, and are forgotten."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlmodel import select

from hub.actions.intents import Cancel, CreateReminder
from hub.store import controls
from hub.store.database import Database
from hub.store.household import Household
from hub.store.records import Asked, Command, InteractionRecord, NetworkInfo
from hub.store.scope import Scope
from hub.store.settings import LEGACY_PHRASES, ControlBy, NetworkSettings, parse_settings
from hub.store.store import Store
from hub.store.tables import Election, Interaction, Recording
from shared.wire.events import (
    ClientChanged,
    InteractionCreated,
    ReminderChanged,
    SettingsChanged,
)
from tests.hub.store.making import WoundClock, again, election, furnish, interaction

NOW = datetime(2026, 3, 11, 9, tzinfo=UTC)


def said(
    by: ControlBy = "owner", late: timedelta = timedelta(), **command: object
) -> InteractionRecord:
    effect = command.get("effect", "network_off")
    return replace(
        interaction("Mira, stop."),
        timestamp=NOW - late,
        command=Command(effect, by),  # type: ignore[arg-type]
    )


@pytest.fixture
def clock() -> WoundClock:
    return WoundClock(round(NOW.timestamp() * 1e6))


@pytest.fixture
def store(any_database: Database, clock: WoundClock) -> Store:
    return Store(any_database, clock)


@pytest.fixture
async def home(store: Store) -> NetworkInfo:
    return await furnish(store)


@pytest.mark.parametrize(
    ("text", "phrase"),
    [
        ("Mira, stop.", True),
        ("MIRA  CANCEL!", True),
        ("mira quit", True),
        ("mira stop the music", False),
        ("please mira stop", False),
        ("", False),
    ],
)
def test_a_phrase_is_all_that_is_said(text: str, phrase: bool) -> None:
    assert (controls.effect_of(text, LEGACY_PHRASES) is not None) == phrase


def test_phrases_are_the_networks_own() -> None:
    settings = parse_settings({"control_phrases": {"ruhe bitte": "device_off"}})
    assert controls.effect_of("Ruhe, bitte!", settings.control_phrases) == "device_off"
    assert controls.effect_of("mira stop", settings.control_phrases) is None
    assert NetworkSettings().control_phrases == LEGACY_PHRASES


async def test_the_network_is_off_and_nothing_is_left_but_the_election(
    store: Store, home: NetworkInfo, any_database: Database
) -> None:
    record = election(home.network_id)
    (told,) = await store.record_interaction(said(), record, b"flac")
    assert isinstance(told, SettingsChanged)
    assert not told.listening
    assert not (await store.network(home.network_id)).settings.listening
    assert await store.recent_interactions(home.network_id, 10) == ()
    assert await store.events_after(home.network_id, home.last_seq + 2) == (told,)
    async with any_database.session(Scope(home.network_id)) as session:
        assert (await session.exec(select(Recording))).all() == []
        (kept,) = (await session.exec(select(Election))).all()
    assert kept.interaction_id is None
    assert kept.reason.endswith("; it was a control phrase")
    # Offered again, it switches nothing off that was switched on since.
    await store.set_network_listening(home.network_id, True)
    assert await store.record_interaction(said(), again(record)) == ()
    assert (await store.network(home.network_id)).settings.listening


async def test_one_device_may_be_meant(store: Store, home: NetworkInfo) -> None:
    (told,) = await store.record_interaction(said(effect="device_off"), election(home.network_id))
    assert told == ClientChanged(seq=told.seq, client_id="kitchen", name="kitchen", listening=False)
    assert (await store.network(home.network_id)).settings.listening


async def test_where_it_is_not_obeyed_what_it_asks_for_is_done(
    store: Store, home: NetworkInfo
) -> None:
    due = NOW + timedelta(hours=1)
    asked = Asked(CreateReminder(title="eat", at=due), UTC)
    await store.record_interaction(
        replace(interaction("eat"), timestamp=NOW - timedelta(minutes=1), asked=asked),
        election(home.network_id),
    )
    cancelled = replace(said(by="owner_only"), asked=Asked(Cancel(), UTC))
    told = await store.record_interaction(cancelled, election(home.network_id))
    assert any(isinstance(event, InteractionCreated) for event in told)
    (changed,) = (event for event in told if isinstance(event, ReminderChanged))
    assert changed.status == "cancelled"
    assert (await store.network(home.network_id)).settings.listening


@pytest.mark.parametrize("by", ["anyone", "owner", "owner_only"])
@pytest.mark.parametrize("speaker", ["owner", "another", None])
async def test_who_may_say_so(
    store: Store,
    home: NetworkInfo,
    any_database: Database,
    clock: WoundClock,
    by: ControlBy,
    speaker: str | None,
) -> None:
    household = Household(any_database, clock)
    persons = {
        name: (await household.add_person(home.network_id, name))[0].person_id
        for name in ("owner", "another")
    }
    obeyed = (by, speaker) in {
        ("anyone", "owner"), ("anyone", "another"), ("anyone", None),
        ("owner", "owner"), ("owner", None),
        ("owner_only", "owner"),
    }  # fmt: skip
    async with any_database.transaction(Scope(home.network_id)) as session:
        row = Interaction(
            id=interaction().interaction_id,
            network_id=home.network_id,
            text="mira stop",
            timestamp=NOW,
            speaker_id=persons.get(speaker or ""),
            processing_status="completed",
            created_at=NOW,
        )
        session.add(row)
        await session.flush()
        told = await controls.obey(session, row, Command("network_off", by), NOW)
    assert (told is not None) == obeyed
    assert (await store.network(home.network_id)).settings.listening != obeyed


async def test_another_persons_word_is_an_interaction_like_any_other(
    store: Store, home: NetworkInfo
) -> None:
    told, _ = await store.record_interaction(said("owner_only"), election(home.network_id))
    assert isinstance(told, InteractionCreated)
    assert told.text == "Mira, stop."


@pytest.mark.parametrize(
    ("late", "off"), [(timedelta(minutes=1), True), (timedelta(hours=1), False)]
)
async def test_a_word_of_long_ago_is_overtaken_by_what_was_done_since(
    store: Store, home: NetworkInfo, late: timedelta, off: bool
) -> None:
    told = await store.record_interaction(said(late=late), election(home.network_id))
    assert (len(told), (await store.network(home.network_id)).settings.listening) == (off, not off)
    assert await store.recent_interactions(home.network_id, 10) == ()
