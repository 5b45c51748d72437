"""The edge's configuration: its own rules, its page in the docs, its example."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from edge.config import PREFIX, EdgeConfig, load_edge_config
from shared.config_keys import keys
from shared.errors import ConfigError
from tests.certificates import new_ca
from tests.shared.config_reference import section, tables, uncommented

CA = new_ca()
EXAMPLE = Path(__file__).parents[2] / "systemd" / "edge.toml.example"
NETWORK = "net_0123456789abcdef0123456789abcdef"


def test_the_docs_hold_every_key_with_type_unit_default_and_meaning() -> None:
    assert section("mira-edge").strip() == tables(EdgeConfig).strip()


def test_the_example_is_a_configuration_that_names_every_key(tmp_path: Path) -> None:
    load_edge_config(EXAMPLE, {})
    (tmp_path / "token").write_text("abc")
    text = uncommented(EXAMPLE).replace("/etc/mira-edge/token", str(tmp_path / "token"))
    text = re.sub("^ca = .*$", lambda _: f"ca = {json.dumps(CA)}", text, flags=re.MULTILINE)
    path = tmp_path / "edge.toml"
    path.write_text(text)
    load_edge_config(path, {})
    for key in keys(EdgeConfig):
        assert f"\n{key.name} = " in text, key.name


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("HUB_ADDRESSES", "192.168.1.10:8770"),
        ("HUB_ADDRESSES", "http://hub/api/v1"),
        ("HUB_NETWORK_ID", "net_1"),
        ("HUB_CLIENT_ID", "a b"),
        ("MICROPHONE_SOURCE", "usb"),
        ("MICROPHONE_SOURCE", "card:"),
        ("ACTIVITY_VAD_MODE", "4"),
        ("ACTIVITY_LONGEST_S", "31"),
        ("DEVICE_NAME", ""),
        ("LOG_LEVEL", "info"),
        ("DISCOVERY_INTERFACES", "eth0"),
    ],
)
def test_what_cannot_work_is_refused(variable: str, value: str) -> None:
    with pytest.raises(ConfigError, match=f"{PREFIX}{variable} = .* is not allowed. Allowed: "):
        load_edge_config(None, {PREFIX + variable: value})


def test_the_token_file_wins_over_the_token(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("from the file\n")
    (tmp_path / "token").chmod(0o600)
    config = load_edge_config(
        None,
        {
            "MIRA_EDGE_HUB_TOKEN": "inline",
            "MIRA_EDGE_HUB_TOKEN_FILE": str(tmp_path / "token"),
        },
    )
    assert config.hub.token == "from the file"


def test_access_is_network_client_and_token() -> None:
    access = load_edge_config(
        None,
        {
            "MIRA_EDGE_HUB_NETWORK_ID": NETWORK,
            "MIRA_EDGE_HUB_CLIENT_ID": "client_0123456789abcdef",
            "MIRA_EDGE_HUB_TOKEN": "abc",
            "MIRA_EDGE_HUB_ADDRESSES": "https://mira.example.org",
        },
    ).access()
    assert (access.network_id, access.client_id, access.token) == (
        NETWORK,
        "client_0123456789abcdef",
        "abc",
    )
    assert "abc" not in repr(access).replace("abcdef", "")


def test_what_is_missing_for_access_is_named() -> None:
    with pytest.raises(ConfigError, match="client_id, token or token_file not set"):
        load_edge_config(None, {"MIRA_EDGE_HUB_NETWORK_ID": NETWORK}).access()


def test_a_device_that_knows_no_hub_is_told_to_be_paired() -> None:
    given = {
        "MIRA_EDGE_HUB_NETWORK_ID": NETWORK,
        "MIRA_EDGE_HUB_CLIENT_ID": "kitchen",
        "MIRA_EDGE_HUB_TOKEN": "secret",
    }
    with pytest.raises(ConfigError, match="the device knows no hub"):
        load_edge_config(None, given).access()
    # By its CA the hub is found by mDNS.
    access = load_edge_config(None, given | {"MIRA_EDGE_HUB_CA": CA}).access()
    assert access.ca == CA


@pytest.mark.parametrize("ca", ["nonsense", CA[:200]])
def test_a_ca_that_is_none_is_refused(ca: str) -> None:
    with pytest.raises(ConfigError, match=r"\[hub\] ca is no certificate"):
        load_edge_config(None, {"MIRA_EDGE_HUB_CA": ca})


def test_a_hub_with_a_ca_is_not_spoken_to_in_the_clear() -> None:
    with pytest.raises(ConfigError, match="Write https://"):
        load_edge_config(
            None, {"MIRA_EDGE_HUB_CA": CA, "MIRA_EDGE_HUB_ADDRESSES": "http://192.0.2.1:8770"}
        )


def test_the_control_socket_lies_in_the_runtime_folder_else_with_the_state() -> None:
    own = load_edge_config(None, {"RUNTIME_DIRECTORY": "/run/mira-edge", "STATE_DIRECTORY": "/s"})
    assert own.paths.control_socket == Path("/run/mira-edge/control.sock")
    other = load_edge_config(None, {"MIRA_EDGE_PATHS_STATE_DIR": "/elsewhere"})
    assert other.paths.control_socket == Path("/elsewhere/control.sock")
    said = load_edge_config(None, {"MIRA_EDGE_PATHS_CONTROL_SOCKET": "/c.sock"})
    assert said.paths.control_socket == Path("/c.sock")


def test_a_control_socket_that_linux_would_not_take_is_refused() -> None:
    with pytest.raises(ConfigError, match="longer than 107 bytes"):
        load_edge_config(None, {"MIRA_EDGE_PATHS_STATE_DIR": "/" + "x" * 94})
    load_edge_config(None, {"MIRA_EDGE_PATHS_STATE_DIR": "/" + "x" * 93})
