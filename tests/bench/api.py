"""How long a list of fifty interactions takes among ten thousand, and among a million.

Real hub processes, asked over HTTP: one with few networks, one with many of the same size, on
SQLite and on PostgreSQL (as a plain role, bound by row-level security). Both are asked in turn.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode

import aiohttp

from tests.bench.tools import daemons
from tests.bench.tools.archive import (
    CLIENTS,
    RARE_WORD,
    Household,
    fill_postgres,
    fill_sqlite,
)
from tests.bench.tools.report import parser, percentile, result, say
from tests.hub.store.server import running_server

ENGINES = ("sqlite", "postgres")
SIZES = ("small", "large")
KINDS = ("first", "middle", "client", "text")
"""The first part, one after a cursor, one device's, those with a word."""
LIMIT = 50
WARM_UP = 20
Times = dict[str, dict[str, list[float]]]
"""Seconds, by size and kind."""


@dataclass(frozen=True)
class Sizes:
    """How much there is in the two databases."""

    rows: dict[str, int]
    networks: dict[str, int]


@dataclass
class Target:
    """A hub, and what is in its database."""

    port: int
    households: list[Household]
    random: random.Random = field(default_factory=lambda: random.Random(1))  # noqa: S311


def main() -> None:
    """Runs the bench."""
    options = parser("api", "The time of a list of interactions, in a small and a large database.")
    options.add_argument("--rows", type=int, default=1_000_000, help="interactions in the large")
    options.add_argument("--networks", type=int, default=1_000, help="networks in the large")
    options.add_argument("--small-rows", type=int, default=10_000, help="the same, of the small")
    options.add_argument("--small-networks", type=int, default=10, help="the same, of the small")
    options.add_argument("--engines", nargs="+", choices=ENGINES, default=ENGINES)
    options.add_argument("--requests", type=int, default=400, help="of each kind, to each hub")
    args = options.parse_args()
    sizes = Sizes(
        {"small": args.small_rows, "large": args.rows},
        {"small": args.small_networks, "large": args.networks},
    )
    result(**{engine: measure(engine, sizes, args.requests) for engine in args.engines})


def measure(engine: str, sizes: Sizes, requests: int) -> dict[str, object]:
    """The figures of one engine; `requests` of each kind go to each hub."""
    with (
        tempfile.TemporaryDirectory(prefix="mira-bench-") as name,
        _stores(engine, Path(name), sizes) as stores,
        contextlib.ExitStack() as hubs,
    ):
        targets = {}
        for size, (folder, store, households) in stores.items():
            hub = hubs.enter_context(
                daemons.running("mira-hub serve", folder, _config(folder, store))
            )
            targets[size] = Target(hub.port, households)
        say(f"{engine}: asking")
        times = asyncio.run(_ask(targets, requests))
    return _figures(times, sizes)


@contextlib.contextmanager
def _stores(
    engine: str, folder: Path, sizes: Sizes
) -> Iterator[dict[str, tuple[Path, str, list[Household]]]]:
    """By size: a folder, what a hub's configuration says of the database, what is in it."""
    stores: dict[str, tuple[Path, str, list[Household]]] = {}
    with contextlib.ExitStack() as stack:
        server = None
        if engine == "postgres":
            server = stack.enter_context(running_server(folder))
        for seed, size in enumerate(SIZES):
            begun = time.monotonic()
            rows, networks = sizes.rows[size], sizes.networks[size]
            own = folder / size
            own.mkdir()
            if server is None:
                store = ""
                households = fill_sqlite(own / "hub.db", rows, networks, seed)
            else:
                name = stack.enter_context(server.database())
                store = f'[store]\nurl = "{server.hub(name)}"\n'
                households = fill_postgres(server.owner(name), rows, networks, seed)
            stores[size] = (own, store, households)
            say(f"{engine}: {rows} rows in {time.monotonic() - begun:.0f} s")
        yield stores


def _config(folder: Path, store: str) -> str:
    config = daemons.hub_config(folder, "fake", "none")
    config = config.replace("port = 0\n", 'port = 0\ntls = "off"\n')
    return (
        f"{config}[api]\nrequests_per_s = 10000\nburst = 100000\n[discovery]\nmdns = false\n{store}"
    )


async def _ask(targets: dict[str, Target], requests: int) -> Times:
    times: Times = {size: {kind: [] for kind in KINDS} for size in targets}
    async with aiohttp.ClientSession() as http:
        for number in range(-WARM_UP, requests):
            for kind in KINDS:
                for size in SIZES if number % 2 else reversed(SIZES):
                    taken = await _list(http, targets[size], kind)
                    if number >= 0:
                        times[size][kind].append(taken)
    return times


async def _list(http: aiohttp.ClientSession, target: Target, kind: str) -> float:
    """Asks for a part of some network's list; how many seconds that took."""
    household = target.random.choice(target.households)
    query = {"limit": str(LIMIT)} | {
        "first": {},
        "middle": {"cursor": household.middle},
        "client": {"client_id": target.random.choice(CLIENTS)},
        "text": {"text": RARE_WORD},
    }[kind]
    url = f"http://127.0.0.1:{target.port}/api/v1/networks/{household.network_id}/interactions"
    headers = {"Authorization": f"Bearer {household.token}"}
    begun = time.perf_counter()
    async with http.get(f"{url}?{urlencode(query)}", headers=headers) as answer:
        body = await answer.json()
    taken = time.perf_counter() - begun
    if answer.status != 200 or len(body["interactions"]) > LIMIT or not body["interactions"]:
        raise SystemExit(f"{kind}: status {answer.status}: {str(body)[:500]}")
    return taken


def _figures(times: Times, sizes: Sizes) -> dict[str, object]:
    """In ms; `ratio` is that of the kind of which it is worst, and so are the others with it."""
    kinds = {
        kind: {
            f"{name}_ms_{size}": round(percentile(times[size][kind], percent) * 1000, 2)
            for name, percent in (("p50", 50), ("p95", 95))
            for size in SIZES
        }
        for kind in KINDS
    }
    for figures in kinds.values():
        figures["ratio"] = round(figures["p95_ms_large"] / figures["p95_ms_small"], 2)
    worst = max(kinds, key=lambda kind: kinds[kind]["ratio"])
    return {**kinds[worst], "worst": worst, "kinds": kinds, "rows": sizes.rows["large"]}


if __name__ == "__main__":
    main()
