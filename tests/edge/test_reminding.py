"""What is due is said aloud once, by whom it is to be said, and by nobody else."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

import msgspec
import pytest

from edge.config import Announcements
from edge.reminding import AGAIN_S, Reminding, saying
from edge.replica import Replica
from shared.wire.events import (
    ReminderChanged,
    ReminderDeleted,
    ReminderDue,
    ResyncRequired,
    Snapshot,
)

T = TypeVar("T")
NETWORK = "net_" + "0" * 32
CALL = "1c2d3e4f-5a6b-4c7d-9e8f-0a1b2c3d4e06"
DUE = datetime(2026, 3, 1, 12, tzinfo=UTC)


def due(seq: int, title: str = "call Ann", announce_to: str | None = "kitchen") -> ReminderDue:
    return ReminderDue(
        seq=seq,
        reminder_id=CALL,
        title=title,
        description=None,
        due_time=DUE,
        priority="medium",
        status="pending",
        person_id=None,
        announce_to=announce_to,
    )


def changed(seq: int, status: str = "pending", due_time: datetime = DUE) -> ReminderChanged:
    return msgspec.convert(
        {
            "type": "reminder_changed",
            "seq": seq,
            "reminder_id": CALL,
            "title": "call Ann",
            "description": None,
            "due_time": due_time,
            "priority": "medium",
            "status": status,
        },
        ReminderChanged,
    )


@pytest.fixture
def replica(tmp_path: Path) -> Replica:
    return Replica(tmp_path / "replica.db", NETWORK)


class Voice:
    """Says things, and remembers them."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.failure: OSError | None = None

    async def __call__(self, text: str) -> None:
        await asyncio.sleep(1)
        if self.failure is not None:
            raise self.failure
        self.said.append(text)


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Virtual time does not wait for threads."""

    async def call(function: Callable[..., T], *arguments: object) -> T:
        return function(*arguments)

    monkeypatch.setattr(asyncio, "to_thread", call)


@asynccontextmanager
async def reminding(replica: Replica, say: Voice | None) -> AsyncIterator[Reminding]:
    made = Reminding("kitchen", replica, say)
    task = asyncio.ensure_future(made.run())
    await asyncio.sleep(0)
    yield made
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


@pytest.mark.looptime
@pytest.mark.usefixtures("at_once")
async def test_what_is_due_is_said_once_whatever_happens(replica: Replica, tmp_path: Path) -> None:
    voice = Voice()
    async with reminding(replica, voice) as daemon:
        replica.apply([due(1)])
        daemon.look()
        await asyncio.sleep(5)
        replica.apply([due(2)])  # told again
        daemon.look()
        await asyncio.sleep(5)
        # The copy is made anew, and the log says it once more.
        replica.apply([ResyncRequired(cursor=3), Snapshot(rows=[changed(3)], last=True), due(4)])
        daemon.look()
        await asyncio.sleep(5)
    replica.close()
    again = Replica(tmp_path / "replica.db", NETWORK)
    async with reminding(again, voice):
        await asyncio.sleep(5)
    assert voice.said == ["call Ann"]


@pytest.mark.looptime
@pytest.mark.usefixtures("at_once")
async def test_what_was_not_said_before_the_end_is_said_at_the_next_start(
    replica: Replica,
) -> None:
    replica.apply([due(1)])
    voice = Voice()
    async with reminding(replica, voice):
        await asyncio.sleep(0.5)  # in the middle of it
    async with reminding(replica, voice):
        await asyncio.sleep(5)
    assert voice.said == ["call Ann"]


@pytest.mark.looptime
@pytest.mark.usefixtures("at_once")
async def test_a_reminder_that_was_put_off_is_said_again(replica: Replica) -> None:
    voice = Voice()
    later = DUE + timedelta(hours=1)
    async with reminding(replica, voice) as daemon:
        replica.apply([due(1)])
        daemon.look()
        await asyncio.sleep(5)
        replica.apply([changed(2, due_time=later)])
        replica.apply([msgspec.structs.replace(due(3), due_time=later)])
        daemon.look()
        await asyncio.sleep(5)
    assert voice.said == ["call Ann"] * 2


@pytest.mark.parametrize(
    ("told", "said"),
    [
        pytest.param([due(1, announce_to=None)], 1, id="everybody-says-it"),
        pytest.param([due(1, announce_to="hall")], 0, id="another-device-does"),
        pytest.param([due(1), changed(2, "completed")], 0, id="done-before"),
        pytest.param([due(1), changed(2, "overdue")], 0, id="long-ago"),
        pytest.param([due(1), changed(2, due_time=DUE + timedelta(1))], 0, id="put-off"),
        pytest.param([due(1), ReminderDeleted(seq=2, reminder_id=CALL)], 0, id="deleted"),
    ],
)
@pytest.mark.looptime
@pytest.mark.usefixtures("at_once")
async def test_only_what_is_due_still_is_said_and_only_here(
    replica: Replica, told: list[ReminderDue | ReminderChanged | ReminderDeleted], said: int
) -> None:
    voice = Voice()
    replica.apply(told)
    async with reminding(replica, voice):
        await asyncio.sleep(5)
    assert len(voice.said) == said


@pytest.mark.looptime
@pytest.mark.usefixtures("at_once")
async def test_a_program_that_fails_is_told_of_and_the_next_is_said(
    replica: Replica, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    voice = Voice()
    voice.failure = OSError("it has no voice")
    async with reminding(replica, voice) as daemon:
        replica.apply([due(1)])
        daemon.look()
        await asyncio.sleep(5)
        voice.failure = None
        other = CALL[:-1] + "7"
        replica.apply([msgspec.structs.replace(due(2, "water"), reminder_id=other)])
        daemon.look()
        await asyncio.sleep(5)
    assert voice.said == ["water"]
    assert "it has no voice" in caplog.text
    assert "call Ann" not in caplog.text


@pytest.mark.looptime
@pytest.mark.usefixtures("at_once")
async def test_a_replica_that_cannot_be_written_is_tried_again(
    replica: Replica, monkeypatch: pytest.MonkeyPatch
) -> None:
    voice = Voice()
    replica.apply([due(1)])
    with monkeypatch.context() as patch:

        def full(_: object) -> None:
            raise sqlite3.OperationalError("database or disk is full")

        patch.setattr(replica, "announced", full)
        async with reminding(replica, voice):
            await asyncio.sleep(5)
            patch.undo()
            await asyncio.sleep(AGAIN_S)
    assert voice.said[0] == "call Ann"
    assert replica.announcements("kitchen") == []


async def test_without_a_program_it_is_logged_without_its_text(
    replica: Replica, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    assert saying(Announcements()) is None
    replica.apply([due(1)])
    await Reminding("kitchen", replica)._say_all()
    assert replica.announcements("kitchen") == []
    assert CALL in caplog.text
    assert "call Ann" not in caplog.text


async def test_the_program_gets_the_title_and_no_shell(tmp_path: Path) -> None:
    said = tmp_path / "said"
    write = f"import sys; open({str(said)!r}, 'w').write(sys.stdin.read() + repr(sys.argv[1:]))"
    say = saying(Announcements(command=[sys.executable, "-c", write, "$HOME; *"]))
    assert say is not None
    await say("--call 'Ann'; $(rm -r /)")
    assert said.read_text() == "--call 'Ann'; $(rm -r /)\n['$HOME; *']"


@pytest.mark.parametrize(
    ("command", "why"),
    [
        pytest.param(["/nonexistent/program"], "No such file", id="missing"),
        pytest.param([sys.executable, "-c", "raise SystemExit(3)"], "status 3", id="fails"),
    ],
)
async def test_a_program_that_cannot_say_it_says_why(command: list[str], why: str) -> None:
    say = saying(Announcements(command=command))
    assert say is not None
    with pytest.raises(OSError, match=why):
        await say("call Ann")


async def test_a_program_that_hangs_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    config = Announcements(command=[sys.executable, "-c", "import time; time.sleep(600)"])
    say = saying(msgspec.structs.replace(config, timeout_s=0))
    assert say is not None
    with pytest.raises(OSError, match="took more than"):
        await say("call Ann")
