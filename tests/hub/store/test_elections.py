"""Records of elections, and which utterances they have dealt with."""

from __future__ import annotations

from dataclasses import replace

from hub.store.records import NetworkInfo
from hub.store.store import Store
from shared.ids import new_id
from tests.hub.store.making import again, candidate, election


async def test_a_record_comes_back_as_it_was(store: Store, home: NetworkInfo) -> None:
    record = election(
        home.network_id,
        candidate(new_id(), "hall"),
        replace(candidate(new_id(), "kitchen", "runner_up"), envelope=b"", features={}),
    )
    await store.record_election(record)
    assert await store.recent_elections(home.network_id, 0) == (record,)


async def test_an_election_without_a_winner_is_recorded_too(
    store: Store, home: NetworkInfo
) -> None:
    record = replace(
        election(home.network_id, candidate(new_id(), "hall", "failed")),
        winner_utterance_id=None,
        margin=None,
        decodes=0,
    )
    await store.record_election(record)
    assert await store.recent_elections(home.network_id, 0) == (record,)
    assert await store.last_seq(home.network_id) == 2
    assert await store.recent_interactions(home.network_id, 10) == ()


async def test_only_elections_since_the_given_time_are_recent(
    store: Store, home: NetworkInfo
) -> None:
    records = [election(home.network_id, started_at_us=time) for time in (30, 10, 20)]
    for record in records:
        await store.record_election(record)
    recent = await store.recent_elections(home.network_id, 20)
    assert [record.started_at_us for record in recent] == [20, 30]


async def test_another_networks_elections_stay_there(store: Store, home: NetworkInfo) -> None:
    other, _ = await store.create_network("Neighbours")
    record = election(home.network_id)
    await store.record_election(record)
    assert await store.recent_elections(other.network_id, 0) == ()


async def test_elections_are_found_between_two_times(store: Store, home: NetworkInfo) -> None:
    for time in (10, 20, 30):
        await store.record_election(election(home.network_id, started_at_us=time))
    found = await store.recent_elections(home.network_id, 15, 25)
    assert [record.started_at_us for record in found] == [20]


async def test_repeating_an_election_changes_nothing(store: Store, home: NetworkInfo) -> None:
    record = election(home.network_id)
    await store.record_election(record)
    await store.record_election(again(record))
    assert await store.recent_elections(home.network_id, 0) == (record,)


async def test_a_device_that_offers_the_same_speech_late_joins_the_election_of_then(
    store: Store, home: NetworkInfo
) -> None:
    first, late = candidate(new_id()), candidate(new_id(), "hall")
    record = election(home.network_id, first)
    await store.record_election(record)
    await store.record_election(again(record, late, replace(first, outcome="not_chosen")))
    (after,) = await store.recent_elections(home.network_id, 0)
    assert after.election_id == record.election_id
    assert {entry.utterance_id: entry.outcome for entry in after.candidates} == {
        first.utterance_id: "elected",
        late.utterance_id: "not_chosen",
    }


async def test_what_a_removed_device_heard_is_kept_without_its_name(
    sqlite_store: Store, sqlite_home: NetworkInfo
) -> None:
    record = election(sqlite_home.network_id, candidate(new_id(), "removed-meanwhile"))
    await sqlite_store.record_election(record)
    (after,) = await sqlite_store.recent_elections(sqlite_home.network_id, 0)
    assert after.candidates == (replace(record.candidates[0], client_id=None),)
