"""All networks of a hub: opened when they are needed, apart from each other, closed together."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest

from hub.network.room import TELL_S
from hub.network.uploads import HubStoppingError
from hub.networks import POLL_INTERVAL_S
from hub.store.records import ElectionRecord
from shared.errors import StoreError
from shared.ids import new_id
from shared.wire.channel import ChannelClosedError
from shared.wire.codec import encode
from shared.wire.events import InteractionCreated, SettingsChanged
from shared.wire.session import Error
from shared.wire.utterance import PartialText, Release, SendAudio
from tests.fakes import MemoryStore
from tests.flows.home import now_us
from tests.hub.memory import MemoryHub, open_hub
from tests.voice import say

pytestmark = pytest.mark.looptime

SENTENCE = "ba de fi go"


class SlowStore(MemoryStore):
    """Takes a moment to read the elections, and may fail."""

    def __init__(self) -> None:
        super().__init__(now_us)
        self.opened: list[str] = []
        self.trouble: StoreError | None = None

    async def recent_elections(
        self, network_id: str, since_us: int, until_us: int | None = None
    ) -> tuple[ElectionRecord, ...]:
        self.opened.append(network_id)
        await asyncio.sleep(1)
        if self.trouble is not None:
            raise self.trouble
        return await super().recent_elections(network_id, since_us, until_us)

    async def last_seq(self, network_id: str) -> int:
        if self.trouble is not None:
            raise self.trouble
        return await super().last_seq(network_id)


@pytest.fixture
def store() -> SlowStore:
    return SlowStore()


@pytest.fixture
async def hub(store: SlowStore) -> AsyncIterator[MemoryHub]:
    async with open_hub(store) as hub:
        yield hub


@asynccontextmanager
async def polling(hub: MemoryHub) -> AsyncIterator[asyncio.Task[None]]:
    """The hub looks for what others committed. (Time is virtual within a test only.)"""
    task = asyncio.ensure_future(hub.networks.poll())
    yield task
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def test_devices_that_come_at_once_meet_in_one_room_that_was_opened_once(
    hub: MemoryHub, store: SlowStore
) -> None:
    devices = [await hub.connect(await hub.token(name)) for name in ("kitchen", "hall", "attic")]
    await asyncio.gather(*(device.greet() for device in devices))
    assert store.opened == [hub.network.network_id]
    assert set((await hub.room()).members.sessions) == {"kitchen", "hall", "attic"}
    assert hub.networks.connected == 3
    await hub.device("bath")
    assert store.opened == [hub.network.network_id]


async def test_each_network_has_a_room_of_its_own(hub: MemoryHub, store: SlowStore) -> None:
    other, _ = await hub.store.create_network("Neighbours")
    await hub.device("kitchen")
    await hub.device("kitchen", other)
    assert store.opened == [hub.network.network_id, other.network_id]
    assert hub.networks.connected == 2


async def test_connections_are_counted_while_they_last(hub: MemoryHub) -> None:
    assert hub.networks.connected == 0
    device = await hub.device("kitchen")
    assert hub.networks.connected == 1
    device.channel.cut()
    await hub.serving[device]
    assert hub.networks.connected == 0


async def test_a_room_that_cannot_be_opened_turns_all_away_and_is_opened_for_the_next(
    hub: MemoryHub, store: SlowStore
) -> None:
    store.trouble = StoreError("the disk is gone")
    tokens = [await hub.token(name) for name in ("kitchen", "hall")]
    devices = [await hub.connect(token) for token in tokens]
    for device in devices:
        await hub.serving[device]
        with pytest.raises(ChannelClosedError) as closed:
            await device.receive()
        assert closed.value.code == 1011
    assert hub.networks.connected == 0
    store.trouble = None
    again = await hub.connect(tokens[0])
    await again.greet()
    assert hub.networks.connected == 1


async def test_who_stops_waiting_for_a_room_does_not_stop_the_others(hub: MemoryHub) -> None:
    devices = [await hub.connect(await hub.token(name)) for name in ("kitchen", "hall", "attic")]
    await asyncio.sleep(0.5)
    hub.serving[devices[1]].cancel()
    for device in (devices[0], devices[2]):
        await device.greet()
    assert set((await hub.room()).members.sessions) == {"kitchen", "attic"}


async def test_what_other_processes_commit_is_found_within_seconds_in_every_network(
    hub: MemoryHub,
) -> None:
    other, _ = await hub.store.create_network("Neighbours")
    devices = [await hub.device("kitchen"), await hub.device("kitchen", other)]
    async with polling(hub):
        for network in (hub.network, other):
            await hub.store.set_network_listening(network.network_id, False)
        await asyncio.gather(*(device.read_for(2 * POLL_INTERVAL_S + 0.1) for device in devices))
    for device in devices:
        assert [m.listening for m in device.said if isinstance(m, SettingsChanged)] == [False]


async def test_looking_goes_on_when_the_store_fails_now_and_then(
    hub: MemoryHub, store: SlowStore, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "hub.networks")
    device = await hub.device("kitchen")
    async with polling(hub) as task:
        store.trouble = StoreError("the disk is gone")
        await device.read_for(3 * POLL_INTERVAL_S + 1)
        assert [r.levelname for r in caplog.records] == ["WARNING"]
        store.trouble = None
        await hub.store.set_network_listening(hub.network.network_id, False)
        await device.read_for(2 * POLL_INTERVAL_S)
        assert not task.done()
    assert [m.listening for m in device.said if isinstance(m, SettingsChanged)] == [False]
    assert [r.levelname for r in caplog.records] == ["WARNING", "INFO"]


async def test_when_the_hub_stops_every_connection_ends(hub: MemoryHub) -> None:
    other, _ = await hub.store.create_network("Neighbours")
    devices = [await hub.device("kitchen"), await hub.device("kitchen", other)]
    await hub.networks.close()
    assert [await device.close_code() for device in devices] == [1001, 1001]
    await asyncio.gather(*(hub.serving[device] for device in devices))
    assert hub.networks.connected == 0


# Stopping


async def drained(hub: MemoryHub, seconds: float = 8.0) -> float:
    """The hub finishes what it has begun; how long that took, in seconds."""
    started = asyncio.get_running_loop().time()
    await hub.networks.drain(seconds)
    return asyncio.get_running_loop().time() - started


async def test_what_is_being_recognised_when_the_hub_stops_is_stored_and_told_first(
    hub: MemoryHub,
) -> None:
    hub.desk.decode_s = 5.0
    device, bystander = await hub.device("kitchen"), await hub.device("hall")
    utterance = device.just_heard(say(SENTENCE))
    await device.offer(utterance)
    await device.deliver(utterance)
    await asyncio.sleep(1)
    assert await hub.texts() == []
    took = await drained(hub)
    assert took < 8  # it waits for that, and not longer
    assert await hub.texts() == [SENTENCE]
    await hub.networks.close()
    assert await device.close_code() == await bystander.close_code() == 1001
    for told in (device, bystander):
        assert [m.text for m in told.said if isinstance(m, InteractionCreated)] == [SENTENCE]
    assert [m.utterance_id for m in device.said if isinstance(m, Release)] == [
        utterance.utterance_id
    ]


async def test_what_is_stored_when_the_hub_stops_is_waited_for_too(hub: MemoryHub) -> None:
    device = await hub.device("kitchen")
    hub.store.failure = StoreError("the disk is full")
    utterance = device.just_heard(say(SENTENCE))
    await device.offer(utterance)
    await device.deliver(utterance)
    await asyncio.sleep(1)
    draining = asyncio.ensure_future(drained(hub))
    await asyncio.sleep(1)
    assert not draining.done()
    hub.store.failure = None
    await draining
    assert await hub.texts() == [SENTENCE]


async def test_what_is_offered_while_the_hub_stops_stays_with_the_device(hub: MemoryHub) -> None:
    hub.desk.decode_s = 5.0
    token = await hub.token("kitchen")
    device, other = await hub.connect(token), await hub.device("hall")
    await device.greet()
    first = device.just_heard(say(SENTENCE))
    await device.offer(first)
    await device.deliver(first)
    draining = asyncio.ensure_future(drained(hub))
    await asyncio.sleep(0)
    late = other.just_heard(say("mi le ka hu"))
    await other.offer(late)
    await draining
    await hub.networks.close()
    assert await other.close_code() == 1001
    assert not any(isinstance(m, SendAudio | Release | Error) for m in other.said)
    assert await hub.texts() == [SENTENCE]


async def test_whoever_speaks_on_when_the_hub_stops_is_not_waited_for(hub: MemoryHub) -> None:
    device = await hub.device("kitchen")
    await device.send(*device.just_heard(say(SENTENCE)).started(reoffered=False))
    await device.expect(SendAudio)
    assert await drained(hub) == 0
    await hub.networks.close()
    assert await device.close_code() == 1001


async def test_a_recogniser_that_hangs_delays_the_end_only_so_long(hub: MemoryHub) -> None:
    hub.desk.hangs = True
    device = await hub.device("kitchen")
    utterance = device.just_heard(say(SENTENCE))
    await device.offer(utterance)
    await device.deliver(utterance)
    await asyncio.sleep(1)
    assert await drained(hub, 8.0) == pytest.approx(8.0)
    await hub.networks.close()
    assert await device.close_code() == 1001
    assert not any(isinstance(m, Release) for m in device.said)


async def test_a_device_that_takes_nothing_delays_the_end_only_a_moment(hub: MemoryHub) -> None:
    device = await hub.device("kitchen")
    session = await hub.session("kitchen")
    while session.outbox.half_empty:  # nobody reads, and the link holds only so much
        session.send_text(encode(PartialText(election_id=new_id(), text="x" * 4096)))
        await asyncio.sleep(0)
    assert 0 < await drained(hub) <= TELL_S
    await hub.networks.close()
    assert await device.close_code() == 1001


async def test_recordings_that_wait_when_the_hub_stops_are_recognised(hub: MemoryHub) -> None:
    hub.desk.decode_s = 3.0
    await hub.device("kitchen")
    room, client = await hub.room(), await hub.store.client(hub.network.network_id, "kitchen")
    _, verdict = await room.upload(new_id(), client, say(SENTENCE), None)
    draining = asyncio.ensure_future(drained(hub))
    await asyncio.sleep(0)
    with pytest.raises(HubStoppingError, match="Send it again"):
        await room.upload(new_id(), client, say(SENTENCE), None)
    await draining
    assert verdict.result().selected
    assert await hub.texts() == [SENTENCE]


async def test_recordings_that_wait_too_long_are_to_be_sent_again(hub: MemoryHub) -> None:
    hub.desk.hangs = True
    await hub.device("kitchen")
    room, client = await hub.room(), await hub.store.client(hub.network.network_id, "kitchen")
    _, verdict = await room.upload(new_id(), client, say(SENTENCE), None)
    await drained(hub)
    assert not verdict.done()
    await hub.networks.close()
    with pytest.raises(HubStoppingError, match="Send it again"):
        await verdict


async def test_what_is_recognised_anew_is_waited_for_and_nothing_more_is_taken(
    hub: MemoryHub,
) -> None:
    hub.desk.decode_s = 3.0
    token = await hub.token("kitchen")
    again = asyncio.ensure_future(
        hub.networks.recognise(hub.network.network_id, say(SENTENCE), "en")
    )
    await asyncio.sleep(1)
    draining = asyncio.ensure_future(drained(hub))
    await asyncio.sleep(0)
    with pytest.raises(HubStoppingError):
        await hub.networks.recognise("another", say(SENTENCE), "en")
    late = await hub.connect(token)
    assert await late.close_code() == 1001
    assert await draining == pytest.approx(2.0)
    assert (await again).transcript.text == SENTENCE
