"""What keeping devices in sync costs: catching up, fan-out, and one device that is stuck.

A device that was away is told the whole log: a real hub and a real device, each a process. Then
a hub tells many devices of events as fast as it can, in turn with a bare aiohttp server that
broadcasts the same bytes to the same kind of devices. Then how long a change takes to get to
every device, in turn with and without one more device that is owed much and never reads.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import sqlite3
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import psutil

from shared.audio import SAMPLE_RATE
from shared.tls import client_context
from tests.bench.slow import deaf_device
from tests.bench.tools import daemons
from tests.bench.tools.archive import add_log
from tests.bench.tools.crowd import REST_S, Server, Taken, Task
from tests.bench.tools.member import TEXT
from tests.bench.tools.report import parser, percentile, result, say
from tests.bench.tools.speech import write_wav
from tests.bench.tools.store import Device, make_network, open_store

HUB = "mira-hub serve"
FEEDING_HUB = "python -m tests.bench.tools.feeding_hub serve"
LOOK_EVERY_S = 0.02
AHEAD_S = 0.3
"""A broadcast begins so long before it is measured."""
CHANGE_EVERY_S = 0.03
STUCK_AFTER_S = 1.0
"""So long after it connected, the buffers on the way to a device that does not read are full."""
ANSWER_BYTES = 2**26
READY_S = 120.0


@dataclass(frozen=True)
class Sizes:
    """How much is measured."""

    events: int  # that a device is owed
    catch_ups: int
    devices: int  # that are told at once
    others: int  # than the stuck one
    rounds: int  # of fan-out, and pairs with and without the stuck one
    owed: int  # events of 1 kB to the stuck one: more than the buffers on the way to it hold
    seconds: float  # of each


FULL = Sizes(
    events=100_000, catch_ups=3, devices=200, others=50, rounds=5, owed=20_000, seconds=5.0
)
QUICK = Sizes(events=500, catch_ups=1, devices=4, others=4, rounds=1, owed=500, seconds=0.5)


def main() -> None:
    """Runs the bench."""
    options = parser("sync", __doc__ or "")
    options.add_argument("--quick", action="store_true", help="so little that it says nothing")
    args = options.parse_args()
    result(**measure(QUICK if args.quick else FULL))


def measure(sizes: Sizes) -> dict[str, Any]:
    """All three parts."""
    with tempfile.TemporaryDirectory(prefix="mira-sync-") as name:
        away, many = Path(name) / "away", Path(name) / "many"
        away.mkdir()
        many.mkdir()
        return catch_up(away, sizes) | asyncio.run(to_many(many, sizes))


# A device that was away


def catch_up(folder: Path, sizes: Sizes) -> dict[str, object]:
    """How long a device with an empty replica takes to have all of a log on its disk."""
    (device,) = asyncio.run(_household(folder, 1))
    add_log(folder / "hub.db", sizes.events, TEXT)
    newest = _newest(folder)
    silence = folder / "silence.wav"
    write_wav(silence, np.zeros(SAMPLE_RATE, np.int16))
    taken = []
    with daemons.running(HUB, folder, _config(folder)) as hub:
        for number in range(sizes.catch_ups):
            away = folder / f"away{number}"
            away.mkdir()
            config = daemons.edge_config(folder, device, hub.port, f"file:{silence}")
            config = config.replace(str(folder / "edge"), str(away / "edge"))
            with daemons.running("mira-edge run", away, f"{config}[discovery]\nmdns = false\n"):
                began = time.monotonic()  # it is ready, and connects
                has = _wait_for_cursor(away / "edge" / "replica.db", newest)
                taken.append(time.monotonic() - began)
            if has != sizes.events:
                raise SystemExit(f"{has} interactions in the replica, not {sizes.events}")
            say(f"{sizes.events} events caught up with in {taken[-1]:.1f} s")
    return {
        "catch_up_s": round(median(taken), 2),
        "catch_up_s_all": [round(one, 2) for one in taken],
        "catch_up_events": sizes.events,
        "catch_up_events_per_s": round(sizes.events / median(taken)),
    }


def _wait_for_cursor(replica: Path, newest: int) -> int:
    """Waits until a replica on disk is at the newest event; how many interactions it has."""
    with contextlib.closing(sqlite3.connect(f"file:{replica}?mode=ro", uri=True)) as db:
        while True:
            row = db.execute("SELECT value FROM state WHERE key = 'cursor'").fetchone()
            if row and int(row[0]) >= newest:
                (count,) = db.execute("SELECT count(*) FROM interactions").fetchone()
                return int(count)
            time.sleep(LOOK_EVERY_S)


# Many devices


async def to_many(folder: Path, sizes: Sizes) -> dict[str, object]:
    """Fan-out, and then one device that is stuck; one hub does both."""
    devices = await _household(folder, max(sizes.devices, sizes.others + 2))
    add_log(folder / "hub.db", sizes.owed)
    with daemons.running(FEEDING_HUB, folder, _config(folder)) as hub:
        figures = await fan_out(folder, hub, devices[: sizes.devices], sizes)
        return figures | await one_stuck(folder, hub, devices[: sizes.others + 2], sizes)


async def fan_out(
    folder: Path, hub: daemons.Running, devices: list[Device], sizes: Sizes
) -> dict[str, object]:
    """Events that all of many devices together are told of in a second."""
    fed, bare, single, hub_cpu, bare_cpu = [], [], [], [], []
    server = Server(hub.port, daemons.ca_of(folder), _newest(folder))
    async with (
        _crowd(server, devices) as crowd,
        _broadcaster(folder) as (broadcaster, port),
        _crowd(Server(port, server.ca, 0), devices) as bare_crowd,
    ):
        bare_process = psutil.Process(broadcaster.pid)
        for _ in range(sizes.rounds):
            hub.process.send_signal(signal.SIGUSR1)
            await asyncio.sleep(AHEAD_S)
            before = hub.cpu_s()
            taken = await _do(crowd, Task(sizes.seconds))
            hub.process.send_signal(signal.SIGUSR2)
            fed.append(taken.events / taken.seconds)
            hub_cpu.append((hub.cpu_s() - before) / (sizes.seconds + REST_S) / fed[-1])
            await asyncio.sleep(REST_S)

            _tell(broadcaster, AHEAD_S + sizes.seconds + REST_S)
            await asyncio.sleep(AHEAD_S)
            before = sum(bare_process.cpu_times()[:2])
            taken = await _do(bare_crowd, Task(sizes.seconds))
            bare.append(taken.events / taken.seconds)
            used = sum(bare_process.cpu_times()[:2]) - before
            bare_cpu.append(used / (sizes.seconds + REST_S) / bare[-1])
            await asyncio.sleep(REST_S)

            taken = await _do(crowd, Task(sizes.seconds, writers=1))
            single.append(taken.events / taken.seconds)
            await asyncio.sleep(REST_S)
            say(
                f"{sizes.devices} devices are told of {fed[-1]:.0f} events a second, "
                f"by a bare server of {bare[-1]:.0f}, one to a commit {single[-1]:.0f}"
            )
    return {
        "fan_out_ratio": round(median(f / b for f, b in zip(fed, bare, strict=True)), 2),
        "fan_out_per_s": round(median(fed)),
        "bare_per_s": round(median(bare)),
        "fan_out_core_us": round(median(hub_cpu) * 1e6, 1),
        "bare_core_us": round(median(bare_cpu) * 1e6, 1),
        "one_to_a_commit_per_s": round(median(single)),
        "fan_out_devices": sizes.devices,
    }


# One that is stuck


async def one_stuck(
    folder: Path, hub: daemons.Running, devices: list[Device], sizes: Sizes
) -> dict[str, object]:
    """How much longer a change takes to the others when one device takes nothing."""
    stuck, *others = devices
    server = Server(hub.port, daemons.ca_of(folder), _newest(folder))
    context = client_context(server.ca)
    task = Task(sizes.seconds, writers=1, every_s=CHANGE_EVERY_S)
    alone: list[Taken] = []
    beside: list[Taken] = []
    async with _crowd(server, others) as crowd:
        for number in range(2 * sizes.rounds):
            deaf = asyncio.ensure_future(deaf_device(stuck, hub.port, context))
            with_stuck = number % 4 in (1, 2)  # alone, beside, beside, alone
            if not with_stuck:
                deaf.cancel()
            await asyncio.sleep(min(STUCK_AFTER_S, sizes.seconds))
            taken = await _do(crowd, task)
            if with_stuck and deaf.done():
                raise SystemExit(f"the stuck device is not connected: {deaf}")
            (beside if with_stuck else alone).append(taken)
            deaf.cancel()
            await asyncio.gather(deaf, return_exceptions=True)
            p99_ms = percentile(taken.since_change_s, 99) * 1000
            say(f"{'beside a stuck one' if with_stuck else 'alone'}: p99 {p99_ms:.1f} ms")
            await asyncio.sleep(REST_S)
    figures: dict[str, object] = {"stuck_others": sizes.others}
    for since in ("change", "commit"):
        p99 = [
            median(percentile(getattr(taken, f"since_{since}_s"), 99) for taken in runs)
            for runs in (beside, alone)
        ]
        figures[f"stuck_ratio_since_{since}"] = round(p99[0] / p99[1], 2)
        figures[f"p99_ms_since_{since}"] = [round(one * 1000, 2) for one in p99]
    return figures


# Processes


async def _household(folder: Path, devices: int) -> list[Device]:
    async with open_store(folder) as store:
        return await make_network(store, devices)


def _newest(folder: Path) -> int:
    with contextlib.closing(sqlite3.connect(folder / "hub.db")) as db:
        (newest,) = db.execute("SELECT event_seq FROM networks").fetchone()
        return int(newest)


def _config(folder: Path) -> str:
    return (
        f"{daemons.hub_config(folder, 'fake', 'none')}[discovery]\nmdns = false\n"
        "[api]\nrequests_per_s = 10000\nburst = 100000\n"
    )


@contextlib.asynccontextmanager
async def _process(module: str, *arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        f"tests.bench.tools.{module}",
        *arguments,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=ANSWER_BYTES,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


@contextlib.asynccontextmanager
async def _crowd(
    server: Server, devices: list[Device]
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Many devices, connected."""
    async with _process("crowd") as process:
        whom = {
            "server": asdict(server),
            "devices": [(device.network_id, device.token) for device in devices],
        }
        await _ask(process, whom)
        yield process


@contextlib.asynccontextmanager
async def _broadcaster(folder: Path) -> AsyncIterator[tuple[asyncio.subprocess.Process, int]]:
    """The bare server, and its port."""
    async with _process("broadcast", str(folder)) as process:
        assert process.stdout is not None
        yield process, int(await process.stdout.readline())


async def _do(crowd: asyncio.subprocess.Process, task: Task) -> Taken:
    return Taken(**await _ask(crowd, asdict(task)))


async def _ask(process: asyncio.subprocess.Process, what: object) -> dict[str, Any]:
    _tell(process, what)
    assert process.stdout is not None
    async with asyncio.timeout(READY_S):
        answer = await process.stdout.readline()
    if not answer:
        raise SystemExit("the devices were sent away; what they say of it is above")
    return dict(json.loads(answer))


def _tell(process: asyncio.subprocess.Process, what: object) -> None:
    assert process.stdin is not None
    process.stdin.write(f"{json.dumps(what)}\n".encode())


if __name__ == "__main__":
    main()
