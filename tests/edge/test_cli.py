"""The command `mira-edge`: what people and programs get from it."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

import edge.cli
from edge.cli import main
from edge.config import EdgeConfig
from edge.control import (
    AskListening,
    DaemonUnreachableError,
    Question,
    Status,
    serve,
)
from edge.microphone.sound_card import SoundCard
from shared.errors import MicrophoneError
from shared.service import Notifier

COMMANDS = (
    *("run", "microphones", "status", "listening"),
    *("history", "people", "reminders", "delete", "name", "complete"),
)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "edge.toml"
    path.write_text(
        f'[paths]\nstate_dir = {json.dumps(str(tmp_path))}\n[hub]\nclient_id = "kitchen"\n'
    )
    return path


class FakeDaemon:
    """Answers on the control socket, on a thread of its own."""

    def __init__(self, folder: Path) -> None:
        self.asked: list[Question] = []
        self.hub: str | None = "http://192.0.2.1:8770"
        self.done = False  # whether the hub has done what is asked for
        self._path = folder / "control.sock"
        self._ready = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._done = asyncio.Event()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._run(),))
        self._thread.start()
        assert self._ready.wait(10)

    async def _run(self) -> None:
        server = await serve(self._path, self._answer)
        self._ready.set()
        await self._done.wait()
        server.close()
        await server.wait_closed()

    async def _answer(self, question: Question) -> Status:
        self.asked.append(question)
        listening = not isinstance(question, AskListening) or question.listening
        if isinstance(question, AskListening) and question.scope == "network" and not self.hub:
            raise DaemonUnreachableError("The hub has not confirmed it yet.")
        return Status(
            name="kitchen",
            hub=self.hub,
            listening=listening,
            network_listening=True,
            microphone="open" if listening else "closed",
            speech=False,
            held=2,
            dropped=1,
            cursor=7,
            done=self.done,
        )

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._done.set)
        self._thread.join()
        self._loop.close()


@pytest.fixture
def running(tmp_path: Path) -> Iterator[FakeDaemon]:
    daemon = FakeDaemon(tmp_path)
    yield daemon
    daemon.close()


# Help


@pytest.mark.parametrize("arguments", [["--help"], *([command, "--help"] for command in COMMANDS)])
def test_every_command_explains_itself(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 0
    text = capsys.readouterr().out
    assert text.startswith("usage: mira-edge")
    if len(arguments) == 1:
        for command in COMMANDS:
            assert f"\n    {command}" in text


def test_the_version_is_that_of_the_installed_package(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith("mira-edge 0.")


@pytest.mark.parametrize("arguments", [[], ["dance"], ["listening"], ["listening", "maybe"]])
def test_what_is_no_command_is_refused_with_what_there_is(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert "usage: mira-edge" in capsys.readouterr().err


# A daemon that runs


def test_status_tells_people_what_the_daemon_does(
    config: Path, running: FakeDaemon, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["status", "--config", str(config)]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "device      kitchen",
        "hub         http://192.0.2.1:8770",
        "listening   on (microphone open)",
        "speech      no",
        "held        2 utterances, 1 given up for want of room",
        "events      7",
    ]
    running.hub = None
    main(["status", "--config", str(config)])
    assert "hub         not connected" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "question"),
    [
        (["off"], AskListening(listening=False)),
        (["on"], AskListening(listening=True)),
        (["off", "--network"], AskListening(listening=False, scope="network")),
    ],
)
def test_listening_is_switched_here_or_everywhere(
    config: Path,
    running: FakeDaemon,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    question: AskListening,
) -> None:
    assert main(["listening", *arguments, "--config", str(config)]) == 0
    assert running.asked == [question]
    state = "on (microphone open)" if question.listening else "off (microphone closed)"
    assert f"listening   {state}" in capsys.readouterr().out


def test_what_the_daemon_refuses_is_said_and_fails(
    config: Path, running: FakeDaemon, capsys: pytest.CaptureFixture[str]
) -> None:
    running.hub = None
    assert main(["listening", "off", "--network", "--config", str(config)]) == 1
    output = capsys.readouterr()
    assert output.out == ""
    assert "mira-edge: The hub has not confirmed it yet" in output.err


# No daemon


@pytest.mark.parametrize("arguments", [["status"], ["listening", "off"]])
def test_without_a_daemon_the_commands_fail_and_say_what_to_look_at(
    config: Path, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*arguments, "--config", str(config)]) == 1
    complaint = capsys.readouterr().err
    assert str(config.parent / "control.sock") in complaint
    assert "Is mira-edge running" in complaint


@pytest.mark.parametrize("reply", [b"", b"\n", b'{"name": "kit', b"[1, 2]\n", b"\xff\n"])
def test_a_daemon_that_dies_over_its_answer_is_no_traceback(
    config: Path, reply: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    def answer(server: socket.socket) -> None:
        connection, _ = server.accept()
        with connection:
            connection.recv(4096)
            connection.sendall(reply)

    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(config.parent / "control.sock"))
        server.listen()
        thread = threading.Thread(target=answer, args=(server,))
        thread.start()
        assert main(["status", "--config", str(config)]) == 1
        thread.join()
    assert "mira-edge: " in capsys.readouterr().err


# The configuration


@pytest.mark.parametrize("command", [["run"], ["status"], ["listening", "on"]])
def test_a_wrong_configuration_is_named_by_line_and_is_an_error_of_its_own(
    config: Path, command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    config.write_text("[hub]\nadresses = []\n")
    assert main([*command, "--config", str(config)]) == os.EX_CONFIG == 78
    complaint = capsys.readouterr().err
    assert f"{config}, line 2: [hub] has no key adresses. Did you mean addresses?" in complaint


def test_a_configuration_that_is_not_there_is_one_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", "--config", str(tmp_path / "none.toml")]) == 78
    assert "cannot be read" in capsys.readouterr().err


def test_a_device_that_no_hub_would_let_in_does_not_start(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config.write_text(f'[hub]\nnetwork_id = "{"net_" + "0" * 32}"\n')
    assert main(["run", "--config", str(config)]) == 78
    assert "client_id, token or token_file not set" in capsys.readouterr().err


@pytest.mark.parametrize("command", [["status"], ["listening", "off"]])
def test_a_device_that_is_not_paired_says_so(
    config: Path, capsys: pytest.CaptureFixture[str], command: list[str]
) -> None:
    config.write_text(f"[paths]\nstate_dir = {json.dumps(str(config.parent))}\n")
    assert main([*command, "--config", str(config)]) == 1
    assert "belongs to no network" in capsys.readouterr().err


def test_a_word_that_names_no_microphone_does_not_start(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config.write_text(config.read_text() + '[microphone]\nsource = "radio"\n')
    assert main(["run", "--config", str(config)]) == 78
    assert "card:NAME" in capsys.readouterr().err


def test_the_systems_configuration_is_taken_where_none_is_named(
    config: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(edge.cli, "SYSTEM_CONFIG", config)
    assert main(["status"]) == 1
    assert str(config.parent / "control.sock") in capsys.readouterr().err


def test_run_runs_the_daemon_as_configured(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config.write_text(config.read_text() + '[log]\nlevel = "ERROR"\n[device]\nname = "Attic"\n')
    ran: list[str] = []

    async def run(settings: EdgeConfig, notifier: Notifier) -> None:
        ran.append(settings.device.name)
        assert logging.getLogger().level == logging.ERROR

    monkeypatch.setattr(edge.cli, "run", run)
    assert main(["run", "--config", str(config)]) == 0
    assert ran == ["Attic"]


def test_ctrl_c_is_no_traceback(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(edge.cli, "run", interrupted)
    assert main(["run", "--config", str(config)]) == 130


# Sound cards


def test_sound_cards_are_listed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    cards = [SoundCard(3, "USB Microphone", 1, 48_000), SoundCard(5, "Array", 4, 16_000)]
    monkeypatch.setattr(edge.cli, "list_microphones", lambda: cards)
    assert main(["microphones"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "3: USB Microphone (1 channels, 48000 Hz)",
        "5: Array (4 channels, 16000 Hz)",
    ]


def test_where_there_is_none_that_is_said_and_fails(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(edge.cli, "list_microphones", list)
    assert main(["microphones"]) == 1
    assert "No sound card can record here." in capsys.readouterr().err

    def missing() -> list[SoundCard]:
        raise MicrophoneError("PortAudio cannot be loaded.", "Install libportaudio2.")

    monkeypatch.setattr(edge.cli, "list_microphones", missing)
    assert main(["microphones"]) == 1
    assert "mira-edge: PortAudio cannot be loaded. Install" in capsys.readouterr().err
