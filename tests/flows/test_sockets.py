"""The whole flow over real sockets, with a real store, and what broken devices do to it."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterable
from pathlib import Path

import aiohttp
import pytest

from edge.activity import ActivityDetector
from edge.candidates import Candidates
from edge.config import Access
from edge.daemon import Daemon
from edge.ear import Ear
from edge.hub_finder import HubFinder
from edge.microphone.simulated import SimulatedMicrophone
from edge.preroll import PreRoll
from edge.replica import Replica, Written
from edge.startup import Connector
from shared.clock import steady_clock
from shared.config_keys import Secret
from shared.errors import AccessDeniedError
from shared.ids import new_id
from shared.wire.audio import AudioFrame
from shared.wire.channel import ChannelClosedError
from shared.wire.codec import MAX_MESSAGE_BYTES, encode
from shared.wire.events import InteractionCreated
from shared.wire.network import ClientLeft
from shared.wire.session import ConnectionEstablished, Error, Heartbeat, Hello
from shared.wire.utterance import Quality, SendAudio, UtteranceEnded, UtteranceStarted
from tests.flows.conftest import RealHub
from tests.voice import say

SENTENCE = "ba de fi go"


class WatchedReplica(Replica):
    """Tells when an interaction is in it."""

    def __init__(self, path: Path, network_id: str) -> None:
        super().__init__(path, network_id)
        self.written = asyncio.Event()
        self._loop = asyncio.get_running_loop()

    def apply(self, said: Iterable[Written]) -> int:
        cursor = super().apply(said)
        if self.interactions():
            self._loop.call_soon_threadsafe(self.written.set)
        return cursor


async def test_real_daemons_hear_a_sentence_and_all_have_it(
    real_hub: RealHub, tmp_path: Path
) -> None:
    clock = steady_clock()
    replicas, microphones, tasks = [], [], []
    for name in ("kitchen", "hall"):
        access = await real_hub.access(name)
        replica = WatchedReplica(tmp_path / f"{name}.db", access.network_id)
        microphone = SimulatedMicrophone(clock, name=name, noise_dbfs=-70)
        daemon = Daemon(
            client_id=name,
            ear=Ear(ActivityDetector(hangover_ms=300), PreRoll(660), Candidates(new_id)),
            microphone=microphone,
            replica=replica,
            finder=HubFinder([real_hub.url]),
            connect=Connector(real_hub.http, access),
            clock=clock,
        )
        replicas.append(replica)
        microphones.append(microphone)
        tasks.append(asyncio.ensure_future(daemon.run()))
    watcher = await real_hub.device("watcher")
    start = clock() + 800_000
    microphones[0].play_at(say(SENTENCE, 0.5), start)
    microphones[1].play_at(say(SENTENCE, 0.05), start)
    said = await watcher.expect(InteractionCreated)
    assert said.text == SENTENCE
    async with asyncio.timeout(5):
        await asyncio.gather(*(replica.written.wait() for replica in replicas))
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    for replica in replicas:
        assert [i.text for i in replica.interactions()] == [SENTENCE]
        replica.close()
    assert await real_hub.texts() == [SENTENCE]


async def test_no_token_no_entry(real_hub: RealHub) -> None:
    access = await real_hub.access("kitchen")
    other, _ = await real_hub.store.create_network("Other")
    for wrong in (
        Access(access.network_id, "kitchen", Secret("mira_client_" + "x" * 43)),
        Access(access.network_id, "kitchen", Secret("x")),
        Access(other.public_id, "kitchen", access.token),
        Access("net_" + "0" * 32, "kitchen", access.token),
    ):
        with pytest.raises(AccessDeniedError):
            await Connector(real_hub.http, wrong)(real_hub.url)
    url = f"{real_hub.url}/api/v1/networks/{access.network_id}/ws"
    refusals = set()
    for headers in ({}, {"Authorization": "Bearer "}, {"Authorization": f"Basic {access.token}"}):
        async with real_hub.http.get(url, headers=headers) as answer:
            assert answer.status == 401
            body = await answer.json()
            refusals.add((body["error"]["code"], body["error"]["message"]))
    assert len(refusals) == 1


async def test_a_page_in_a_browser_is_not_let_in(real_hub: RealHub) -> None:
    access = await real_hub.access("kitchen")
    url = f"{real_hub.url}/api/v1/networks/{access.network_id}/ws"
    headers = {"Authorization": f"Bearer {access.token}", "Origin": "https://example.org"}
    with pytest.raises(aiohttp.WSServerHandshakeError):
        await real_hub.http.ws_connect(url, headers=headers)


async def test_a_network_token_watches_and_may_not_speak(real_hub: RealHub) -> None:
    access = Access(real_hub.network.public_id, "", Secret(real_hub.network_token))
    observer = await real_hub.connect(access)
    await observer.greet(capabilities=["microphone", "monitor"])
    await observer.send(UtteranceStarted(utterance_id=new_id(), captured_at_us=0, onset_sample=0))
    assert (await observer.expect(Error)).code == "FORBIDDEN"
    device = await real_hub.device("kitchen")
    await device.speak(say(SENTENCE))
    assert (await observer.expect(InteractionCreated)).text == SENTENCE


UTTERANCE = new_id()
FRAME = AudioFrame(UTTERANCE, 0, 0, 0, b"\0" * 640).encode()
QUALITY = Quality(
    utterance_id=UTTERANCE, score=1, features={}, envelope_start=0, envelope=[-50], samples=320
)
GARBAGE: dict[str, tuple[str | bytes, str]] = {
    "text that is no JSON": ("\x00garbage", "MALFORMED_MESSAGE"),
    "JSON that is no object": ("[1, 2, 3]", "MALFORMED_MESSAGE"),
    "deeply nested JSON": ("[" * 100_000, "MALFORMED_MESSAGE"),
    "an unknown type": ('{"type": "shutdown_hub"}', "UNKNOWN_MESSAGE_TYPE"),
    "a field of the wrong kind": ('{"type": "ack", "cursor": "one"}', "MALFORMED_MESSAGE"),
    "a second hello": (
        encode(Hello(version=1, min_version=1, software="x", device_time_us=0, cursor=0, held=[])),
        "PROTOCOL_ERROR",
    ),
    "random bytes": (os.urandom(500), "MALFORMED_MESSAGE"),
    "a truncated frame": (FRAME[:20], "MALFORMED_MESSAGE"),
    "half a sample": (FRAME + b"\0", "MALFORMED_MESSAGE"),
    "audio of an unknown utterance": (FRAME, "UNKNOWN_UTTERANCE"),
    "quality of an unknown utterance": (encode(QUALITY), "UNKNOWN_UTTERANCE"),
    "quality that is not a number": (
        encode(QUALITY).replace('"score":1', '"score":NaN'),
        "MALFORMED_MESSAGE",
    ),
    "a clock that runs backwards": (
        '{"type":"clock_reply","probe_id":1,"received_at_us":5,"sent_at_us":1}',
        "MALFORMED_MESSAGE",
    ),
}


@pytest.mark.parametrize("name", GARBAGE)
async def test_garbage_is_answered_and_nobody_else_notices(real_hub: RealHub, name: str) -> None:
    data, code = GARBAGE[name]
    healthy = await real_hub.device("kitchen")
    broken = await real_hub.device("broken")
    await broken.send_raw(data)
    assert (await broken.expect(Error)).code == code
    await healthy.speak(say(SENTENCE))
    await broken.send(Heartbeat())  # it is still connected, and gets what all get
    assert (await broken.expect(InteractionCreated)).text == SENTENCE


@pytest.mark.parametrize(
    ("first", "code"),
    [
        (FRAME, "HELLO_EXPECTED"),
        (encode(Heartbeat()), "HELLO_EXPECTED"),
        ("nonsense", "MALFORMED_MESSAGE"),
        (
            encode(Hello(version=9, min_version=9, software="x", device_time_us=0, cursor=0)),
            "UNSUPPORTED_VERSION",
        ),
    ],
)
async def test_without_a_proper_hello_the_connection_ends(
    real_hub: RealHub, first: str | bytes, code: str
) -> None:
    device = await real_hub.connect(await real_hub.access("kitchen"))
    await device.send_raw(first)
    assert (await device.expect(Error)).code == code
    with pytest.raises(ChannelClosedError):
        await device.receive()


async def test_a_huge_message_ends_only_its_own_connection(real_hub: RealHub) -> None:
    healthy = await real_hub.device("kitchen")
    broken = await real_hub.device("broken")
    await broken.send_raw("x" * (MAX_MESSAGE_BYTES + 1))
    with pytest.raises(ChannelClosedError) as closed:
        await broken.expect(InteractionCreated)
    assert closed.value.code == 1009
    assert (await healthy.expect(ClientLeft)).client_id == "broken"
    await healthy.speak(say(SENTENCE))
    assert await real_hub.texts() == [SENTENCE]


async def test_audio_that_was_not_asked_for_or_leaves_a_gap_is_refused(real_hub: RealHub) -> None:
    await real_hub.device("other")  # it listens too, so the window stays open a moment
    device = await real_hub.device("kitchen")
    utterance = new_id()
    pcm = say(SENTENCE)
    now = time.time_ns() // 1000
    await device.send(
        UtteranceStarted(utterance_id=utterance, captured_at_us=now, onset_sample=0),
        Quality(
            utterance_id=utterance,
            score=50,
            features={},
            envelope_start=0,
            envelope=[-50] * (len(pcm) // 320),
            samples=len(pcm),
        ),
    )
    await device.send_raw(AudioFrame(utterance, 0, 0, now, pcm[:320].tobytes()).encode())
    assert (await device.expect(Error)).code == "UNEXPECTED_AUDIO"
    await device.expect(SendAudio)
    await device.send_raw(AudioFrame(utterance, 0, 0, now, pcm[:3200].tobytes()).encode())
    await device.send_raw(AudioFrame(utterance, 2, 6400, now, pcm[6400:].tobytes()).encode())
    again = await device.expect(SendAudio)
    assert again.from_sample == 3200
    await device.send_raw(AudioFrame(utterance, 0, 3200, now, pcm[3200:].tobytes()).encode())
    await device.send(UtteranceEnded(utterance_id=utterance, samples=len(pcm), reason="endpoint"))
    assert (await device.expect(InteractionCreated)).text == SENTENCE


async def test_a_foreign_utterance_looks_like_an_unknown_one(real_hub: RealHub) -> None:
    kitchen = await real_hub.device("kitchen")
    thief = await real_hub.device("thief")
    utterance = new_id()
    now = time.time_ns() // 1000
    await kitchen.send(
        UtteranceStarted(utterance_id=utterance, captured_at_us=now, onset_sample=0),
        Quality(
            utterance_id=utterance,
            score=1,
            features={},
            envelope_start=0,
            envelope=[-50],
            samples=320,
        ),
    )
    await kitchen.expect(SendAudio)
    answers = []
    for one in (utterance, new_id()):
        await thief.send(UtteranceEnded(utterance_id=one, samples=320, reason="endpoint"))
        answers.append(await thief.expect(Error))
    assert answers[0] == answers[1]
    assert answers[0].code == "UNKNOWN_UTTERANCE"


async def test_a_second_connection_replaces_the_first(real_hub: RealHub) -> None:
    access = await real_hub.access("kitchen")
    first = await real_hub.connect(access)
    await first.greet()
    second = await real_hub.connect(access)
    await second.greet()
    with pytest.raises(ChannelClosedError) as closed:
        await first.expect(InteractionCreated)
    assert closed.value.code == 4409
    await second.speak(say(SENTENCE))
    assert await real_hub.texts() == [SENTENCE]


async def test_who_comes_back_gets_what_it_is_owed_and_nothing_twice(real_hub: RealHub) -> None:
    kitchen = await real_hub.device("kitchen")
    for _ in range(3):
        await kitchen.speak(say(SENTENCE))
    access = await real_hub.access("late")
    late = await real_hub.connect(access)
    established = await late.greet(cursor=0)
    seqs = [(await late.receive()).seq for _ in range(established.cursor)]  # type: ignore[union-attr]
    assert seqs == list(range(1, established.cursor + 1))
    await late.channel.close()
    again = await real_hub.connect(access)
    assert isinstance(await again.greet(cursor=established.cursor - 1), ConnectionEstablished)
    assert (await again.receive()).seq == established.cursor  # type: ignore[union-attr]


async def test_a_recogniser_that_hangs_is_replaced_and_the_next_utterance_works(
    real_hub: RealHub,
) -> None:
    release = real_hub.recogniser.hang_next()
    device = await real_hub.device("kitchen")
    await device.speak(say(SENTENCE))
    await device.speak(say("mi le ka hu"))
    release.set()
    found = await real_hub.store.recent_interactions(real_hub.network.network_id, 10)
    by_status = {i.processing_status: i for i in found}
    assert by_status["completed"].text == "mi le ka hu"
    assert by_status["failed"].processing_metadata["error"]["code"] == "RECOGNISER_TIMEOUT"


async def test_health_answers_without_a_token_and_tells_nothing_of_a_home(
    real_hub: RealHub,
) -> None:
    async with real_hub.http.get(f"{real_hub.url}/api/v1/health") as answer:
        assert answer.status == 200
        told = await answer.json()
        parts = {"status", "version", "connections", "store_ms", "store", "recogniser", "legacy"}
        assert set(told) == parts
    async with real_hub.http.get(f"{real_hub.url}/nothing") as answer:
        assert answer.status == 404
        assert (await answer.json())["error"]["code"] == "NOT_FOUND"
