"""The simulated microphone."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

from edge.microphone.microphone import Microphone
from edge.microphone.simulated import SimulatedMicrophone
from shared.audio import Pcm
from shared.errors import MicrophoneError
from tests.edge.microphone.conformance import (
    EPOCH_US,
    MicrophoneConformance,
    joined,
    loop_clock,
    read,
)
from tests.shared.quality.sounds import speech_like

pytestmark = pytest.mark.looptime


class TestSimulatedMicrophone(MicrophoneConformance):
    def playing(self, pcm: Pcm) -> Microphone:
        microphone = SimulatedMicrophone(loop_clock)
        microphone.play_at(pcm, loop_clock())
        return microphone


async def test_sounds_are_played_one_after_the_other() -> None:
    microphone = SimulatedMicrophone(loop_clock)
    await microphone.open()
    first, second = speech_like(0.5, -20, seed=1), speech_like(0.3, -20, seed=2)
    players = [asyncio.create_task(microphone.play(pcm)) for pcm in (first, second)]
    heard = joined(await read(microphone, 40))
    assert np.array_equal(heard, np.concatenate((first, second)))
    await asyncio.gather(*players)


async def test_playing_returns_when_the_sound_was_heard() -> None:
    microphone = SimulatedMicrophone(loop_clock)
    await microphone.open()
    heard: list[Pcm] = []

    async def listen() -> None:
        heard.extend([frame.pcm async for frame in microphone])

    reader = asyncio.create_task(listen())
    await asyncio.sleep(0.013)
    pcm = speech_like(0.5, -20)
    await microphone.play(pcm)
    await microphone.close()
    await reader
    start = 16 * 13
    assert np.array_equal(np.concatenate(heard)[start : start + len(pcm)], pcm)


async def test_sounds_at_stated_times_are_mixed_to_the_sample() -> None:
    microphone = SimulatedMicrophone(loop_clock)
    one, other = speech_like(0.5, -25, seed=1), speech_like(0.5, -25, seed=2)
    microphone.play_at(one, EPOCH_US + 105_000)
    microphone.play_at(other, EPOCH_US + 305_000)
    await microphone.open()
    expected = np.zeros(16_000)
    expected[1680 : 1680 + 8000] += one
    expected[4880 : 4880 + 8000] += other
    assert np.array_equal(joined(await read(microphone, 50)), expected)


async def test_its_noise_has_the_stated_level_and_differs_by_seed() -> None:
    heard = []
    for seed in (1, 2):
        microphone = SimulatedMicrophone(loop_clock, noise_dbfs=-50, seed=seed)
        await microphone.open()
        heard.append(joined(await read(microphone, 50)))
    for pcm in heard:
        level = 10 * np.log10(np.mean((pcm / 32768) ** 2))
        assert level == pytest.approx(-50, abs=0.3)
    assert not np.array_equal(heard[0], heard[1])


async def test_unplugging_reaches_a_reader_that_waits_and_replugging_mends_it() -> None:
    microphone = SimulatedMicrophone(loop_clock)
    await microphone.open()
    await anext(microphone)
    reader = asyncio.ensure_future(anext(microphone))
    await asyncio.sleep(0.005)
    microphone.unplug()
    with pytest.raises(MicrophoneError, match="gone away"):
        await reader
    with pytest.raises(MicrophoneError, match="gone away"):
        await microphone.open()
    microphone.replug()
    await microphone.close()
    await microphone.open()
    assert (await anext(microphone)).captured_at_us == loop_clock() - 20_000


async def test_too_loud_a_mix_is_clipped() -> None:
    microphone = SimulatedMicrophone(loop_clock)
    loud = np.full(320, 30_000, np.int16)
    for _ in range(2):
        microphone.play_at(loud, EPOCH_US)
    await microphone.open()
    assert set((await anext(microphone)).pcm) == {32767}
