"""What ten streams cost in one core: each of its own network, heard, scored and elected.

The real daemons and the real hub (rooms, elections, store on disk) in one process, in real time;
only the sockets between them are channels in memory, and the recogniser is the fake one.
"""

from __future__ import annotations

import asyncio
import contextlib
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Iterable
from pathlib import Path

import numpy as np
import webrtcvad

from edge.activity import ActivityDetector
from edge.candidate import Candidates
from edge.daemon import Daemon
from edge.ear import Ear
from edge.hub_finder import HubFinder
from edge.microphone.paced import PacedMicrophone
from edge.preroll import PreRoll
from edge.replica import Replica
from hub.networks import Networks
from hub.recognition.choice import load_recogniser
from hub.recognition.desk import RecognitionDesk
from hub.recognition.fake import FakeRecogniser
from hub.store.store import Store
from shared.audio import FRAME_SAMPLES, SAMPLE_RATE, Pcm, pcm_to_bytes, us_to_samples
from shared.clock import Clock, steady_clock
from shared.ids import new_id
from shared.wire.channel import Channel
from shared.wire.codec import HubMessage
from shared.wire.events import InteractionCreated
from shared.wire.fields import Message
from shared.wire.memory import memory_channels
from shared.wire.utterance import AudioStreamSelected
from tests.bench.tools.report import parser, result, say
from tests.bench.tools.speech import heard, reading
from tests.bench.tools.store import make_network, open_store

STREAMS = 10
SPEECH_S = 3
NOISE_DB = -60.0
CONNECTED_AFTER_S = 1.0
"""The speech begins so long after the start: everybody is connected by then."""
TIMEOUT_S = 15.0


class Talk(PacedMicrophone):
    """Hears `speech` from `start_us` on (device clock), and faint noise before and after."""

    def __init__(self, clock: Clock, speech: Pcm, start_us: int) -> None:
        super().__init__("talk", clock)
        self._speech = speech
        self._start_us = start_us
        self._noise = heard(np.zeros(SAMPLE_RATE, np.int16), 0.0, NOISE_DB, seed=0)

    def sound(self, at_us: int) -> Pcm:
        """See `PacedMicrophone`."""
        first = us_to_samples(at_us - self._start_us)
        if 0 <= first <= len(self._speech) - FRAME_SAMPLES:
            return self._speech[first : first + FRAME_SAMPLES]
        offset = first % (len(self._noise) - FRAME_SAMPLES)
        return self._noise[offset : offset + FRAME_SAMPLES]


class Device(Daemon):
    """A daemon that notes when its stream was elected, and when the interaction came."""

    elected: asyncio.Event
    told: asyncio.Event

    def received(self, message: HubMessage) -> Iterable[Message]:
        """See `Daemon`."""
        if isinstance(message, AudioStreamSelected) and message.final:
            self.elected.set()
        elif isinstance(message, InteractionCreated):
            self.told.set()
        return super().received(message)


def main() -> None:
    """Runs the bench."""
    options = parser("streams", f"{STREAMS} streams of {SPEECH_S} s in {STREAMS} networks.")
    options.add_argument("--repetitions", type=int, default=5, help="the median counts")
    args = options.parse_args()
    speech = reading()
    talks = [
        heard(speech[first : first + SPEECH_S * SAMPLE_RATE], -3.0, NOISE_DB, seed=number)
        for number, first in enumerate(
            range(0, STREAMS * SPEECH_S * SAMPLE_RATE, SPEECH_S * SAMPLE_RATE)
        )
    ]
    vad_s = statistics.median(_vad_alone(talks) for _ in range(args.repetitions))
    elected_s, told_s = [], []
    for repetition in range(args.repetitions):
        with tempfile.TemporaryDirectory(prefix="mira-bench-") as folder:
            elected, told = asyncio.run(_listen(Path(folder), talks))
        say(f"{repetition + 1}/{args.repetitions}: {elected:.3f} s of one core until elected")
        elected_s.append(elected)
        told_s.append(told)
    core_seconds = statistics.median(elected_s)
    result(
        core_seconds=round(core_seconds, 4),
        core_seconds_least=round(min(elected_s), 4),
        core_seconds_stored=round(statistics.median(told_s), 4),
        vad_alone_core_seconds=round(vad_s, 4),
        times_vad_alone=round(core_seconds / vad_s, 1),
        repetitions=args.repetitions,
    )


def _vad_alone(talks: list[Pcm]) -> float:
    """Processor time of webrtcvad over the same audio: the floor, as good as nothing else done."""
    frames = [[pcm_to_bytes(f) for f in talk.reshape(-1, FRAME_SAMPLES)] for talk in talks]
    begun = time.process_time()
    for stream in frames:
        vad = webrtcvad.Vad(2)
        for frame in stream:
            vad.is_speech(frame, SAMPLE_RATE)
    return time.process_time() - begun


async def _listen(folder: Path, talks: list[Pcm]) -> tuple[float, float]:
    """Processor seconds from the first sample until all are elected, and until all are stored."""
    clock = steady_clock()
    async with open_store(folder) as store, _hub(store, clock) as networks:
        start_us = clock() + round(CONNECTED_AFTER_S * 1e6)
        async with contextlib.AsyncExitStack() as stack:
            devices = []
            for number, talk in enumerate(talks):
                microphone = Talk(clock, talk, start_us)
                path = folder / f"replica{number}.db"
                device = await _device(store, networks, stack, microphone, path, clock)
                devices.append(device)
            await asyncio.sleep((start_us - clock()) / 1e6)
            begun = time.process_time()
            async with asyncio.timeout(TIMEOUT_S):
                for device in devices:
                    await device.elected.wait()
                elected = time.process_time() - begun
                for device in devices:
                    await device.told.wait()
                return elected, time.process_time() - begun


@contextlib.asynccontextmanager
async def _hub(store: Store, clock: Clock) -> AsyncIterator[Networks]:
    desk = RecognitionDesk(FakeRecogniser(), None, load_recogniser)
    await desk.start()
    networks = Networks(store, desk, clock)
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
    device.elected, device.told = asyncio.Event(), asyncio.Event()
    tasks.append(asyncio.create_task(device.run()))

    async def stop() -> None:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    stack.push_async_callback(stop)
    return device


if __name__ == "__main__":
    main()
