"""The text that a device is configured with."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from edge.config import load_edge_config
from hub.device_config import DeviceConfig, room_of

NETWORK = "net_" + "0" * 32


def config(**given: Any) -> DeviceConfig:
    whole: dict[str, Any] = {
        "hub_id": "hub_1",
        "hub_url": "https://192.168.1.10:8770",
        "network_id": NETWORK,
        "client_id": "kitchen",
        "ca": None,
        "name": "Kitchen",
        "room": "",
    }
    return DeviceConfig(**whole | given)


def test_a_device_with_its_token_is_ready(tmp_path: Path) -> None:
    file = tmp_path / "edge.toml"
    file.write_text(config().toml("mira_client_x"))
    file.chmod(0o600)
    read = load_edge_config(file, {})
    access = read.access()
    assert (access.network_id, access.client_id, access.token) == (
        NETWORK,
        "kitchen",
        "mira_client_x",
    )
    assert read.hub.addresses == ["https://192.168.1.10:8770"]
    assert (read.device.name, read.device.room) == ("Kitchen", "")


def test_without_a_token_it_says_where_it_goes() -> None:
    text = config().toml()
    assert "`token_file`" in text
    assert "token" not in tomllib.loads(text)["hub"]
    assert "`token_file`" not in config().toml("mira_client_x")


def test_what_is_not_known_is_left_out() -> None:
    assert set(tomllib.loads(config(hub_url=None).toml())["hub"]) == {
        "hub_id",
        "network_id",
        "client_id",
    }


@pytest.mark.parametrize(
    "name",
    ['the "old" one', "back\\slash", "Küche 🎤", "\x7f \x1b[31m\n[hub]\ntoken='x'"],
    ids=repr,
)
def test_any_name_and_room_come_through(name: str) -> None:
    read = tomllib.loads(config(name=name, room=name, ca="-----BEGIN\nCA-----\n").toml("t"))
    assert read["device"] == {"name": name, "room": name}
    assert (read["hub"]["token"], read["hub"]["ca"]) == ("t", "-----BEGIN\nCA-----\n")


def test_a_location_that_names_no_room_gives_none() -> None:
    assert room_of({"room": "hall"}) == "hall"
    for location in ({}, {"room": None}, {"room": 7}, {"room": {"a": "b"}}, {"room": "x" * 65}):
        assert room_of(location) == ""
