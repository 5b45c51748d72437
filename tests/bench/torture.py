"""Real hub and devices, faults at random, thousands of operations: nothing is lost or doubled."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.bench.tools.report import parser, result, say
from tests.hub.store.server import running_server
from tests.torture.run import Plan, Result, torture

STORES = ("sqlite", "postgresql")


def main() -> None:
    """Runs the torture; exits with 1 where something is wrong."""
    options = parser("torture", __doc__ or "")
    options.add_argument("--seconds", type=float, default=600.0, help="how long faults happen")
    options.add_argument("--seed", type=int, default=1, help="of all that is random")
    options.add_argument("--store", choices=(*STORES, "both"), default="both")
    args = options.parse_args()
    stores = STORES if args.store == "both" else (args.store,)
    results = []
    for store in stores:
        base = Path(tempfile.mkdtemp(prefix="mira-torture-"))
        say(f"{store}: {base}")
        results.append(_one(store, Plan(args.seconds / len(stores), args.seed), base))
    for store, one in zip(stores, results, strict=True):
        result(**one.figures, store=store)
    if not all(one.right for one in results):
        sys.exit(1)


def _one(store: str, plan: Plan, base: Path) -> Result:
    logs = base / "logs"
    logs.mkdir()
    with _url(store, base) as url:
        done = asyncio.run(torture(plan, base / "data", logs, url))
    if done.right:
        shutil.rmtree(base)
    else:
        for line in [*done.verdict.lines(), *(f"behind: {line}" for line in done.behind)]:
            say(line)
        say(f"{store}: what was wrong is above; history and logs are in {logs}")
    return done


@contextlib.contextmanager
def _url(store: str, base: Path) -> Iterator[str | None]:
    if store == "sqlite":
        yield None
        return
    with running_server(base) as server, server.database() as name:
        yield server.hub(name)


if __name__ == "__main__":
    main()
