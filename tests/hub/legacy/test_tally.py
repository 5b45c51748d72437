"""Who still has to move: calls are counted for each client, and survive restarts."""

from __future__ import annotations

import pytest

from hub.legacy.serving import store_the_rest
from hub.legacy.tally import Tally
from hub.metrics import REGISTRY
from hub.store.legacy_clients import LegacyClient, LegacyClients, public_id
from hub.store.legacy_rows import Calls, LegacyRows, counted
from shared.errors import StoreError
from tests.hub.legacy.site import LegacySite


def called(caller: str) -> float:
    return REGISTRY.get_sample_value("mira_legacy_calls_total", {"caller": caller}) or 0.0


async def test_calls_are_counted_for_their_client_across_restarts(any_site: LegacySite) -> None:
    site, network_id = any_site, any_site.home.network.network_id
    await site.enter()
    for _ in range(3):
        await site.call("GET", "/")  # the only client from this address
    await site.legacy.tally.store()
    site.legacy.tally = Tally(LegacyRows(site.database))  # as after a restart
    site.clock.now_us += 5_000_000
    await site.call("GET", "/service/tablet")
    assert (await site.call("GET", "/interactions/nonsense")).status == 404  # counts too
    seq = await site.store.last_seq(network_id)
    await site.legacy.tally.store()
    client = await site.accounts.client(network_id, "tablet")
    assert client.device_info == {
        "legacy": {"calls": 6, "last_call": "2023-11-14T22:13:25+00:00", "address": "127.0.0.1"}
    }
    assert client.last_seen is not None
    assert client.version == 1
    assert await site.store.last_seq(network_id) == seq  # no event for the devices


async def test_whose_call_it_was_is_said_by_path_body_form_token_or_address(
    site: LegacySite,
) -> None:
    await site.enter("tablet")
    await site.enter("phone")
    await site.call("GET", "/")  # either's
    await site.call("PATCH", "/service/enable", json={"client_id": "phone"})
    await site.say("phone")
    await site.call("GET", "/", site.home.clients["kitchen"])
    await site.legacy.tally.store()
    clients = await site.accounts.clients(site.home.network.network_id)
    calls = {c.client_id: c.device_info.get("legacy", {}).get("calls", 0) for c in clients}
    assert calls == {"tablet": 1, "phone": 3, "kitchen": 1, "hall": 0}


async def test_what_a_client_says_of_itself_stays_beside_the_count(site: LegacySite) -> None:
    network_id = site.home.network.network_id
    path = f"{site.home.base}/clients/kitchen"
    await site.ask("PUT", path, site.home.token, json={"device_info": {"model": "x"}})
    now = site.house.now
    calls = {"kitchen": Calls(2, now, "192.168.1.7"), "nobody": Calls(1, now, "192.168.1.7")}
    await site.legacy.rows.note_calls(network_id, calls)
    client = await site.accounts.client(network_id, "kitchen")
    assert client.device_info["model"] == "x"
    assert client.device_info["legacy"]["calls"] == 2


async def test_what_a_client_called_itself_stays_beside_the_count(site: LegacySite) -> None:
    network_id, now = site.home.network.network_id, site.house.now
    legacy = LegacyClients(site.database, site.clock)
    await legacy.add(network_id, [LegacyClient("Wohnzimmer 1", "Living", address="10.0.0.1")])
    for _ in range(2):
        await site.legacy.rows.note_calls(
            network_id, {public_id("Wohnzimmer 1"): Calls(1, now, "10.0.0.2")}
        )
    info = (await site.accounts.client(network_id, public_id("Wohnzimmer 1"))).device_info
    assert info["legacy"]["id"] == "Wohnzimmer 1"
    assert counted(info) == Calls(2, now, "10.0.0.2")


@pytest.mark.parametrize(
    "said", ["x", 1, [], {"calls": "many"}, {"calls": 1, "last_call": "now", "address": "a"}]
)
async def test_what_a_device_says_in_its_place_is_no_count(site: LegacySite, said: object) -> None:
    network_id, now = site.home.network.network_id, site.house.now
    path = f"{site.home.base}/clients/kitchen"
    await site.ask("PUT", path, site.home.token, json={"device_info": {"legacy": said}})
    await site.legacy.rows.note_calls(network_id, {"kitchen": Calls(1, now, "192.168.1.7")})
    found = counted((await site.accounts.client(network_id, "kitchen")).device_info)
    assert found == Calls(1, now, "192.168.1.7")


def test_an_address_that_would_trouble_a_terminal_is_none() -> None:
    said = {"calls": 1, "last_call": "2026-11-27T00:00:00+00:00", "address": "\x1b[2J"}
    assert counted({"legacy": said}) is None


async def test_what_could_not_be_stored_is_stored_later(
    site: LegacySite, caplog: pytest.LogCaptureFixture
) -> None:
    await site.enter()
    rows, store = site.legacy.rows, LegacyRows.note_calls

    async def fails(*_: object) -> None:
        site.legacy.tally.count(site.home.network.network_id, "tablet", "10.0.0.1", site.house.now)
        raise StoreError("the disk is full")

    rows.note_calls = fails  # type: ignore[method-assign, assignment]
    await store_the_rest(site.legacy.tally)
    assert "not counted" in caplog.text
    rows.note_calls = store.__get__(rows)  # type: ignore[method-assign]
    await site.legacy.tally.store()
    client = await site.accounts.client(site.home.network.network_id, "tablet")
    legacy = client.device_info["legacy"]
    assert (legacy["calls"], legacy["address"]) == (2, "10.0.0.1")


async def test_the_figures_say_how_many_called_and_not_who(site: LegacySite) -> None:
    before = {caller: called(caller) for caller in ("client", "unknown", "refused")}
    await site.call("GET", "/")
    await site.enter()
    await site.call("GET", "/", "wrong")
    site.wind_to_day(100)
    assert (await site.call("GET", "/service/tablet")).status == 410  # still has to move
    more = {caller: called(caller) - count for caller, count in before.items()}
    assert more == {"client": 2, "unknown": 1, "refused": 1}
