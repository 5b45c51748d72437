"""Real hub and devices, faults at random, thousands of operations: nothing is lost or doubled."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.bench.tools.report import parser, positive_seconds, result, say
from tests.hub.store.server import running_server
from tests.torture.disks import disks, stand_apart
from tests.torture.run import Plan, Result, torture

STORES = ("sqlite", "postgresql")


def main() -> None:
    """Runs the torture; exits with 1 where something is wrong."""
    options = parser("torture", __doc__ or "")
    options.add_argument(
        "--seconds", type=positive_seconds, default=660.0, help="how long faults happen"
    )
    options.add_argument("--seed", type=int, default=1, help="of all that is random")
    options.add_argument(
        "--store", choices=(*STORES, "both"), default="sqlite", help="both: one after the other"
    )
    args = options.parse_args()
    stand_apart("tests.bench.torture", sys.argv[1:])
    right = True
    for store in STORES if args.store == "both" else (args.store,):
        try:
            done = _one(store, Plan(args.seconds, args.seed))
        except KeyboardInterrupt:
            sys.exit(130)
        result(**done.figures, store=store)
        right = right and done.right
    if not right:
        sys.exit(1)


def _one(store: str, plan: Plan) -> Result:
    base = Path(tempfile.mkdtemp(prefix="mira-torture-"))
    say(f"{store}, seed {plan.seed}: {base}")
    logs, data = base / "logs", base / "data"
    logs.mkdir()
    kept = base / "kept"
    try:
        with (
            _url(store, base) as url,
            disks(data / "hub", data / "devices") as (hub_disk, device_disk),
        ):
            fillable = hub_disk if store == "sqlite" else None
            done = asyncio.run(torture(plan, data, logs, url, fillable, device_disk))
            if not done.right:  # the disks go
                shutil.copytree(data, kept, ignore=shutil.ignore_patterns("*.sock", "ballast"))
    except BaseException:
        say(f"{store}: broken off; history and logs are in {logs}")
        raise
    if done.right:
        shutil.rmtree(base)
        return done
    for line in [*done.verdict.lines(), *(f"behind: {line}" for line in done.behind)]:
        say(line)
    say(f"{store}: wrong is what stands above; history and logs are in {logs}, data in {kept}")
    return done


@contextlib.contextmanager
def _url(store: str, base: Path) -> Iterator[str | None]:
    if store == "sqlite":
        yield None
        return
    (base / "server").mkdir()
    with running_server(base / "server") as server, server.database() as name:
        yield server.hub(name)


if __name__ == "__main__":
    main()
