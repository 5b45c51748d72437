"""What a device has to be configured with, as the API shows it."""

from __future__ import annotations

import tomllib
from pathlib import Path

from aiohttp.test_utils import make_mocked_request

from edge.config import load_edge_config
from hub.api.device_config import ClientConfig, Form, read
from hub.api.route import Call, Services
from hub.authority import Authority
from hub.store.accounts import DeviceChange
from tests.hub.api.site import PUBLIC_URL, Household, Site


async def toml_of(site: Site, home: Household, token: str) -> str:
    async with site.client.get(
        f"{home.base}/clients/kitchen/config?format=toml",
        headers={"Authorization": f"Bearer {token}"},
    ) as answer:
        assert (answer.status, answer.content_type) == (200, "application/toml")
        assert answer.headers["Cache-Control"] == "no-store"
        return await answer.text()


async def test_a_device_is_told_where_its_hub_is_and_who_it_is(site: Site, home: Household) -> None:
    for token in (home.clients["kitchen"], home.token):
        answer = await site.ask("GET", f"{home.base}/clients/kitchen/config", token)
        assert answer.status == 200
        assert answer.body == {
            "hub_id": "hub_1",
            "hub_url": PUBLIC_URL,
            "websocket_url": f"wss://mira.example.org{home.base}/ws",
            "network_id": home.network.public_id,
            "client_id": "kitchen",
            "name": "kitchen",
            "room": "kitchen",
            "ca": None,
            "ca_sha256": None,
        }


async def test_another_devices_is_not_shown_to_a_device(site: Site, home: Household) -> None:
    answer = await site.ask("GET", f"{home.base}/clients/kitchen/config", home.clients["hall"])
    assert (answer.status, answer.code) == (404, "INVALID_CLIENT_ID")


async def test_as_toml_it_is_its_configuration_but_for_the_token(
    site: Site, home: Household, tmp_path: Path
) -> None:
    token = home.clients["kitchen"]
    text = await toml_of(site, home, token)
    assert token not in text
    file = tmp_path / "edge.toml"
    file.write_text(text)
    config = load_edge_config(file, {"MIRA_EDGE_HUB_TOKEN": token})
    access = config.access()
    assert (access.network_id, access.client_id) == (home.network.public_id, "kitchen")
    assert config.hub.addresses == [PUBLIC_URL]
    assert (config.device.name, config.device.room) == ("kitchen", "kitchen")


async def test_whatever_a_device_calls_itself_its_configuration_can_be_read(
    site: Site, home: Household
) -> None:
    name = '\x7f"\n[hub]\ntoken = "mine"'
    await site.accounts.change_client(
        home.network.network_id, "kitchen", DeviceChange(name=name, location={"room": ["a"]}), None
    )
    tables = tomllib.loads(await toml_of(site, home, home.token))
    assert tables["device"] == {"name": name, "room": ""}
    assert "token" not in tables["hub"]


async def test_a_form_that_there_is_not_is_refused(site: Site, home: Household) -> None:
    for query in ("format=yaml", "format=", "form=toml"):
        answer = await site.ask("GET", f"{home.base}/clients/kitchen/config?{query}", home.token)
        assert (answer.status, answer.code) == (400, "INVALID_REQUEST")


async def test_the_hubs_own_ca_goes_along_and_the_address_is_the_one_that_was_asked(
    site: Site, home: Household, tmp_path: Path
) -> None:
    authority = Authority.open(tmp_path, "hub_1")
    services = Services(
        site.store,
        site.accounts,
        site.archive,
        site.household_data,
        site.networks,
        site.pairing,
        "hub_1",
        voices=site.voices,
        speakers=site.speakers,
        ca=authority.ca,
    )
    access = await site.store.look_up(home.token)
    assert access is not None
    request = make_mocked_request(
        "GET", "/", {"Host": "10.0.0.7:8770"}, match_info={"client_id": "kitchen"}
    )
    config = await read(Call(services, request, access, query=Form()))
    assert isinstance(config, ClientConfig)
    assert (config.ca, config.ca_sha256) == (authority.ca, authority.fingerprint)
    assert config.hub_url == "http://10.0.0.7:8770"
    assert tomllib.loads(config.toml())["hub"]["ca"] == authority.ca
