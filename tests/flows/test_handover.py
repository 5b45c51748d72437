"""What becomes of an utterance whose audio does not come as it should.

What can be filled is waited for, what another device has is taken from it, and what nobody can
fill is recorded with what was understood of the rest.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from edge.candidate import Candidate
from hub.election.election import Rules
from hub.store.records import ElectionRecord, InteractionInfo
from shared.audio import FRAME_SAMPLES, SAMPLE_RATE
from shared.wire.audio import AudioFrame
from shared.wire.session import Error
from shared.wire.utterance import Quality, Release, SendAudio, StopAudio
from tests.flows.home import home_with
from tests.hub.memory import Device, MemoryHub, open_hub
from tests.voice import say

pytestmark = pytest.mark.looptime

SENTENCE = "ba de fi go hu ka le mi"
PCM = say(SENTENCE)[: len(say(SENTENCE)) // FRAME_SAMPLES * FRAME_SAMPLES]
"""3.4 s"""
HALF = 5 * SAMPLE_RATE // 3 // FRAME_SAMPLES * FRAME_SAMPLES
"""After the fourth word."""
FIRST_HALF = "ba de fi go"
SECOND_HALF = "hu ka le mi"
UNFILLED_S = Rules().unfilled_us / 1e6
ORPHAN_S = Rules().orphan_us / 1e6
STALL_S = Rules().stall_us / 1e6
REOFFER_S = Rules().reoffer_window_us / 1e6


async def offer(
    device: Device, heard: Candidate, score: float, *, again: bool = False, ended: bool = True
) -> None:
    claim, told = heard.started(reoffered=again)
    assert isinstance(told, Quality)
    await device.send(claim, msgspec.structs.replace(told, score=score))
    if ended:
        await device.send(heard.ended_message())


async def send(
    device: Device, heard: Candidate, first: int, end: int, *, sequence: int = 0, last: bool = False
) -> None:
    """Samples of the utterance, half a second at a time."""
    for number, start in enumerate(range(first, end, 8000)):
        after = min(start + 8000, end)
        await device.send_raw(
            AudioFrame(
                heard.utterance_id,
                sequence + number,
                start,
                0,
                PCM[start:after].tobytes(),
                last and after == end,
            ).encode()
        )


class Scene:
    """A near device, and a far one where there is one, that have heard the sentence."""

    def __init__(self, hub: MemoryHub) -> None:
        self.hub = hub
        self.devices: dict[str, Device] = {}
        self.heard: dict[str, Candidate] = {}
        self.tokens: dict[str, str] = {}

    @property
    def near(self) -> Device:
        return self.devices["near"]

    @property
    def far(self) -> Device:
        return self.devices["far"]

    async def begin(self, *names: str) -> None:
        """All of them have heard it and are asked, the near one first."""
        for name in names:
            self.tokens[name] = await self.hub.token(name)
            await self.connect(name)
        for name in reversed(names):
            self.heard[name] = self.devices[name].just_heard(PCM)
        for name in reversed(names):
            await offer(self.devices[name], self.heard[name], 80 if name == "near" else 40)
        assert (await self.near.expect(SendAudio)).from_sample == 0

    async def connect(self, name: str, *, holds: bool = False) -> Device:
        device = self.devices[name] = await self.hub.connect(self.tokens[name])
        await device.greet(held=[self.heard[name].utterance_id] if holds else [])
        return device

    async def come_back(self, name: str) -> SendAudio | Release:
        """Connects again, offers what it holds, and is told what is wanted of it."""
        device = await self.connect(name, holds=True)
        await offer(device, self.heard[name], 80 if name == "near" else 40, again=True)
        while True:
            message = await device.receive()
            if isinstance(message, SendAudio | Release):
                return message

    async def interaction(self) -> InteractionInfo:
        """The only one."""
        (found,) = await self.hub.store.recent_interactions(self.hub.network.network_id, 10)
        return found

    async def record(self) -> ElectionRecord:
        """The last election's."""
        return (await self.hub.store.recent_elections(self.hub.network.network_id, 0))[-1]

    async def audio_held(self) -> int:
        return len((await self.hub.room())._executor.audio)


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    async with open_hub() as hub:
        yield Scene(hub)


def seconds() -> float:
    return asyncio.get_running_loop().time()


async def expect_whole(scene: Scene, client: str) -> None:
    """The sentence is stored, whole, as this device heard it."""
    found = await scene.interaction()
    assert (found.text, found.client_id) == (SENTENCE, client)
    assert found.audio_duration_s == pytest.approx(len(PCM) / SAMPLE_RATE)
    assert "missing_ms" not in found.processing_metadata
    assert "never came" not in (await scene.record()).reason
    assert await scene.audio_held() == 0


# Another device has it


async def dies(scene: Scene) -> None:
    scene.near.channel.cut()


async def stalls(scene: Scene) -> None:
    scene.near.channel.stall()


async def gives_nothing(scene: Scene) -> None:
    """It is connected and answers all else."""


async def has_lost_the_next_second(scene: Scene) -> None:
    for _ in range(2):  # asked again, it has no more than before
        await send(scene.near, scene.heard["near"], HALF + SAMPLE_RATE, len(PCM))


async def ends_too_early(scene: Scene) -> None:
    await send(scene.near, scene.heard["near"], HALF, HALF + 320, sequence=9, last=True)


FAILURES = [dies, stalls, gives_nothing, has_lost_the_next_second, ends_too_early]
named = pytest.mark.parametrize("failure", FAILURES, ids=lambda f: f.__name__)


@named
async def test_where_the_elected_one_fails_another_gives_the_whole_utterance(
    scene: Scene, failure: Callable[[Scene], Any]
) -> None:
    await scene.begin("near", "far")
    await send(scene.near, scene.heard["near"], 0, HALF)
    await asyncio.sleep(0.1)
    began = seconds()
    await failure(scene)
    far, heard = scene.far, scene.heard["far"]
    assert (await far.expect(SendAudio)).from_sample == 0
    await send(far, heard, 0, len(PCM))
    assert (await far.expect(Release)).utterance_id == heard.utterance_id
    assert seconds() - began < STALL_S + 1
    await expect_whole(scene, "far")
    back = await scene.come_back("near")
    assert isinstance(back, Release)
    assert back.until_sample is None
    await asyncio.sleep(UNFILLED_S + 60)
    await expect_whole(scene, "far")


# Nobody else has it, and it can be filled


@pytest.mark.parametrize("away_s", [0.5, ORPHAN_S / 2, ORPHAN_S + 5, UNFILLED_S - 5])
@pytest.mark.parametrize("failure", [dies, stalls], ids=lambda f: f.__name__)
async def test_a_lone_device_that_was_away_gives_the_rest(
    scene: Scene, failure: Callable[[Scene], Any], away_s: float
) -> None:
    await scene.begin("near")
    await send(scene.near, scene.heard["near"], 0, HALF)
    await asyncio.sleep(0.1)
    await failure(scene)
    await asyncio.sleep(away_s)
    asked = await scene.come_back("near")
    assert isinstance(asked, SendAudio)
    assert asked.from_sample == HALF
    await send(scene.near, scene.heard["near"], HALF, len(PCM))
    assert (await scene.near.expect(Release)).until_sample is None
    await expect_whole(scene, "near")


async def test_a_device_that_stalls_has_to_connect_anew_and_then_gives_the_rest(
    scene: Scene,
) -> None:
    await scene.begin("near")
    await send(scene.near, scene.heard["near"], 0, HALF)
    began = seconds()
    assert await scene.near.close_code() == 1008
    assert seconds() - began == pytest.approx(STALL_S + ORPHAN_S, abs=0.1)
    assert isinstance(await scene.come_back("near"), SendAudio)
    await send(scene.near, scene.heard["near"], HALF, len(PCM))
    await scene.near.expect(Release)
    await expect_whole(scene, "near")


async def test_frames_that_come_twice_count_once(scene: Scene) -> None:
    await scene.begin("near")
    for first in range(0, len(PCM), 8000):
        for _ in range(2):
            await send(scene.near, scene.heard["near"], max(0, first - 4000), first + 8000)
    await scene.near.expect(Release)
    await expect_whole(scene, "near")


async def test_frames_of_an_old_connection_that_come_after_the_new_ones_do_no_harm(
    scene: Scene,
) -> None:
    await scene.begin("near")
    await send(scene.near, scene.heard["near"], 0, 8000)
    await asyncio.sleep(0.1)
    old, utterance = await scene.hub.session("near"), scene.heard["near"].utterance_id
    asked = await scene.come_back("near")
    assert isinstance(asked, SendAudio)
    assert asked.from_sample == 8000
    room = await scene.hub.room()
    await send(scene.near, scene.heard["near"], 8000, 24_000)
    await asyncio.sleep(0.1)
    for first in (16_000, 0, 8000):
        frame = AudioFrame(utterance, 5, first, 0, PCM[first : first + 8000].tobytes())
        await room.take(old, frame)
    await send(scene.near, scene.heard["near"], 24_000, len(PCM))
    await scene.near.expect(Release)
    await expect_whole(scene, "near")


async def test_a_gap_is_asked_for_once_and_filled(scene: Scene) -> None:
    await scene.begin("near")
    heard = scene.heard["near"]
    await send(scene.near, heard, 0, 8000)
    await send(scene.near, heard, 16_000, len(PCM), sequence=2)  # many frames beyond the gap
    assert (await scene.near.expect(SendAudio)).from_sample == 8000
    assert (await scene.near.expect(Error)).code == "UNEXPECTED_AUDIO"
    await send(scene.near, heard, 8000, 16_000)  # the rest is there already
    await scene.near.expect(Release)
    assert not [m for m in scene.near.said if isinstance(m, StopAudio)]
    assert len([m for m in scene.near.said if isinstance(m, SendAudio)]) == 2
    assert len([m for m in scene.near.said if isinstance(m, Error)]) == 1
    await expect_whole(scene, "near")


# Nobody can fill it


async def never_comes_back(scene: Scene) -> float:
    scene.near.channel.cut()
    return UNFILLED_S


async def comes_back_without_it(scene: Scene) -> float:
    scene.near.channel.cut()
    await asyncio.sleep(3)
    await scene.connect("near")
    return 3 + REOFFER_S


async def stalls_and_comes_back_without_it(scene: Scene) -> float:
    await scene.near.close_code()
    await scene.connect("near")
    return STALL_S + ORPHAN_S + REOFFER_S


async def offers_it_again_and_again_and_gives_nothing(scene: Scene) -> float:
    for _ in range(8):
        await scene.near.close_code()
        assert isinstance(await scene.come_back("near"), SendAudio)
    return UNFILLED_S


async def says_that_there_is_no_more(scene: Scene) -> float:
    await send(scene.near, scene.heard["near"], HALF - 320, HALF, sequence=4, last=True)
    return 0


UNFILLABLE = [
    never_comes_back,
    comes_back_without_it,
    stalls_and_comes_back_without_it,
    offers_it_again_and_again_and_gives_nothing,
    says_that_there_is_no_more,
]


@pytest.mark.parametrize("failure", UNFILLABLE, ids=lambda f: f.__name__)
async def test_what_was_heard_is_stored_and_what_nobody_can_fill_is_recorded(
    scene: Scene, failure: Callable[[Scene], Any]
) -> None:
    await scene.begin("near")
    await send(scene.near, scene.heard["near"], 0, HALF)
    began = seconds()
    after_s = await failure(scene)
    found = None
    while not found:
        await asyncio.sleep(0.1)
        assert seconds() - began < after_s + 20
        found = await scene.hub.store.recent_interactions(scene.hub.network.network_id, 10)
    assert seconds() - began >= after_s
    assert (found[0].text, found[0].client_id) == (FIRST_HALF, "near")
    missing_ms = (len(PCM) - HALF) // 16
    assert found[0].processing_metadata["missing_ms"] == missing_ms
    assert "cut_off" not in found[0].processing_metadata
    assert found[0].audio_duration_s == pytest.approx(HALF / SAMPLE_RATE)
    assert f"{missing_ms} ms of it never came" in (await scene.record()).reason
    assert await scene.audio_held() == 0


async def test_a_piece_in_the_middle_that_the_device_has_lost_is_silence_and_recorded(
    scene: Scene,
) -> None:
    await scene.begin("near")
    heard = scene.heard["near"]
    lost = HALF + 6400  # the fifth word and a part of the sixth
    await send(scene.near, heard, 0, HALF)
    await send(scene.near, heard, lost, len(PCM), sequence=4)
    assert (await scene.near.expect(SendAudio)).from_sample == HALF
    await send(scene.near, heard, lost, len(PCM))  # its answer begins where it can
    await scene.near.expect(Release)
    found = await scene.interaction()
    assert found.text.startswith(FIRST_HALF)
    assert found.text.endswith("le mi")
    assert "hu" not in found.text
    assert found.processing_metadata["missing_ms"] == 400
    assert found.audio_duration_s == pytest.approx(len(PCM) / SAMPLE_RATE)
    assert "400 ms of it never came" in (await scene.record()).reason


async def test_a_gap_that_is_neither_filled_nor_given_up_costs_no_more_than_itself(
    scene: Scene,
) -> None:
    await scene.begin("near")
    heard = scene.heard["near"]
    await send(scene.near, heard, 0, HALF)
    await send(scene.near, heard, HALF + 6400, len(PCM), sequence=4)
    await scene.near.expect(SendAudio)
    scene.near.channel.cut()
    await asyncio.sleep(UNFILLED_S + 1)
    found = await scene.interaction()
    assert found.text.startswith(FIRST_HALF)
    assert found.text.endswith("le mi")
    assert found.processing_metadata["missing_ms"] == 400


async def test_of_two_that_are_lost_the_one_of_whom_more_came_is_taken(scene: Scene) -> None:
    await scene.begin("near", "far")
    await send(scene.near, scene.heard["near"], 0, 16_000)
    scene.near.channel.cut()
    await scene.far.expect(SendAudio)
    await send(scene.far, scene.heard["far"], 0, HALF)
    scene.far.channel.cut()
    await asyncio.sleep(UNFILLED_S + 1)
    found = await scene.interaction()
    assert (found.text, found.client_id) == (FIRST_HALF, "far")


async def test_of_an_utterance_that_never_ended_nobody_knows_how_much_is_missing(
    scene: Scene,
) -> None:
    device = await scene.hub.device("near")
    heard = device.just_heard(PCM)
    await offer(device, heard, 80, ended=False)
    await device.expect(SendAudio)
    await send(device, heard, 0, HALF)
    device.channel.cut()
    await asyncio.sleep(UNFILLED_S + 1)
    found = await scene.interaction()
    assert found.text == FIRST_HALF
    assert found.processing_metadata["cut_off"] is True
    assert "and its end never came" in (await scene.record()).reason


async def test_where_nothing_came_the_election_is_given_up_and_a_new_offer_is_a_new_one(
    scene: Scene,
) -> None:
    await scene.begin("near")
    scene.near.channel.cut()
    await asyncio.sleep(ORPHAN_S + 1)
    assert not (await scene.hub.room())._elections.elections
    assert isinstance(await scene.come_back("near"), SendAudio)
    await send(scene.near, scene.heard["near"], 0, len(PCM))
    await scene.near.expect(Release)
    await expect_whole(scene, "near")


# It comes after all


@pytest.mark.parametrize("new_hub", [False, True])
@pytest.mark.parametrize("days", [0, 1])
async def test_a_device_that_is_back_too_late_offers_the_rest_as_an_utterance_of_its_own(
    scene: Scene, new_hub: bool, days: int
) -> None:
    await scene.begin("near")
    await send(scene.near, scene.heard["near"], 0, HALF)
    scene.near.channel.cut()
    await asyncio.sleep(UNFILLED_S + 1 + days * 86_400)
    assert (await scene.interaction()).text == FIRST_HALF
    if new_hub:
        await scene.hub.networks.close_network(scene.hub.network.network_id)
    told = await scene.come_back("near")
    assert isinstance(told, Release)
    assert told.until_sample == HALF
    heard = scene.heard["near"]
    rest = Candidate(scene.near.just_heard(PCM[:320]).utterance_id, 0, 0)
    rest.captured_at_us = heard.captured_at_us + HALF * 1000 // 16
    for start in range(HALF, len(PCM), FRAME_SAMPLES):
        rest.add(PCM[start : start + FRAME_SAMPLES], True)
    rest.end("endpoint")
    await scene.near.offer(rest, reoffered=True)
    await scene.near.deliver(rest)
    assert (await scene.near.expect(Release)).until_sample is None
    assert await scene.hub.texts() == [FIRST_HALF, SECOND_HALF]


async def test_a_real_device_that_starts_anew_in_the_middle_leaves_what_it_had_sent(
    tmp_path: Path,
) -> None:
    async with home_with(tmp_path, "kitchen") as home:
        home.devices["kitchen"].hear(say(SENTENCE), 0.5)
        await asyncio.sleep(2)
        await home.devices["kitchen"].restart()
        await asyncio.sleep(20)
        first, *rest = await home.interactions()
        assert SENTENCE.startswith(first.text)
        assert first.text
        assert first.processing_metadata["cut_off"] is True
        assert all(SENTENCE.endswith(i.text[3:]) for i in rest)  # heard after the start
        assert home.devices["kitchen"].daemon.status().held == 0


async def test_a_real_device_that_is_away_for_too_long_loses_no_word(tmp_path: Path) -> None:
    async with home_with(tmp_path, "kitchen") as home:
        home.devices["kitchen"].hear(say(SENTENCE), 0.5)
        await asyncio.sleep(2)
        home.devices["kitchen"].cut(for_good=True)
        await asyncio.sleep(UNFILLED_S + 5)
        (first,) = await home.texts()
        home.devices["kitchen"].reachable = True
        await asyncio.sleep(30)
        _, rest = await home.texts()
        words = f"{first} {rest}".split()
        assert [w for n, w in enumerate(words) if words[n - 1 : n] != [w]] == SENTENCE.split()
        assert home.devices["kitchen"].daemon.status().held == 0
