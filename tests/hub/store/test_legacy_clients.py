"""Records of legacy clients."""

from __future__ import annotations

import pytest

from hub.store.accounts import Accounts
from hub.store.database import Database
from hub.store.errors import NotFoundError
from hub.store.legacy_clients import LegacyClient, LegacyClients, public_id
from hub.store.records import NetworkInfo
from hub.store.store import Store
from shared.ids import CLIENT_ID, new_id
from shared.wire.events import ClientChanged
from tests.hub.store.making import WoundClock


@pytest.fixture
def store(any_database: Database, clock: WoundClock) -> Store:
    return Store(any_database, clock)


@pytest.fixture
def legacy(any_database: Database, clock: WoundClock) -> LegacyClients:
    return LegacyClients(any_database, clock)


@pytest.fixture
def accounts(any_database: Database, clock: WoundClock) -> Accounts:
    return Accounts(any_database, clock)


def test_an_id_is_kept_where_it_can_be_one_and_else_always_becomes_the_same() -> None:
    assert public_id("Kitchen-1.local_2") == "Kitchen-1.local_2"
    for odd in ("Wohnzimmer 1", "", "ü", "x" * 65, "_a", "a/b", "a\n", "\ud800"):
        assert CLIENT_ID.fullmatch(public_id(odd)), odd
    assert public_id("Wohnzimmer 1") == "client_2b03d53e31bc14bb"


async def test_a_client_gets_a_record_that_remembers_what_it_called_itself(
    legacy: LegacyClients, accounts: Accounts, home: NetworkInfo
) -> None:
    odd = LegacyClient("Wohnzimmer 1", "Living room", "living room", "192.168.1.7")
    plain = LegacyClient("bath", "bath")
    records = await legacy.add(home.network_id, [odd, plain])
    assert [(r.client_id, r.legacy_id, r.added) for r in records] == [
        (public_id("Wohnzimmer 1"), "Wohnzimmer 1", True),
        ("bath", "bath", True),
    ]
    (bath, _), (living, _) = await legacy.every(home.network_id)
    assert (living.name, living.device_type) == ("Living room", "legacy")
    assert living.location == {"room": "living room"}
    assert living.device_info == {"legacy": {"id": "Wohnzimmer 1", "address": "192.168.1.7"}}
    assert (bath.client_id, bath.location) == ("bath", {})
    assert bath.device_info == {"legacy": {"id": "bath"}}
    assert await accounts.client(home.network_id, "bath") == bath


async def test_devices_are_told_of_it_once(
    legacy: LegacyClients, store: Store, home: NetworkInfo
) -> None:
    before = await store.last_seq(home.network_id)
    for _ in range(2):
        await legacy.add(home.network_id, [LegacyClient("bath", "Bath")])
    (event,) = await store.events_after(home.network_id, before)
    assert event == ClientChanged(seq=before + 1, client_id="bath", name="Bath", listening=True)


async def test_who_is_there_already_is_left_as_it_is(
    legacy: LegacyClients, accounts: Accounts, home: NetworkInfo
) -> None:
    before = await accounts.clients(home.network_id)
    wanted = [LegacyClient("kitchen", "Another"), LegacyClient("bath", "Bath")]
    assert [r.added for r in await legacy.add(home.network_id, wanted)] == [False, True]
    assert [r.added for r in await legacy.add(home.network_id, wanted)] == [False, False]
    after = await accounts.clients(home.network_id)
    assert tuple(client for client in after if client.client_id != "bath") == before


async def test_whoever_is_named_twice_gets_one_record(
    legacy: LegacyClients, home: NetworkInfo
) -> None:
    twice = [LegacyClient("bath", "Bath"), LegacyClient("bath", "Again")]
    assert [r.added for r in await legacy.add(home.network_id, twice)] == [True, False]


async def test_all_are_added_or_none(
    legacy: LegacyClients, accounts: Accounts, home: NetworkInfo
) -> None:
    with pytest.raises(NotFoundError):
        await legacy.add(new_id(), [LegacyClient("bath", "Bath")])
    assert len(await accounts.clients(home.network_id)) == 2


async def test_who_was_here_as_a_device_has_moved(
    legacy: LegacyClients, store: Store, home: NetworkInfo
) -> None:
    await legacy.add(home.network_id, [LegacyClient("bath", "Bath"), LegacyClient("attic", "A")])
    await store.client_connected(home.network_id, "bath", "mira-edge 1", 0)
    await store.client_connected(home.network_id, "kitchen", "mira-edge 1", 0)
    moved = {client.client_id: moved for client, moved in await legacy.every(home.network_id)}
    assert moved == {"attic": False, "bath": True}


async def test_another_networks_clients_are_not_seen(
    legacy: LegacyClients, store: Store, home: NetworkInfo
) -> None:
    other, _ = await store.create_network("Neighbours")
    await legacy.add(other.network_id, [LegacyClient("bath", "Theirs")])
    assert await legacy.every(home.network_id) == ()
    (record,) = await legacy.add(home.network_id, [LegacyClient("bath", "Ours")])
    assert record.added
