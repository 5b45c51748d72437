"""Devices by the API."""

from __future__ import annotations

import asyncio

import pytest

from shared.wire.events import ClientChanged, ClientRemoved
from tests.hub.api.site import Household, Site, closed


async def test_a_registration_token_lets_one_device_in(site: Site, home: Household) -> None:
    watcher = await site.device(home, "hall")
    body = {
        "name": "Attic",
        "device_type": "microphone",
        "device_info": {"model": "Pi 5"},
        "capabilities": ["microphone"],
        "location": {"room": "attic"},
    }
    made = await site.ask("POST", f"{home.base}/clients", home.registration, json=body)
    assert made.status == 201
    client, token = made.body, made.body["client_token"]
    assert {key: client[key] for key in body} == body
    assert made.body["settings"]["language"] == "en"
    home.clients[client["client_id"]] = token
    assert await site.device(home, client["client_id"])
    while (told := await watcher.expect(ClientChanged)).client_id != client["client_id"]:
        pass
    assert told.name == "Attic"
    again = await site.ask("POST", f"{home.base}/clients", home.registration, json=body)
    assert (again.status, again.code) == (401, "UNAUTHORIZED")
    another = await site.ask("POST", f"{home.base}/registration-tokens", home.token)
    more = another.body["client_registration_token"]
    assert (await site.ask("POST", f"{home.base}/clients", more, json=body)).status == 201


async def test_a_registration_token_is_used_once_however_many_come_at_once(
    site: Site, home: Household
) -> None:
    path = f"{home.base}/clients"
    answers = await asyncio.gather(
        *(site.ask("POST", path, home.registration, json={"name": f"n{n}"}) for n in range(5))
    )
    assert [answer.status for answer in answers].count(201) == 1
    assert len(await site.accounts.clients(home.network.network_id)) == 3


async def test_a_device_is_renamed_moved_and_switched_off(site: Site, home: Household) -> None:
    watcher = await site.device(home, "hall")
    path = f"{home.base}/clients/kitchen"
    changed = await site.ask(
        "PUT", path, home.token, json={"name": "Stove", "location": {"room": "kitchen"}}
    )
    assert (changed.body["name"], changed.body["version"]) == ("Stove", 2)
    assert changed.headers["ETag"] == '"2"'
    off = await site.ask("PUT", path, home.clients["kitchen"], json={"listening": False})
    assert (off.body["name"], off.body["listening"]) == ("Stove", False)
    while (told := await watcher.expect(ClientChanged)).listening or told.name != "Stove":
        pass
    stale = await site.ask("PUT", path, home.token, json={"name": "x"}, **{"If-Match": '"1"'})
    assert (stale.status, stale.code) == (412, "VERSION_CONFLICT")
    listed = await site.ask("GET", f"{home.base}/clients", home.clients["hall"])
    assert [client["name"] for client in listed.body["clients"]] == ["Stove", "hall"]


async def test_a_removed_device_is_sent_away_and_everywhere_forgotten(
    site: Site, home: Household
) -> None:
    watcher, device = await site.device(home, "hall"), await site.device(home, "kitchen")
    assert (await site.ask("DELETE", f"{home.base}/clients/kitchen", home.token)).status == 204
    assert await closed(device) == 4401
    assert (await watcher.expect(ClientRemoved)).client_id == "kitchen"
    assert await site.store.look_up(home.clients["kitchen"]) is None
    said = await site.archive.interaction(home.network.network_id, home.interaction_id)
    assert (said.text, said.client_id) == ("said in home", None)
    # A device that was away is told too, in the place of what came before.
    late = await site.device(home, "hall")
    first = await late.expect(ClientRemoved)
    assert (first.client_id, first.seq) == ("kitchen", 1)


async def test_a_removed_device_that_comes_back_is_told_and_nobody_else_is(
    site: Site, home: Household, neighbours: Household
) -> None:
    assert (await site.ask("DELETE", f"{home.base}/clients/kitchen", home.token)).status == 204
    gone = await site.ask("GET", home.base, home.clients["kitchen"])
    assert (gone.status, gone.code) == (410, "NO_MEMBER")
    assert (await site.ask("GET", home.base, home.clients["hall"])).status == 200
    unknown = "mira_client_" + "x" * 43
    for base, token in ((home.base, unknown), (home.base, neighbours.clients["kitchen"])):
        assert (await site.ask("GET", base, token)).status == 401


async def test_the_devices_of_a_deleted_network_are_told_when_they_come_back(
    site: Site, home: Household, neighbours: Household
) -> None:
    await site.accounts.revoke(home.network.network_id, "hall")
    assert (await site.ask("DELETE", home.base, home.token)).status == 204
    for client in ("kitchen", "hall"):
        gone = await site.ask("GET", f"{home.base}/ws", home.clients[client])
        assert (gone.status, gone.code) == (410, "NO_MEMBER")
    assert (await site.ask("GET", home.base, home.token)).status == 401
    assert (await site.ask("GET", neighbours.base, neighbours.clients["hall"])).status == 200


async def test_a_revoked_device_is_sent_away_and_does_not_come_in(
    site: Site, home: Household
) -> None:
    device = await site.device(home, "kitchen")
    path = f"{home.base}/clients/kitchen/token"
    assert (await site.ask("DELETE", path, home.token)).status == 204
    assert await closed(device) == 4401
    assert (await site.ask("GET", home.base, home.clients["kitchen"])).status == 401
    assert (await site.ask("GET", home.base, home.clients["hall"])).status == 200


async def test_a_token_that_another_process_revokes_ends_the_connection_too(
    site: Site, home: Household
) -> None:
    """Within two seconds, for the hub looks every second."""
    device = await site.device(home, "kitchen")
    poll = asyncio.create_task(site.networks.poll())
    await site.accounts.revoke(home.network.network_id, "kitchen")
    assert await closed(device) == 4401
    other = await site.device(home, "hall")
    await site.store.set_network_status(home.network.network_id, "suspended")
    assert await closed(other) == 4401
    poll.cancel()


async def test_a_rotated_token_leaves_time_to_change_it(site: Site, home: Household) -> None:
    path = f"{home.base}/clients/kitchen/token"
    fresh = await site.ask("POST", path, home.clients["kitchen"], json={"overlap_s": 60})
    assert fresh.status == 201
    for token in (home.clients["kitchen"], fresh.body["client_token"]):
        assert (await site.ask("GET", home.base, token)).status == 200
    site.clock.now_us += 61_000_000
    assert (await site.ask("GET", home.base, home.clients["kitchen"])).status == 401
    assert (await site.ask("GET", home.base, fresh.body["client_token"])).status == 200


@pytest.mark.parametrize(
    "body",
    [{}, {"name": "x", "token": "y"}, {"name": "x", "capabilities": "all"}, {"name": "x" * 65}],
)
async def test_a_device_that_says_nonsense_of_itself_is_refused_and_keeps_its_token(
    site: Site, home: Household, body: object
) -> None:
    refused = await site.ask("POST", f"{home.base}/clients", home.registration, json=body)
    assert (refused.status, refused.code) == (400, "INVALID_REQUEST")
    body = {"name": "Attic"}
    made = await site.ask("POST", f"{home.base}/clients", home.registration, json=body)
    assert made.status == 201
