"""One connection: its greeting, its limits, its clock; what one device does, no other notices."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from hub.network import session as limits
from shared.errors import StoreError
from shared.ids import new_id
from shared.outbox import MAX_MESSAGES
from shared.wire.audio import AudioFrame
from shared.wire.channel import ChannelClosedError
from shared.wire.codec import decode_hub, encode
from shared.wire.events import InteractionCreated, SettingsChanged
from shared.wire.memory import WINDOW_BYTES
from shared.wire.network import ClientJoined, ClientLeft
from shared.wire.session import ClockProbe, ClockReply, ConnectionEstablished, Error, Heartbeat
from shared.wire.utterance import Release, SendAudio, UtteranceEnded
from tests.flows.home import now_us
from tests.hub.memory import Device, MemoryHub, open_hub
from tests.voice import say

pytestmark = pytest.mark.looptime

NOBODYS = "5f0c1f3e-8a55-4a6e-9d0c-2f1f4a7b6c01"
NONSENSE = "{"


@pytest.fixture
async def hub() -> AsyncIterator[MemoryHub]:
    async with open_hub() as hub:
        yield hub


def seconds() -> float:
    """Virtual time."""
    return asyncio.get_running_loop().time()


# The greeting


async def test_whoever_does_not_greet_within_ten_seconds_is_sent_away(hub: MemoryHub) -> None:
    device = await hub.connect(await hub.token("kitchen"))
    began = seconds()
    assert await device.close_code() == 1008
    assert seconds() - began == pytest.approx(10)
    assert hub.networks.connected == 0


async def test_a_greeting_in_the_tenth_second_is_in_time(hub: MemoryHub) -> None:
    device = await hub.connect(await hub.token("kitchen"))
    await asyncio.sleep(9.9)
    assert (await device.greet()).client_id == "kitchen"


async def test_the_first_message_is_answered_with_what_the_device_has_to_know(
    hub: MemoryHub,
) -> None:
    await hub.store.set_network_listening(hub.network.network_id, False)
    token = await hub.token("kitchen")
    await hub.store.set_client_listening(hub.network.network_id, "kitchen", False)
    device = await hub.connect(token)
    established = await device.greet()
    assert established.network_id == hub.network.public_id
    assert established.client_id == "kitchen"
    assert established.cursor == await hub.store.last_seq(hub.network.network_id)
    assert established.server_time.timestamp() == pytest.approx(now_us() / 1e6)
    assert not established.settings.listening
    assert not established.settings.client_listening
    assert established.settings.language == "en"
    assert established.released == []


async def test_a_device_that_speaks_newer_versions_too_is_let_in(hub: MemoryHub) -> None:
    device = await hub.connect(await hub.token("kitchen"))
    assert (await device.greet(version=7, min_version=1)).version == 1


async def test_who_speaks_only_newer_versions_is_told_so_and_sent_away(hub: MemoryHub) -> None:
    device = await hub.connect(await hub.token("kitchen"))
    with pytest.raises(ChannelClosedError) as closed:
        await device.greet(version=7, min_version=2)
    assert (closed.value.code, closed.value.reason) == (1008, "UNSUPPORTED_VERSION")
    (error,) = device.said
    assert isinstance(error, Error)
    assert "versions 1 to 1" in error.message


@pytest.mark.parametrize(
    ("first", "code"),
    [
        (NONSENSE, "MALFORMED_MESSAGE"),
        (encode(Heartbeat()), "HELLO_EXPECTED"),
        (AudioFrame(NOBODYS, 0, 0, 0, b"\0\0").encode(), "HELLO_EXPECTED"),
        (b"\0", "MALFORMED_MESSAGE"),
        ('{"type": "howdy"}', "UNKNOWN_MESSAGE_TYPE"),
    ],
)
async def test_without_a_greeting_nothing_else_is_taken(
    hub: MemoryHub, first: str | bytes, code: str
) -> None:
    device = await hub.connect(await hub.token("kitchen"))
    await device.send_raw(first)
    assert (await device.expect(Error)).code == code
    assert await device.close_code() == 1008


async def test_whoever_hangs_up_before_the_greeting_leaves_nothing_behind(hub: MemoryHub) -> None:
    other = await hub.device("hall")
    device = await hub.connect(await hub.token("kitchen"))
    device.channel.cut()
    await hub.serving[device]
    await other.read_for(1)
    assert not any(isinstance(m, ClientJoined | ClientLeft) for m in other.said)


# Silence


async def test_a_device_that_says_nothing_for_fifteen_seconds_is_gone(hub: MemoryHub) -> None:
    other = await hub.device("hall")
    reading = asyncio.ensure_future(other.read_for(20))
    device = await hub.device("kitchen")
    began = seconds()
    assert await device.close_code() == 1008  # it reads, but answers no probe
    assert seconds() - began == pytest.approx(15)
    await reading
    assert [m.client_id for m in other.said if isinstance(m, ClientLeft)] == ["kitchen"]


async def test_a_heartbeat_is_enough_to_stay(hub: MemoryHub) -> None:
    device = await hub.device("kitchen")
    for _ in range(10):
        await asyncio.sleep(14)
        await device.send(Heartbeat())
    assert "kitchen" in (await hub.room()).members.sessions


# Errors


async def test_a_hundred_more_broken_messages_than_good_ones_are_hopeless(hub: MemoryHub) -> None:
    device = await hub.device("kitchen")
    for _ in range(99):
        await device.send_raw(NONSENSE)
    for _ in range(99):
        assert (await device.expect(Error)).code == "MALFORMED_MESSAGE"
    await device.send(Heartbeat())
    await asyncio.sleep(1)
    assert "kitchen" in (await hub.room()).members.sessions
    began = seconds()
    for _ in range(10):  # more than what was well said: a heartbeat, answers to clock probes
        await device.send_raw(NONSENSE)
    assert await device.close_code() == 1008
    assert seconds() == began
    await hub.serving[device]
    assert "kitchen" not in (await hub.room()).members.sessions


async def test_an_error_says_what_was_wrong_and_a_long_one_is_cut_to_what_a_message_holds(
    hub: MemoryHub,
) -> None:
    device = await hub.device("kitchen")
    await device.send(UtteranceEnded(utterance_id=new_id(), samples=320, reason="endpoint"))
    assert (await device.expect(Error)).code == "UNKNOWN_UTTERANCE"
    await device.send_raw('{"type": "client_status", "microphone": "' + "x" * 100_000 + '"}')
    error = await device.expect(Error)
    assert error.details == {"type": "client_status"}
    await device.send(Error(code="WHATEVER", message="it is mutual"))
    await device.send(Heartbeat())
    await asyncio.sleep(1)
    assert "kitchen" in (await hub.room()).members.sessions


# A slow reader


async def broadcast(hub: MemoryHub, number: int) -> None:
    """So many events of a little over a hundred bytes, some at a time."""
    room = await hub.room()
    for count in range(number):
        room.members.publish(
            [await hub.store.set_network_listening(hub.network.network_id, count % 2 > 0)]
        )
        if count % 100 == 99:
            await asyncio.sleep(0.01)


async def test_a_slow_reader_is_dropped_from_its_bounded_outbox_and_slows_nobody(
    hub: MemoryHub,
) -> None:
    quick = await hub.device("hall")
    slow = await hub.device("kitchen")
    await quick.read_for(1)
    quick.said.clear()
    number = MAX_MESSAGES * 3
    reading = asyncio.ensure_future(quick.read_for(9))
    await broadcast(hub, number)
    await reading
    assert seconds() < 12  # nobody waited for it
    assert hub.serving[slow].done()
    assert "kitchen" not in (await hub.room()).members.sessions
    events = [m for m in quick.said if isinstance(m, SettingsChanged)]
    assert len(events) == number
    assert [e.seq for e in events] == list(range(events[0].seq, events[0].seq + number))
    assert any(isinstance(m, ClientLeft) and m.client_id == "kitchen" for m in quick.said)
    # What was on its way arrives; then it learns why it ends.
    assert await slow.close_code() == 4408


async def test_whoever_was_dropped_gets_the_rest_when_it_is_back(hub: MemoryHub) -> None:
    token = await hub.token("kitchen")
    slow = await hub.connect(token)
    await slow.greet()
    await broadcast(hub, MAX_MESSAGES * 3)
    assert await slow.close_code() == 4408
    seen = [m.seq for m in slow.said if isinstance(m, SettingsChanged)]
    back = await hub.connect(token)
    established = await back.greet(cursor=seen[-1])
    await back.read_for(5)
    rest = [m.seq for m in back.said if isinstance(m, SettingsChanged)]
    assert rest == list(range(seen[-1] + 1, established.cursor + 1))


async def test_a_long_log_is_read_as_fast_as_the_device_takes_it(hub: MemoryHub) -> None:
    # More than its outbox holds: whoever catches up is not too slow.
    for count in range(MAX_MESSAGES * 3):
        await hub.store.set_network_listening(hub.network.network_id, count % 2 > 0)
    device = await hub.connect(await hub.token("kitchen"))
    established = await device.greet(cursor=0)
    for seq in range(1, established.cursor + 1):
        event = await device.receive()
        assert event.seq == seq  # type: ignore[union-attr]
        if seq % 1000 == 0:
            await device.send(Heartbeat())
            await asyncio.sleep(5)


async def test_a_link_that_takes_nothing_at_all_is_cut_off(hub: MemoryHub) -> None:
    other = await hub.device("hall")
    stuck = await hub.device("kitchen")
    listening = asyncio.ensure_future(other.read_for(14))
    beating = asyncio.ensure_future(beat(stuck))
    await asyncio.sleep(1)
    filling = 5000  # for the link, not for the outbox behind it
    assert filling * 60 > WINDOW_BYTES
    await broadcast(hub, filling)
    assert "kitchen" in (await hub.room()).members.sessions
    await listening
    beating.cancel()
    assert any(isinstance(m, ClientLeft) for m in other.said)


async def beat(device: Device) -> None:
    while True:
        await device.send(Heartbeat())
        await asyncio.sleep(1)


# A second connection


async def test_a_new_connection_of_the_same_device_replaces_the_old_one(hub: MemoryHub) -> None:
    token = await hub.token("kitchen")
    other = await hub.device("hall")
    first = await hub.connect(token)
    await first.greet()
    second = await hub.connect(token)
    await second.greet()
    assert await first.close_code() == 4409
    await hub.serving[first]
    await second.speak(say("ba de fi go"))
    await other.expect(InteractionCreated)
    # It never left.
    assert not any(isinstance(m, ClientLeft) for m in other.said)
    client = await hub.store.client(hub.network.network_id, "kitchen")
    assert client.connection_status == "online"


async def test_what_the_old_connection_offered_can_be_offered_on_the_new_one(
    hub: MemoryHub,
) -> None:
    token = await hub.token("kitchen")
    first = await hub.connect(token)
    await first.greet()
    utterance = first.just_heard(say("ba de fi go"))
    await first.offer(utterance)
    await first.read_for(0.5)
    second = await hub.connect(token)
    assert (await second.greet(held=[utterance.utterance_id])).released == []
    await second.offer(utterance, reoffered=True)
    await second.deliver(utterance)
    assert (await second.expect(InteractionCreated)).text == "ba de fi go"
    assert await hub.texts() == ["ba de fi go"]


# The clock


async def probes(device: Device, within_s: float, answer_us: int | None) -> list[float]:
    """When the hub probed; answered with the clock ahead by `answer_us`, or not at all."""
    found = []
    try:
        async with asyncio.timeout(within_s):
            while True:
                message = decode_hub(await device.channel.receive())
                if not isinstance(message, ClockProbe):
                    continue
                found.append(seconds())
                if answer_us is not None:
                    now = now_us() + answer_us
                    await device.send(
                        ClockReply(probe_id=message.probe_id, received_at_us=now, sent_at_us=now)
                    )
    except TimeoutError:
        return found


async def greeted(hub: MemoryHub, ahead_us: int = 0, after_s: float = 0) -> tuple[Device, float]:
    """A device on a slow link, and when the hub answered it."""
    device = await hub.connect(await hub.token("kitchen"), latency_s=0.02)
    await asyncio.sleep(after_s)
    await device.greet(device_time_us=now_us() + ahead_us)
    return device, seconds()


async def test_the_clock_is_probed_four_times_at_once_then_every_ten_seconds(
    hub: MemoryHub,
) -> None:
    device, began = await greeted(hub)
    asked = [at - began for at in await probes(device, 35, answer_us=0)]
    assert asked == pytest.approx([0, 0.04, 0.08, 0.12, 10.12, 20.12, 30.12], abs=0.001)


async def test_a_device_that_answers_no_probe_is_asked_again_and_harms_nobody(
    hub: MemoryHub,
) -> None:
    device, began = await greeted(hub)
    beating = asyncio.ensure_future(beat(device))
    asked = [at - began for at in await probes(device, 35, answer_us=None)]
    assert asked == pytest.approx([0, 10, 20, 30], abs=0.001)
    beating.cancel()


@pytest.mark.parametrize("ahead_us", [0, 1_500_000, -3_600_000_000])
async def test_a_clock_is_known_to_half_a_round_trip(hub: MemoryHub, ahead_us: int) -> None:
    device, _ = await greeted(hub, ahead_us, after_s=0.2)
    coarse = (await hub.session("kitchen")).mapping
    assert coarse.uncertainty_us == pytest.approx(110_000, abs=10)
    assert abs(coarse.offset_us + ahead_us) <= coarse.uncertainty_us
    await probes(device, 1, answer_us=ahead_us)
    fine = (await hub.session("kitchen")).mapping
    assert fine.uncertainty_us == pytest.approx(20_000, abs=10)
    assert abs(fine.offset_us + ahead_us) <= fine.uncertainty_us


async def heard_at(hub: MemoryHub) -> float:
    """When the only interaction began, in seconds."""
    (interaction,) = await hub.store.recent_interactions(hub.network.network_id, 10)
    assert interaction.timestamp is not None
    return interaction.timestamp.timestamp()


async def test_what_is_said_before_the_clock_is_known_waits_for_it(hub: MemoryHub) -> None:
    device = await hub.connect(await hub.token("kitchen"))
    said_us = now_us()
    await asyncio.sleep(4)  # its link held the greeting up
    await device.greet(device_time_us=said_us)
    candidate = device.just_heard(say("ba de fi go"))
    await device.offer(candidate, reoffered=True)
    await device.deliver(candidate)
    await device.expect(Release)
    assert await heard_at(hub) == pytest.approx(candidate.captured_at_us / 1e6, abs=0.01)


async def test_an_answer_that_was_held_up_is_not_enough(hub: MemoryHub) -> None:
    device = await hub.connect(await hub.token("kitchen"))
    said_us = now_us()
    await asyncio.sleep(4)
    await device.greet(device_time_us=said_us)
    probe = await next_probe(device)
    now = now_us()
    candidate = device.just_heard(say("ba de fi go"))
    await device.offer(candidate, reoffered=True)
    await asyncio.sleep(4)
    await device.send(ClockReply(probe_id=probe, received_at_us=now, sent_at_us=now))
    await device.deliver(candidate)
    await device.expect(Release)
    assert await heard_at(hub) == pytest.approx(candidate.captured_at_us / 1e6, abs=0.01)


async def test_while_a_hub_is_too_busy_for_its_first_probes_it_asks_on(hub: MemoryHub) -> None:
    device = await hub.connect(await hub.token("kitchen"))
    said_us = now_us()
    await asyncio.sleep(2)
    await device.greet(device_time_us=said_us)
    candidate = device.just_heard(say("ba de fi go"))
    await device.offer(candidate, reoffered=True)
    for _ in range(limits.FIRST_PROBES):
        probe, now = await next_probe(device), now_us()
        await asyncio.sleep(1)
        await device.send(ClockReply(probe_id=probe, received_at_us=now, sent_at_us=now))
    await device.deliver(candidate)
    await device.expect(Release)
    assert await heard_at(hub) == pytest.approx(candidate.captured_at_us / 1e6, abs=0.01)


@pytest.mark.parametrize(("bound", "most"), [("MOST_EARLY", 30), ("MOST_EARLY_BYTES", 20_000)])
async def test_who_answers_no_probe_is_heard_all_the_same(
    hub: MemoryHub, monkeypatch: pytest.MonkeyPatch, bound: str, most: int
) -> None:
    monkeypatch.setattr(limits, bound, most)
    device = await hub.connect(await hub.token("kitchen"))
    await asyncio.sleep(4)
    await device.greet(device_time_us=0)
    candidate = device.just_heard(say("ba de fi go"))
    for _ in range(11):
        await device.offer(candidate)
    await asyncio.sleep(1)
    assert (await hub.session("kitchen")).mapping.uncertainty_us > limits.UNSURE_US
    said = [decode_hub(await device.channel.receive()) for _ in range(10)]
    assert any(isinstance(message, SendAudio) for message in said)


async def next_probe(device: Device) -> int:
    """The id of the next probe, which waits for an answer."""
    while True:
        message = decode_hub(await device.channel.receive())
        if isinstance(message, ClockProbe):
            return message.probe_id


async def test_a_reply_that_contradicts_itself_or_answers_nothing_leaves_the_clock_as_it_was(
    hub: MemoryHub,
) -> None:
    device, _ = await greeted(hub)
    await probes(device, 1, answer_us=0)
    session = await hub.session("kitchen")
    known = session.mapping
    for held_us, asked in ((-1, True), (60_000_000, True), (0, False)):
        await device.send(Heartbeat())
        probe = await next_probe(device) if asked else 1
        now = now_us()
        reply = ClockReply(probe_id=probe, received_at_us=now, sent_at_us=now + held_us)
        await device.send(reply)
        assert (await device.expect(Error)).code == "MALFORMED_MESSAGE"
        assert session.mapping == known


# The end


async def test_when_the_hub_stops_the_devices_are_told(hub: MemoryHub) -> None:
    device = await hub.device("kitchen")
    await hub.networks.close()
    assert await device.close_code() == 1001


async def test_limits_are_those_that_the_design_names() -> None:
    assert (limits.HELLO_TIMEOUT_S, limits.SILENCE_TIMEOUT_S, limits.MAX_ERRORS) == (10, 15, 100)


async def test_a_store_that_fails_ends_a_connection_and_no_other(hub: MemoryHub) -> None:
    healthy = await hub.device("hall")
    token = await hub.token("kitchen")

    async def broken(*_: object) -> None:
        raise StoreError("the disk is gone")

    hub.store.client = broken  # type: ignore[method-assign, assignment]
    device = await hub.connect(token)
    with pytest.raises(ChannelClosedError):
        await device.greet()
    await asyncio.wait([hub.serving[device]])
    await healthy.send(Heartbeat())
    assert set((await hub.room()).members.sessions) == {"hall"}
    assert not any(isinstance(m, ConnectionEstablished) for m in device.said)
