"""Networks and their settings."""

from __future__ import annotations

import pytest

from hub.store.errors import InvalidSettingsError, NotFoundError
from hub.store.records import NetworkInfo
from hub.store.settings import NetworkSettings, parse_settings
from hub.store.store import Store
from shared.ids import NETWORK_ID, new_id
from shared.wire.events import SettingsChanged


async def test_a_new_network_is_active_and_listens(store: Store) -> None:
    network, _ = await store.create_network("Home", NetworkSettings(language="ko"))
    assert NETWORK_ID.fullmatch(network.public_id)
    assert (network.name, network.status) == ("Home", "active")
    assert network.settings == NetworkSettings(listening=True, language="ko")
    assert await store.network(network.network_id) == network
    assert await store.networks() == (network,)


async def test_switching_listening_off_keeps_the_other_settings(
    store: Store, home: NetworkInfo
) -> None:
    await store.change_settings(home.network_id, NetworkSettings(language="de"))
    event = await store.set_network_listening(home.network_id, listening=False)
    assert event == SettingsChanged(seq=home.last_seq + 4, listening=False, language="de")
    after = (await store.network(home.network_id)).settings
    assert after == NetworkSettings(listening=False, language="de")


async def test_one_networks_switch_is_not_anothers(store: Store, home: NetworkInfo) -> None:
    other, _ = await store.create_network("Neighbours")
    await store.set_network_listening(home.network_id, listening=False)
    assert (await store.network(other.network_id)) == other


async def test_settings_beyond_their_limits_are_not_stored(store: Store, home: NetworkInfo) -> None:
    with pytest.raises(InvalidSettingsError):
        await store.change_settings(home.network_id, NetworkSettings(language=""))
    assert (await store.network(home.network_id)).settings == NetworkSettings()


@pytest.mark.parametrize(
    "document", [{"listenin": True}, {"listening": "yes"}, {"language": 5}, [], None]
)
def test_a_document_that_is_no_settings_is_refused(document: object) -> None:
    with pytest.raises(InvalidSettingsError) as refusal:
        parse_settings(document)
    assert "listening, language" in refusal.value.hint


def test_what_a_document_lacks_has_its_default() -> None:
    assert parse_settings({}) == NetworkSettings(listening=True, language="en")


async def test_an_unknown_network_is_not_found(store: Store) -> None:
    for call in (
        store.network(new_id()),
        store.last_seq(new_id()),
        store.set_network_listening(new_id(), listening=True),
        store.change_settings(new_id(), NetworkSettings()),
    ):
        with pytest.raises(NotFoundError):
            await call
