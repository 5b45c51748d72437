"""What no hub takes, on disk and back, on virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from itertools import count
from pathlib import Path

import numpy as np
import pytest

from edge.candidates import Candidates
from edge.spool import Spool
from edge.spooler import EVERY_S, Spooler
from shared.audio import FRAME_SAMPLES, Pcm, pcm_from_bytes
from shared.errors import StoreError
from shared.wire.fields import Message
from shared.wire.utterance import (
    Quality,
    Release,
    SendAudio,
    UtteranceEnded,
    UtteranceStarted,
)

pytestmark = pytest.mark.looptime

DAY_US = 24 * 3600 * 1_000_000
START_US = 1_760_000_000_000_000


class Device:
    """Candidates and a spool in a folder; dies and starts again."""

    def __init__(self, folder: Path, most_bytes: int = 10_000_000) -> None:
        self.folder = folder
        self.connected = False
        self.sent: list[Message] = []
        self.now_us = START_US
        self._most_bytes = most_bytes
        self._numbers = count(1)
        self._start()

    def _start(self) -> None:
        self.candidates = Candidates(lambda: f"00000000-0000-4000-8000-{next(self._numbers):012d}")
        self.spool = Spool(self.folder, self._most_bytes)
        self.spooler = Spooler(self.candidates, self.spool, 30 * DAY_US, lambda: self.now_us)
        self.spooler.restore()

    def restart(self) -> None:
        """Without a word before."""
        self.sent.clear()
        self._start()

    def hear(self, frames: int = 60) -> Pcm:
        """An utterance of so many frames, ended."""
        rng = np.random.default_rng(frames)
        pcm = rng.integers(-3_000, 3_000, frames * FRAME_SAMPLES).astype(np.int16)
        chunks = list(pcm.reshape(-1, FRAME_SAMPLES))
        self.now_us += 10_000_000
        self.candidates.begin(chunks[:30], 0, self.now_us)
        for chunk in chunks[30:]:
            self.candidates.extend(chunk, voiced=True)
        self.candidates.end()
        return pcm

    def send(self, messages: Iterable[Message]) -> None:
        self.sent += messages

    async def work(self, seconds: float = 2 * EVERY_S) -> None:
        """Lets the spooler work."""
        job = asyncio.ensure_future(self.spooler.run(lambda: self.connected, self.send))
        await asyncio.sleep(seconds)
        job.cancel()
        await asyncio.gather(job, return_exceptions=True)

    async def upload(self, utterance_id: str) -> Pcm:
        """A hub asks for an utterance's audio, and gets it."""
        self.connected = True
        self.candidates.take(SendAudio(utterance_id=utterance_id))
        await self.work()
        frames = []
        while (frame := self.candidates.audio()) is not None:
            assert frame.utterance_id == utterance_id
            frames.append(frame.payload)
        return pcm_from_bytes(b"".join(frames))

    @property
    def in_memory(self) -> list[str]:
        held = {c.utterance_id: c for c in self.candidates._held.values()}
        return [utterance_id for utterance_id, candidate in held.items() if candidate.here]

    def files(self) -> int:
        return len(list(self.folder.iterdir()))


@pytest.fixture
def device(tmp_path: Path) -> Device:
    return Device(tmp_path / "spool")


async def test_without_a_hub_what_was_heard_goes_to_disk_and_comes_back(device: Device) -> None:
    pcm = device.hear()
    (held,) = device.candidates.held
    await device.work()
    assert (device.spool.held, device.in_memory) == ([held], [])
    assert np.array_equal(await device.upload(held), pcm)
    assert device.in_memory == []  # it was sent whole, and is still on disk
    assert np.array_equal(await device.upload(held), pcm)  # another hub asks again
    device.candidates.take(Release(utterance_id=held))
    await device.work()
    assert (device.candidates.held, device.files()) == ([], 0)


async def test_with_a_hub_it_stays_in_memory(device: Device) -> None:
    device.connected = True
    device.hear()
    await device.work()
    assert device.files() == 0
    assert len(device.in_memory) == 1


async def test_with_a_hub_that_is_too_slow_it_goes_to_disk_before_memory_is_full(
    device: Device,
) -> None:
    device.connected = True
    device.candidates._held_samples = 300 * FRAME_SAMPLES
    spoken = {}
    for frames in (60, 61, 62, 63, 64, 65, 66, 67):
        pcm = device.hear(frames)
        spoken[device.candidates.held[-1]] = pcm
        if len(spoken) == 1:  # is on its way
            device.candidates.take(SendAudio(utterance_id=device.candidates.held[0]))
        await device.work()
    assert device.candidates.held == list(spoken)
    assert device.candidates.dropped == 0
    assert device.in_memory[0] == device.candidates.held[0]
    assert len(device.in_memory) < 4
    for utterance_id, pcm in spoken.items():
        assert np.array_equal(await device.upload(utterance_id), pcm)
        device.candidates.take(Release(utterance_id=utterance_id))


async def test_a_restarted_device_offers_what_the_last_run_heard(device: Device) -> None:
    spoken = [device.hear(frames) for frames in (60, 70)]
    before = device.candidates.offer_all()
    held = device.candidates.held
    await device.work()
    device.restart()
    assert device.candidates.held == held
    after = device.candidates.offer_all()
    assert [type(m) for m in after] == [UtteranceStarted, Quality, UtteranceEnded] * 2
    for one, other in zip(before, after, strict=True):
        if isinstance(one, Quality) and isinstance(other, Quality):
            assert (other.envelope, other.bands) == (one.envelope, one.bands)
            assert other.score == pytest.approx(one.score, abs=0.1)
        else:
            assert other == one
    for utterance_id, pcm in zip(held, spoken, strict=True):
        assert np.array_equal(await device.upload(utterance_id), pcm)


async def test_a_device_that_stops_loses_nothing(device: Device) -> None:
    device.connected = True
    device.hear()
    held = device.candidates.held
    device.spooler.close()
    device.restart()
    assert device.candidates.held == held


async def test_a_device_that_stops_keeps_nothing_that_was_released(device: Device) -> None:
    device.hear()
    (released,) = device.candidates.held
    await device.work()
    device.hear(70)
    device.candidates.take(Release(utterance_id=released))
    device.spooler.close()
    assert device.files() == 1
    device.restart()
    assert released not in device.candidates.held


async def test_a_full_disk_leaves_it_in_memory_until_there_is_room(
    device: Device, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    device.hear()
    with monkeypatch.context() as patch:

        def full(*_: object) -> list[str]:
            raise StoreError("No space left on device.", "Free some.")

        patch.setattr(device.spool, "keep", full)
        await device.work(5 * EVERY_S)
    assert len(device.in_memory) == 1
    assert [r.levelname for r in caplog.records if "spool" in r.message] == ["WARNING"]
    await device.work()
    assert device.in_memory == []
    assert device.files() == 1


async def test_the_oldest_make_room_and_are_counted(tmp_path: Path) -> None:
    device = Device(tmp_path / "spool", most_bytes=100_000)
    for _ in range(4):
        device.hear(75)
    held = device.candidates.held
    await device.work()
    kept = device.candidates.held
    assert kept == device.spool.held == held[-len(kept) :]
    assert device.candidates.dropped == 4 - len(kept) > 0


async def test_what_is_too_old_is_dropped_and_counted(device: Device) -> None:
    device.hear()
    await device.work()
    device.now_us += 29 * DAY_US
    device.hear()
    await device.work()
    assert (len(device.candidates.held), device.candidates.dropped) == (2, 0)
    device.now_us += 2 * DAY_US
    await device.work()
    assert (len(device.candidates.held), device.candidates.dropped) == (1, 1)
    assert device.files() == 1


async def test_a_release_of_the_first_part_keeps_the_rest(device: Device) -> None:
    pcm = device.hear(100)
    (held,) = device.candidates.held
    await device.work()
    device.connected = True
    release = Release(utterance_id=held, until_sample=40 * FRAME_SAMPLES)
    assert device.candidates.take(release) == []
    await device.work()
    kinds = [type(m) for m in device.sent]
    assert kinds == [UtteranceStarted, Quality, UtteranceEnded]
    (rest,) = device.candidates.held
    assert rest != held
    assert np.array_equal(await device.upload(rest), pcm[40 * FRAME_SAMPLES :])
    assert device.spool.held == []


@pytest.mark.parametrize("restarted", [False, True])
async def test_a_damaged_file_is_given_up_and_counted(device: Device, restarted: bool) -> None:
    device.hear()
    (held,) = device.candidates.held
    await device.work()
    (file,) = device.folder.iterdir()
    file.write_bytes(b"no sound at all")
    if restarted:
        device.restart()
    else:
        assert len(await device.upload(held)) == 0
    assert (device.candidates.held, device.candidates.dropped) == ([], 1)
    assert device.files() == 0
