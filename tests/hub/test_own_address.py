"""Where commands say that the hub is."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from hub.config import HubConfig, load_hub_config
from hub.own_address import https_url, own_url
from shared.errors import ConfigError


def config(folder: Path, server: str) -> HubConfig:
    file = folder / "hub.toml"
    file.write_text(f'[paths]\nstate_dir = "{folder}"\n[server]\n{server}\n')
    return load_hub_config(file, {})


@pytest.mark.parametrize(("tls", "scheme"), [("own", "https"), ("off", "http")])
def test_the_scheme_is_what_the_port_speaks(tmp_path: Path, tls: str, scheme: str) -> None:
    there = config(tmp_path, f'host = "127.0.0.1"\nport = 8771\ntls = "{tls}"')
    assert own_url(there) == f"{scheme}://127.0.0.1:8771"


def test_an_ipv6_address_stands_in_brackets(tmp_path: Path) -> None:
    assert own_url(config(tmp_path, 'host = "::1"\nport = 8771')) == "https://[::1]:8771"


def test_a_port_that_only_the_running_hub_knows_cannot_be_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--url"):
        own_url(config(tmp_path, "port = 0"))


def test_only_https_addresses_are_taken() -> None:
    assert https_url("https://mira.example.org") == "https://mira.example.org"
    for wrong in ("http://a", "https://", "https://a#b", "a"):
        with pytest.raises(argparse.ArgumentTypeError):
            https_url(wrong)
