"""How the devices of a network are told what happens."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from hub.network import members
from hub.network.members import EVENTS_AT_ONCE, Members
from hub.network.session import Session
from hub.store.records import NetworkInfo
from hub.sync.cursor import Cursor
from shared.ids import new_id
from shared.outbox import Outbox
from shared.wire.codec import HubMessage, decode_hub
from shared.wire.events import ClientChanged, ReminderDue, ResyncRequired, Snapshot
from shared.wire.fields import Message
from shared.wire.utterance import Release, StreamQuality
from tests.fakes import MemoryStore
from tests.flows.home import now_us

pytestmark = pytest.mark.looptime


class Member(Session):
    """A session without a connection; keeps what would be sent."""

    def __init__(self, *, cursor: int = 0, monitor: bool = False) -> None:
        nothing: Any = None  # no channel and no room: nothing is sent or taken
        super().__init__(
            nothing, nothing, "member", token_id="token", observer=False, opened_us=0, clock=now_us
        )
        self.cursor = Cursor(cursor)
        self.monitor = monitor
        self.told: list[HubMessage] = []

    def send_text(self, text: str) -> None:
        self.outbox.put(text)
        self.told.append(decode_hub(text))

    @property
    def seqs(self) -> list[int]:
        """Of the events that it was sent."""
        return [message.seq for message in self.told if isinstance(message, ClientChanged)]


class Home:
    """A network with an event for each of some devices, and two members."""

    def __init__(self) -> None:
        self.store = MemoryStore(now_us)
        self.network: NetworkInfo
        self.members: Members
        self.one, self.other = Member(), Member()

    async def open(self, events: int = 0) -> Home:
        self.network, _ = await self.store.create_network("Home")
        for _ in range(events):
            await self.commit()
        self.members = Members(self.network.network_id, self.store)
        self.members.sessions = {"one": self.one, "other": self.other}
        return self

    async def commit(self) -> ClientChanged:
        """Another event, stored and not told to anybody."""
        return (await self.store.add_client(self.network.network_id, "device"))[2]


def release() -> Message:
    return Release(utterance_id=new_id())


async def test_one_device_is_told_and_one_that_is_not_there_is_passed_over() -> None:
    home = await Home().open()
    message = release()
    home.members.send("one", message)
    home.members.send("nobody", release())
    assert (home.one.told, home.other.told) == ([message], [])


async def test_all_are_told_or_all_but_the_one_that_caused_it() -> None:
    home = await Home().open()
    first, second = release(), release()
    home.members.broadcast(first)
    home.members.broadcast(second, leave_out=home.one)
    assert (home.one.told, home.other.told) == ([first], [first, second])


async def test_only_who_watches_sees_what_others_hear() -> None:
    home = await Home().open()
    home.one.monitor = True
    quality = StreamQuality(
        client_id="kitchen",
        utterance_id=new_id(),
        election_id=new_id(),
        quality_score=50,
        level=-30,
    )
    home.members.tell_monitors(quality)
    assert (home.one.told, home.other.told) == ([quality], [])


async def test_what_is_to_be_said_aloud_is_noted_when_whoever_says_it_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    home, noted = await Home().open(), list[ReminderDue]()
    due = ReminderDue(
        seq=1,
        reminder_id=new_id(),
        title="call Ann",
        description=None,
        due_time=datetime(2026, 3, 1, tzinfo=UTC),
        priority="low",
        status="pending",
        person_id=None,
        announce_to=None,
    )

    async def of_the_log(*_: object) -> list[ReminderDue]:
        return [due]

    monkeypatch.setattr(home.store, "events_after", of_the_log)
    home.members = Members(home.network.network_id, home.store, noted.append)
    home.members.sessions = {"one": home.one, "other": home.other}
    home.members.publish([due])
    await home.members.read_log(home.one)
    assert noted == []
    home.one.speaks = True
    home.members.publish([due])
    assert noted == [due]
    # It was away, and says it now.
    home.one.cursor = Cursor(0)
    await home.members.read_log(home.one)
    assert noted == [due] * 2
    await home.members.read_log(home.other)
    assert noted == [due] * 2


async def test_a_new_event_goes_to_those_who_have_all_before_it() -> None:
    home = await Home().open(events=3)
    await home.members.read_log(home.one)
    assert home.one.seqs == [1, 2, 3]
    home.members.publish([await home.commit()])
    assert home.one.seqs == [1, 2, 3, 4]
    assert home.other.seqs == []  # it has not read the log yet, and would have a gap
    await home.members.read_log(home.other)
    assert home.other.seqs == [1, 2, 3, 4]


async def test_a_long_log_is_read_in_parts_from_the_cursor_on() -> None:
    home = await Home().open(events=EVENTS_AT_ONCE + 10)
    home.one.cursor = Cursor(5)
    await home.members.read_log(home.one)
    assert home.one.seqs == list(range(6, EVENTS_AT_ONCE + 6))
    assert not home.one.cursor.live
    await home.members.read_log(home.one)
    assert home.one.seqs == list(range(6, EVENTS_AT_ONCE + 11))
    assert home.one.cursor.live


async def test_of_a_log_that_is_long_no_more_is_read_than_the_outbox_takes() -> None:
    home = await Home().open(events=30)
    home.one.outbox = Outbox(max_messages=20)
    await home.members.read_log(home.one)
    assert home.one.seqs == list(range(1, 12))
    assert not home.one.cursor.live
    home.one.outbox = Outbox(max_messages=40)
    await home.members.read_log(home.one)
    assert home.one.seqs == list(range(1, 31))
    assert home.one.cursor.live


async def test_what_another_process_committed_sends_the_devices_back_to_the_log() -> None:
    home = await Home().open(events=2)
    for member in (home.one, home.other):
        await home.members.read_log(member)
    await home.members.poll_log()
    assert [m.cursor.live for m in (home.one, home.other)] == [True, True]
    await home.commit()
    await home.members.poll_log()
    await home.members.poll_log()
    assert [m.cursor.live for m in (home.one, home.other)] == [False, False]
    await home.members.read_log(home.one)
    assert home.one.seqs == [1, 2, 3]


async def test_what_is_seen_before_it_is_published_sends_nobody_back_to_the_log() -> None:
    home = await Home().open(events=2)
    for member in (home.one, home.other):
        await home.members.read_log(member)
    for _ in range(3):
        event = await home.commit()
        await home.members.poll_log()
        home.members.publish([event])
    assert [m.cursor.live for m in (home.one, home.other)] == [True, True]
    assert home.one.seqs == [1, 2, 3, 4, 5]


async def test_who_was_away_for_longer_than_the_log_is_kept_gets_a_snapshot_by_parts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(members, "SNAPSHOT_BYTES", 200)
    home = await Home().open(events=7)
    home.store.cut_off(home.network.network_id, 5)
    await home.members.read_log(home.one)
    assert home.one.told == [ResyncRequired(cursor=7)]
    await home.commit()  # while the snapshot is read
    while not home.one.cursor.live:
        await home.members.read_log(home.one)
    *parts, event = home.one.told[1:]
    assert len(parts) > 1
    assert [part.last for part in parts if isinstance(part, Snapshot)] == [
        False for _ in parts[1:]
    ] + [True]
    rows = [row for part in parts if isinstance(part, Snapshot) for row in part.rows]
    assert {row.seq for row in rows} == {7}
    assert len([row for row in rows if isinstance(row, ClientChanged)]) >= 7
    assert isinstance(event, ClientChanged)
    assert event.seq == 8
    # Whoever was not away for so long gets every event.
    home.other.cursor = Cursor(5)
    while not home.other.cursor.live:
        await home.members.read_log(home.other)
    assert home.other.seqs == [6, 7, 8]
