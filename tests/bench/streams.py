"""What ten streams cost in one core: each of a network of its own, heard, scored and elected.

The real daemons and the real hub (rooms, elections, store) in one process; only the sockets
between them are channels in memory. Once flat out, with a clock that jumps to the next timer
instead of waiting for it, and once in real time.
"""

from __future__ import annotations

import asyncio
import contextlib
import selectors
import statistics
import tempfile
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Iterable
from pathlib import Path

import numpy as np
import webrtcvad

from edge.activity import ActivityDetector
from edge.candidates import Candidates
from edge.daemon import Daemon
from edge.ear import Ear
from edge.hub_finder import HubFinder
from edge.microphone.microphone import Frame
from edge.microphone.sound_card import BLOCK_MS
from edge.preroll import PreRoll
from edge.replica import Replica
from edge.simulation.speech import utterances
from hub.networks import Networks
from hub.recognition.choice import load_recogniser
from hub.recognition.desk import RecognitionDesk
from hub.recognition.desks import Desks
from hub.recognition.fake import FakeRecogniser
from hub.store.store import Store
from shared.audio import FRAME_MS, FRAME_SAMPLES, SAMPLE_RATE, Pcm, pcm_to_bytes, us_to_samples
from shared.clock import Clock
from shared.ids import new_id
from shared.wire.channel import Channel
from shared.wire.codec import HubMessage
from shared.wire.fields import Message
from shared.wire.memory import memory_channels
from shared.wire.session import ConnectionEstablished
from shared.wire.utterance import AudioStreamSelected
from tests.bench.tools.report import parser, result, say
from tests.bench.tools.speech import heard, sample_speech
from tests.bench.tools.store import make_network, open_store

STREAMS = 10
SPEECH_S = 3
PAUSING = ("tried", "better")
"""Readings whose pauses are long enough to end an utterance."""
NOISE_DB = -60.0
QUIET_S = 0.5
"""Between the last device's connection and the speech: what connecting costs is over."""
TIMEOUT_S = 15.0


class Talk:
    """A microphone that hears `speech` from `start_us` on, and faint noise before and after.

    It gives its frames as the sound card does: some at a time.
    """

    name = "talk"

    def __init__(self, clock: Clock, speech: Pcm) -> None:
        self.start_us = 2**60
        self._clock = clock
        self._speech = speech
        self._noise = heard(np.zeros(SAMPLE_RATE, np.int16), 0.0, NOISE_DB, seed=0)
        self._next_us: int | None = None  # capture time of the next frame; None: closed
        self._frames: deque[Frame] = deque()

    async def open(self) -> None:
        """See `Microphone`."""
        self._next_us = self._clock()

    async def close(self) -> None:
        """See `Microphone`."""
        self._next_us = None

    def __aiter__(self) -> Talk:
        return self

    async def __anext__(self) -> Frame:
        if not self._frames:
            if self._next_us is None:
                raise StopAsyncIteration
            begun_us, end_us = self._next_us, self._next_us + BLOCK_MS * 1000
            await asyncio.sleep(max(0, end_us - self._clock()) / 1e6)
            self._next_us = end_us
            for at_us in range(begun_us, end_us, FRAME_MS * 1000):
                self._frames.append(Frame(self._sound(at_us), at_us))
        return self._frames.popleft()

    def _sound(self, at_us: int) -> Pcm:
        first = us_to_samples(at_us - self.start_us)
        if 0 <= first <= len(self._speech) - FRAME_SAMPLES:
            return self._speech[first : first + FRAME_SAMPLES]
        offset = first % (len(self._noise) - FRAME_SAMPLES)
        return self._noise[offset : offset + FRAME_SAMPLES]


class Device(Daemon):
    """A daemon that notes when it is connected, and when its stream was elected for good."""

    connected: asyncio.Event
    elected: asyncio.Event

    def removed(self) -> None:
        """See `Owner`."""

    def established(self, message: ConnectionEstablished) -> Iterable[Message]:
        """See `Daemon`."""
        self.connected.set()
        return super().established(message)

    def received(self, message: HubMessage) -> Iterable[Message]:
        """See `Daemon`."""
        if isinstance(message, AudioStreamSelected) and message.final:
            self.elected.set()
        return super().received(message)


class HurryingSelector(selectors.EpollSelector):
    """While it hurries, an event loop's time jumps to the next timer instead of waiting for it."""

    def __init__(self) -> None:
        super().__init__()
        self.hurries = False
        self.ahead_s = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """See `selectors.BaseSelector`."""
        if not self.hurries or not timeout:
            return super().select(timeout)
        ready = super().select(0)
        if not ready:
            self.ahead_s += timeout
        return ready


class HurryingLoop(asyncio.SelectorEventLoop):
    """An event loop on a `HurryingSelector`."""

    def __init__(self) -> None:
        self.hurrying = HurryingSelector()
        super().__init__(self.hurrying)

    def time(self) -> float:
        """The time in seconds, ahead by what was not waited for."""
        return super().time() + self.hurrying.ahead_s


def main() -> None:
    """Runs the bench."""
    options = parser("streams", f"{STREAMS} streams of {SPEECH_S} s in {STREAMS} networks.")
    options.add_argument("--repetitions", type=int, default=5, help="the median counts")
    args = options.parse_args()
    spoken = [one for one in utterances(sample_speech()) if one.name not in PAUSING]
    talks = [
        heard(one.pcm[: SPEECH_S * SAMPLE_RATE], -3.0, NOISE_DB, seed)
        for seed, one in enumerate(spoken[:STREAMS])
    ]
    vad_s = statistics.median(_vad_alone(talks) for _ in range(args.repetitions))
    flat_out = _repeat(talks, args.repetitions, hurry=True)
    real_time = _repeat(talks, args.repetitions, hurry=False)
    core_seconds = statistics.median(flat_out)
    result(
        core_seconds=round(core_seconds, 4),
        core_seconds_all=[round(one, 4) for one in flat_out],
        core_seconds_real_time=round(statistics.median(real_time), 4),
        vad_alone_core_seconds=round(vad_s, 4),
        times_vad_alone=round(core_seconds / vad_s, 1),
        streams=len(talks),
    )


def _vad_alone(talks: list[Pcm]) -> float:
    """Processor seconds of webrtcvad alone over the same audio: the floor."""
    streams = [[pcm_to_bytes(f) for f in talk.reshape(-1, FRAME_SAMPLES)] for talk in talks]
    begun = time.process_time()
    for frames in streams:
        vad = webrtcvad.Vad(2)
        for frame in frames:
            vad.is_speech(frame, SAMPLE_RATE)
    return time.process_time() - begun


def _repeat(talks: list[Pcm], repetitions: int, *, hurry: bool) -> list[float]:
    took = []
    for repetition in range(repetitions):
        with (
            tempfile.TemporaryDirectory(prefix="mira-bench-") as folder,
            asyncio.Runner(loop_factory=HurryingLoop) as runner,
        ):
            took.append(runner.run(listen(Path(folder), talks, hurry=hurry)))
        way = "flat out" if hurry else "in real time"
        say(f"{way}, {repetition + 1} of {repetitions}: {took[-1]:.3f} s of one core")
    return took


async def listen(folder: Path, talks: list[Pcm], *, hurry: bool) -> float:
    """Processor seconds from the first sample of speech until all streams are elected."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, HurryingLoop)
    origin_us = time.time_ns() // 1000 - round(loop.time() * 1e6)

    def clock() -> int:
        return origin_us + round(loop.time() * 1e6)

    measured = threading.Event()
    async with (
        open_store(folder) as store,
        _hub(store, clock, measured) as networks,
        contextlib.AsyncExitStack() as stack,
    ):
        microphones = [Talk(clock, talk) for talk in talks]
        devices = []
        for number, microphone in enumerate(microphones):
            path = folder / f"replica{number}.db"
            devices.append(await _device(store, networks, stack, microphone, path, clock))
        for device in devices:
            await device.connected.wait()
        await asyncio.sleep(QUIET_S)
        loop.hurrying.hurries = hurry
        for microphone in microphones:
            microphone.start_us = clock()
        begun = time.process_time()
        try:
            async with asyncio.timeout(TIMEOUT_S):
                for device in devices:
                    await device.elected.wait()
            return time.process_time() - begun
        finally:
            loop.hurrying.hurries = False
            measured.set()


@contextlib.asynccontextmanager
async def _hub(store: Store, clock: Clock, measured: threading.Event) -> AsyncIterator[Networks]:
    """A hub that recognises, and so stores, nothing before `measured` is set."""

    def text_of(_: Pcm) -> str:
        measured.wait()
        return "something"

    desk = RecognitionDesk(FakeRecogniser(text_of), None, load_recogniser)
    await desk.start()
    networks = Networks(store, Desks(desk), clock)
    try:
        yield networks
    finally:
        await networks.close()
        await desk.close()


async def _device(
    store: Store,
    networks: Networks,
    stack: contextlib.AsyncExitStack,
    microphone: Talk,
    path: Path,
    clock: Clock,
) -> Device:
    """A device in a network of its own, at work until the stack ends."""
    (identity,) = await make_network(store, devices=1)
    access = await store.look_up(identity.token)
    assert access is not None
    replica = Replica(path, identity.network_id)
    stack.callback(replica.close)
    tasks: list[asyncio.Task[None]] = []

    async def connect(_: str) -> Channel:
        ours, theirs = memory_channels()
        tasks.append(asyncio.create_task(networks.serve(theirs, access)))
        return ours

    device = Device(
        client_id=identity.client_id,
        ear=Ear(ActivityDetector(), PreRoll(), Candidates(new_id)),
        microphone=microphone,
        replica=replica,
        finder=HubFinder(["http://memory"]),
        connect=connect,
        clock=clock,
    )
    device.connected, device.elected = asyncio.Event(), asyncio.Event()
    tasks.append(asyncio.create_task(device.run()))

    async def stop() -> None:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    stack.push_async_callback(stop)
    return device


if __name__ == "__main__":
    main()
