"""A network at work: what its devices are asked and told, and what the store keeps of it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime

import msgspec
import numpy as np
import pytest

from edge.candidate import Candidate
from hub import metrics
from hub.enhancement.enhance import Piece
from hub.network.clerk import BUSY_RETRY_S, STORE_RETRY_S
from hub.network.executor import PARTIAL_EVERY_SAMPLES
from hub.recognition.desk import Decoded, RecogniserBusyError
from hub.recognition.desks import Desks
from hub.store.records import ClientInfo
from hub.store.settings import NetworkSettings
from shared.audio import Pcm
from shared.errors import StoreError
from shared.ids import new_id
from shared.wire.audio import AudioFrame
from shared.wire.channel import ChannelClosedError
from shared.wire.events import (
    Ack,
    ClientChanged,
    InteractionCreated,
    ReminderDue,
    SettingsChanged,
)
from shared.wire.fields import Message
from shared.wire.network import (
    Change,
    ChangeApplied,
    ChangeRefused,
    ClientJoined,
    ClientLeft,
    DeleteInteraction,
    SetListening,
)
from shared.wire.session import ClientStatus, Error, Heartbeat
from shared.wire.utterance import (
    AudioStreamSelected,
    PartialText,
    Quality,
    Release,
    SendAudio,
    StopAudio,
    StreamQuality,
    UtteranceStarted,
)
from tests.fakes import VirtualDesk
from tests.flows.home import now_us
from tests.hub.memory import Device, MemoryHub, open_hub
from tests.voice import say

pytestmark = pytest.mark.looptime

SENTENCE = "ba de fi go"
OTHER = "mi le ka hu"


@pytest.fixture
async def hub() -> AsyncIterator[MemoryHub]:
    async with open_hub() as hub:
        yield hub


def seconds() -> float:
    """Virtual time."""
    return asyncio.get_running_loop().time()


def kinds(device: Device, *of: type[Message]) -> list[Message]:
    """What the hub said to a device, of some kinds."""
    return [message for message in device.said if isinstance(message, of)]


async def said_after(device: Device, since: int, wait_s: float = 1) -> list[Message]:
    """What the hub says to a device from its `since`th message on."""
    await device.read_for(wait_s)
    return list(device.said[since:])


def switch(listening: bool, **fields: object) -> Change:
    client_seq = fields.pop("client_seq", 1)
    deed = SetListening(**({"scope": "client", "listening": listening} | fields))  # type: ignore[arg-type]
    return Change(client_seq=client_seq, made_at_us=now_us(), deed=deed)  # type: ignore[arg-type]


# A store that fails


async def test_while_the_store_fails_nothing_is_released_and_later_all_is_stored_once(
    hub: MemoryHub, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "hub.network.clerk")
    hub.store.failure = StoreError("the disk is full")
    device = await hub.device("kitchen")
    utterances = []
    for text in (SENTENCE, OTHER):
        utterance = device.just_heard(say(text))
        await device.offer(utterance)
        await device.deliver(utterance)
        utterances.append(utterance)
        await device.read_for(10 * STORE_RETRY_S)
    assert kinds(device, Release, InteractionCreated) == []
    assert await hub.texts() == []
    hub.store.failure = None
    await device.read_for(STORE_RETRY_S + 1)
    assert sorted(await hub.texts()) == sorted([SENTENCE, OTHER])
    released = {m.utterance_id for m in device.said if isinstance(m, Release)}
    assert released == {utterance.utterance_id for utterance in utterances}
    assert len(kinds(device, Release)) == 2
    assert len(kinds(device, InteractionCreated)) == 2
    # Loud once, then quiet; and nothing of what was said.
    lines = [(r.levelname, r.getMessage()) for r in caplog.records if "storing" in r.getMessage()]
    assert [level for level, _ in lines] == ["WARNING", "INFO"]
    assert "the disk is full" in lines[0][1]
    assert "works again" in lines[1][1]
    assert SENTENCE not in caplog.text


async def test_an_election_without_an_interaction_is_stored_as_stubbornly(hub: MemoryHub) -> None:
    hub.store.failure = StoreError("the disk is full")
    hub.desk.recogniser._text_of = lambda _: ""
    device = await hub.device("kitchen")
    speaking = asyncio.ensure_future(device.speak(say(SENTENCE)))
    await asyncio.sleep(3 * STORE_RETRY_S)
    assert not speaking.done()
    hub.store.failure = None
    utterance_id = await speaking
    assert await hub.texts() == []
    (record,) = await hub.store.recent_elections(hub.network.network_id, 0)
    assert [c.utterance_id for c in record.candidates] == [utterance_id]


async def test_a_device_that_was_away_at_the_commit_learns_of_it_when_it_is_back(
    hub: MemoryHub,
) -> None:
    token = await hub.token("kitchen")
    device = await hub.connect(token)
    await device.greet()
    hub.store.failure = StoreError("the disk is full")
    utterance = device.just_heard(say(SENTENCE))
    await device.offer(utterance)
    await device.deliver(utterance)
    device.channel.cut()
    await asyncio.sleep(STORE_RETRY_S)
    hub.store.failure = None
    await asyncio.sleep(STORE_RETRY_S)
    back = await hub.connect(token)
    held = [utterance.utterance_id, new_id()]
    assert (await back.greet(held=held)).released == [utterance.utterance_id]
    # Should it be offered all the same, it is released, and not stored again.
    await back.offer(utterance, reoffered=True)
    assert (await back.expect(Release)).utterance_id == utterance.utterance_id
    assert await hub.texts() == [SENTENCE]


# The recogniser


async def test_a_busy_recogniser_is_waited_for_and_that_is_no_failure(hub: MemoryHub) -> None:
    calls = []
    decode = hub.desk.decode

    async def busy(pcm: Pcm, companions: Sequence[Sequence[Piece]] = ()) -> Decoded:
        calls.append(seconds())
        if len(calls) <= 3:
            raise RecogniserBusyError("Too many wait already.")
        return await decode(pcm, companions)

    hub.desk.decode = busy  # type: ignore[method-assign]
    device = await hub.device("kitchen")
    await device.speak(say(SENTENCE))
    waits = np.diff(calls)
    assert waits == pytest.approx([BUSY_RETRY_S] * 3)
    (interaction,) = await hub.store.recent_interactions(hub.network.network_id, 10)
    assert (interaction.text, interaction.processing_status) == (SENTENCE, "completed")


async def test_a_recogniser_that_fails_leaves_a_failed_interaction_and_frees_the_device(
    hub: MemoryHub,
) -> None:
    device = await hub.device("kitchen")
    utterance = device.just_heard(say(SENTENCE))
    await device.offer(utterance)
    hub.desk.recogniser.fail_next(ValueError("out of memory"))
    hub.desk.partial = no_partial  # type: ignore[method-assign]
    await device.deliver(utterance)
    assert (await device.expect(InteractionCreated)).processing_status == "failed"
    assert (await device.expect(Release)).utterance_id == utterance.utterance_id
    await device.speak(say(OTHER))
    assert await hub.texts() == ["", OTHER]


async def no_partial(key: str, pcm: Pcm) -> None:
    return None


class Doubts:
    """How sure the recogniser is, by the loudness of what it hears."""

    def __init__(self, hub: MemoryHub, loud: float, quiet: float) -> None:
        self.decoded: list[str] = []
        self._decode = hub.desk.decode
        self._sure = {"loud": loud, "quiet": quiet}
        hub.desk.decode = self.decode  # type: ignore[method-assign]

    async def decode(self, pcm: Pcm, companions: Sequence[Sequence[Piece]] = ()) -> Decoded:
        found = await self._decode(pcm, companions)
        which = "loud" if np.abs(pcm).max() > 5000 else "quiet"
        self.decoded.append(which)
        transcript = msgspec.structs.replace(found.transcript, confidence=self._sure[which])
        return Decoded(transcript, found.pcm, found.decode_s, found.queued_s)


async def two_close_ones(hub: MemoryHub) -> tuple[dict[str, Device], dict[str, Candidate]]:
    """Two devices that hear one sentence nearly as well as each other, the loud one better."""
    devices = {name: await hub.device(name) for name in ("loud", "quiet")}
    heard = {}
    for name, gain, score in (("loud", 0.5, 60), ("quiet", 0.1, 57)):
        pcm = say(SENTENCE, gain)
        heard[name] = devices[name].just_heard(pcm)
        claim, told = heard[name].started(reoffered=False)
        assert isinstance(told, Quality)
        told = msgspec.structs.replace(told, score=score)
        await devices[name].send(claim, told, heard[name].ended_message())
    return devices, heard


async def test_an_unsure_text_gets_a_second_opinion_and_the_surer_one_is_stored(
    hub: MemoryHub,
) -> None:
    doubts = Doubts(hub, loud=0.4, quiet=0.6)
    devices, heard = await two_close_ones(hub)
    await devices["loud"].deliver(heard["loud"])
    await devices["quiet"].deliver(heard["quiet"])
    await asyncio.gather(*(device.read_for(2) for device in devices.values()))
    for name, device in devices.items():
        assert [m.client_id for m in device.said if isinstance(m, InteractionCreated)] == ["quiet"]
        released = [m.utterance_id for m in device.said if isinstance(m, Release)]
        assert released == [heard[name].utterance_id]
    assert doubts.decoded == ["loud", "quiet"]
    (interaction,) = await hub.store.recent_interactions(hub.network.network_id, 10)
    assert interaction.processing_metadata["decode_ms"] == round(2000 * hub.desk.decode_s)
    (record,) = await hub.store.recent_elections(hub.network.network_id, 0)
    assert record.decodes == 2
    assert {c.client_id: c.outcome for c in record.candidates} == {
        "quiet": "elected",
        "loud": "runner_up",
    }


async def test_an_election_is_one_line_of_the_log(
    hub: MemoryHub, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "hub.network.executor")
    device = await hub.device("kitchen")
    await device.speak(say(SENTENCE))
    told = kinds(device, AudioStreamSelected)
    assert [one.final for one in told] == [False, True]  # type: ignore[attr-defined]
    lines = [r.getMessage() for r in caplog.records if "alone heard it" in r.getMessage()]
    assert len(lines) == 1


@pytest.mark.parametrize(
    ("announce_to", "heard"),
    [("kitchen", [OTHER]), (None, [OTHER]), ("hall", [SENTENCE, OTHER])],
    ids=["the one that speaks", "everybody", "one that does not speak"],
)
async def test_what_a_device_announces_and_another_hears_is_nobodys_sentence(
    hub: MemoryHub, announce_to: str | None, heard: list[str]
) -> None:
    kitchen = await hub.connect(await hub.token("kitchen"))
    await kitchen.greet(capabilities=["microphone", "announcements"])
    hall = await hub.device("hall")
    now = datetime.fromtimestamp(now_us() / 1e6, UTC)
    due = ReminderDue(
        seq=1,  # which it has: only that it was told counts here
        reminder_id=new_id(),
        title=SENTENCE,
        description=None,
        due_time=now,
        priority="low",
        status="pending",
        person_id=None,
        announce_to=announce_to,
    )
    (await hub.room()).members.publish([due])
    for text in (SENTENCE, OTHER):
        await hall.read_for(3)
        await hall.speak(say(text))
    assert await hub.texts() == heard
    first = min(
        await hub.store.recent_elections(hub.network.network_id, 0), key=lambda e: e.started_at_us
    )
    assert ("it is what a device announced" in first.reason) is (heard == [OTHER])


async def test_a_sure_text_needs_no_second_opinion(hub: MemoryHub) -> None:
    doubts = Doubts(hub, loud=0.9, quiet=0.9)
    devices, heard = await two_close_ones(hub)
    await devices["loud"].deliver(heard["loud"])
    assert (await devices["loud"].expect(InteractionCreated)).client_id == "loud"
    assert doubts.decoded == ["loud"]


async def test_a_second_opinion_that_never_comes_costs_nothing_but_time(hub: MemoryHub) -> None:
    Doubts(hub, loud=0.4, quiet=0.6)
    devices, heard = await two_close_ones(hub)
    await devices["loud"].deliver(heard["loud"])
    await devices["quiet"].expect(SendAudio)
    devices["quiet"].channel.cut()
    said = await devices["loud"].expect(InteractionCreated)
    assert (said.client_id, said.text) == ("loud", SENTENCE)
    (record,) = await hub.store.recent_elections(hub.network.network_id, 0)
    assert record.decodes == 1


async def test_text_is_shown_every_half_second_while_somebody_speaks_and_then_no_more(
    hub: MemoryHub,
) -> None:
    taken = []

    async def partial(key: str, pcm: Pcm) -> str:
        taken.append(len(pcm))
        return f"{len(pcm)} samples"

    hub.desk.partial = partial  # type: ignore[method-assign]
    other = await hub.device("hall")
    device = await hub.device("kitchen")
    await other.send(ClientStatus(microphone="closed"))
    pcm = say(SENTENCE)
    utterance = new_id()
    captured = now_us() - 1_000_000
    await device.send(
        UtteranceStarted(utterance_id=utterance, captured_at_us=captured, onset_sample=0)
    )
    await device.send(quality(utterance, pcm))
    await device.expect(SendAudio)
    for first in range(0, len(pcm), 1600):
        part = pcm[first : first + 1600].tobytes()
        await device.send_raw(AudioFrame(utterance, first // 1600, first, captured, part).encode())
        await asyncio.sleep(0.1)
    assert np.diff([0, *taken]).tolist() == [PARTIAL_EVERY_SAMPLES] * len(taken)
    assert len(taken) == len(pcm) // PARTIAL_EVERY_SAMPLES
    await other.read_for(1)
    texts = [m.text for m in other.said if isinstance(m, PartialText)]
    assert texts == [f"{samples} samples" for samples in taken]


async def test_live_text_for_which_there_is_no_time_is_left_out_and_counted(
    hub: MemoryHub,
) -> None:
    hub.desk.partial = no_partial  # type: ignore[method-assign]
    before = metrics.REGISTRY.get_sample_value("mira_partial_texts_skipped_total") or 0
    other = await hub.device("hall")
    await other.send(ClientStatus(microphone="closed"))
    device = await hub.device("kitchen")
    pcm = say(SENTENCE)
    utterance, captured = new_id(), now_us() - 1_000_000
    await device.send(
        UtteranceStarted(utterance_id=utterance, captured_at_us=captured, onset_sample=0),
        quality(utterance, pcm),
    )
    await device.expect(SendAudio)
    for first in range(0, 2 * PARTIAL_EVERY_SAMPLES, 1600):
        part = pcm[first : first + 1600].tobytes()
        await device.send_raw(AudioFrame(utterance, first // 1600, first, captured, part).encode())
    await other.read_for(1)
    assert not kinds(other, PartialText)
    after = metrics.REGISTRY.get_sample_value("mira_partial_texts_skipped_total") or 0
    assert after - before == 2


def quality(utterance_id: str, pcm: Pcm, score: float = 50, level: int = -40) -> Quality:
    steps = len(pcm) // 320
    return Quality(
        utterance_id=utterance_id,
        score=score,
        features={},
        envelope_start=0,
        envelope=[*([-50] * (steps - 1)), level],
        samples=steps * 320,
    )


# Events


async def test_what_another_process_commits_is_noticed_and_sent_in_order(hub: MemoryHub) -> None:
    device = await hub.device("kitchen")
    await device.read_for(1)
    known = len(device.said)
    for listening in (False, True, False):
        await hub.store.set_network_listening(hub.network.network_id, listening)
    members = (await hub.room()).members
    await members.poll_log()
    assert await said_after(device, known) == []
    await members.poll_log()
    events = await said_after(device, known)
    newest = await hub.store.last_seq(hub.network.network_id)
    seqs = [m.seq for m in events if isinstance(m, SettingsChanged)]
    assert seqs == [newest - 2, newest - 1, newest]
    await members.poll_log()
    assert await said_after(device, known) == events


async def test_an_event_after_one_that_another_process_committed_is_not_sent_before_it(
    hub: MemoryHub,
) -> None:
    device = await hub.device("kitchen")
    await device.read_for(1)
    await hub.store.set_network_listening(hub.network.network_id, False)  # unnoticed as yet
    await device.send(switch(True, scope="network"))
    await device.read_for(1)
    newest = await hub.store.last_seq(hub.network.network_id)
    seqs = [m.seq for m in device.said if isinstance(m, SettingsChanged)]
    assert seqs == [newest - 1, newest]


async def test_who_comes_and_goes_is_told_to_the_others_only(hub: MemoryHub) -> None:
    kitchen = await hub.device("kitchen")
    hall = await hub.device("hall")
    await kitchen.read_for(1)
    assert [m.client_id for m in kitchen.said if isinstance(m, ClientJoined)] == ["hall"]
    await hall.read_for(1)
    assert kinds(hall, ClientJoined) == []
    statuses = {c.client_id: c.connection_status for c in await clients(hub)}
    assert statuses == {"kitchen": "online", "hall": "online"}
    hall.channel.cut()
    await kitchen.read_for(1)
    assert [m.client_id for m in kitchen.said if isinstance(m, ClientLeft)] == ["hall"]
    statuses = {c.client_id: c.connection_status for c in await clients(hub)}
    assert statuses == {"kitchen": "online", "hall": "offline"}


async def clients(hub: MemoryHub) -> tuple[ClientInfo, ...]:
    return await hub.store.clients(hub.network.network_id)


async def test_networks_hear_nothing_of_each_other(hub: MemoryHub) -> None:
    other, _ = await hub.store.create_network("Neighbours")
    neighbour = await hub.device("kitchen", other)
    device = await hub.device("kitchen")
    await neighbour.read_for(1)
    known = len(neighbour.said)
    await device.speak(say(SENTENCE))
    await device.send(switch(False, scope="network"))
    assert await said_after(neighbour, known) == []


# Watching


async def test_monitors_see_what_each_device_hears_and_nobody_else_does(hub: MemoryHub) -> None:
    monitor = await hub.observer("monitor")
    plain = await hub.device("hall")
    device = await hub.device("kitchen")
    utterance = device.just_heard(say(SENTENCE))
    await device.send(*utterance.started(reoffered=False))
    await device.send(quality(utterance.utterance_id, say(SENTENCE), score=71, level=-33))
    await asyncio.gather(monitor.read_for(1), plain.read_for(1), device.read_for(1))
    shown = [m for m in monitor.said if isinstance(m, StreamQuality)]
    assert [(m.client_id, m.utterance_id) for m in shown] == [
        ("kitchen", utterance.utterance_id)
    ] * 2
    assert (shown[-1].quality_score, shown[-1].level) == (71, -33)
    (selected,) = kinds(monitor, AudioStreamSelected)
    assert isinstance(selected, AudioStreamSelected)
    assert {m.election_id for m in shown} == {selected.election_id}
    assert kinds(plain, StreamQuality) == kinds(device, StreamQuality) == []


async def test_an_observer_is_no_client_and_offers_nothing(hub: MemoryHub) -> None:
    observer = await hub.observer("microphone")
    device = await hub.device("kitchen")
    await observer.send(UtteranceStarted(utterance_id=new_id(), captured_at_us=0, onset_sample=0))
    assert (await observer.expect(Error)).code == "FORBIDDEN"
    await device.speak(say(SENTENCE))
    assert (await observer.expect(InteractionCreated)).text == SENTENCE
    observer.channel.cut()
    await device.read_for(1)
    assert [c.client_id for c in await clients(hub)] == ["kitchen"]
    (record,) = await hub.store.recent_elections(hub.network.network_id, 0)
    assert [c.client_id for c in record.candidates] == ["kitchen"]


async def test_an_observer_is_not_waited_for_though_it_claims_a_microphone(hub: MemoryHub) -> None:
    await hub.observer("microphone")
    device = await hub.device("kitchen")
    utterance = device.just_heard(say(SENTENCE))
    began = seconds()
    await device.offer(utterance)
    await device.expect(SendAudio)
    assert seconds() == began


async def test_two_observers_do_not_replace_each_other(hub: MemoryHub) -> None:
    one, other = await hub.observer(), await hub.observer()
    device = await hub.device("kitchen")
    await device.speak(say(SENTENCE))
    for observer in (one, other):
        assert (await observer.expect(InteractionCreated)).text == SENTENCE


# Who may hear


async def test_a_device_whose_microphone_is_closed_is_not_waited_for(hub: MemoryHub) -> None:
    device = await hub.device("kitchen")
    deaf = await hub.device("hall")
    for state, waits in (("open", True), ("closed", False), ("open", True), ("lost", False)):
        await deaf.send(ClientStatus(microphone=state))  # type: ignore[arg-type]
        await deaf.read_for(1)
        utterance = device.just_heard(say(SENTENCE))
        began = seconds()
        await device.offer(utterance)
        await device.deliver(utterance)
        assert (seconds() > began) is waits
        await device.expect(Release)


async def test_a_companion_that_sends_nothing_is_not_waited_for(hub: MemoryHub) -> None:
    near, far = await hub.device("near"), await hub.device("far")
    pcm = say(SENTENCE)
    heard = [near.just_heard(pcm // 2), far.just_heard(pcm // 20)]
    rng = np.random.default_rng(0)
    heard[1].chunks = [
        chunk + rng.normal(0, 60, len(chunk)).astype(np.int16) for chunk in heard[1].chunks
    ]
    heard[1].unscored = len(heard[1].chunks)
    heard[1].meter = type(heard[1].meter)()
    await far.offer(heard[1])
    await near.offer(heard[0])
    await near.deliver(heard[0])
    await asyncio.gather(near.read_for(2), far.read_for(2))
    assert len(kinds(far, SendAudio)) == 1
    assert len(kinds(far, StopAudio)) == 1  # it sent nothing in time
    assert len(kinds(far, Release)) == len(kinds(near, Release)) == 1
    assert await hub.texts() == [SENTENCE]


async def test_audio_that_is_late_missing_or_unwanted(hub: MemoryHub) -> None:
    await hub.device("hall")  # it listens too, so there is a moment before anybody is asked
    device = await hub.device("kitchen")
    utterance = device.just_heard(say(SENTENCE))
    pcm = np.concatenate(utterance.chunks)

    async def send(first: int, end: int) -> None:
        payload = pcm[first:end].tobytes()
        await device.send_raw(AudioFrame(utterance.utterance_id, 0, first, 0, payload).encode())

    await device.offer(utterance)
    await send(0, 320)
    assert (await device.expect(Error)).code == "UNEXPECTED_AUDIO"
    assert (await device.expect(SendAudio)).from_sample == 0
    await send(0, 3200)
    await send(6400, 9600)
    assert (await device.expect(SendAudio)).from_sample == 3200
    assert (await device.expect(Error)).code == "UNEXPECTED_AUDIO"
    for first in range(3200, len(pcm), 16_000):
        await send(first, first + 16_000)
    await device.expect(Release)
    await send(0, 320)  # was on its way when the release was
    await device.read_for(1)
    assert len(kinds(device, Error)) == 2
    assert await hub.texts() == [SENTENCE]


async def test_a_capture_time_that_cannot_be_is_taken_for_just_now(hub: MemoryHub) -> None:
    device = await hub.device("kitchen")
    utterance = device.just_heard(say(SENTENCE))
    utterance.captured_at_us += 3_600_000_000  # its clock jumped since the last probe
    await device.offer(utterance)
    await device.deliver(utterance)
    await device.expect(Release)
    (interaction,) = await hub.store.recent_interactions(hub.network.network_id, 1)
    assert interaction.timestamp is not None
    assert abs(interaction.timestamp.timestamp() - now_us() / 1e6) < 5


async def test_what_is_offered_again_may_be_old(hub: MemoryHub) -> None:
    device = await hub.device("kitchen")
    utterance = device.just_heard(say(SENTENCE))
    utterance.captured_at_us -= 3_600_000_000
    await device.offer(utterance, reoffered=True)
    await device.deliver(utterance)
    await device.expect(Release)
    (interaction,) = await hub.store.recent_interactions(hub.network.network_id, 1)
    assert interaction.timestamp is not None
    assert abs(interaction.timestamp.timestamp() + 3600 - now_us() / 1e6) < 6


# After a restart of the hub


async def test_a_new_hub_on_the_same_data_recognises_what_another_device_offers_late(
    hub: MemoryHub,
) -> None:
    token = await hub.token("late")
    device = await hub.device("kitchen")
    heard_too = device.just_heard(say(SENTENCE))
    await device.speak(say(SENTENCE))
    again = MemoryHub(hub.store)
    late = await again.connect(token)
    await late.greet(held=[heard_too.utterance_id])
    await late.offer(heard_too, reoffered=True)
    assert (await late.expect(Release)).utterance_id == heard_too.utterance_id
    assert kinds(late, SendAudio) == []
    assert await hub.texts() == [SENTENCE]
    late.channel.cut()
    await again.serving[late]
    await again.networks.close()


# What people change


async def test_a_change_is_stored_confirmed_and_told_to_everybody(hub: MemoryHub) -> None:
    kitchen, hall = await hub.device("kitchen"), await hub.device("hall")
    await kitchen.send(switch(False, client_seq=7))
    assert (await kitchen.expect(ChangeApplied)).client_seq == 7
    for device in (kitchen, hall):
        event = await device.expect(ClientChanged)
        while event.listening:  # the devices' own making stands in the log too
            event = await device.expect(ClientChanged)
        assert event.client_id == "kitchen"
    assert not (await hub.store.client(hub.network.network_id, "kitchen")).listening


async def test_a_device_may_switch_another_of_its_network(hub: MemoryHub) -> None:
    kitchen = await hub.device("kitchen")
    await hub.device("hall")
    await kitchen.send(switch(False, client_id="hall"))
    await kitchen.expect(ChangeApplied)
    listening = {c.client_id: c.listening for c in await clients(hub)}
    assert listening == {"kitchen": True, "hall": False}


async def test_a_change_that_cannot_be_is_refused_with_its_number(hub: MemoryHub) -> None:
    kitchen = await hub.device("kitchen")
    foreign, _ = await hub.store.create_network("Neighbours")
    await hub.device("garden", foreign)
    answers = []
    for number, name in enumerate(("nobody", "garden")):
        await kitchen.send(switch(False, client_seq=number, client_id=name))
        refused = await kitchen.expect(ChangeRefused)
        assert refused.client_seq == number
        answers.append((refused.code, refused.message))
    assert answers[0] == answers[1]
    assert (await hub.store.client(foreign.network_id, "garden")).listening


async def test_how_far_a_device_has_stored_the_log_is_known(hub: MemoryHub) -> None:
    device = await hub.device("kitchen")
    await device.send(Ack(cursor=1))
    await device.send(Heartbeat())
    await asyncio.sleep(1)
    assert (await hub.session("kitchen")).acked == 1


async def test_a_device_that_was_removed_is_not_let_in(hub: MemoryHub) -> None:
    await hub.device("hall")
    token = await hub.token("kitchen")
    device = await hub.connect(token)
    del hub.store._networks[hub.network.network_id].clients["kitchen"]
    with pytest.raises(ChannelClosedError):
        await device.greet()
    await asyncio.wait([hub.serving[device]])
    assert set((await hub.room()).members.sessions) == {"hall"}


async def test_no_audio_stays_behind_when_its_device_is_gone(hub: MemoryHub) -> None:
    token = await hub.token("kitchen")
    for complete in (True, False):
        device = await hub.connect(token)
        await device.greet()
        utterance = device.just_heard(say(SENTENCE))
        await device.offer(utterance)
        if complete:
            await device.deliver(utterance)
        else:
            await device.expect(SendAudio)
            utterance.sending = True
            part = utterance.audio()
            assert part is not None
            await device.send_raw(part.encode())
        await asyncio.sleep(0.1)  # it has arrived, and is not stored yet
        device.channel.cut()
        await asyncio.sleep(180)
    room = await hub.room()
    assert room._executor.audio == {}
    assert await hub.texts() == [SENTENCE, "ba de fi"]  # what came of the second one


async def test_what_is_said_is_recognised_in_the_networks_language(hub: MemoryHub) -> None:
    korean = VirtualDesk(lambda _: "in Korean")
    korean.recogniser.language = "ko"
    hub.networks._desks = Desks(hub.desk, korean)
    device = await hub.device("kitchen")
    await device.speak(say(SENTENCE))
    settings = NetworkSettings(language="ko")
    await hub.store.change_settings(hub.network.network_id, settings)
    await (await hub.room()).check_access()
    await device.speak(say(SENTENCE))
    assert await hub.texts() == [SENTENCE, "in Korean"]


async def test_a_network_token_changes_by_the_api_only(hub: MemoryHub) -> None:
    observer = await hub.observer()
    deed = DeleteInteraction(interaction_id=new_id())
    await observer.send(Change(client_seq=1, made_at_us=0, deed=deed))
    assert (await observer.expect(ChangeRefused)).code == "FORBIDDEN"


async def test_a_change_that_cannot_be_stored_now_is_not_answered(hub: MemoryHub) -> None:
    kitchen = await hub.device("kitchen")
    hub.store.failure = StoreError("The disk is full.")
    deed = DeleteInteraction(interaction_id=new_id())
    await kitchen.send(Change(client_seq=1, made_at_us=0, deed=deed))
    assert await kitchen.close_code() == 1011
    assert not any(isinstance(m, ChangeApplied | ChangeRefused) for m in kitchen.said)
