"""What the move of a legacy installation costs, and what others notice of it.

First alone: a whole `mira-hub migrate run`, which copies the file, moves its rows and verifies
them, in turn with a plain `INSERT ... SELECT` of the same rows into the same schema. Then into
the database of a real hub that serves another network, whose requests are timed with the move
and without it.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import aiohttp

from tests.bench.tools import daemons, legacy_file
from tests.bench.tools.archive import Household, fill_postgres, fill_sqlite
from tests.bench.tools.report import parser, percentile, result, say
from tests.hub.store.server import Server, running_server

STORES = ("sqlite", "postgresql")
KINDS = ("list", "row", "write")
"""The latest fifty interactions, one of them, a new reminder."""
EVERY_S = 0.05
"""Between two requests, whether or not the former was answered."""
WARM_UP = 20
LOOK_EVERY_S = 0.02
WEIGH_EVERY_S = 0.25
Times = dict[str, list[float]]
"""Seconds, by kind."""


@dataclass(frozen=True)
class Sizes:
    """How much is measured."""

    rows: int  # interactions in the legacy file
    rounds: int  # of moves alone, and of moves beside a hub that serves
    others: int  # interactions in the other network
    alone_s: float  # of requests without a move


QUICK = Sizes(rows=300, rounds=1, others=100, alone_s=0.5)


def main() -> None:
    """Runs the bench."""
    options = parser("migrate", __doc__ or "")
    options.add_argument("--rows", type=int, default=100_000, help="interactions to be moved")
    options.add_argument("--rounds", type=int, default=3, help="of each part")
    options.add_argument("--store", choices=STORES, default="sqlite")
    options.add_argument("--quick", action="store_true", help="so little that it says nothing")
    args = options.parse_args()
    sizes = Sizes(args.rows, args.rounds, others=5_000, alone_s=20.0)
    result(**measure(QUICK if args.quick else sizes, args.store))


def measure(sizes: Sizes, store: str) -> dict[str, Any]:
    """Both parts."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mira-migrate-")))
        server = stack.enter_context(running_server(folder)) if store == "postgresql" else None
        file = folder / "mira.db"
        legacy_file.make(file, sizes.rows, seed=1)
        say(f"{sizes.rows} interactions, {file.stat().st_size / 1e6:.0f} MB")
        figures = alone(folder, file, sizes, server) | beside(folder, file, sizes, server)
    return {"store": store, "rows": sizes.rows, **figures}


# Alone


@dataclass(frozen=True)
class Moved:
    """What a whole process of `mira-hub migrate run` took."""

    seconds: float
    peak_mb: float  # of memory, in 10^6 bytes, with the processes that it started


def alone(folder: Path, file: Path, sizes: Sizes, server: Server | None) -> dict[str, Any]:
    """How fast rows are moved, in turn with the plain copy; that is SQLite's only."""
    moves: list[Moved] = []
    copies: list[float] = []

    def move() -> None:
        with _store(folder / "alone", server) as (own, config, _):
            moves.append(Move(own, config, file).to_its_end())
            say(f"moved in {moves[-1].seconds:.1f} s, {moves[-1].peak_mb:.0f} MB")

    def copy() -> None:
        with _folder(folder / "plain") as own:
            legacy_file.prepare(own / "hub.db")
            began = time.monotonic()
            legacy_file.copy_plainly(file, own / "hub.db")
            copies.append(time.monotonic() - began)
            say(f"copied plainly in {copies[-1]:.1f} s")

    steps: list[Callable[[], None]] = [move] if server else [move, copy]
    for number in range(sizes.rounds):
        for step in steps if number % 2 == 0 else reversed(steps):
            step()
    taken = median(one.seconds for one in moves)
    figures: dict[str, Any] = {
        "rows_per_s": round(sizes.rows / taken),
        "peak_mb": round(max(one.peak_mb for one in moves), 1),
        "seconds_all": [round(one.seconds, 2) for one in moves],
    }
    if copies:
        figures |= {
            "insert_select_rows_per_s": round(sizes.rows / median(copies)),
            "ratio": round(median(copies) / taken, 3),
            "insert_select_seconds_all": [round(one, 2) for one in copies],
        }
    return figures


class Move:
    """A running process of `mira-hub migrate run`.

    Args:
        folder: of the hub's.
        config: the hub's.
        file: the legacy file.
    """

    def __init__(self, folder: Path, config: str, file: Path) -> None:
        path = folder / "migrate.toml"
        path.touch(mode=0o600)
        path.write_text(config)
        self._log = folder / "migrate.log"
        self._began = time.monotonic()
        with self._log.open("w") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own program
                [
                    str(Path(sys.executable).with_name("mira-hub")),
                    *("migrate", "run", str(file), "--config", str(path)),
                ],
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        self._peak_mb = 0.0
        self._weighed_at = self._began

    def ended(self) -> Moved | None:
        """What it took, once it has ended; ends the bench where it failed."""
        code = self._process.poll()
        if code is None:
            if time.monotonic() >= self._weighed_at + WEIGH_EVERY_S:  # the kernel has to count
                self._peak_mb = max(self._peak_mb, memory_mb(self._process.pid))
                self._weighed_at = time.monotonic()
            return None
        if code:
            raise SystemExit(f"the move failed:\n{self._log.read_text()[-2000:]}")
        return Moved(time.monotonic() - self._began, self._peak_mb)

    def to_its_end(self) -> Moved:
        """Waits for it."""
        while (moved := self.ended()) is None:
            time.sleep(LOOK_EVERY_S)
        return moved

    def stop(self) -> None:
        """Ends it, if it goes on still."""
        if self._process.poll() is None:
            self._process.terminate()
        self._process.wait()


def memory_mb(pid: int) -> float:
    """What a process and those that it started have in memory, what they share counted once."""
    found = 0.0
    with contextlib.suppress(OSError, ValueError, StopIteration):  # one ends just now
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        own = next(line for line in lines if line.startswith("Pss:"))
        found = int(own.split()[1]) * 1024 / 1e6
        for task in Path(f"/proc/{pid}/task").iterdir():
            children = (task / "children").read_text().split()
            found += sum(memory_mb(int(child)) for child in children)
    return found


# Beside a hub that serves


def beside(folder: Path, file: Path, sizes: Sizes, server: Server | None) -> dict[str, Any]:
    """How long another network's requests take, without a move and with it."""
    times: dict[str, Times] = {phase: {kind: [] for kind in KINDS} for phase in ("alone", "beside")}
    moves = []
    for number in range(sizes.rounds):
        with (
            _store(folder / "beside", server, sizes.others) as (own, config, households),
            daemons.running("mira-hub serve", own, config) as hub,
        ):
            client = Client(hub.port, households[0], seed=number)
            first = number % 2 == 0
            moves.append(asyncio.run(_round(client, own, config, file, sizes, times, first=first)))
        say(f"moved beside a hub that serves in {moves[-1].seconds:.1f} s")
    kinds: dict[str, dict[str, Any]] = {
        kind: {
            "p50_ms": [_ms(times[phase][kind], 50) for phase in times],
            "p95_ms": [_ms(times[phase][kind], 95) for phase in times],
            "requests": [len(times[phase][kind]) for phase in times],
        }
        for kind in KINDS
    }
    ratios = {kind: round(kinds[kind]["p95_ms"][1] / kinds[kind]["p95_ms"][0], 2) for kind in KINDS}
    worst = max(ratios, key=lambda kind: ratios[kind])
    every = {phase: [one for kind in KINDS for one in times[phase][kind]] for phase in times}
    return {
        "p95_ms": kinds[worst]["p95_ms"],
        "p95_ratio": ratios[worst],
        "worst": worst,
        "p95_ratio_by_kind": ratios,
        "p95_ms_of_all": [_ms(every[phase], 95) for phase in every],
        "kinds": kinds,
        "rows_per_s_beside": round(sizes.rows / median(one.seconds for one in moves)),
    }


def _ms(seconds: list[float], percent: float) -> float:
    return round(percentile(seconds, percent) * 1000, 2)


class Client:
    """Asks for what the other network has, at a steady pace.

    Args:
        port: the hub's.
        household: the network.
        seed: of what it asks for.
    """

    def __init__(self, port: int, household: Household, seed: int) -> None:
        self._base = f"http://127.0.0.1:{port}/api/v1/networks/{household.network_id}"
        self._headers = {"Authorization": f"Bearer {household.token}"}
        self._random = random.Random(seed)  # noqa: S311 - no secrets
        self._ids: list[str] = []

    async def until(self, end: Callable[[], bool]) -> Times:
        """Seconds that requests took, which were sent until `end`."""
        times: Times = {kind: [] for kind in KINDS}
        async with (
            aiohttp.ClientSession(headers=self._headers) as http,
            asyncio.TaskGroup() as going,
        ):
            await self._list(http)
            number, began = -WARM_UP, time.monotonic()
            while number < len(KINDS) or not end():
                kind = KINDS[number % len(KINDS)]
                going.create_task(self._one(http, kind, times[kind] if number >= 0 else []))
                number += 1
                due = began + (number + WARM_UP) * EVERY_S
                await asyncio.sleep(max(0.0, due - time.monotonic()))
        return times

    async def _one(self, http: aiohttp.ClientSession, kind: str, times: list[float]) -> None:
        began = time.perf_counter()
        await {"list": self._list, "row": self._row, "write": self._write}[kind](http)
        times.append(time.perf_counter() - began)

    async def _list(self, http: aiohttp.ClientSession) -> None:
        body = await _answer(http.get(f"{self._base}/interactions?limit=50"))
        self._ids = [one["interaction_id"] for one in body["interactions"]]

    async def _row(self, http: aiohttp.ClientSession) -> None:
        await _answer(http.get(f"{self._base}/interactions/{self._random.choice(self._ids)}"))

    async def _write(self, http: aiohttp.ClientSession) -> None:
        reminder = {"title": "take out the bins", "due_time": "2030-01-02T03:04:05Z"}
        await _answer(http.post(f"{self._base}/reminders", json=reminder))


async def _answer(request: Any) -> Any:
    async with request as answer:
        body = await answer.json()
    if answer.status not in (200, 201):
        raise SystemExit(f"status {answer.status}: {str(body)[:500]}")
    return body


async def _round(
    client: Client,
    folder: Path,
    config: str,
    file: Path,
    sizes: Sizes,
    times: dict[str, Times],
    *,
    first: bool,
) -> Moved:
    """Requests with the move, and without it, `first` or after."""

    async def without() -> None:
        until = time.monotonic() + sizes.alone_s
        _add(times["alone"], await client.until(lambda: time.monotonic() >= until))

    if first:
        await without()
    move = Move(folder, config, file)
    try:
        _add(times["beside"], await client.until(lambda: move.ended() is not None))
        moved = move.ended()
    finally:
        move.stop()
    if moved is None:
        raise SystemExit("the move has not ended")
    if not first:
        await without()
    return moved


def _add(times: Times, more: Times) -> None:
    for kind in KINDS:
        times[kind] += more[kind]


# Databases


@contextlib.contextmanager
def _store(
    path: Path, server: Server | None, others: int = 0
) -> Iterator[tuple[Path, str, list[Household]]]:
    """A hub's folder, its configuration, and a network in its database, for as long as needed."""
    with contextlib.ExitStack() as stack:
        own = stack.enter_context(_folder(path))
        store = ""
        if server is None:
            households = fill_sqlite(own / "hub.db", others or 1, 1, seed=2)
        else:
            name = stack.enter_context(server.database())
            store = f'[store]\nurl = "{server.hub(name)}"\n'
            households = fill_postgres(server.owner(name), others or 1, 1, seed=2)
        config = daemons.hub_config(own, "fake", "none")
        config = config.replace("port = 0\n", 'port = 0\ntls = "off"\n')
        api = "[api]\nrequests_per_s = 10000\nburst = 100000\n[discovery]\nmdns = false\n"
        yield own, f"{config}{api}{store}", households


@contextlib.contextmanager
def _folder(path: Path) -> Iterator[Path]:
    path.mkdir()
    try:
        yield path
    finally:
        shutil.rmtree(path)


if __name__ == "__main__":
    main()
