"""How full the hub's queues are, and what happens when they are."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from edge.candidate import Candidate
from hub.election.election import Rules
from hub.load import Load
from shared.ids import new_id
from shared.wire.events import Ack, InteractionCreated
from shared.wire.utterance import PartialText, Release, SendAudio
from tests.hub.memory import Device, MemoryHub, open_hub
from tests.voice import PITCHES, say

pytestmark = pytest.mark.looptime

WORDS = list(PITCHES)


@pytest.fixture
async def hub() -> AsyncIterator[MemoryHub]:
    async with open_hub() as hub:
        yield hub


async def test_an_idle_hub_has_no_load(hub: MemoryHub) -> None:
    assert hub.networks.load == Load()
    device = await hub.device("kitchen")
    await device.read_for(1)
    await device.send(Ack(cursor=1))
    await asyncio.sleep(0.1)
    assert hub.networks.load == Load()


async def test_how_far_the_slowest_device_is_behind_shows(hub: MemoryHub) -> None:
    quick, slow, observer = await hub.device("hall"), await hub.device("bath"), await hub.observer()
    room = await hub.room()
    for count in range(100):
        listening = count % 2 > 0
        event = await hub.store.set_network_listening(hub.network.network_id, listening)
        room.members.publish([event])
    for device in (quick, slow, observer):
        await device.read_for(1)
    await quick.send(Ack(cursor=102))
    await slow.send(Ack(cursor=40))
    await asyncio.sleep(0.1)
    assert hub.networks.load.events_behind == 62  # who only watches keeps no copy
    await slow.send(Ack(cursor=102))
    await asyncio.sleep(0.1)
    assert hub.networks.load.events_behind == 0


async def test_an_outbox_that_fills_shows_before_its_device_is_dropped(hub: MemoryHub) -> None:
    slow = await hub.device("kitchen")
    session, fullest = await hub.session("kitchen"), 0
    while not hub.serving[slow].done():
        for _ in range(50):
            session.send(PartialText(election_id=new_id(), text="word " * 800))
        fullest = max(fullest, hub.networks.load.outbox_bytes)
        await asyncio.sleep(0.01)
    assert fullest > 500_000
    assert hub.networks.load.outbox_bytes == 0


class Talker:
    """A device that heard many sentences, and holds each until it is released."""

    def __init__(self, device: Device, number: int) -> None:
        self.device = device
        self.held: dict[str, Candidate] = {}
        self.texts: list[str] = []
        self.asked: list[str] = []
        for n in range(number):
            text = f"{WORDS[n // 8 % 8]} {WORDS[n % 8]} {WORDS[n // 8 % 8 - 1]}"
            utterance = device.just_heard(say(text))
            utterance.captured_at_us -= (number - n) * 2_000_000
            self.held[utterance.utterance_id] = utterance
            self.texts.append(text)

    async def talk(self) -> None:
        """Offers all, and gives what is asked for, until the last is released."""
        for utterance in list(self.held.values()):
            await self.device.offer(utterance)
        while self.held:
            message = await self.device.receive()
            if isinstance(message, SendAudio):
                self.asked.append(message.utterance_id)
                utterance = self.held[message.utterance_id]
                utterance.sending, utterance.sent = True, message.from_sample
                while (frame := utterance.audio()) is not None:
                    await self.device.channel.send(frame.encode())
            elif isinstance(message, Release):
                del self.held[message.utterance_id]


async def test_a_slow_recogniser_costs_neither_memory_nor_a_sentence_nor_their_order(
    hub: MemoryHub,
) -> None:
    hub.desk.decode_s = 5
    most, number = Rules().at_work, Rules().at_work + 18
    talker = Talker(await hub.device("kitchen"), number)
    talking = asyncio.ensure_future(talker.talk())
    await asyncio.sleep(3)
    load = hub.networks.load
    assert load.elections_queued == 18
    assert len(talker.asked) == most
    audio = sum(talker.held[utterance].samples * 2 for utterance in talker.asked)
    assert load.audio_bytes == audio
    assert hub.networks.recogniser.waiting == most - 1
    await talking
    log = await hub.store.events_after(hub.network.network_id, 0)
    assert [e.text for e in log if isinstance(e, InteractionCreated)] == talker.texts
    # Each sentence has an event of its own, and one of its conversation.
    assert hub.networks.load == Load(events_behind=2 * number + 1)
