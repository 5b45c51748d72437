"""What every microphone must do; run on each by a subclass that says how to make one.

On virtual time: the clock of the microphones is the loop's.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod

import numpy as np
import pytest

from edge.microphone.microphone import Frame, Microphone
from shared.audio import Pcm
from tests.shared.quality.sounds import speech_like

EPOCH_US = 1_700_000_000_000_000


def loop_clock() -> int:
    """The device clock of these tests, in microseconds."""
    return EPOCH_US + round(asyncio.get_running_loop().time() * 1e6)


async def read(microphone: Microphone, frames: int) -> list[Frame]:
    """The next frames."""
    return [await anext(microphone) for _ in range(frames)]


def joined(frames: list[Frame]) -> Pcm:
    """Their samples."""
    return np.concatenate([frame.pcm for frame in frames])


@pytest.mark.looptime
class MicrophoneConformance(ABC):
    """Subclass it as `Test...`."""

    @abstractmethod
    def playing(self, pcm: Pcm) -> Microphone:
        """A closed microphone that hears `pcm` from its first opening on."""

    async def test_what_is_played_comes_through_to_the_sample(self) -> None:
        pcm = speech_like(1.01, -20)
        microphone = self.playing(pcm)
        await microphone.open()
        heard = joined(await read(microphone, 60))
        assert np.array_equal(heard[: len(pcm)], pcm)
        assert not heard[len(pcm) :].any()
        await microphone.close()

    async def test_frames_are_20_ms_and_come_when_they_are_complete(self) -> None:
        microphone = self.playing(speech_like(1, -20))
        await microphone.open()
        opened_us = loop_clock()
        for index in range(1000):
            frame = await anext(microphone)
            assert frame.pcm.shape == (320,)
            assert frame.pcm.dtype == np.int16
            assert frame.captured_at_us == opened_us + index * 20_000
            assert 0 <= loop_clock() - (frame.captured_at_us + 20_000) < 1000
        await microphone.close()

    async def test_closing_ends_a_reader_that_waits(self) -> None:
        microphone = self.playing(speech_like(1, -20))
        await microphone.open()

        async def read_all() -> int:
            return len([frame async for frame in microphone])

        reader = asyncio.create_task(read_all())
        await asyncio.sleep(0.11)
        await microphone.close()
        assert await reader == 5
        assert [frame async for frame in microphone] == []

    async def test_what_is_said_while_it_is_closed_is_not_heard(self) -> None:
        pcm = speech_like(3, -20)
        microphone = self.playing(pcm)
        await microphone.open()
        opened_us = loop_clock()
        await read(microphone, 50)
        await microphone.close()
        await asyncio.sleep(1)
        await microphone.open()
        frame = await anext(microphone)
        assert frame.captured_at_us == opened_us + 2_000_000
        assert np.array_equal(frame.pcm, pcm[32_000:32_320])
        await microphone.close()

    async def test_opening_and_closing_twice_does_nothing_more(self) -> None:
        microphone = self.playing(speech_like(1, -20))
        await microphone.close()
        await microphone.open()
        first = await anext(microphone)
        await microphone.open()
        second = await anext(microphone)
        assert second.captured_at_us == first.captured_at_us + 20_000
        await microphone.close()
        await microphone.close()

    async def test_a_reader_that_was_busy_misses_nothing(self) -> None:
        pcm = speech_like(2, -20)
        microphone = self.playing(pcm)
        await microphone.open()
        await asyncio.sleep(1.5)
        late = loop_clock()
        frames = await read(microphone, 75)
        assert loop_clock() == late
        assert np.array_equal(joined(frames), pcm[:24_000])
        await microphone.close()

    async def test_a_reader_that_is_cancelled_loses_no_frame(self) -> None:
        pcm = speech_like(1, -20)
        microphone = self.playing(pcm)
        await microphone.open()
        await read(microphone, 2)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await anext(microphone)
        assert np.array_equal((await anext(microphone)).pcm, pcm[640:960])
        await microphone.close()
