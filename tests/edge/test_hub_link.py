"""The device's connection: found, greeted, kept, and opened again."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from itertools import pairwise

import pytest

from edge.backoff import Backoff
from edge.hub_finder import HubFinder
from edge.hub_link import (
    FIRST_SIGHTING_S,
    GREETING_TIMEOUT_S,
    HEARTBEAT_S,
    REPLACED_PAUSE_S,
    SILENCE_TIMEOUT_S,
    HubLink,
)
from shared.discovery import HubRecord, Sighting
from shared.errors import AccessDeniedError, WireError
from shared.ids import new_id
from shared.outbox import MAX_BYTES, MAX_MESSAGES
from shared.wire.audio import AudioFrame
from shared.wire.channel import SEND_TIMEOUT_S, Channel, ChannelClosedError
from shared.wire.codec import HubMessage, decode_device, encode
from shared.wire.fields import Message
from shared.wire.memory import MemoryChannel, memory_channels
from shared.wire.session import (
    ClientStatus,
    ClockProbe,
    ConnectionEstablished,
    Error,
    Heartbeat,
    Hello,
    Settings,
)

pytestmark = pytest.mark.looptime

CA = "ab" * 32
NETWORK = "net_" + "0" * 32
UTTERANCE = new_id()
PAUSE_S = 7.0  # what the test's backoff gives


def established(cursor: int = 0) -> ConnectionEstablished:
    return ConnectionEstablished(
        version=1,
        client_id="kitchen",
        network_id=NETWORK,
        cursor=cursor,
        server_time=datetime.now(UTC),
        settings=Settings(),
    )


def frame(sequence: int, payload: bytes = b"\0\0") -> AudioFrame:
    return AudioFrame(UTTERANCE, sequence, sequence, 0, payload)


class Owner:
    """A daemon that notes what it is told."""

    def __init__(self) -> None:
        self.greetings = 0
        self.heard: list[HubMessage] = []
        self.first: list[Message] = []  # what is said on connecting
        self.pieces: list[AudioFrame] = []  # audio that waits
        self.refusal: WireError | None = None
        self.takes = asyncio.Event()  # what the hub says next
        self.takes.set()

    def hello(self) -> Hello:
        self.greetings += 1
        return Hello(version=1, min_version=1, software="test", device_time_us=0, cursor=0)

    def removed(self) -> None:
        """See `Owner`."""

    def established(self, message: ConnectionEstablished) -> Iterable[Message]:
        if self.refusal is not None:
            raise self.refusal
        return self.first

    def received(self, message: HubMessage) -> Iterable[Message]:
        self.heard.append(message)
        return [Heartbeat()] if isinstance(message, ClockProbe) else []

    async def ready(self) -> None:
        await self.takes.wait()

    def audio(self) -> AudioFrame | None:
        return self.pieces.pop(0) if self.pieces else None


class CountedBackoff(Backoff):
    """Always waits `PAUSE_S`; counts failures in a row."""

    def __init__(self) -> None:
        super().__init__()
        self.failures = 0
        self.given: list[int] = []  # how many failures in a row, at each delay

    def next_delay(self, random_value: float) -> float:
        assert 0 <= random_value < 1
        self.failures += 1
        self.given.append(self.failures)
        return PAUSE_S

    def reset(self) -> None:
        self.failures = 0


class Net:
    """What is behind each address: a hub to connect to, or an error."""

    def __init__(self, *addresses: str) -> None:
        self.owner = Owner()
        self.backoff = CountedBackoff()
        self.finder = HubFinder(addresses, ca_sha256=CA)
        self.errors: dict[str, Exception] = {}
        self.dialled: list[tuple[float, str]] = []
        self.calls: asyncio.Queue[MemoryChannel] = asyncio.Queue()
        self.link = HubLink(self.owner, self.finder, self.connect, self.backoff)

    async def connect(self, address: str) -> Channel:
        self.dialled.append((asyncio.get_running_loop().time(), address))
        if address in self.errors:
            raise self.errors[address]
        hub, device = memory_channels()
        self.calls.put_nowait(hub)
        return device

    async def answered(self) -> MemoryChannel:
        """The hub's end of the next connection, once the device was greeted."""
        hub = await self.calls.get()
        assert isinstance(decode_device(await hub.receive()), Hello)
        await hub.send(encode(established()))
        return hub

    @property
    def addresses(self) -> list[str]:
        return [address for _, address in self.dialled]

    def connected(self) -> bool:
        """Whether a hub has greeted the device."""
        return self.link.connected

    def waits(self) -> list[float]:
        """Seconds between one attempt and the next."""
        times = [at for at, _ in self.dialled]
        return [round(b - a, 3) for a, b in pairwise(times)]


@asynccontextmanager
async def running(net: Net) -> AsyncIterator[Net]:
    """Runs the link; whatever ends it fails the test."""
    task = asyncio.ensure_future(net.link.run())
    try:
        yield net
        assert not task.done(), task
    finally:
        task.cancel()
        await asyncio.wait([task])


async def drain(hub: MemoryChannel, seconds: float = 0.5) -> list[object]:
    """What the device says within some seconds."""
    found: list[object] = []
    try:
        async with asyncio.timeout(seconds):
            while True:
                found.append(decode_device(await hub.receive()))
    except TimeoutError:
        return found


async def until_closed(hub: MemoryChannel) -> int:
    """Reads until the device is gone; with which code."""
    try:
        while True:
            await hub.receive()
    except ChannelClosedError as closed:
        return closed.code


# Where it connects to


async def test_addresses_are_tried_in_turn_until_a_hub_answers() -> None:
    net = Net("one", "two", "three")
    net.errors = {"one": ConnectionRefusedError("refused"), "two": TimeoutError()}
    async with running(net):
        await net.answered()
        await asyncio.sleep(1)
        assert net.addresses == ["one", "two", "three"]
        assert net.waits() == [0, 0]
        assert net.link.address == "three"
        assert net.connected()


async def test_when_none_answers_it_waits_longer_and_longer_and_tries_them_all_again() -> None:
    net = Net("one", "two")
    refused = ConnectionRefusedError("refused")
    net.errors = {"one": refused, "two": refused}
    async with running(net):
        await asyncio.sleep(2.5 * PAUSE_S)
        assert net.addresses == ["one", "two"] * 3
        assert net.waits() == [0, PAUSE_S, 0, PAUSE_S, 0]
        assert net.backoff.given == [1, 2, 3]
        assert not net.connected()
        assert net.link.address is None


async def test_a_refused_token_is_tried_again_for_it_may_be_given_back() -> None:
    net = Net("one")
    net.errors = {"one": AccessDeniedError("The hub does not accept this device's token.")}
    async with running(net):
        await asyncio.sleep(1.5 * PAUSE_S)
        net.errors = {}
        await net.answered()
        await asyncio.sleep(1)
        assert net.connected()


def appeared() -> Sighting[HubRecord]:
    """A hub shows itself by mDNS."""
    return Sighting("appeared", "hub", HubRecord("hub-1", "Hub", tls=CA), ("192.0.2.1",), 8770)


async def test_without_any_address_it_waits_for_a_hub_to_show_itself(
    caplog: pytest.LogCaptureFixture,
) -> None:
    net = Net()
    async with running(net):
        await asyncio.sleep(FIRST_SIGHTING_S / 2)
        net.finder.heard(appeared())
        await net.answered()
        await asyncio.sleep(1)
        assert net.dialled == [(FIRST_SIGHTING_S / 2, "https://192.0.2.1:8770")]
        assert net.link.address == "https://192.0.2.1:8770"
    assert not [r for r in caplog.records if r.levelno >= logging.WARNING]


async def test_where_none_shows_itself_soon_that_is_said(caplog: pytest.LogCaptureFixture) -> None:
    net = Net()
    async with running(net):
        await asyncio.sleep(FIRST_SIGHTING_S + 3 * PAUSE_S)
    warnings = [r.getMessage() for r in caplog.records if r.levelno >= logging.WARNING]
    assert ["no hub is configured" in line for line in warnings] == [True]


async def test_a_hub_that_does_not_answer_in_time_is_said_to_give_no_answer() -> None:
    net = Net("one")
    net.errors = {"one": TimeoutError()}  # which says nothing itself
    async with running(net):
        await asyncio.sleep(1)
        assert net.link.trouble == "one: no answer"


async def test_a_hub_that_shows_itself_cuts_the_wait_for_the_next_attempt_short() -> None:
    net = Net("one")
    net.errors = {"one": ConnectionRefusedError("refused")}
    async with running(net):
        await asyncio.sleep(PAUSE_S / 7)
        net.finder.heard(appeared())
        await net.answered()
        assert net.addresses == ["one", "one", "https://192.0.2.1:8770"]
        assert net.waits() == [PAUSE_S / 7, 0]


async def test_a_connection_that_was_lost_is_a_fresh_start_for_the_backoff() -> None:
    net = Net("one")
    net.errors = {"one": ConnectionRefusedError("refused")}
    async with running(net):
        await asyncio.sleep(1.5 * PAUSE_S)
        net.errors = {}
        hub = await net.answered()
        await asyncio.sleep(1)
        hub.cut()
        await net.answered()
        assert net.backoff.given == [1, 2, 1]


# The greeting


async def test_a_hub_that_does_not_greet_back_is_given_up_after_ten_seconds() -> None:
    net = Net("silent", "other")
    async with running(net):
        silent = await net.calls.get()
        assert isinstance(decode_device(await silent.receive()), Hello)
        await net.answered()
        assert net.addresses == ["silent", "other"]
        assert net.waits() == [GREETING_TIMEOUT_S]
        assert await until_closed(silent) == 1000


@pytest.mark.parametrize(
    "answer",
    [
        encode(Error(code="UNSUPPORTED_VERSION", message="Too old.")),
        encode(ClockProbe(probe_id=1, sent_at_us=1)),
        '{"type": "howdy"}',
        "nonsense",
        b"\0",
    ],
)
async def test_what_is_no_greeting_ends_the_attempt_and_the_next_hub_is_tried(
    answer: str | bytes,
) -> None:
    net = Net("odd", "other")
    async with running(net):
        odd = await net.calls.get()
        await odd.receive()
        await odd.send(answer)
        await net.answered()
        assert net.addresses == ["odd", "other"]
        assert await until_closed(odd) == 1000
        assert net.owner.heard == []


async def test_a_hub_that_the_daemon_does_not_want_is_left_and_greeted_anew(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "edge.hub_link")
    net = Net("one")
    net.owner.refusal = WireError("Its log is behind our copy.")
    async with running(net):
        for _ in range(3):
            await net.answered()
        await asyncio.sleep(0.1)
        assert net.backoff.given == [1, 2, 3]  # less and less often, for it is no success
        assert net.link.trouble == "one: Its log is behind our copy."
        assert [r.levelname for r in caplog.records] == ["WARNING"]
        net.owner.refusal = None
        await net.answered()
        await asyncio.sleep(1)
        assert net.connected()
        assert net.owner.greetings == 4
        assert net.link.trouble == ""


async def test_nothing_is_sent_before_the_greeting_and_first_what_the_daemon_has_to_say() -> None:
    net = Net("one")
    net.owner.first = [ClientStatus(microphone="open")]
    net.owner.pieces = [frame(0)]
    async with running(net):
        net.link.send([ClientStatus(microphone="lost")])  # nobody to hear it
        hub = await net.calls.get()
        assert isinstance(decode_device(await hub.receive()), Hello)
        net.link.send([ClientStatus(microphone="lost")])
        assert await drain(hub) == []
        await hub.send(encode(established()))
        assert await drain(hub) == [ClientStatus(microphone="open"), frame(0)]


# While it lasts


async def test_a_heartbeat_is_sent_every_five_seconds() -> None:
    net = Net("one")
    async with running(net):
        hub = await net.answered()
        assert await drain(hub, 4 * HEARTBEAT_S + 1) == [Heartbeat()] * 4


async def test_a_hub_that_is_silent_for_half_a_minute_is_left() -> None:
    net = Net("one")
    async with running(net):
        hub = await net.answered()
        await drain(hub, SILENCE_TIMEOUT_S - 1)
        await hub.send(encode(ClockProbe(probe_id=1, sent_at_us=1)))
        await drain(hub, SILENCE_TIMEOUT_S - 1)
        assert net.connected()
        await asyncio.sleep(2)
        assert not net.connected()
        assert await until_closed(hub) == 1000


async def test_what_the_hub_says_is_answered_and_what_is_not_understood_is_told_it() -> None:
    net = Net("one")
    async with running(net):
        hub = await net.answered()
        await hub.send(encode(ClockProbe(probe_id=1, sent_at_us=1)))
        assert await drain(hub) == [Heartbeat()]
        for odd, code in (
            ('{"type": "from_the_future"}', "UNKNOWN_MESSAGE_TYPE"),
            ("nonsense", "MALFORMED_MESSAGE"),
            (b"\0", "MALFORMED_MESSAGE"),
            ('{"type": "release", "utterance_id": "' + "x" * 9000 + '"}', "MALFORMED_MESSAGE"),
        ):
            await hub.send(odd)
            (answer,) = await drain(hub)
            assert isinstance(answer, Error)
            assert answer.code == code
        await hub.send(encode(ClockProbe(probe_id=2, sent_at_us=1)))
        assert len(net.owner.heard) == 1
        assert await drain(hub) == [Heartbeat()]
        assert net.connected()


async def test_audio_goes_out_when_there_is_room_and_other_messages_get_between() -> None:
    net = Net("one")
    number = 3 * MAX_BYTES // 64_000
    async with running(net):
        hub = await net.answered()
        await asyncio.sleep(0.1)
        net.owner.pieces = [frame(n, b"\0" * 64_000) for n in range(number)]
        net.link.send([])
        assert len(net.owner.pieces) >= number // 2  # the outbox never holds all of it
        net.link.send([ClientStatus(microphone="lost")])
        said = await drain(hub)
        places = [n for n, message in enumerate(said) if isinstance(message, ClientStatus)]
        assert [m for m in said if isinstance(m, AudioFrame)] == [
            frame(n, b"\0" * 64_000) for n in range(number)
        ]
        assert len(places) == 1
        assert places[0] < number - 10
        assert net.connected()


# How it ends


async def test_a_hub_that_takes_nothing_is_left() -> None:
    net = Net("one")
    async with running(net):
        hub = await net.answered()
        await asyncio.sleep(0.1)
        net.owner.pieces = [frame(n, b"\0" * 64_000) for n in range(20)]
        net.link.send([])
        for _ in range(9):  # not silent, only deaf
            await hub.send(encode(ClockProbe(probe_id=1, sent_at_us=1)))
            await asyncio.sleep(SEND_TIMEOUT_S / 10)
        assert net.connected()
        await asyncio.sleep(SEND_TIMEOUT_S / 10 + 0.1)
        assert not net.connected()
        await net.answered()


async def test_more_than_the_outbox_holds_ends_the_connection_and_nothing_else() -> None:
    net = Net("one")
    async with running(net):
        hub = await net.answered()
        await asyncio.sleep(0.1)
        net.link.send([ClientStatus(microphone="open")] * (MAX_MESSAGES + 1))
        assert await until_closed(hub) == 1000
        assert "too slow" in net.link.trouble
        await net.answered()
        await asyncio.sleep(0.1)
        assert net.connected()


async def test_an_owner_that_takes_nothing_is_not_given_more_and_loses_nothing() -> None:
    net = Net("one")
    async with running(net):
        hub = await net.answered()
        await asyncio.sleep(0.1)
        net.owner.takes.clear()
        for number in range(3):
            await hub.send(encode(ClockProbe(probe_id=number, sent_at_us=0)))
        await asyncio.sleep(5)
        assert len(net.owner.heard) <= 1  # it was waiting for that one
        net.owner.takes.set()
        await asyncio.sleep(0.1)
        assert len(net.owner.heard) == 3
        assert net.connected()


async def test_it_leaves_when_it_is_told_to_says_why_and_comes_again() -> None:
    net = Net("one")
    net.link.leave("nothing to leave")
    async with running(net):
        hub = await net.answered()
        await asyncio.sleep(0.1)
        net.link.leave("the disk was slow")
        net.link.leave("twice")
        assert await until_closed(hub) == 1000
        assert net.link.trouble.endswith("the disk was slow")
        await net.answered()
        await asyncio.sleep(0.1)
        assert net.connected()


async def test_whoever_was_replaced_does_not_race_for_the_place() -> None:
    net = Net("one", "the same by another address")
    async with running(net):
        for _ in range(3):
            hub = await net.answered()
            await asyncio.sleep(0.1)
            await hub.close(4409, "replaced by a newer connection")
        await asyncio.sleep(0.1)
        assert net.addresses == ["one"] * 3
        assert net.waits() == [REPLACED_PAUSE_S + 0.1] * 2
        assert "another device" in net.link.trouble


async def test_what_was_lost_is_said_once_and_that_it_is_back_too(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "edge.hub_link")
    net = Net("one")
    net.errors = {"one": ConnectionRefusedError("nobody there")}
    async with running(net):
        await asyncio.sleep(5 * PAUSE_S)
        net.errors = {}
        await net.answered()
        await asyncio.sleep(0.1)
    lines = [(r.levelname, r.getMessage()) for r in caplog.records]
    assert [level for level, _ in lines] == ["WARNING", "INFO", "INFO"]
    assert "one: nobody there" in lines[0][1]
    assert "connected to the hub at one" in lines[1][1]
    assert "works again" in lines[2][1]


async def test_when_the_daemon_stops_the_hub_is_told() -> None:
    net = Net("one")
    async with running(net):
        hub = await net.answered()
        await asyncio.sleep(0.1)
    assert await until_closed(hub) == 1000
