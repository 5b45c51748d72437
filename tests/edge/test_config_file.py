"""What a pairing writes into a configuration, and what it leaves."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from edge import config_file
from edge.config import load_edge_config
from edge.pairing import Pairing
from shared.errors import ConfigError
from tests.certificates import new_ca

CA = new_ca()
PAIRING = Pairing(
    "https://192.0.2.1:8770", CA, "hub_1", "net_" + "0" * 32, "Home", "client_1", "mira_client_x"
)
EXAMPLE = Path(__file__).parents[2] / "systemd" / "edge.toml.example"
NEW = config_file.tables(PAIRING, 'a "quoted" name', "Küche")


def test_the_tables_are_a_configuration_that_lets_the_device_in(tmp_path: Path) -> None:
    path = tmp_path / "edge.toml"
    path.write_text(NEW)
    path.chmod(0o600)
    config = load_edge_config(path, {})
    access = config.access()
    assert (access.network_id, access.client_id, access.token, access.ca) == (
        PAIRING.network_id,
        "client_1",
        "mira_client_x",
        CA,
    )
    assert config.hub.addresses == [PAIRING.address]
    assert (config.device.name, config.device.room) == ('a "quoted" name', "Küche")


@pytest.mark.parametrize(
    "text",
    [
        "",
        EXAMPLE.read_text(),
        '[log]\nlevel = "DEBUG"\n[hub] # old\ntoken = "old"\nca = """\nold\n"""\n[paths]\n',
        '[device]\nname = "old"\n\n[hub]\naddresses = [\n  "http://old",\n]\n',
        "# a comment and no more",
    ],
)
def test_the_rest_of_a_configuration_stays(text: str) -> None:
    made = config_file.with_tables(text, NEW)
    parsed, before = tomllib.loads(made), tomllib.loads(text)
    assert parsed.pop("hub")["token"] == "mira_client_x"
    assert parsed.pop("device")["room"] == "Küche"
    assert parsed == {key: value for key, value in before.items() if key not in ("hub", "device")}
    for line in text.splitlines():
        assert not line.startswith("#") or line in made
    assert '"old"' not in made
    assert "\nold\n" not in made


@pytest.mark.parametrize("text", ['hub.token = "x"\n', 'hub = { token = "x" }\n', "[log\n"])
def test_what_cannot_be_changed_by_itself_is_said_and_not_touched(
    tmp_path: Path, text: str
) -> None:
    path = tmp_path / "edge.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match="cannot be changed by itself"):
        config_file.with_tables(text, NEW)
    if "log" in text:
        with pytest.raises(ConfigError):
            config_file.check(path)
    assert path.read_text() == text


def test_a_configuration_is_its_groups_at_most(tmp_path: Path) -> None:
    path = tmp_path / "edge.toml"
    config_file.write(path, NEW)
    assert path.stat().st_mode & 0o777 == 0o640
    path.chmod(0o644)
    config_file.write(path, NEW)
    assert path.stat().st_mode & 0o777 == 0o640
    path.chmod(0o600)
    config_file.write(path, NEW)
    assert path.stat().st_mode & 0o777 == 0o600
    assert [one.name for one in tmp_path.iterdir()] == ["edge.toml"]


def test_a_place_that_cannot_be_written_is_known_before(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be written"):
        config_file.check(tmp_path / "nowhere" / "edge.toml")
    config_file.check(tmp_path / "edge.toml")
    assert list(tmp_path.iterdir()) == []
