"""The parts of a simulated device that are not the daemon's."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

from edge.simulation.device import Cable, RoomMicrophone
from shared.audio import FRAME_SAMPLES, Pcm
from shared.wire.channel import Channel, ChannelClosedError
from shared.wire.memory import memory_channels
from tests.edge.microphone.conformance import EPOCH_US, joined, loop_clock, read

BACKGROUND: Pcm = np.arange(1, 1_001, dtype=np.int16)  # not a whole number of frames


@pytest.mark.looptime
async def test_the_background_goes_on_and_on_without_a_gap() -> None:
    microphone = RoomMicrophone("kitchen", loop_clock, BACKGROUND)
    await microphone.open()
    heard = joined(await read(microphone, 30)).astype(int)
    assert set(np.diff(heard)) == {1, 1 - len(BACKGROUND)}
    assert heard.min() == 1
    assert heard.max() == 1_000


@pytest.mark.looptime
async def test_what_is_said_is_heard_over_the_background_and_clips_where_it_is_too_loud() -> None:
    microphone = RoomMicrophone("kitchen", loop_clock, np.full(FRAME_SAMPLES, 100, np.int16))
    speech = np.full(2 * FRAME_SAMPLES, 500, np.int16)
    speech[FRAME_SAMPLES:] = 32_700
    microphone.play_at(speech, EPOCH_US + 20_000)
    await microphone.open()
    frames = [frame.pcm for frame in await read(microphone, 4)]
    assert [(frame.min(), frame.max()) for frame in frames] == [
        (100, 100),
        (600, 600),
        (32_767, 32_767),
        (100, 100),
    ]


async def test_a_cable_that_is_cut_ends_the_connection_and_allows_no_other() -> None:
    async def connect(_: str) -> Channel:
        return memory_channels()[0]

    cable = Cable(connect)
    await cable.cut()
    with pytest.raises(ConnectionError):
        await cable("http://hub")
    cable.whole = True
    channel = await cable("http://hub")
    receiving = asyncio.ensure_future(channel.receive())
    await asyncio.sleep(0)
    await cable.cut()
    with pytest.raises(ChannelClosedError):
        await receiving
    with pytest.raises(ConnectionError):
        await cable("http://hub")
