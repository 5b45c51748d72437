"""The daemon: what it tells a hub, whom it obeys, and how it shows that it is alive."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from itertools import count, pairwise
from pathlib import Path
from typing import TypeVar

import pytest

from edge.activity import ActivityDetector
from edge.candidates import Candidates
from edge.control import Ask, AskListening, DaemonUnreachableError
from edge.daemon import IDLE_PULSE_S, OBEYED_WITHIN_S, REOPEN_S, Daemon
from edge.ear import Ear
from edge.event_queue import MOST_EVENTS
from edge.hub_finder import HubFinder
from edge.microphone.microphone import Frame
from edge.microphone.simulated import SimulatedMicrophone
from edge.own_voice import PATIENCE_S, TAIL_S
from edge.preroll import PreRoll
from edge.reminding import Reminding, Say
from edge.replica import Replica, Scope, Written
from edge.spool import Spool
from edge.spooler import Spooler
from shared.audio import FRAME_MS, SAMPLE_RATE
from shared.ids import new_id
from shared.wire.audio import AudioFrame
from shared.wire.channel import Channel
from shared.wire.codec import decode_device, encode
from shared.wire.events import (
    Ack,
    ClientChanged,
    InteractionCreated,
    ReminderDue,
    SettingsChanged,
)
from shared.wire.fields import Message
from shared.wire.memory import MemoryChannel, memory_channels
from shared.wire.network import Change, ChangeApplied, ChangeRefused, ClientLeft, SetListening
from shared.wire.session import (
    ClientStatus,
    ClockProbe,
    ClockReply,
    ConnectionEstablished,
    Error,
    Heartbeat,
    Hello,
    Settings,
)
from shared.wire.utterance import (
    PartialText,
    Quality,
    Release,
    SendAudio,
    UtteranceEnded,
    UtteranceStarted,
)
from tests.flows.home import now_us
from tests.voice import say

pytestmark = pytest.mark.looptime

T = TypeVar("T")

NETWORK = "net_" + "0" * 32
CLOCK_AHEAD_US = 5_000_000
SENTENCE = "ba de fi go"
SENTENCE_S = 1.8
EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture(autouse=True)
def no_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Virtual time does not wait for threads."""

    async def at_once(function: Callable[..., T], *arguments: object) -> T:
        return function(*arguments)

    monkeypatch.setattr(asyncio, "to_thread", at_once)


def device_clock() -> int:
    return now_us() + CLOCK_AHEAD_US


class StuckMicrophone(SimulatedMicrophone):
    """Its driver may hang, in opening, in reading or in closing."""

    def __init__(self) -> None:
        super().__init__(device_clock, noise_dbfs=-70)
        self.sticks_open = asyncio.Event()
        self.sticks_open.set()
        self.sticks_reading = asyncio.Event()
        self.sticks_reading.set()
        self.sticks_closing = asyncio.Event()
        self.sticks_closing.set()
        self.is_open = False

    async def open(self) -> None:
        await self.sticks_open.wait()
        await super().open()
        self.is_open = True

    async def close(self) -> None:
        await self.sticks_closing.wait()
        await super().close()
        self.is_open = False

    async def __anext__(self) -> Frame:
        await self.sticks_reading.wait()
        return await super().__anext__()


class Hub:
    """A hub's end of one connection, played by hand."""

    def __init__(self, channel: MemoryChannel) -> None:
        self.channel = channel
        self.said: list[Message | AudioFrame] = []  # by the device, heartbeats left out
        self.hello: Hello | None = None

    async def greet(
        self,
        *,
        cursor: int = 0,
        released: list[str] | None = None,
        listening: bool = True,
        client_listening: bool = True,
    ) -> Hello:
        """Takes the greeting and answers it."""
        hello = decode_device(await self.channel.receive())
        assert isinstance(hello, Hello)
        await self.send(
            ConnectionEstablished(
                version=1,
                client_id="kitchen",
                network_id=NETWORK,
                cursor=cursor,
                server_time=EPOCH,
                settings=Settings(listening=listening, client_listening=client_listening),
                released=released or [],
            )
        )
        self.hello = hello
        return hello

    async def send(self, *messages: Message) -> None:
        for message in messages:
            await self.channel.send(encode(message))

    async def hear(self, seconds: float = 0.5) -> list[Message | AudioFrame]:
        """What the device says within some seconds."""
        known = len(self.said)
        try:
            async with asyncio.timeout(seconds):
                while True:
                    message = decode_device(await self.channel.receive())
                    if not isinstance(message, Heartbeat):
                        self.said.append(message)
        except TimeoutError:
            return self.said[known:]

    def of(self, kind: type[T]) -> list[T]:
        """What the device said of one kind."""
        return [message for message in self.said if isinstance(message, kind)]


class Device:
    """A daemon with a simulated microphone; its hub is played by the test."""

    task: asyncio.Task[None]  # while it runs

    def __init__(self, folder: Path, spool: Spool | None = None, say: Say | None = None) -> None:
        self.microphone = StuckMicrophone()
        self.replica = Replica(folder / "replica.db", NETWORK)
        self.pulses: list[float] = []
        self.shown: list[bool] = []  # as told to `on_listening`
        self.reachable = True
        self.calls: asyncio.Queue[MemoryChannel] = asyncio.Queue()
        ids = (f"00000000-0000-4000-8000-{n:012d}" for n in count(1))
        self.candidates = Candidates(lambda: next(ids))
        self.daemon = Daemon(
            client_id="kitchen",
            ear=Ear(ActivityDetector(hangover_ms=300), PreRoll(660), self.candidates),
            microphone=self.microphone,
            replica=self.replica,
            finder=HubFinder(["hub"]),
            connect=self._connect,
            clock=device_clock,
            pulse=lambda: self.pulses.append(seconds()),
            on_listening=self.shown.append,
            spooler=None if spool is None else Spooler(self.candidates, spool, 2**60, device_clock),
            reminding=Reminding("kitchen", self.replica, say),
        )

    async def _connect(self, _: str) -> Channel:
        if not self.reachable:
            raise ConnectionRefusedError("no hub")
        ours, theirs = memory_channels()
        self.calls.put_nowait(ours)
        return theirs

    async def hub(self) -> Hub:
        """The next connection, not greeted yet."""
        return Hub(await self.calls.get())

    async def greeted(self, **answer: object) -> Hub:
        """The next connection, greeted; what the device says first is in `said`."""
        hub = await self.hub()
        await hub.greet(**answer)  # type: ignore[arg-type]
        await hub.hear()
        return hub

    async def hears(self, text: str = SENTENCE) -> None:
        """Somebody speaks; returns when it is quiet again."""
        self.microphone.play_at(say(text, 0.5), device_clock())
        await asyncio.sleep(SENTENCE_S + 0.7)

    @property
    def state(self) -> str:
        return self.daemon.microphone_state


def seconds() -> float:
    """Virtual time."""
    return asyncio.get_running_loop().time()


@asynccontextmanager
async def running(
    folder: Path, *, reachable: bool = True, spool: Spool | None = None, say: Say | None = None
) -> AsyncIterator[Device]:
    """A daemon at work; whatever ends it fails the test."""
    device = Device(folder, spool, say)
    device.reachable = reachable
    task = device.task = asyncio.ensure_future(device.daemon.run())
    try:
        yield device
        assert not task.done() or task.cancelled(), task
    finally:
        task.cancel()
        await asyncio.wait([task])
        device.replica.close()


def wish(listening: bool, scope: Scope = "client") -> SetListening:
    return SetListening(scope=scope, listening=listening)


def interaction(seq: int) -> InteractionCreated:
    return InteractionCreated(
        seq=seq,
        interaction_id=new_id(),
        text=f"sentence {seq}",
        speaker_id=None,
        client_id="hall",
        timestamp=EPOCH,
        processing_status="completed",
    )


# The greeting


async def test_it_greets_a_hub_with_what_the_hub_has_to_know(tmp_path: Path) -> None:
    async with running(tmp_path) as device:
        hub = await device.hub()
        hello = await hub.greet()
        assert (hello.version, hello.min_version, hello.cursor) == (1, 1, 0)
        assert hello.software.startswith("mira-edge ")
        assert hello.capabilities == ["microphone"]
        assert hello.held == []
        assert hello.listening
        assert hello.device_time_us == device_clock()
        assert await hub.hear() == [ClientStatus(microphone="open")]


async def test_a_device_that_says_what_is_due_tells_the_hub_so(tmp_path: Path) -> None:
    async def say(_: str) -> None:
        pass

    async with running(tmp_path, say=say) as device:
        hello = await (await device.hub()).greet()
        assert hello.capabilities == ["microphone", "announcements"]


@asynccontextmanager
async def announcing(folder: Path, text: str = SENTENCE) -> AsyncIterator[tuple[Device, Hub]]:
    """A device whose program says a text of its own, and whose microphone hears that."""
    spoken: list[Device] = []

    async def say_it(_: str) -> None:
        await spoken[0].hears(text)
        await asyncio.sleep(0.1)  # the program has ended, and the room still sounds
        spoken[0].microphone.play_at(say("ba de fi", 0.5)[:SAMPLE_RATE], device_clock())

    async with running(folder, say=say_it) as device:
        spoken.append(device)
        hub = await device.greeted()
        await hub.hear(1)
        yield device, hub


def due(seq: int = 1) -> ReminderDue:
    return ReminderDue(
        seq=seq,
        reminder_id=new_id(),
        title="call Ann",
        description=None,
        due_time=EPOCH,
        priority="medium",
        status="pending",
        person_id=None,
        announce_to="kitchen",
    )


async def test_what_the_device_says_itself_is_nobodys_sentence(tmp_path: Path) -> None:
    async with announcing(tmp_path) as (device, hub):
        await hub.send(due())
        await hub.hear(SENTENCE_S + 2 + TAIL_S)
        assert hub.of(UtteranceStarted) == []
        await hub.send(due(2))
        await hub.hear(SENTENCE_S + 2 + TAIL_S)
        assert hub.of(UtteranceStarted) == []
        assert device.state == "open"
        await device.hears()
        await hub.hear(1)
        assert len(hub.of(UtteranceStarted)) == 1
        # It shows that it is alive all the while.
        assert max(b - a for a, b in pairwise(device.pulses)) < 0.1


async def test_a_device_lets_people_finish_before_it_speaks(tmp_path: Path) -> None:
    async with announcing(tmp_path) as (device, hub):
        device.microphone.play_at(say(SENTENCE), device_clock())
        await hub.hear(0.8)
        assert device.candidates.live is not None
        await hub.send(due())
        await hub.hear(10)
        (ended,) = hub.of(UtteranceEnded)
        assert ended.reason == "endpoint"
        assert ended.samples < (SENTENCE_S + 1) * SAMPLE_RATE


async def test_a_television_does_not_keep_it_from_speaking(tmp_path: Path) -> None:
    async with announcing(tmp_path) as (device, hub):
        device.microphone.play_at(say(" ".join([SENTENCE] * 20)), device_clock())
        await hub.hear(0.8)
        await hub.send(due())
        await hub.hear(PATIENCE_S + 1)
        (ended,) = hub.of(UtteranceEnded)
        assert ended.reason == "closed"


async def test_what_was_heard_without_a_hub_is_offered_whole_when_there_is_one(
    tmp_path: Path,
) -> None:
    async with running(tmp_path, reachable=False) as device:
        await asyncio.sleep(1)
        await device.hears()
        await device.hears()
        assert device.daemon.status().held == 2
        device.reachable = True
        hub = await device.hub()
        hello = await hub.greet()
        assert hello.held == device.candidates.held
        said = await hub.hear()
        for utterance_id in hello.held:
            own = [m for m in said if getattr(m, "utterance_id", "") == utterance_id]
            assert [type(m) for m in own] == [UtteranceStarted, Quality, UtteranceEnded]
            assert own[0].reoffered  # type: ignore[union-attr]


async def test_what_the_hub_has_is_not_offered_again(tmp_path: Path) -> None:
    async with running(tmp_path, reachable=False) as device:
        await asyncio.sleep(1)
        await device.hears()
        await device.hears()
        first, second = device.candidates.held
        device.reachable = True
        hub = await device.greeted(released=[first])
        assert [m.utterance_id for m in hub.of(UtteranceStarted)] == [second]
        assert device.daemon.status().held == 1


async def test_a_hub_that_lost_its_log_is_believed(tmp_path: Path) -> None:
    async with running(tmp_path) as device:
        hub = await device.greeted(cursor=2)
        await hub.send(interaction(1), interaction(2))
        await hub.hear()
        hub.channel.cut()
        again = await device.hub()
        assert (await again.greet(cursor=1)).cursor == 2
        third = await device.hub()
        assert (await third.greet(cursor=1)).cursor == 0
        await third.hear()
        assert device.replica.interactions() == []
        assert device.daemon.link.connected


# Speech


async def test_what_it_hears_is_claimed_at_once_sent_when_asked_and_kept_until_released(
    tmp_path: Path,
) -> None:
    async with running(tmp_path) as device:
        hub = await device.greeted()
        await asyncio.sleep(1)
        device.microphone.play_at(say(SENTENCE, 0.5), device_clock())
        await hub.hear(0.5)
        (claim,) = hub.of(UtteranceStarted)
        assert not claim.reoffered
        assert abs(claim.captured_at_us - (device_clock() - 1_000_000)) < 200_000
        assert device.daemon.status().speech
        assert hub.of(AudioFrame) == []
        await hub.send(SendAudio(utterance_id=claim.utterance_id))
        await hub.hear(SENTENCE_S + 1)
        (ended,) = hub.of(UtteranceEnded)
        assert ended.samples == sum(len(f.payload) // 2 for f in hub.of(AudioFrame))
        assert hub.of(AudioFrame)[-1].last
        assert (device.daemon.status().held, device.daemon.status().speech) == (1, False)
        await hub.send(Release(utterance_id=claim.utterance_id))
        await hub.hear()
        assert device.daemon.status().held == 0


async def test_a_link_that_breaks_in_the_middle_costs_no_word(tmp_path: Path) -> None:
    async with running(tmp_path) as device:
        hub = await device.greeted()
        await asyncio.sleep(1)
        device.microphone.play_at(say(SENTENCE, 0.5), device_clock())
        await hub.hear(1)
        (claim,) = hub.of(UtteranceStarted)
        hub.channel.cut()
        again = await device.hub()
        assert (await again.greet()).held == [claim.utterance_id]
        await again.send(SendAudio(utterance_id=claim.utterance_id))
        await again.hear(SENTENCE_S + 1)
        assert again.of(UtteranceStarted)[0].captured_at_us == claim.captured_at_us
        (ended,) = again.of(UtteranceEnded)
        assert ended.samples == sum(len(f.payload) // 2 for f in again.of(AudioFrame))


async def test_what_is_being_said_when_the_microphone_closes_is_not_lost(tmp_path: Path) -> None:
    async with running(tmp_path) as device:
        hub = await device.greeted()
        await asyncio.sleep(1)
        device.microphone.play_at(say(SENTENCE, 0.5), device_clock())
        await asyncio.sleep(1)
        device.daemon.set_listening(False, "client")
        await hub.hear()
        (ended,) = hub.of(UtteranceEnded)
        assert ended.reason == "closed"
        assert device.candidates.held == [ended.utterance_id]


async def test_probes_are_answered_with_the_devices_clock(tmp_path: Path) -> None:
    async with running(tmp_path) as device:
        hub = await device.greeted()
        await hub.send(ClockProbe(probe_id=9, sent_at_us=1))
        now = device_clock()
        assert await hub.hear() == [ClockReply(probe_id=9, received_at_us=now, sent_at_us=now)]


# Events


async def test_events_are_confirmed_when_they_are_on_disk(tmp_path: Path) -> None:
    async with running(tmp_path) as device:
        hub = await device.greeted(cursor=3)
        await hub.send(*(interaction(seq) for seq in (1, 2, 3)))
        await hub.hear()
        assert hub.of(Ack)[-1] == Ack(cursor=3)
        other = Replica(tmp_path / "replica.db", NETWORK)
        assert [i.seq for i in other.interactions()] == [3, 2, 1]
        other.close()
        assert device.daemon.status().cursor == 3


async def test_a_full_disk_costs_no_memory_and_later_all_events_are_there(tmp_path: Path) -> None:
    async with running(tmp_path) as device:
        hub = await device.greeted(cursor=3000)
        apply, full = device.daemon.replica.apply, True

        def write(said: Iterable[Written]) -> int:
            if full:
                raise sqlite3.OperationalError("database or disk is full")
            return apply(said)

        device.daemon.replica.apply = write  # type: ignore[method-assign]
        for seq in range(1, 3001):
            await hub.send(interaction(seq))
        await hub.hear(20)
        assert len(device.daemon._said_to_write) == MOST_EVENTS
        assert hub.of(Ack) == []
        assert device.daemon.link.connected  # it is a microphone all the same
        full = False
        again = await device.greeted(cursor=3000)
        assert again.hello is not None
        cursor = again.hello.cursor
        assert 0 < cursor < 3000
        for seq in range(cursor + 1, 3001):
            await again.send(interaction(seq))
        await again.hear()
        assert again.of(Ack)[-1] == Ack(cursor=3000)
        assert len(device.daemon.replica.interactions(5000)) == 3000


async def test_what_is_for_devices_with_a_screen_is_passed_over(tmp_path: Path) -> None:
    async with running(tmp_path) as device:
        hub = await device.greeted()
        await hub.send(
            PartialText(election_id=new_id(), text="ba de"),
            ClientLeft(client_id="hall", timestamp=EPOCH),
            Release(utterance_id=new_id()),
            SendAudio(utterance_id=new_id()),
        )
        assert await hub.hear() == []


async def test_complaints_of_the_hub_are_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with running(tmp_path) as device:
        hub = await device.greeted()
        await hub.send(
            Error(code="UNKNOWN_UTTERANCE", message="Never heard of it."),
            ChangeRefused(client_seq=1, code="NOT_FOUND", message="No such device."),
        )
        assert await hub.hear() == []
    warnings = [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING]
    assert any("UNKNOWN_UTTERANCE Never heard of it." in line for line in warnings)
    assert any("No such device." in line for line in warnings)


# Listening or not


@pytest.mark.parametrize("whose", ["listening", "client_listening"])
async def test_a_hub_that_says_no_closes_the_microphone(tmp_path: Path, whose: str) -> None:
    async with running(tmp_path) as device:
        await asyncio.sleep(1)
        assert (device.state, device.microphone.is_open, device.shown) == ("open", True, [True])
        hub = await device.greeted(**{whose: False})
        assert (device.state, device.microphone.is_open) == ("closed", False)
        assert device.shown == [True, False]
        assert hub.of(ClientStatus)[-1] == ClientStatus(microphone="closed")
        hub.channel.cut()
        hello = await (await device.hub()).greet()
        assert not hello.listening


async def test_it_obeys_what_the_log_says_of_its_network_and_of_itself(tmp_path: Path) -> None:
    async with running(tmp_path) as device:
        hub = await device.greeted()
        steps = [
            (SettingsChanged(seq=1, listening=False, language="en"), "closed"),
            (ClientChanged(seq=2, client_id="kitchen", name="Kitchen", listening=False), "closed"),
            (SettingsChanged(seq=3, listening=True, language="en"), "closed"),
            (ClientChanged(seq=4, client_id="hall", name="Hall", listening=True), "closed"),
            (ClientChanged(seq=5, client_id="kitchen", name="Kitchen", listening=True), "open"),
            (ClientChanged(seq=6, client_id="hall", name="Hall", listening=False), "open"),
        ]
        for event, state in steps:
            await hub.send(event)
            await hub.hear()
            assert device.state == state, event


async def test_a_person_at_the_device_is_obeyed_at_once_and_the_hub_is_told(
    tmp_path: Path,
) -> None:
    async with running(tmp_path) as device:
        hub = await device.greeted()
        status = await device.daemon.answer(AskListening(listening=False))
        assert (status.listening, status.microphone) == (False, "closed")
        await hub.hear()
        (told,) = hub.of(Change)
        assert told.deed == wish(False)
        # Until the hub has confirmed it, what the hub says of this device is older.
        await hub.send(ClientChanged(seq=1, client_id="kitchen", name="Kitchen", listening=True))
        await hub.hear()
        assert device.state == "closed"
        await hub.send(ChangeApplied(client_seq=told.client_seq))
        await hub.send(ClientChanged(seq=2, client_id="kitchen", name="Kitchen", listening=True))
        await hub.hear()
        assert device.state == "open"


async def test_only_the_last_choice_has_to_be_confirmed(tmp_path: Path) -> None:
    async with running(tmp_path) as device:
        hub = await device.greeted()
        device.daemon.set_listening(False, "client")
        device.daemon.set_listening(True, "client")
        device.daemon.set_listening(False, "client")
        await hub.hear()
        first, second, third = (m.client_seq for m in hub.of(Change))
        assert first < second < third
        for seq, client_seq, listening in ((1, first, False), (2, second, True)):
            await hub.send(
                ChangeApplied(client_seq=client_seq),
                ClientChanged(seq=seq, client_id="kitchen", name="Kitchen", listening=listening),
            )
            await hub.hear()
            assert device.state == "closed"
            assert device.replica.pending("client") is False
        await hub.send(ChangeApplied(client_seq=third))
        await hub.hear()
        assert device.replica.pending("client") is None


async def test_a_choice_made_without_a_hub_is_told_to_the_first_one_and_wins(
    tmp_path: Path,
) -> None:
    async with running(tmp_path, reachable=False) as device:
        await asyncio.sleep(1)
        device.daemon.set_listening(False, "client")
        await asyncio.sleep(1)
        assert device.state == "closed"
        device.reachable = True
        hub = await device.greeted(client_listening=True)
        assert [m.deed for m in hub.of(Change)] == [wish(False)]
        assert device.state == "closed"


async def test_what_was_chosen_holds_after_a_restart_without_a_hub(tmp_path: Path) -> None:
    async with running(tmp_path) as device:
        hub = await device.greeted()
        device.daemon.set_listening(False, "client")
        await hub.hear()
        await hub.send(ChangeApplied(client_seq=hub.of(Change)[0].client_seq))
        await hub.hear()
    async with running(tmp_path, reachable=False) as device:
        await asyncio.sleep(5)
        assert (device.state, device.shown) == ("closed", [])
        assert not device.daemon.listening


async def test_off_for_everybody_without_a_hub_closes_here_and_is_told_later(
    tmp_path: Path,
) -> None:
    async with running(tmp_path, reachable=False) as device:
        await asyncio.sleep(1)
        with pytest.raises(DaemonUnreachableError, match="has not confirmed it yet"):
            await device.daemon.answer(AskListening(listening=False, scope="network"))
        assert device.state == "closed"
    async with running(tmp_path) as device:  # kept over a restart
        hub = await device.greeted(listening=True)
        assert [m.deed for m in hub.of(Change)] == [wish(False, "network")]
        assert device.state == "closed"


async def test_the_whole_network_is_switched_by_the_hub(tmp_path: Path) -> None:
    async with running(tmp_path) as device:
        hub = await device.greeted()
        off = asyncio.create_task(
            device.daemon.answer(AskListening(listening=False, scope="network"))
        )
        await hub.hear()
        (told,) = hub.of(Change)
        assert told.deed == wish(False, "network")
        assert device.state == "closed"  # here at once; the others are told by the hub
        assert not off.done()
        await hub.send(ChangeApplied(client_seq=told.client_seq))
        await hub.send(SettingsChanged(seq=1, listening=False, language="en"))
        status = await off
        assert (status.listening, status.microphone) == (False, "closed")
        on = asyncio.create_task(
            device.daemon.answer(AskListening(listening=True, scope="network"))
        )
        await hub.hear()
        _, told = hub.of(Change)
        assert told.deed == wish(True, "network")
        await hub.send(ChangeApplied(client_seq=told.client_seq))
        await hub.hear()
        assert device.state == "closed"  # on is the hub's to say
        assert not on.done()
        await hub.send(SettingsChanged(seq=2, listening=True, language="en"))
        status = await on
        assert (status.listening, status.microphone) == (True, "open")


async def test_off_for_everybody_is_told_again_when_the_hub_did_not_hear_it(
    tmp_path: Path,
) -> None:
    async with running(tmp_path) as device:
        hub = await device.greeted()
        began = asyncio.get_running_loop().time()
        with pytest.raises(DaemonUnreachableError, match="has not confirmed it yet"):
            await device.daemon.answer(AskListening(listening=False, scope="network"))
        assert asyncio.get_running_loop().time() - began == OBEYED_WITHIN_S
        assert device.state == "closed"
        hub.channel.cut()
        again = await device.greeted(listening=True)
        (told,) = again.of(Change)
        assert told.deed == wish(False, "network")
        assert device.state == "closed"
        await again.send(SettingsChanged(seq=1, listening=False, language="en"))
        await again.send(ChangeApplied(client_seq=told.client_seq))
        await again.send(SettingsChanged(seq=2, listening=True, language="en"))
        await again.hear()
        assert device.state == "open"  # somebody else has switched it on since


async def test_a_device_that_the_hub_takes_for_another_does_not_work_as_that(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with running(tmp_path) as device:
        hub = await device.hub()
        await hub.channel.receive()
        await hub.send(
            ConnectionEstablished(
                version=1,
                client_id="hall",
                network_id=NETWORK,
                cursor=0,
                server_time=EPOCH,
                settings=Settings(),
            )
        )
        await asyncio.sleep(1)
        assert not device.daemon.link.connected
        assert "The token is that of hall" in caplog.text


# What it does, for people


async def test_its_status_tells_what_it_does(tmp_path: Path) -> None:
    async with running(tmp_path, reachable=False) as device:
        await asyncio.sleep(1)
        status = await device.daemon.answer(Ask())
        assert (status.name, status.hub, status.listening) == ("kitchen", None, True)
        assert (status.microphone, status.speech, status.held) == ("open", False, 0)
        device.reachable = True
        await device.greeted()
        assert (await device.daemon.answer(Ask())).hub == "hub"


# Signs of life


async def test_while_it_listens_every_frame_is_a_sign_of_life(tmp_path: Path) -> None:
    async with running(tmp_path, reachable=False) as device:
        await asyncio.sleep(1)
        known = len(device.pulses)
        await asyncio.sleep(1)
        assert len(device.pulses) - known == 1000 // FRAME_MS


async def test_while_it_does_not_listen_there_are_signs_of_life_too(tmp_path: Path) -> None:
    async with running(tmp_path, reachable=False) as device:
        device.daemon.set_listening(False, "client")
        await asyncio.sleep(1)
        device.pulses.clear()
        await asyncio.sleep(10 * IDLE_PULSE_S)
        assert 9 <= len(device.pulses) <= 11
        assert device.state == "closed"


async def test_while_it_looks_for_its_microphone_there_are_signs_of_life_too(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with running(tmp_path) as device:
        hub = await device.greeted()
        device.microphone.unplug()
        device.pulses.clear()
        await hub.hear(10 * REOPEN_S)
        assert 9 <= len(device.pulses) <= 11
        assert hub.of(ClientStatus)[-1] == ClientStatus(microphone="lost")
        assert device.daemon.status().microphone == "lost"
        device.microphone.replug()
        await hub.hear(REOPEN_S + 0.1)
        assert device.state == "open"
        assert device.shown == [True, False, True]
    warnings = [r for r in caplog.records if r.levelno >= logging.WARNING]
    assert ["has gone away" in r.getMessage() for r in warnings] == [True]


async def test_a_microphone_that_is_missing_can_be_switched_off(tmp_path: Path) -> None:
    async with running(tmp_path, reachable=False) as device:
        device.microphone.unplug()
        await asyncio.sleep(1)
        assert device.state == "lost"
        device.daemon.set_listening(False, "client")
        await asyncio.sleep(0)
        await asyncio.sleep(0.001)
        assert device.state == "closed"


@pytest.mark.parametrize("where", ["sticks_open", "sticks_reading"])
async def test_a_microphone_that_hangs_gives_no_sign_of_life_though_all_else_goes_on(
    tmp_path: Path, where: str
) -> None:
    async with running(tmp_path) as device:
        sticks: asyncio.Event = getattr(device.microphone, where)
        sticks.clear()
        hub = await device.hub()
        await hub.greet()
        await hub.hear(0.5)
        device.pulses.clear()
        for _ in range(3):
            await hub.send(ClockProbe(probe_id=1, sent_at_us=1))
            assert any(isinstance(m, ClockReply) for m in await hub.hear(20))
        assert device.pulses == []
        sticks.set()
        await hub.hear(1)
        assert device.pulses


async def test_when_it_ends_the_microphone_is_closed(tmp_path: Path) -> None:
    async with running(tmp_path) as device:
        await device.greeted()
        assert device.microphone.is_open
    assert not device.microphone.is_open


async def test_when_it_ends_what_it_holds_is_on_disk_though_the_microphone_hangs_in_closing(
    tmp_path: Path,
) -> None:
    spool = Spool(tmp_path / "spool", 10_000_000)
    async with running(tmp_path, spool=spool) as device:
        await device.greeted()
        await asyncio.sleep(1)
        device.microphone.play_at(say(SENTENCE, 0.5), device_clock())
        await asyncio.sleep(1)
        device.microphone.sticks_closing.clear()
        (said,) = device.candidates.held
        device.task.cancel()
        await asyncio.sleep(1)
        held, closing = spool.held, not device.task.done()
        device.microphone.sticks_closing.set()
        await asyncio.wait([device.task])
    assert (held, closing) == ([said], True)
    assert len(spool.read(said)[1]) > SAMPLE_RATE
