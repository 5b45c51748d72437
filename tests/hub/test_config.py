"""The hub's configuration: its own rules, its page in the docs, its example."""

from __future__ import annotations

from pathlib import Path

import pytest

from hub.config import PREFIX, HubConfig, load_hub_config
from shared.config_keys import keys
from shared.errors import ConfigError
from tests.shared.config_reference import section, tables, uncommented

EXAMPLE = Path(__file__).parents[2] / "systemd" / "hub.toml.example"


def test_the_docs_hold_every_key_with_type_unit_default_and_meaning() -> None:
    assert section("mira-hub").strip() == tables(HubConfig).strip()


def test_the_example_is_a_configuration_that_names_every_key(tmp_path: Path) -> None:
    load_hub_config(EXAMPLE, {})
    path = tmp_path / "hub.toml"
    path.write_text(uncommented(EXAMPLE))
    load_hub_config(path, {})
    for key in keys(HubConfig):
        assert f"\n{key.name} = " in path.read_text(), key.name


@pytest.mark.parametrize("engine", ["auto", "moonshine-tiny-en", "vosk-ko", "vosk:de", "fake"])
def test_every_recogniser_can_be_chosen(engine: str) -> None:
    config = load_hub_config(None, {"MIRA_HUB_RECOGNITION_ENGINE": engine})
    assert config.recognition.engine == engine


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("RECOGNITION_ENGINE", "whisper"),
        ("RECOGNITION_ENGINE", "none"),
        ("RECOGNITION_PARTIAL_ENGINE", "vosk:"),
        ("RECOGNITION_QUEUE", "0"),
        ("SERVER_PORT", "70000"),
        ("SERVER_HOST", ""),
        ("ELECTION_WINDOW_MS", "-1"),
        ("IDENTITY_NAME", "x" * 65),
        ("DISCOVERY_INTERFACES", "192.168.1.20, eth0"),
        ("DISCOVERY_INTERFACES", "192.168.1.256"),
        ("STORE_URL", "mysql://localhost/mira"),
    ],
)
def test_what_cannot_work_is_refused(variable: str, value: str) -> None:
    with pytest.raises(ConfigError, match=f"{PREFIX}{variable} = .* is not allowed. Allowed: "):
        load_hub_config(None, {PREFIX + variable: value})


def test_a_database_url_of_something_else_is_refused_and_not_shown() -> None:
    with pytest.raises(ConfigError, match="DATABASE_URL") as refused:
        load_hub_config(None, {"DATABASE_URL": "mysql://me:secret@localhost/mira"})
    assert "secret" not in str(refused.value)
    url = "postgresql://me:secret@localhost/mira"
    assert load_hub_config(None, {"DATABASE_URL": url}).store.where == url


def test_partial_text_can_be_switched_off() -> None:
    config = load_hub_config(None, {"MIRA_HUB_RECOGNITION_PARTIAL_ENGINE": "none"})
    assert config.recognition.partial_engine == "none"


def test_the_database_lies_in_the_state_folder_unless_told() -> None:
    assert load_hub_config(None, {"STATE_DIRECTORY": "/s"}).store.path == Path("/s/hub.db")
    told = load_hub_config(None, {"MIRA_HUB_STORE_PATH": "/db", "STATE_DIRECTORY": "/s"})
    assert told.store.path == Path("/db")
