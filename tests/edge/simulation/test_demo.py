"""The demo, as somebody runs it."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil
import pytest

from edge.simulation import demo, demo_home, demo_run, demo_session
from edge.simulation.demo_home import DemoHome, DeviceSpec
from edge.simulation.process import ProcessError
from shared.discovery import MdnsUnavailableError
from shared.errors import MicrophoneError

pytestmark = [pytest.mark.process, pytest.mark.weights]


@pytest.fixture
def one_utterance(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo_session, "UTTERANCES", 1)


@contextmanager
def running_demo(folder: Path) -> Iterator[tuple[subprocess.Popen[str], list[psutil.Process]]]:
    """A demo and the processes that it has started, once its devices are being started."""
    command = [sys.executable, "-m", "edge.simulation.demo", "--engine", "fake", "--out", "out"]
    # One that is killed leaves its temporary files behind; the paths of sockets have to be short.
    with (
        TemporaryDirectory() as short,
        subprocess.Popen(  # noqa: S603 - our own program
            command,
            cwd=folder,
            env=os.environ | {"PYTHONUNBUFFERED": "1", "TMPDIR": short},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process,
    ):
        assert process.stdout is not None
        try:
            for line in process.stdout:
                if line.startswith("A home with"):
                    break
            children = psutil.Process(process.pid).children(recursive=True)
            assert sum("mira-edge" in " ".join(child.cmdline()) for child in children) == 5
            assert sum("mira-hub" in " ".join(child.cmdline()) for child in children) == 1
            yield process, children
        finally:
            process.kill()


@pytest.mark.usefixtures("one_utterance")
def test_a_demo_ends_with_one_line_of_json_and_leaves_pictures(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    handlers, before = logging.getLogger().handlers[:], psutil.Process().children()
    assert (
        demo.main(["--seed", "1", "--devices", "4", "--engine", "fake", "--out", str(tmp_path)])
        == 0
    )
    assert logging.getLogger().handlers == handlers
    output = capsys.readouterr().out
    assert "found by mDNS" in output
    assert "elected" in output
    line = json.loads(output.splitlines()[-1])
    assert set(line) == {"utterances", "wer", "received_by", "seconds"}
    (utterance,) = line["utterances"]
    assert utterance["reference"].startswith("It was the best of times")
    assert utterance["text"].startswith("speech of ")
    assert utterance["wer"] == line["wer"] > 0.9
    assert len(line["received_by"]) == 4
    assert {utterance["elected"], utterance["hindsight_best"]} <= set(line["received_by"])
    assert set(psutil.Process().children()) <= set(before)  # other tests' helpers may be there
    for picture in ("home.png", "session.png"):
        assert (tmp_path / picture).read_bytes().startswith(b"\x89PNG")


async def test_where_mdns_does_not_work_devices_get_the_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unusable(*_: object) -> None:
        raise MdnsUnavailableError("no multicast here")

    monkeypatch.setattr(demo_home, "open_mdns", unusable)
    async with DemoHome(tmp_path, "fake") as home:
        accesses = await home.enrol(["kitchen"])
        await home.start_hub()
        assert "by its address, for want of mDNS" in home.about
        await home.start_devices([DeviceSpec("kitchen", "", "file:none.wav")], accesses)
        status = await home.devices[0].status()
        assert status is not None
        assert (status.hub, status.microphone) == (home.hub.url, "closed")

        with pytest.raises(ProcessError, match=r"kitchen has no microphone(.|\n)*none\.wav"):
            await home.listen()
        await home.devices[0].process.kill()
        with pytest.raises(ProcessError, match="mira-edge ended"):
            home.check()


def test_a_demo_that_is_stopped_says_so_and_leaves_nothing_behind(tmp_path: Path) -> None:
    with running_demo(tmp_path) as (process, children):
        process.send_signal(signal.SIGINT)
        _, complaints = process.communicate(timeout=30)
        assert process.returncode == demo.STOPPED
        assert "stopped before it was done" in complaints
        assert not any(child.is_running() for child in children)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a dead parent's children")
def test_a_demo_that_is_killed_leaves_no_process_behind(tmp_path: Path) -> None:
    with running_demo(tmp_path) as (process, children):
        process.kill()
        assert psutil.wait_procs(children, timeout=10)[1] == []


def test_what_is_missing_is_named_with_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    assert demo.main(["--out", str(tmp_path / "file")]) == 1
    assert "cannot be written to" in capsys.readouterr().err

    monkeypatch.setenv("MIRA_WEIGHTS", str(tmp_path / "weights"))
    assert demo.main(["--out", str(tmp_path / "out")]) == 1
    assert "mira-hub models pull sample-speech" in capsys.readouterr().err


def test_a_full_disk_is_said_without_a_traceback(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(demo_run, "simulated_session", full)
    assert demo.main(["--out", str(tmp_path)]) == 1
    assert "demo: [Errno 28] No space left on device" in capsys.readouterr().err


def test_a_machine_without_a_microphone_is_told_apart_from_one_without_portaudio(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo_run, "list_microphones", list)
    assert demo.main(["--microphone"]) == 1
    assert "no microphone. Plug one in" in capsys.readouterr().err

    def unusable() -> None:
        raise MicrophoneError("PortAudio cannot be loaded.", "Install it.")

    monkeypatch.setattr(demo_run, "list_microphones", unusable)
    assert demo.main(["--microphone"]) == 1
    assert "PortAudio cannot be loaded. Install it." in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["--devices", "3"], ["--seed", "-1"], ["--seed", "x"]])
def test_an_option_that_cannot_be_is_refused(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        demo.main(arguments)
    assert stopped.value.code == 2
    assert arguments[0] in capsys.readouterr().err
