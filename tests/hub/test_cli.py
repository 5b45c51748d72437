"""The command `mira-hub`: what people and programs get from it."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge.config import load_edge_config
from hub.cli import main
from models.location import locate
from shared.audio import pcm_from_float
from shared.pairing import Link
from shared.wav import write_wav
from tests.hub.store.server import Server


class Command:
    """Runs `mira-hub` on a hub of its own."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self._config = folder / "hub.toml"
        self._config.write_text(
            f'[paths]\nstate_dir = "{folder}"\n[recognition]\nengine = "fake"\n'
        )
        self._capsys = capsys

    def __call__(self, *arguments: str) -> str:
        """What it prints."""
        assert main([*arguments, "--config", str(self._config)]) == 0
        return self._capsys.readouterr().out

    def json(self, *arguments: str) -> Any:
        """What it prints for programs."""
        return json.loads(self(*arguments, "--json"))

    def failing(self, *arguments: str) -> str:
        """What it complains about."""
        assert main([*arguments, "--config", str(self._config)]) == 1
        output = self._capsys.readouterr()
        assert output.out == ""
        return output.err


@pytest.fixture
def command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Command:
    return Command(tmp_path, capsys)


@pytest.fixture
def network(command: Command) -> str:
    network_id: str = command.json("network", "create", "Rivers")["network_id"]
    return network_id


def test_a_new_network_is_shown_with_its_token_to_people_and_programs(command: Command) -> None:
    created = command.json("network", "create", "Rivers")
    assert set(created) == {"network_id", "token"}
    listed = command("network", "list")
    assert created["network_id"] in listed
    assert "Rivers" in listed
    assert created["token"] not in listed
    assert command("network", "create", "Lakes").startswith("network_id  net_")


def test_a_network_gets_another_token(command: Command, network: str) -> None:
    first, second = (command("network", "token", network).strip() for _ in range(2))
    assert first != second
    assert all(token.startswith("mira_net_") for token in (first, second))
    assert "no such network" in command.failing("network", "token", "net_" + "0" * 32)


def test_a_calendar_gets_an_address_that_can_be_ended(command: Command, network: str) -> None:
    where = ("--url", "https://mira.example.org/")
    first, second = (command("network", "feed", network, *where).strip() for _ in range(2))
    path = f"https://mira.example.org/api/v1/networks/{network}/calendar.ics?token=mira_feed_"
    assert first != second
    assert all(url.startswith(path) for url in (first, second))
    assert "Nobody" in command("network", "feed", network, "--off")
    assert "no such network" in command.failing("network", "feed", "net_" + "0" * 32)


def test_what_is_printed_for_a_device_is_its_configuration(
    command: Command, network: str, tmp_path: Path
) -> None:
    printed = command("client", "add", 'the "old" one', "--network", network, "--room", "Küche")
    file = tmp_path / "edge.toml"
    file.write_text(printed)
    config = load_edge_config(file, {})
    access = config.access()
    assert (config.device.name, config.device.room) == ('the "old" one', "Küche")
    assert access.network_id == network
    assert access.client_id in command("client", "list", "--network", network)


def test_several_devices_are_added_at_once_each_with_a_token_of_its_own(
    command: Command, network: str
) -> None:
    added = command.json("client", "add", "kitchen", "hall", "attic", "--network", network)
    assert [client["name"] for client in added] == ["kitchen", "hall", "attic"]
    assert {client["network_id"] for client in added} == {network}
    assert all(client["ca"].startswith("-----BEGIN CERTIFICATE") for client in added)
    assert len({client["token"] for client in added}) == 3
    listed = command("client", "list", "--network", network).splitlines()
    assert {(line.split()[0], line.split()[-1]) for line in listed} == {
        (client["client_id"], name)
        for client, name in zip(added, ("kitchen", "hall", "attic"), strict=True)
    }


def test_several_configurations_are_told_apart_by_their_names(
    command: Command, network: str
) -> None:
    printed = command("client", "add", "kitchen", "hall", "--network", network)
    parts = [part for part in printed.split("# ") if part]
    assert [part.splitlines()[0] for part in parts] == ["kitchen", "hall"]
    for part in parts:
        name, _, configuration = part.partition("\n")
        assert tomllib.loads(configuration)["device"]["name"] == name


def test_a_network_that_is_not_there_is_named_with_what_to_do(command: Command) -> None:
    complaint = command.failing("client", "add", "kitchen", "--network", "net_0")
    assert "no such network" in complaint
    assert "network list" in complaint


def test_recordings_are_transcribed_with_the_configured_engine(
    command: Command, tmp_path: Path
) -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, 16_000)
    for name, seconds in (("one.wav", 1), ("two.wav", 2)):
        write_wav(tmp_path / name, pcm_from_float(np.tile(noise, seconds)))
    files = [str(tmp_path / "one.wav"), str(tmp_path / "two.wav")]

    results = command.json("transcribe", *files)
    assert [result["file"] for result in results] == files
    assert [result["text"] for result in results] == ["speech of 1000 ms", "speech of 2000 ms"]
    assert all(result["engine"] == "fake" and result["seconds"] >= 0 for result in results)
    assert all(0 < result["confidence"] <= 1 for result in results)
    assert "one.wav: speech of 1000 ms" in command("transcribe", *files)


def test_what_cannot_be_transcribed_is_said(command: Command, tmp_path: Path) -> None:
    (tmp_path / "text.wav").write_text("no sound")
    assert "not a WAV file" in command.failing("transcribe", str(tmp_path / "text.wav"))
    assert "cannot be read" in command.failing("transcribe", str(tmp_path / "missing.wav"))
    write_wav(tmp_path / "a.wav", np.zeros(0, np.int16))
    unknown = command.failing("transcribe", str(tmp_path / "a.wav"), "--engine", "whisper")
    assert "no weights called 'whisper'" in unknown


@pytest.mark.weights
def test_real_speech_is_understood(command: Command) -> None:
    speech = str(locate("sample-speech") / "beckett.wav")
    (result,) = command.json("transcribe", speech, "--engine", "moonshine-tiny-en")
    assert "no matter" in result["text"].lower()


@pytest.mark.weights
def test_the_voice_in_a_recording_is_printed_for_programs(
    capsys: pytest.CaptureFixture[str],
) -> None:
    speech = str(locate("sample-speech") / "beckett.wav")
    assert main(["voice", "embed", speech]) == 0
    voice = json.loads(capsys.readouterr().out)
    assert len(voice) == 256
    assert np.linalg.norm(voice) == pytest.approx(1, abs=1e-5)

    assert main(["voice", "embed", speech, "--json", "--space", "ge2e-legacy"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["file"], told["space"]) == (speech, "ge2e-legacy")
    assert 4 < told["speech_s"] < 8
    assert np.dot(told["embedding"], voice) < 0.95

    assert main(["voice", "embed", speech, "--space", "campplus"]) == 0
    other = json.loads(capsys.readouterr().out)
    assert len(other) == 192
    assert np.linalg.norm(other) == pytest.approx(1, abs=1e-5)


@pytest.mark.weights
def test_a_recording_without_a_voice_is_refused(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    silence, text = tmp_path / "silence.wav", tmp_path / "text.wav"
    write_wav(silence, np.zeros(32_000, np.int16))
    text.write_text("no sound")
    assert main(["voice", "embed", str(silence)]) == 1
    assert "0.00 s of speech; 1.6 s are needed" in capsys.readouterr().err
    assert main(["voice", "embed", str(text)]) == 1
    assert "not a WAV file" in capsys.readouterr().err
    monkeypatch.setenv("MIRA_WEIGHTS", str(tmp_path))
    assert main(["voice", "embed", str(silence)]) == 1
    assert "mira-hub models pull voice-ge2e" in capsys.readouterr().err


def test_a_hub_keeps_its_networks_where_database_url_says(
    command: Command, server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with server.database() as name:
        monkeypatch.setenv("DATABASE_URL", server.hub(name))
        network_id = command.json("network", "create", "Rivers")["network_id"]
        command("client", "add", "kitchen", "--network", network_id)
        assert "kitchen" in command("client", "list", "--network", network_id)
        assert not (tmp_path / "hub.db").exists()
        monkeypatch.delenv("DATABASE_URL")
        assert network_id not in command("network", "list")


def test_a_lost_device_is_revoked_a_gone_one_removed(command: Command, network: str) -> None:
    device, other = (
        client["client_id"]
        for client in command.json("client", "add", "kitchen", "attic", "--network", network)
    )
    assert "in force any more" in command("client", "revoke", device, "--network", network)
    token = command("client", "rotate", device, "--network", network, "--overlap", "0")
    assert token.startswith("mira_client_")
    command("client", "remove", other, "--network", network)
    listed = command("client", "list", "--network", network)
    assert device in listed
    assert other not in listed
    for deed in ("revoke", "rotate", "remove"):
        complaint = command.failing("client", deed, other, "--network", network)
        assert "The network has no such device" in complaint


def test_a_network_is_suspended_and_deleted_only_on_purpose(command: Command, network: str) -> None:
    assert "suspended" in command("network", "status", network, "suspended")
    assert "suspended" in command("network", "list")
    assert "With --yes it is deleted" in command.failing("network", "delete", network)
    assert network in command("network", "list")
    command("network", "delete", network, "--yes")
    assert network not in command("network", "list")


@pytest.mark.parametrize("name", ["", "x" * 65, "a\nb"])
def test_a_name_that_no_device_could_have_is_refused(
    command: Command, network: str, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for arguments in (
        ["network", "create", name],
        ["client", "add", name, "--network", network],
        ["client", "add", "kitchen", "--network", network, "--room", name or "\n"],
    ):
        with pytest.raises(SystemExit):
            command(*arguments)
        assert "1 to 64 printable characters" in capsys.readouterr().err


# Pairing


def test_a_pairing_code_is_for_the_only_network_there_is(command: Command, network: str) -> None:
    shown = command("pair")
    assert "Rivers" in shown
    link = Link.parse(shown.partition("mira-edge pair '")[2].partition("'")[0])
    assert link.url.endswith(":8770")
    assert str(link.code) in shown
    again = command.json("pair", "--network", network, "--url", "https://192.0.2.7:1/")
    assert set(again) == {"link", "code", "expires_at"}
    other = Link.parse(again["link"])
    assert other.url == "https://192.0.2.7:1"
    assert other.ca_sha256 == link.ca_sha256
    assert other.code != link.code


def test_which_network_a_device_is_to_join_has_to_be_clear(command: Command) -> None:
    assert "network create" in command.failing("pair")
    for name in ("Rivers", "Lakes"):
        command("network", "create", name)
    assert "--network" in command.failing("pair")
    assert "no such network" in command.failing("pair", "--network", "net_0")


def test_commands_do_not_wait_for_what_only_a_serving_hub_needs() -> None:
    heavy = {"onnxruntime", "vosk", "icalendar", "scipy", "soundfile"}
    program = f"import sys, hub.cli; print(sorted({heavy!r} & set(sys.modules)))"
    done = subprocess.run(  # noqa: S603 - this Python
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
