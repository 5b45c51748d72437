"""The service as old clients see it: on or off, who is there, who hears best."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pytest

from hub.store.settings import NetworkSettings
from shared.wire.events import ClientChanged, SettingsChanged
from tests.hub.legacy.site import LegacySite, detail


async def test_a_client_polls_finds_itself_missing_and_registers(site: LegacySite) -> None:
    before = await site.call("GET", "/")
    assert before.status == 200
    assert before.body == {
        "enabled": True,
        "version": "4.3.0",
        "connected_clients": {},
        "best_client": {"client_id": None, "score": 0.0},
        "recent_interactions": [site.home.interaction_id],
    }
    answer = await site.call(
        "POST",
        "/service/client/register/tablet",
        json={"local_ip_address": "192.168.1.7", "external_ip_address": "203.0.113.9"},
    )
    assert answer.status == 200
    assert answer.body["stream_scoring_enabled"] is True
    assert set(answer.body) == {"message", "stream_scoring_enabled"}
    site.clock.now_us += 2_500_000
    (entry,) = (await site.call("GET", "/")).body["connected_clients"].items()
    assert entry[0] == "tablet"
    assert entry[1]["ip"] == "127.0.0.1"
    assert entry[1]["connection_uptime"] == 2.5
    assert entry[1]["score"] == 0.0
    assert datetime.fromisoformat(entry[1]["connection_start_time"]).tzinfo is None
    assert (await site.call("GET", "/service/tablet")).body == entry[1]


async def test_a_client_that_registers_gets_a_record_in_the_network(site: LegacySite) -> None:
    device = await site.up_to_date()
    await site.enter("tablet.2")
    await site.enter("tablet.2")
    client = await site.store.client(site.home.network.network_id, "tablet.2")
    assert (client.name, client.device_type) == ("tablet.2", "legacy")
    assert (await device.expect(ClientChanged)).client_id == "tablet.2"
    await device.channel.close()


@pytest.mark.parametrize("name", ["Küche links", "x" * 65, "-dash", "a%b"])
async def test_a_name_that_is_no_id_is_kept_as_it_is_and_gets_an_id_of_its_own(
    site: LegacySite, name: str
) -> None:
    path = f"/service/client/register/{name.replace('%', '%25')}"
    for _ in range(2):
        assert (await site.call("POST", path)).status == 200
    assert list((await site.call("GET", "/")).body["connected_clients"]) == [name]
    clients = await site.store.clients(site.home.network.network_id)
    (made,) = [client for client in clients if client.device_type == "legacy"]
    assert made.name == name[:64]
    assert made.client_id.startswith("client_")
    assert (await site.say(name)).body["text"]


async def test_a_name_that_cannot_be_stored_is_refused(site: LegacySite) -> None:
    answer = await site.call("POST", "/service/client/register/a%00b")
    assert answer.status == 400
    assert detail(answer)


async def test_who_is_not_there_is_not_found(site: LegacySite) -> None:
    for method, path in (
        ("GET", "/service/nobody"),
        ("DELETE", "/service/client/deregister/nobody"),
        ("GET", "/streams/nobody/info"),
        ("GET", "/service/nobody/config"),
        ("GET", "/service/%00/config"),
        ("GET", "/no/such/path"),
    ):
        answer = await site.call(method, path)
        assert answer.status == 404, path
        assert detail(answer)
    answer = await site.call("PUT", "/service/enable")
    assert (answer.status, answer.headers["Allow"]) == (405, "GET,PATCH")
    assert detail(answer)


async def test_enabling_and_disabling_is_the_networks_listening(site: LegacySite) -> None:
    device = await site.up_to_date()
    for path, listens in (("disable", False), ("disable/", False), ("enable", True)):
        answer = await site.call("PATCH", f"/service/{path}", json={"client_id": "tablet"})
        assert (answer.status, list(answer.body)) == (200, ["message"])
        assert await site.listens() is listens
        assert (await site.call("GET", "/")).body["enabled"] is listens
    for listens in (False, True):
        assert (await device.expect(SettingsChanged)).listening is listens
    await device.channel.close()


async def test_the_devices_are_told_that_listening_is_off_once(site: LegacySite) -> None:
    network_id = site.home.network.network_id
    before = await site.store.last_seq(network_id)
    for _ in range(3):
        await site.call("PATCH", "/service/disable")
    assert await site.store.last_seq(network_id) == before + 1


async def test_a_network_that_is_not_active_is_disabled(site: LegacySite) -> None:
    await site.enter()
    await site.store.set_network_status(site.home.network.network_id, "inactive")
    assert (await site.call("GET", "/")).body["enabled"] is False
    assert (await site.say()).status == 503
    await site.store.set_network_status(site.home.network.network_id, "suspended")
    assert (await site.call("GET", "/")).status == 403


async def test_the_last_client_that_goes_disables_the_service(site: LegacySite) -> None:
    await site.enter("tablet")
    await site.enter("phone")
    answer = await site.call("DELETE", "/service/client/deregister/tablet")
    assert (answer.status, answer.body["service_enabled"]) == (200, True)
    assert await site.listens()
    answer = await site.call("DELETE", "/service/client/deregister/phone")
    assert answer.body["service_enabled"] is False
    assert answer.body["message"]
    assert not await site.listens()


async def test_where_a_device_of_the_new_system_is_there_the_last_one_disables_nothing(
    site: LegacySite,
) -> None:
    device = await site.device(site.home, "hall")
    await site.enter()
    answer = await site.call("DELETE", "/service/client/deregister/tablet")
    assert answer.body["service_enabled"] is True
    assert await site.listens()
    await device.channel.close()


async def test_where_nobody_may_register_who_is_new_old_clients_may_not(site: LegacySite) -> None:
    await site.enter()
    network_id = site.home.network.network_id
    await site.store.change_settings(network_id, NetworkSettings(registration="closed"))
    assert (await site.call("POST", "/service/client/register/phone")).status == 403
    await site.enter()  # is known


async def test_a_network_has_so_many_legacy_clients(
    site: LegacySite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hub.legacy.service_calls.MAX_CLIENTS", 1)
    await site.enter()
    answer = await site.call("POST", "/service/client/register/phone")
    assert (answer.status, answer.headers["Retry-After"]) == (429, "1")
    await site.enter()


async def test_streams_are_scored_by_their_last_recording(site: LegacySite) -> None:
    assert (await site.call("GET", "/streams/best")).body == {"best_stream": None}
    nobody = {"active_streams": 0, "stream_scores": {}, "current_best": None}
    assert (await site.call("GET", "/streams/scores")).body == nobody
    await site.enter("tablet")
    await site.enter("phone")
    assert (await site.say("phone")).status == 200
    scores = (await site.call("GET", "/streams/scores")).body
    assert scores["active_streams"] == 2
    assert scores["current_best"] == "phone"
    assert 0 < scores["stream_scores"]["phone"] <= 100
    assert scores["stream_scores"]["tablet"] == 0.0
    best = {"client_id": "phone", "score": scores["stream_scores"]["phone"]}
    assert (await site.call("GET", "/streams/best")).body == {"best_stream": best}
    assert (await site.call("GET", "/")).body["best_client"] == best
    info = (await site.call("GET", "/streams/phone/info")).body
    assert set(info) == {
        "client_id",
        "quality_metrics",
        "current_score",
        "is_best_stream",
        "last_update",
    }
    assert (info["client_id"], info["is_best_stream"]) == ("phone", True)
    measured = info["quality_metrics"]
    for name in ("snr", "speech_clarity", "volume_level"):
        assert measured[name] > 0, name
    assert measured["noise_level"] < measured["volume_level"]
    assert not (await site.call("GET", "/streams/tablet/info")).body["is_best_stream"]


async def test_a_phone_says_where_it_is_and_what_it_receives(site: LegacySite) -> None:
    await site.enter("phone")
    place = {"latitude": 52.5, "longitude": 13.4, "accuracy": 12.0}
    said = {"client_id": "phone", "location": place}
    answer = await site.call("POST", "/streams/phone/location", json=said)
    assert answer.status == 200
    assert said.items() <= answer.body.items()
    strength = {"phone_client_id": "mobile", "target_client_id": "phone", "rssi": -61.5}
    answer = await site.call("POST", "/streams/phone/rssi/", json=strength)
    assert answer.status == 200
    assert strength.items() <= answer.body.items()
    measured = (await site.call("GET", "/streams/phone/info")).body["quality_metrics"]
    assert (measured["location"], measured["rssi"]) == (place, -61.5)
    for path in ("location", "rssi"):
        answer = await site.call("POST", f"/streams/phone/{path}", json={"client_id": "phone"})
        assert answer.status == 400
        assert detail(answer)


async def test_a_client_is_told_where_it_has_to_go(site: LegacySite) -> None:
    await site.enter()
    network = site.home.network.public_id
    host = {"Host": "192.168.1.20:8000"}
    told = (await site.call("GET", "/service/tablet/config", headers=host)).body
    assert told["hub_url"] == "https://192.168.1.20:8770"
    assert told["websocket_url"] == f"wss://192.168.1.20:8770/api/v1/networks/{network}/ws"
    assert (told["network_id"], told["client_id"]) == (network, "tablet")
    assert told["new_endpoints"]["audio"] == f"/api/v1/networks/{network}/audio"
    assert f"--network {network}" in told["token"]["pair_as_new_device"]
    assert "mira_" not in str(told)
    under = (await site.call("GET", "/legacy/service/tablet/config", headers=host)).body
    assert under["hub_url"] == "http://192.168.1.20:8000"
    for odd in ("a b", "x/y", "[::1"):
        answer = await site.call("GET", "/service/tablet/config", headers={"Host": odd})
        assert answer.status == 400


async def test_behind_a_reverse_proxy_clients_are_sent_to_its_address(site: LegacySite) -> None:
    await site.enter()
    public = replace(site.legacy.services, public_url="https://mira.example.org/hub/")
    site.legacy.services = public
    for path in ("/service/tablet/config", "/legacy/service/tablet/config"):
        told = await site.call("GET", path, headers={"Host": "192.168.1.20:8000"})
        assert told.body["hub_url"] == "https://mira.example.org/hub"
    assert told.body["migration_guide"] == "https://mira.example.org/hub/legacy/guide"
    old = await site.call("GET", "/", headers={"Host": "192.168.1.20:8000"})
    assert "<http://192.168.1.20:8000/guide>" in old.headers["Link"]


async def test_a_network_that_is_not_active_is_enabled_and_does_not_listen(
    site: LegacySite,
) -> None:
    await site.store.set_network_status(site.home.network.network_id, "inactive")
    answer = await site.call("PATCH", "/service/enable")
    assert answer.status == 200
    assert "not active" in answer.body["message"]
    assert (await site.call("GET", "/")).body["enabled"] is False


async def test_a_body_that_is_no_json_is_told_so(site: LegacySite) -> None:
    for body in (b'{"client_id": 1e999', b"[1]", b""):
        answer = await site.call("POST", "/streams/phone/rssi", data=body)
        assert (answer.status, answer.body["detail"]) == (400, "The body is no JSON object.")
