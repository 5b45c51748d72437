"""Devices of a network."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from hub.store.errors import ClientExistsError, NotFoundError, OutdatedChangeError
from hub.store.records import NetworkInfo
from hub.store.store import Store
from shared.ids import CLIENT_ID, new_id
from shared.wire.events import ClientChanged
from tests.hub.store.making import WoundClock


async def test_a_new_device_may_listen_and_is_announced(store: Store) -> None:
    network, _ = await store.create_network("Home")
    client, _, event = await store.add_client(network.network_id, "Kitchen", room="kitchen")
    assert CLIENT_ID.fullmatch(client.client_id)
    assert (client.name, client.device_type, client.room) == ("Kitchen", "microphone", "kitchen")
    assert (client.listening, client.connection_status, client.last_seen) == (True, "offline", None)
    assert event == ClientChanged(seq=1, client_id=client.client_id, name="Kitchen", listening=True)
    assert await store.clients(network.network_id) == (client,)


async def test_two_networks_may_call_a_device_the_same(store: Store, home: NetworkInfo) -> None:
    other, _ = await store.create_network("Neighbours")
    await store.add_client(other.network_id, "Theirs", client_id="kitchen")
    assert (await store.client(home.network_id, "kitchen")).name == "kitchen"
    assert (await store.client(other.network_id, "kitchen")).name == "Theirs"


async def test_a_second_device_of_the_same_id_is_refused(store: Store, home: NetworkInfo) -> None:
    before = await store.last_seq(home.network_id)
    with pytest.raises(ClientExistsError):
        await store.add_client(home.network_id, "Again", client_id="kitchen")
    assert await store.last_seq(home.network_id) == before
    assert len(await store.clients(home.network_id)) == 2


async def test_an_id_that_is_none_is_refused(store: Store, home: NetworkInfo) -> None:
    with pytest.raises(ValueError, match="not a client id"):
        await store.add_client(home.network_id, "Odd", client_id="../etc")


async def test_one_device_is_switched_off(store: Store, home: NetworkInfo) -> None:
    event = await store.set_client_listening(home.network_id, "hall", listening=False)
    assert event == ClientChanged(seq=3, client_id="hall", name="hall", listening=False)
    listening = {each.client_id: each.listening for each in await store.clients(home.network_id)}
    assert listening == {"hall": False, "kitchen": True}


async def test_comings_and_goings_are_noted_without_an_event(
    store: Store, home: NetworkInfo, clock: WoundClock
) -> None:
    clock.now_us = 1_800_000_000_000_001
    session = await store.client_connected(home.network_id, "hall", "mira-edge 1", 1)
    assert (await store.client(home.network_id, "hall")).connection_status == "online"
    clock.now_us += 1_000_000
    await store.client_disconnected(home.network_id, "hall", session, 2)
    hall = await store.client(home.network_id, "hall")
    assert hall.connection_status == "offline"
    assert hall.last_seen == datetime(2027, 1, 15, 8, 0, 1, 1, tzinfo=UTC)
    assert (await store.client(home.network_id, "kitchen")).last_seen is None
    assert await store.last_seq(home.network_id) == 2


async def test_after_a_crash_nobody_is_online(store: Store, home: NetworkInfo) -> None:
    await store.client_connected(home.network_id, "hall", "mira-edge 1", 0)
    await store.all_clients_offline()
    assert {each.connection_status for each in await store.clients(home.network_id)} == {"offline"}


async def test_another_networks_device_looks_like_an_unknown_one(
    store: Store, home: NetworkInfo
) -> None:
    other, _ = await store.create_network("Neighbours")
    errors = []
    for network_id, client_id in ((other.network_id, "kitchen"), (home.network_id, "cellar")):
        with pytest.raises(NotFoundError) as unknown:
            await store.set_client_listening(network_id, client_id, listening=False)
        errors.append(str(unknown.value))
    assert errors[0] == errors[1]


async def test_a_device_of_an_unknown_network_is_refused(store: Store) -> None:
    with pytest.raises(NotFoundError):
        await store.add_client(new_id(), "Kitchen")


async def test_what_was_wanted_a_while_ago_switches_on_only_if_nobody_did_anything_since(
    store: Store, home: NetworkInfo, clock: WoundClock
) -> None:
    network_id = home.network_id
    clock.now_us += 3_600_000_000
    noon = datetime.fromtimestamp(clock.now_us / 1e6, UTC)
    early, late = noon - timedelta(minutes=9), noon - timedelta(minutes=1)

    async def client(listening: bool, made_at: datetime | None) -> bool:
        return (await store.set_client_listening(network_id, "hall", listening, made_at)).listening

    async def network(listening: bool, made_at: datetime | None) -> bool:
        return (await store.set_network_listening(network_id, listening, made_at)).listening

    for switch in (client, network):
        assert not await switch(False, late)
        with pytest.raises(OutdatedChangeError):
            await switch(True, early)
        assert await switch(True, late)  # by whom that switched it off, and at that moment
        assert not await switch(False, early)  # off always comes
        with pytest.raises(OutdatedChangeError):
            await switch(True, early)
        assert await switch(True, None)


async def test_a_hub_whose_clock_was_set_back_takes_what_people_want(
    store: Store, home: NetworkInfo, clock: WoundClock
) -> None:
    await store.set_client_listening(home.network_id, "hall", listening=False)
    await store.set_network_listening(home.network_id, listening=False)
    clock.now_us -= 7_200_000_000
    wanted = datetime.fromtimestamp(clock.now_us / 1e6, UTC)
    clock.now_us += 1_000_000
    assert (await store.set_client_listening(home.network_id, "hall", True, wanted)).listening
    assert (await store.set_network_listening(home.network_id, True, wanted)).listening
    # From now on the later one stays again.
    await store.set_client_listening(home.network_id, "hall", listening=False)
    with pytest.raises(OutdatedChangeError):
        await store.set_client_listening(home.network_id, "hall", True, wanted)
