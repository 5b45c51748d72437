"""The desk: in order, off the loop, bounded, and never stuck."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable

import numpy as np
import pytest

from hub.enhancement.enhance import Piece, enhance
from hub.recognition.desk import (
    MAX_STREAMS,
    RecogniserBusyError,
    RecogniserTimeoutError,
    RecognitionDesk,
)
from hub.recognition.fake import FakeRecogniser, FakeStream
from hub.recognition.recogniser import Cancelled, DecodeCancelled, Recogniser, Transcript, never
from shared.audio import Pcm
from shared.errors import RecognitionError, WeightsError
from tests.hub.recognition.conftest import noise

TIMEOUT_S = 30.0


class House:
    """A desk with two fakes, and what it loads when one of them hangs."""

    def __init__(self) -> None:
        self.final = FakeRecogniser(name="final")
        self.partial = FakeRecogniser(name="partial")
        self.fresh: list[FakeRecogniser] = []
        self.load_error: Exception | None = None
        self.desk = self.make()

    def make(self, partial: Recogniser | None = None) -> RecognitionDesk:
        return RecognitionDesk(
            self.final, partial or self.partial, self.reload, queue=2, timeout_s=TIMEOUT_S
        )

    def reload(self, name: str) -> Recogniser:
        if self.load_error:
            raise self.load_error
        self.fresh.append(FakeRecogniser(name=name))
        return self.fresh[-1]


@pytest.fixture
async def house() -> AsyncIterator[House]:
    house = House()
    await house.desk.start()
    yield house
    await house.desk.close()


async def hung(recogniser: FakeRecogniser) -> None:
    """Waits until a decode hangs."""
    await asyncio.to_thread(recogniser.stuck.wait)


@pytest.fixture
async def occupied(house: House) -> AsyncIterator[asyncio.Task[object]]:
    """A final decode that hangs; it ends with the test."""
    release = house.final.hang_next()
    task: asyncio.Task[object] = asyncio.create_task(house.desk.decode(noise(1.0)))
    await hung(house.final)
    yield task
    release.set()
    await asyncio.gather(task, return_exceptions=True)


async def test_an_utterance_is_decoded_off_the_event_loop(house: House) -> None:
    threads: list[str] = []

    def text_of(_: Pcm) -> str:
        threads.append(threading.current_thread().name)
        return "hello there"

    house.final = FakeRecogniser(text_of)
    desk = house.make()
    await desk.start()
    decoded = await desk.decode(noise(1.5))
    await desk.close()
    assert decoded.transcript.text == "hello there"
    assert decoded.decode_s >= 0
    assert decoded.queued_s >= 0
    assert threads
    assert threading.current_thread().name not in threads


async def test_what_is_decoded_is_put_together_with_the_companions(house: House) -> None:
    heard: list[Pcm] = []

    def text_of(pcm: Pcm) -> str:
        heard.append(pcm)
        return "hello there"

    house.final = FakeRecogniser(text_of)
    desk = house.make()
    await desk.start()
    pcm, other = noise(1.5), noise(1.2)
    alone = await desk.decode(pcm)
    together = await desk.decode(pcm, [[Piece(other, 100_000)]])
    await desk.close()
    assert alone.pcm is heard[0] is pcm
    assert together.pcm is heard[1]
    assert np.array_equal(together.pcm, enhance(pcm, [[Piece(other, 100_000)]]))
    assert not np.array_equal(together.pcm, pcm)
    assert together.decode_s >= together.enhance_s > alone.enhance_s == 0


async def test_utterances_are_decoded_in_the_order_in_which_they_came(house: House) -> None:
    release = house.final.hang_next()
    tasks = [asyncio.create_task(house.desk.decode(noise(s))) for s in (0.2, 1.0, 0.5)]
    await hung(house.final)
    release.set()
    texts = [(await task).transcript.text for task in tasks]
    assert texts == ["speech of 200 ms", "speech of 1000 ms", "speech of 500 ms"]
    assert house.final.decoded == [3_200, 16_000, 8_000]


async def test_a_full_queue_refuses_and_keeps_what_it_has(house: House) -> None:
    release = house.final.hang_next()
    first = asyncio.create_task(house.desk.decode(noise(1.0)))
    await hung(house.final)
    waiting = [asyncio.create_task(house.desk.decode(noise(0.5))) for _ in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(RecogniserBusyError) as refusal:
        await house.desk.decode(noise(0.5))
    assert refusal.value.code == "RECOGNISER_BUSY"
    release.set()
    assert [(await task).transcript.text for task in (first, *waiting)] == [
        "speech of 1000 ms",
        "speech of 500 ms",
        "speech of 500 ms",
    ]
    assert (await house.desk.decode(noise(0.5))).transcript.text == "speech of 500 ms"


async def test_whoever_gives_up_waiting_leaves_room_for_others(house: House) -> None:
    release = house.final.hang_next()
    first = asyncio.create_task(house.desk.decode(noise(1.0)))
    await hung(house.final)
    waiting = [asyncio.create_task(house.desk.decode(noise(0.5))) for _ in range(2)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    await asyncio.sleep(0)
    another = asyncio.create_task(house.desk.decode(noise(0.3)))
    release.set()
    await first
    assert (await another).transcript.text == "speech of 300 ms"


async def test_a_recogniser_that_raises_fails_that_utterance_alone(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    house.final.fail_next(ValueError("out of range"))
    with pytest.raises(RecognitionError, match="final failed: ValueError: out of range"):
        await house.desk.decode(noise(1.0))
    with caplog.at_level(logging.INFO):
        assert (await house.desk.decode(noise(0.5))).transcript.text == "speech of 500 ms"
    assert "works again" in caplog.text
    assert not house.fresh


async def test_a_recogniser_that_hangs_is_left_behind_and_replaced(
    house: House, jump: Callable[[float], None]
) -> None:
    release = house.final.hang_next()
    stuck = asyncio.create_task(house.desk.decode(noise(1.0)))
    await hung(house.final)
    jump(TIMEOUT_S + 1)
    with pytest.raises(RecogniserTimeoutError, match="final took longer than 30 s") as timeout:
        await stuck
    assert timeout.value.code == "RECOGNISER_TIMEOUT"
    assert (await house.desk.decode(noise(0.5))).transcript.text == "speech of 500 ms"
    assert [fresh.decoded for fresh in house.fresh] == [[8_000]]
    release.set()


async def test_a_replacement_that_cannot_be_loaded_is_tried_again(
    house: House, jump: Callable[[float], None]
) -> None:
    release = house.final.hang_next()
    stuck = asyncio.create_task(house.desk.decode(noise(1.0)))
    await hung(house.final)
    jump(TIMEOUT_S + 1)
    with pytest.raises(RecogniserTimeoutError):
        await stuck
    house.load_error = WeightsError("The weights are gone.", "Fetch them.")
    with pytest.raises(RecognitionError, match=r"The weights are gone\. Fetch them\."):
        await house.desk.decode(noise(0.5))
    house.load_error = None
    assert (await house.desk.decode(noise(0.5))).transcript.text == "speech of 500 ms"
    release.set()


async def test_live_text_grows_with_the_utterance(house: House) -> None:
    pcm = noise(1.0)
    assert await house.desk.partial("one", pcm[:8_000]) == "speech of 500 ms"
    assert await house.desk.partial("two", pcm[:4_800]) == "speech of 300 ms"
    assert await house.desk.partial("one", pcm) == "speech of 1000 ms"


async def test_live_text_is_skipped_while_an_utterance_is_decoded(
    house: House, occupied: asyncio.Task[object]
) -> None:
    assert not occupied.done()
    assert await house.desk.partial("one", noise(0.5)) is None
    assert house.partial.decoded == []


async def test_live_text_is_skipped_while_other_live_text_is_decoded(house: House) -> None:
    release = house.partial.hang_next()
    first = asyncio.create_task(house.desk.partial("one", noise(1.0)))
    await hung(house.partial)
    assert await house.desk.partial("two", noise(0.5)) is None
    release.set()
    assert await first == "speech of 1000 ms"


class Endless:
    """Decodes until it is cancelled."""

    name = language = "en"

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.fed = 0

    def transcribe(self, pcm: Pcm, cancelled: Cancelled = never) -> Transcript:
        raise NotImplementedError

    def open_stream(self) -> Endless:
        return self

    def feed(self, pcm: Pcm, cancelled: Cancelled = never) -> str:
        self.fed += len(pcm)
        self.begun.set()
        while not cancelled():
            threading.Event().wait(0.001)
        raise DecodeCancelled


async def test_live_text_gives_way_to_an_utterance_and_goes_on_afterwards(house: House) -> None:
    endless = Endless()
    desk = house.make(endless)
    await desk.start()
    pcm = noise(1.0)
    live = asyncio.create_task(desk.partial("one", pcm[:8_000]))
    await asyncio.to_thread(endless.begun.wait)
    assert (await desk.decode(noise(1.0))).transcript.text == "speech of 1000 ms"
    assert await live is None
    live = asyncio.create_task(desk.partial("one", pcm))
    await asyncio.sleep(0)
    await desk.decode(noise(0.5))
    assert await live is None
    assert endless.fed == len(pcm)  # each sample once
    await desk.close()


async def test_live_text_that_fails_is_made_up_for_by_the_next(house: House) -> None:
    pcm = noise(1.0)
    assert await house.desk.partial("one", pcm[:4_000])
    house.partial.fail_next(ValueError("no"))
    assert await house.desk.partial("one", pcm[:8_000]) is None
    assert await house.desk.partial("one", pcm) == "speech of 1000 ms"


async def test_live_text_that_hangs_is_left_behind_and_replaced(
    house: House, jump: Callable[[float], None]
) -> None:
    release = house.partial.hang_next()
    live = asyncio.create_task(house.desk.partial("one", noise(0.5)))
    await hung(house.partial)
    assert (await house.desk.decode(noise(1.0))).transcript.text == "speech of 1000 ms"
    jump(TIMEOUT_S + 1)
    assert await live is None
    assert await house.desk.partial("one", noise(1.0)) == "speech of 1000 ms"
    release.set()


async def test_streams_are_bounded_and_a_dropped_utterance_begins_anew(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[FakeStream] = []

    def open_stream() -> FakeStream:
        opened.append(FakeStream(house.partial))
        return opened[-1]

    monkeypatch.setattr(house.partial, "open_stream", open_stream)
    pcm = noise(1.0)
    for number in range(MAX_STREAMS):
        await house.desk.partial(f"utterance {number}", pcm[:1_600])
    await house.desk.partial("utterance 0", pcm[:8_000])  # now the latest
    await house.desk.partial("one more", pcm[:1_600])
    assert len(opened) == MAX_STREAMS + 1
    assert await house.desk.partial("utterance 0", pcm) == "speech of 1000 ms"
    assert len(opened) == MAX_STREAMS + 1
    assert await house.desk.partial("utterance 1", pcm) == "speech of 1000 ms"
    assert len(opened) == MAX_STREAMS + 2


async def test_a_desk_without_live_text_gives_none(house: House) -> None:
    desk = RecognitionDesk(house.final, None, house.reload)
    await desk.start()
    assert await desk.partial("one", noise(1.0)) is None
    await desk.close()


async def test_a_closed_desk_says_so(house: House) -> None:
    await house.desk.close()
    with pytest.raises(RecognitionError, match="was stopped"):
        await house.desk.decode(noise(1.0))
    assert await house.desk.partial("one", noise(1.0)) is None


def test_a_recogniser_that_hangs_does_not_hold_up_the_end_of_the_process() -> None:
    code = """
import asyncio, numpy as np
from hub.enhancement.enhance import Piece, enhance
from hub.recognition.desk import RecognitionDesk
from hub.recognition.fake import FakeRecogniser

async def main():
    fake = FakeRecogniser()
    fake.hang_next()
    desk = RecognitionDesk(fake, None, lambda name: FakeRecogniser())
    await desk.start()
    task = asyncio.create_task(desk.decode(np.arange(16000, dtype=np.int16)))
    await asyncio.to_thread(fake.stuck.wait)
    task.cancel()
    await desk.close()

asyncio.run(main())
"""
    command = [sys.executable, "-c", code]
    ended = subprocess.run(command, timeout=60, check=False)  # noqa: S603 - the code above
    assert ended.returncode == 0


@pytest.mark.looptime
async def test_on_virtual_time_a_decode_takes_none_of_it(house: House) -> None:
    loop = asyncio.get_running_loop()
    begun = loop.time()
    decoded = await house.desk.decode(noise(1.0))
    assert decoded.decode_s == 0
    assert loop.time() == begun
