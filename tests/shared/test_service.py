"""What systemd is told, seen from the other end of a NOTIFY_SOCKET."""

from __future__ import annotations

import os
import socket
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.service import Notifier, Watchdog, notifier_from, watchdog_interval


class Manager:
    """A service manager's end of the socket."""

    def __init__(self, address: str) -> None:
        self.environ = {"NOTIFY_SOCKET": address.replace("\0", "@")}
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(address)
        self._socket.setblocking(False)

    def told(self) -> list[str]:
        """The datagrams that came since the last call."""
        found = []
        while True:
            try:
                found.append(self._socket.recv(4096).decode())
            except BlockingIOError:
                return found

    def close(self) -> None:
        self._socket.close()


@pytest.fixture(params=["path", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Manager]:
    address = str(tmp_path / "notify") if request.param == "path" else f"\0mira-{uuid.uuid4().hex}"
    manager = Manager(address)
    yield manager
    manager.close()


def test_readiness_status_and_stopping_are_told(manager: Manager) -> None:
    notifier = notifier_from(manager.environ)
    notifier.ready("listening")
    notifier.status("two hubs\nin sight")
    notifier.stopping()
    assert manager.told() == ["READY=1\nSTATUS=listening", "STATUS=two hubs in sight", "STOPPING=1"]


def test_without_a_service_manager_nothing_happens() -> None:
    notifier_from({}).ready("listening")


def test_a_service_manager_that_is_gone_harms_nobody(tmp_path: Path) -> None:
    Notifier(str(tmp_path / "gone")).ready("listening")


class Hands:
    """A clock moved by hand, in seconds."""

    def __init__(self) -> None:
        self.now_s = 50.0

    def __call__(self) -> float:
        return self.now_s


def test_pulses_are_passed_on_at_most_twice_an_interval(manager: Manager) -> None:
    clock = Hands()
    watchdog = Watchdog(notifier_from(manager.environ), 10.0, clock)
    told = 0
    for _ in range(1000):  # 20 s of frames
        watchdog.pulse()
        told += len(manager.told())
        clock.now_s += 0.02
    assert told == 4


def test_the_first_pulse_is_passed_on_at_once(manager: Manager) -> None:
    Watchdog(notifier_from(manager.environ), 10.0, Hands()).pulse()
    assert manager.told() == ["WATCHDOG=1"]


def test_stuck_work_is_not_vouched_for(manager: Manager) -> None:
    clock = Hands()
    watchdog = Watchdog(notifier_from(manager.environ), 10.0, clock)
    watchdog.pulse()
    manager.told()
    clock.now_s += 3600
    assert manager.told() == []
    watchdog.pulse()
    assert manager.told() == ["WATCHDOG=1"]


def test_where_nobody_watches_no_signs_of_life_are_sent(manager: Manager) -> None:
    Watchdog(notifier_from(manager.environ), None, Hands()).pulse()
    assert manager.told() == []


@pytest.mark.parametrize(
    ("environ", "interval_s"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "30000000"}, 30.0),
        ({"WATCHDOG_USEC": "500000", "WATCHDOG_PID": str(os.getpid())}, 0.5),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "-5"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
    ],
)
def test_the_watchdog_interval_is_the_one_meant_for_this_process(
    environ: dict[str, str], interval_s: float | None
) -> None:
    assert watchdog_interval(environ) == interval_s
