"""The legacy application and the hub are stopped and started by name, or by the process."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from hub.config import Migration
from hub.migration import application
from hub.migration.application import SERVING_LOCK, Applications
from hub.migration.errors import ApplicationError

SLEEP = [sys.executable, "-c", "import time; time.sleep(600)"]
STUBBORN = [
    sys.executable,
    "-c",
    "import signal, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
    " print('ready', flush=True); time.sleep(600)",
]


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def processes() -> Iterator[list[subprocess.Popen[bytes]]]:
    """Are ended after the test."""
    some: list[subprocess.Popen[bytes]] = []
    yield some
    for process in some:
        process.kill()
        process.wait()


@pytest.fixture
def systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A systemctl that notes what it was asked; units named `bad` fail."""
    asked, folder = tmp_path / "asked", tmp_path / "bin"
    folder.mkdir()
    program = folder / "systemctl"
    program.write_text(
        f'#!/bin/sh\necho "$@" >> {asked}\n'
        'case "$3" in bad*) echo no such unit >&2; exit 5;; esac\n'
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    monkeypatch.setattr(application, "SYSTEMD", tmp_path)
    return asked


def test_a_unit_is_asked_by_its_name(systemd: Path, tmp_path: Path, said: list[str]) -> None:
    apps = Applications(Migration(legacy_unit="mira.service"), tmp_path, said.append)
    apps.stop_legacy()
    apps.start_legacy()
    assert systemd.read_text().splitlines() == ["stop -- mira.service", "start -- mira.service"]
    assert said == ["systemctl stop mira.service", "systemctl start mira.service"]


def test_a_unit_that_fails_is_told(systemd: Path, tmp_path: Path, said: list[str]) -> None:
    assert not systemd.exists()
    with pytest.raises(ApplicationError, match="no such unit"):
        Applications(Migration(legacy_unit="bad.service"), tmp_path, said.append).stop_legacy()


def test_a_unit_without_systemd_is_refused(
    tmp_path: Path, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(application, "SYSTEMD", tmp_path / "none")
    with pytest.raises(ApplicationError, match="systemd does not run"):
        Applications(Migration(legacy_unit="mira.service"), tmp_path, said.append).stop_legacy()


def test_a_command_is_started_in_its_folder_that_was_aside_and_stopped_again(
    tmp_path: Path,
    said: list[str],
    processes: list[subprocess.Popen[bytes]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "migration").mkdir()
    aside = tmp_path / "aside"
    aside.mkdir()
    monkeypatch.setattr(application, "ALIVE_S", 0.0)
    config = Migration(
        legacy_command=SLEEP, legacy_folder=tmp_path / "legacy", legacy_folder_aside=aside
    )
    apps = Applications(config, tmp_path, said.append)
    apps.start_legacy()
    assert apps.started is not None
    processes.append(apps.started)
    assert not aside.exists()
    assert Path(f"/proc/{apps.started.pid}/cwd").readlink() == tmp_path / "legacy"
    apps.start_legacy()
    assert said[-1] == "The legacy application runs."
    apps.stop_legacy()
    assert apps.started.wait() == -signal.SIGTERM
    apps.stop_legacy()
    assert said[-1] == "The legacy application does not run."


def test_a_process_that_wrote_its_id_down_is_stopped_and_no_other(
    tmp_path: Path, said: list[str], processes: list[subprocess.Popen[bytes]]
) -> None:
    mine, other = (subprocess.Popen(SLEEP) for _ in range(2))  # noqa: S603 - our own
    processes += [mine, other]
    pid_file = tmp_path / "legacy.pid"
    pid_file.write_text(f"{mine.pid}\n")
    Applications(Migration(legacy_pid_file=pid_file), tmp_path, said.append).stop_legacy()
    assert mine.poll() == -signal.SIGTERM
    assert other.poll() is None
    pid_file.write_text("nonsense")
    Applications(Migration(legacy_pid_file=pid_file), tmp_path, said.append).stop_legacy()
    assert said[-1] == "The legacy application does not run."


def test_a_process_that_does_not_stop_is_left_to_its_owner(
    tmp_path: Path,
    said: list[str],
    processes: list[subprocess.Popen[bytes]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(application, "STOP_S", 0.0)
    stubborn = subprocess.Popen(STUBBORN, stdout=subprocess.PIPE)  # noqa: S603 - our own
    processes.append(stubborn)
    with stubborn.stdout or sys.stdin.buffer as output:
        assert output.readline() == b"ready\n"
    pid_file = tmp_path / "legacy.pid"
    pid_file.write_text(str(stubborn.pid))
    with pytest.raises(ApplicationError, match="does not stop"):
        Applications(Migration(legacy_pid_file=pid_file), tmp_path, said.append).stop_legacy()
    assert stubborn.poll() is None


def test_only_a_hub_that_holds_its_lock_is_stopped(
    tmp_path: Path, said: list[str], processes: list[subprocess.Popen[bytes]]
) -> None:
    apps = Applications(Migration(hub_unit=""), tmp_path, said.append)
    apps.stop_hub()
    lock = tmp_path / SERVING_LOCK
    lock.write_text(f"{os.getpid()}\n")  # of a hub that is long gone
    apps.stop_hub()
    assert said == ["The hub does not run."] * 2
    hub = subprocess.Popen(SLEEP)  # noqa: S603 - our own
    processes.append(hub)
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        held.write(f"{hub.pid}\n")
        held.flush()
        apps.stop_hub()
    assert hub.poll() == -signal.SIGTERM


def test_a_command_that_ends_at_once_is_told(tmp_path: Path, said: list[str]) -> None:
    (tmp_path / "migration").mkdir()
    config = Migration(legacy_command=[sys.executable, "-c", "raise SystemExit(3)"])
    with pytest.raises(ApplicationError, match="ended at once, with 3"):
        Applications(config, tmp_path, said.append).start_legacy()
    missing = Migration(legacy_command=[str(tmp_path / "nothing")])
    with pytest.raises(ApplicationError, match="cannot be started"):
        Applications(missing, tmp_path, said.append).start_legacy()
