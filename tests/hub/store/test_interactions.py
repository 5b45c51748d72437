"""An interaction, its election and its event: together, once, or not at all."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from hub.store.errors import NotFoundError, StoreConflictError
from hub.store.records import InteractionInfo, NetworkInfo
from hub.store.store import Store
from shared.ids import new_id
from shared.wire.events import ContextUpdated, InteractionCreated
from tests.hub.store.making import SPOKEN_AT, again, candidate, election, interaction


async def test_an_interaction_is_stored_with_its_election_and_its_event(
    store: Store, home: NetworkInfo
) -> None:
    said, record = interaction("make tea"), election(home.network_id)
    event, context = await store.record_interaction(said, record)
    assert isinstance(context, ContextUpdated)
    assert event == InteractionCreated(
        seq=3,
        interaction_id=said.interaction_id,
        text="make tea",
        speaker_id=None,
        client_id="kitchen",
        timestamp=SPOKEN_AT,
        processing_status="completed",
        conversation_id=context.conversation_id,
    )
    assert await store.events_after(home.network_id, 2) == (event, context)
    assert await store.recent_elections(home.network_id, 0) == (record,)
    assert await store.interaction(home.network_id, said.interaction_id) == InteractionInfo(
        interaction_id=said.interaction_id,
        text="make tea",
        timestamp=SPOKEN_AT,
        client_id="kitchen",
        speaker_id=None,
        conversation_id=context.conversation_id,
        processing_status="completed",
        processing_metadata={"language": "en", "engine": "moonshine"},
        audio_quality_score=62.5,
        audio_duration_s=3.0,
    )


async def test_a_failed_recognition_is_kept_with_its_reason(
    store: Store, home: NetworkInfo
) -> None:
    said = replace(
        interaction(""), processing_status="failed", processing_metadata={"error": "it hung"}
    )
    event, *_ = await store.record_interaction(said, election(home.network_id))
    assert isinstance(event, InteractionCreated)
    assert event.processing_status == "failed"
    kept = await store.interaction(home.network_id, said.interaction_id)
    assert kept is not None
    assert kept.processing_metadata == {"error": "it hung"}


async def test_speech_that_is_offered_again_becomes_no_second_interaction(
    store: Store, home: NetworkInfo
) -> None:
    record = election(home.network_id)
    event, _ = await store.record_interaction(interaction(), record)
    repeated = await store.record_interaction(interaction("turn on the lights"), again(record))
    assert repeated == (event,)
    assert len(await store.recent_interactions(home.network_id, 10)) == 1
    assert await store.last_seq(home.network_id) == 4


async def test_speech_in_which_nothing_was_understood_becomes_no_interaction_later(
    store: Store, home: NetworkInfo
) -> None:
    record = election(home.network_id)
    await store.record_election(record)
    assert await store.record_interaction(interaction(), again(record)) == ()
    assert await store.recent_interactions(home.network_id, 10) == ()


async def test_two_networks_may_use_the_same_utterance_id(store: Store, home: NetworkInfo) -> None:
    other, _ = await store.create_network("Neighbours")
    utterance = candidate(new_id())
    for network in (home, other):
        await store.record_interaction(interaction(), election(network.network_id, utterance))
        assert len(await store.recent_interactions(network.network_id, 10)) == 1


async def test_an_interaction_id_that_is_taken_stores_nothing_of_the_call(
    sqlite_store: Store, sqlite_home: NetworkInfo
) -> None:
    said, record = interaction(), election(sqlite_home.network_id)
    await sqlite_store.record_interaction(said, record)
    with pytest.raises(StoreConflictError):
        await sqlite_store.record_interaction(said, election(sqlite_home.network_id))
    assert await sqlite_store.recent_elections(sqlite_home.network_id, 0) == (record,)
    assert await sqlite_store.last_seq(sqlite_home.network_id) == 4


async def test_an_unknown_network_stores_nothing(store: Store) -> None:
    with pytest.raises((NotFoundError, StoreConflictError)):
        await store.record_interaction(interaction(), election(new_id()))


async def test_what_a_device_removed_meanwhile_heard_is_kept_without_its_name(
    store: Store, home: NetworkInfo
) -> None:
    event, context = await store.record_interaction(
        interaction(client_id="removed-meanwhile"), election(home.network_id)
    )
    assert isinstance(event, InteractionCreated)
    assert event.client_id is None
    assert await store.events_after(home.network_id, 2) == (event, context)


async def test_the_newest_come_first(store: Store, home: NetworkInfo) -> None:
    for hours in (2, 3, 1):
        said = replace(interaction(f"{hours}"), timestamp=SPOKEN_AT + timedelta(hours=hours))
        await store.record_interaction(said, election(home.network_id))
    newest = await store.recent_interactions(home.network_id, 2)
    assert [each.text for each in newest] == ["3", "2"]


async def test_another_networks_interaction_looks_like_an_unknown_one(
    store: Store, home: NetworkInfo
) -> None:
    other, _ = await store.create_network("Neighbours")
    said = interaction()
    await store.record_interaction(said, election(home.network_id))
    assert await store.interaction(other.network_id, said.interaction_id) is None
    assert await store.interaction(home.network_id, new_id()) is None
