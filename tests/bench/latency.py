"""How long a household waits for its text: from the endpoint to the interaction on every device.

A real hub process and five devices (real daemons, here in one process, over real sockets) that
hear the same readings, each utterance best by another one. The clock starts when the elected
device decides that speech has ended, and stops when the last of the five has the interaction on
its disk. What the recogniser needed for that utterance is subtracted; everything else counts,
waiting for the recogniser too.
"""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import numpy as np

from edge.activity import ActivityDetector
from edge.candidates import Candidates
from edge.config import Access
from edge.daemon import Daemon
from edge.ear import Ear
from edge.hub_finder import HubFinder
from edge.microphone.file import FileMicrophone
from edge.microphone.microphone import Frame
from edge.preroll import PreRoll
from edge.replica import Replica, Written
from edge.simulation.speech import SpokenUtterance, utterances
from edge.startup import Connector
from models.fetch import pull
from shared.audio import SAMPLE_RATE, Pcm
from shared.clock import steady_clock
from shared.config_keys import Secret
from shared.ids import new_id
from shared.wire.codec import HubMessage
from shared.wire.events import InteractionCreated
from shared.wire.fields import Message
from shared.wire.utterance import AudioStreamSelected, UtteranceEnded
from tests.bench.tools import daemons
from tests.bench.tools.report import parser, percentile, result, say
from tests.bench.tools.speech import heard, sample_speech, write_wav
from tests.bench.tools.store import Device, Understood, make_network, open_store, understood

GAINS_DB = (0.0, -5.0, -10.0, -15.0, -20.0)
"""How much quieter the devices hear an utterance; who hears it best changes with each."""
NOISE_DB = (-62.0, -60.0, -64.0, -61.0, -63.0)
PAUSE_S = (1.2, 2.0)
"""Between utterances, longer than the hangover."""
START_S = 3.0
END_S = 6.0
"""After the last utterance, for its text to come."""


@dataclass
class Noted:
    """When things happened, in seconds of this machine's monotonic clock."""

    ended: dict[str, float] = field(default_factory=dict)  # by utterance: the device's endpoint
    elected: dict[str, float] = field(default_factory=dict)  # by utterance: told for good
    heard_of: dict[str, list[float]] = field(default_factory=dict)  # by interaction, on the wire
    kept: dict[str, list[float]] = field(default_factory=dict)  # by interaction, on the disk


class NotingEar(Ear):
    """An ear that notes its endpoints."""

    noted: Noted

    def hear(self, frame: Frame) -> list[Message]:
        """See `Ear`."""
        messages = super().hear(frame)
        for message in messages:
            if isinstance(message, UtteranceEnded):
                self.noted.ended[message.utterance_id] = time.monotonic()
        return messages


class NotingReplica(Replica):
    """A replica that notes when an interaction is on its disk."""

    noted: Noted

    def apply(self, said: Iterable[Written]) -> int:
        """See `Replica`."""
        said = list(said)
        cursor = super().apply(said)
        for event in said:
            if isinstance(event, InteractionCreated):
                self.noted.kept.setdefault(event.interaction_id, []).append(time.monotonic())
        return cursor


class NotingDaemon(Daemon):
    """A daemon that notes what it is told."""

    noted: Noted

    def received(self, message: HubMessage) -> Iterable[Message]:
        """See `Daemon`."""
        if isinstance(message, AudioStreamSelected) and message.final:
            self.noted.elected.setdefault(message.utterance_id, time.monotonic())
        elif isinstance(message, InteractionCreated):
            self.noted.heard_of.setdefault(message.interaction_id, []).append(time.monotonic())
        return super().received(message)


def main() -> None:
    """Runs the bench."""
    options = parser("latency", "From the endpoint to the interaction on all of five devices.")
    options.add_argument("--engine", default="auto", help="the hub's [recognition] engine")
    options.add_argument("--partial-engine", default="auto", help="and its partial_engine")
    options.add_argument("--utterances", type=int, default=48, help="how many are spoken")
    options.add_argument("--short", action="store_true", help="12 utterances")
    args = options.parse_args()
    count = 12 if args.short else args.utterances
    if args.engine == "auto":
        pull(["moonshine-tiny-en", "moonshine-base-en"])
    spoken = utterances(sample_speech())
    tracks = _tracks([spoken[number % len(spoken)] for number in range(count)])
    with tempfile.TemporaryDirectory(prefix="mira-bench-") as name:
        folder = Path(name)
        devices = asyncio.run(_make_store(folder))
        hub_config = daemons.hub_config(folder, args.engine, args.partial_engine)
        with daemons.running("mira-hub serve", folder, hub_config) as hub:
            seconds = len(tracks[0]) / SAMPLE_RATE
            say(f"five devices hear {count} utterances in {seconds:.0f} s")
            noted = asyncio.run(_listen(folder, devices, tracks, hub.port))
            hub_log = (folder / "mira-hub.log").read_text()
        stored = asyncio.run(_read_store(folder))
    engines = [line.partition("recognising with ")[2] for line in hub_log.splitlines()]
    _report(noted, stored, next(filter(None, engines), args.engine))


def _tracks(spoken: list[SpokenUtterance]) -> list[Pcm]:
    """What each of the five hears: all utterances with pauses between them."""
    random = np.random.default_rng(0)
    gains = 10 ** (np.array(GAINS_DB) / 20)
    parts: list[list[Pcm]] = [[] for _ in GAINS_DB]
    for number, one in enumerate(spoken):
        pause = np.zeros(round(random.uniform(*PAUSE_S) * SAMPLE_RATE), np.int16)
        for device, part in enumerate(parts):
            gain = gains[(device + number) % len(gains)]
            part += [(one.pcm * gain).astype(np.int16), pause]
    return [
        heard(np.concatenate(part), 0.0, noise_db, seed)
        for seed, (part, noise_db) in enumerate(zip(parts, NOISE_DB, strict=True))
    ]


async def _listen(folder: Path, devices: list[Device], tracks: list[Pcm], port: int) -> Noted:
    """Runs the devices until everything was said and understood."""
    noted, clock = Noted(), steady_clock()
    start_us = clock() + round(START_S * 1e6)
    async with contextlib.AsyncExitStack() as stack:
        http = await stack.enter_async_context(aiohttp.ClientSession())
        for device, track in zip(devices, tracks, strict=True):
            wav = folder / f"{device.client_id}.wav"
            write_wav(wav, track)
            ear = NotingEar(ActivityDetector(), PreRoll(), Candidates(new_id))
            replica = NotingReplica(folder / f"{device.client_id}.db", device.network_id)
            stack.callback(replica.close)
            access = Access(
                device.network_id, device.client_id, Secret(device.token), daemons.ca_of(folder)
            )
            daemon = NotingDaemon(
                client_id=device.client_id,
                ear=ear,
                microphone=FileMicrophone(wav, clock, start_at_us=start_us),
                replica=replica,
                finder=HubFinder([f"https://127.0.0.1:{port}"]),
                connect=Connector(http, access),
                clock=clock,
            )
            ear.noted = replica.noted = daemon.noted = noted
            stack.push_async_callback(_cancel, asyncio.create_task(daemon.run()))
        for _ in range(round((START_S + len(tracks[0]) / SAMPLE_RATE + END_S) / 10) + 1):
            await asyncio.sleep(10)
            say(f"{len(noted.kept)} understood")
    return noted


async def _cancel(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def _make_store(folder: Path) -> list[Device]:
    async with open_store(folder) as store:
        return await make_network(store, devices=len(GAINS_DB))


async def _read_store(folder: Path) -> list[Understood]:
    async with open_store(folder) as store:
        return await understood(store)


def _report(noted: Noted, stored: list[Understood], engine: str) -> None:
    overheads, elections, rests, writes = [], [], [], []
    for one in stored:
        ended, kept = noted.ended.get(one.utterance_id), noted.kept.get(one.interaction_id, [])
        if ended is None or len(kept) < len(GAINS_DB):
            say(f"not on every device: {one}")
            continue
        overheads.append(max(kept) - ended - one.decode_s)
        elected = noted.elected[one.utterance_id]
        told = max(noted.heard_of[one.interaction_id])
        elections.append(elected - ended)
        rests.append(told - elected - one.queued_s - one.decode_s)
        writes.append(max(kept) - told)

    if not overheads:
        raise SystemExit("no interaction came to all devices")
    parts = {
        "endpoint to final election": elections,
        "waiting for the recogniser": [one.queued_s for one in stored],
        "store and send": rests,
        "the devices' disks": writes,
    }
    result(
        overhead_p95_ms=_ms(overheads, 95),
        overhead_p50_ms=_ms(overheads, 50),
        decode_p50_ms=_ms([one.decode_s for one in stored], 50),
        utterances=len(overheads),
        engine=engine,
        p50_p95_ms={part: [_ms(values, 50), _ms(values, 95)] for part, values in parts.items()},
    )


def _ms(values: list[float], percent: float) -> float:
    return round(percentile(values, percent) * 1000, 1)


if __name__ == "__main__":
    main()
