"""One torture, from the first start to the verdict."""

from __future__ import annotations

import asyncio
import pprint
import sys
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from random import Random

from tests.torture import ending
from tests.torture.checker import Verdict, check
from tests.torture.disks import Disk
from tests.torture.doing import Person
from tests.torture.faults import Faults
from tests.torture.history import History
from tests.torture.household import World, world
from tests.torture.speaking import speak
from tests.torture.writing import Writer

CONVERGE_S = 60.0
"""What has not converged by then never will."""


@dataclass(frozen=True)
class Plan:
    """How much of everything."""

    seconds: float
    seed: int
    sizes: Sequence[int] = (1, 2, 2, 3)  # devices of each network
    writers: int = 10
    pause_s: float = 0.1  # of each writer, on average
    hub_s: float = 8.0  # on average, from a fault of the hub to the next
    device_s: float = 3.0  # of a device
    link_s: float = 2.0  # of a link
    deed_s: float = 2.0  # between what the people at a device do, on average
    longest_s: float = 8.0  # a fault that lasts


@dataclass(frozen=True)
class Result:
    """What came of it."""

    figures: dict[str, object]
    verdict: Verdict
    behind: list[str]  # who had not converged

    @property
    def right(self) -> bool:
        """Whether nothing is wrong."""
        return self.verdict.right and not self.behind


async def torture(
    plan: Plan,
    folder: Path,
    logs: Path,
    url: str | None = None,
    hub_disk: Disk | None = None,
    device_disk: Disk | None = None,
) -> Result:
    """Runs it.

    Args:
        folder: for what hub and devices keep.
        logs: for what they print, and for the history.
        url: of a PostgreSQL database; None: the hub has a file.
        hub_disk: that of `folder`/hub, if it can be filled.
        device_disk: that of `folder`/devices, likewise.
    """
    with closing(History(logs / "history.jsonl")) as history:
        async with world(folder, logs, history, plan.sizes, url) as tortured:
            await _until_all_listen(tortured)
            history.note("all listen")
            await _suffer(plan, tortured, hub_disk, device_disk)
            behind = await ending.converged(tortured, CONVERGE_S)
            seconds = history.now_s() - history.last_fault_s
            await ending.stop(tortured)
            stored = await ending.stored(tortured)
            (logs / "stored.txt").write_text(pprint.pformat(stored, width=200))
            verdict = check(history.record, stored, ending.replicas(tortured))
            disks = {"hub_disk_full": hub_disk, "device_disk_full": device_disk}
            left_out = [kind for kind, disk in disks.items() if disk is None]
            figures = _figures(plan, tortured, verdict, behind, seconds, left_out)
        for line in [*verdict.lines(), *(f"behind: {line}" for line in behind)]:
            history.note("wrong", line=line)
        return Result(figures, verdict, behind)


async def _until_all_listen(world: World) -> None:
    if behind := await ending.converged(world, CONVERGE_S):
        raise RuntimeError(f"It does not even start: {behind}")


async def _suffer(
    plan: Plan, world: World, hub_disk: Disk | None, device_disk: Disk | None
) -> None:
    random = Random(plan.seed)  # noqa: S311 - no secret
    jobs = [speak(network, world.history, _own(random)) for network in world.networks]
    jobs += [
        Person(network, member, world.history, _own(random), plan.deed_s).run()
        for network in world.networks
        for member in network.members
    ]
    for number in range(plan.writers):
        network = world.networks[number % len(world.networks)]
        jobs.append(Writer(f"w{number}", world, network, _own(random), plan.pause_s).run())
    faults = Faults(world, _own(random), hub_disk, device_disk, plan.longest_s)
    tasks = [asyncio.create_task(job) for job in jobs]
    tasks.append(asyncio.create_task(_progress(world.history)))
    suffering = asyncio.create_task(
        faults.run(plan.seconds, plan.hub_s, plan.device_s, plan.link_s)
    )
    try:
        # Nobody who works may end, or the rest would be no torture.
        done, _ = await asyncio.wait([suffering, *tasks], return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in [suffering, *tasks]:
            task.cancel()
        await asyncio.gather(suffering, *tasks, return_exceptions=True)


def _own(random: Random) -> Random:
    return Random(random.random())  # noqa: S311 - no secret


async def _progress(history: History) -> None:
    while True:
        await asyncio.sleep(10)
        print(
            f"{history.now_s():4.0f} s: {history.record.operations} operations, "
            f"{history.faults.total()} faults",
            file=sys.stderr,
            flush=True,
        )


def _figures(
    plan: Plan,
    world: World,
    verdict: Verdict,
    behind: list[str],
    seconds: float,
    left_out: list[str],
) -> dict[str, object]:
    history, record = world.history, world.history.record
    outcomes = [one.outcome for one in record.writes] + [one.outcome for one in record.choices]
    utterances = record.utterances.values()
    devices = {member.device.name for member in world.members}
    by_hand = [write for write in record.writes if write.writer in devices]
    return {
        "operations": record.operations,
        "faults": history.faults.total(),
        "acked_lost": len(verdict.lost),
        "duplicated": len(verdict.doubled),
        "out_of_order": len(verdict.disordered),
        "replicas_equal": not verdict.unequal and not behind,
        "seconds_to_converge": round(seconds, 2),
        "seed": plan.seed,
        "kinds": dict(sorted(history.faults.items())),
        "utterances": len(utterances),
        "utterances_acked": sum(u.acked_s is not None for u in utterances),
        "writes": len(record.writes) - len(by_hand),
        "changes_on_devices": len(record.choices) + len(by_hand),
        "acked": outcomes.count("acked"),
        "unknown": outcomes.count("unknown"),
        "utterances_dropped": history.dropped,
        "left_out": left_out,
        "ended_by_themselves": world.hub.process.deaths
        + sum(member.device.process.deaths for member in world.members),
    }
