"""The benches run; what they measure is not judged here."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import pytest

from edge.simulation.speech import murmur
from tests.bench.api import ENGINES, KINDS, Sizes
from tests.bench.api import measure as measure_lists
from tests.bench.migrate import QUICK as QUICK_MOVE
from tests.bench.migrate import STORES
from tests.bench.migrate import measure as measure_move
from tests.bench.slow import measure
from tests.bench.streams import HurryingLoop, listen
from tests.bench.sync import QUICK
from tests.bench.sync import measure as measure_sync
from tests.bench.tools.report import parser, percentile, positive_seconds

ROOT = Path(__file__).parents[3]


@pytest.mark.process
@pytest.mark.parametrize(
    "bench",
    [
        "streams",
        "edge",
        "latency",
        "slow",
        "api",
        "sync",
        "scenes",
        "election",
        "grouping",
        "enhancement",
        "torture",
        "migrate",
        "speakers",
    ],
)
def test_a_bench_explains_itself(bench: str) -> None:
    done = subprocess.run(  # noqa: S603 - our own module, in this interpreter
        [sys.executable, "-m", f"tests.bench.{bench}", "--help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert f"script/bench {bench}" in done.stdout


@pytest.mark.parametrize("seconds", ["0", "-3", "nan", "inf", "long"])
def test_a_time_that_is_none_is_refused_before_anything_starts(seconds: str) -> None:
    options = parser("some", "A bench.")
    options.add_argument("--seconds", type=positive_seconds)
    with pytest.raises(SystemExit) as refused:
        options.parse_args([f"--seconds={seconds}"])
    assert refused.value.code == 2
    assert options.parse_args(["--seconds=0.5"]).seconds == 0.5


def test_streams_are_heard_and_elected_without_waiting_for_them(tmp_path: Path) -> None:
    with asyncio.Runner(loop_factory=HurryingLoop) as runner:
        seconds = runner.run(listen(tmp_path, [murmur(3.0, seed) for seed in (0, 1)], hurry=True))
    assert seconds > 0


@pytest.mark.process
async def test_slow_clients_are_sent_away_and_deaf_devices_cost_little(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    await measure(tmp_path, clients=7, devices=2, events=100, seconds=1, deaf_s=1)
    figures = json.loads(capsys.readouterr().out)
    assert (figures["slow_clients"], figures["deaf_connected"]) == (7, 2)
    assert figures["health_p99_ms"] > 0
    assert figures["list_p99_ms"] > 0


@pytest.mark.process
@pytest.mark.parametrize("engine", ENGINES)
def test_lists_are_asked_for_in_a_small_and_a_large_database(engine: str) -> None:
    sizes = Sizes({"small": 200, "large": 400}, {"small": 2, "large": 4})
    figures = measure_lists(engine, sizes, requests=2)
    assert figures["rows"] == 400
    assert set(figures["kinds"]) == set(KINDS)  # type: ignore[call-overload]


@pytest.mark.process
def test_a_device_catches_up_and_many_are_told_beside_one_that_is_stuck() -> None:
    figures = measure_sync(QUICK)
    assert figures["catch_up_events"] == QUICK.events
    for figure in ("fan_out_per_s", "bare_per_s", "one_to_a_commit_per_s"):
        assert figures[figure] > QUICK.devices
    assert min(figures["p99_ms_since_change"]) > 0


@pytest.mark.process
@pytest.mark.parametrize("store", STORES)
def test_a_move_is_timed_alone_and_beside_a_hub_that_serves(store: str) -> None:
    figures = measure_move(QUICK_MOVE, store)
    assert figures["rows"] == QUICK_MOVE.rows
    assert min(*figures["p95_ms"], figures["rows_per_s"], figures["peak_mb"]) > 0
    assert ("ratio" in figures) == (store == "sqlite")


@pytest.mark.parametrize(("percent", "value"), [(50, 5), (95, 10), (90, 9), (1, 1), (100, 10)])
def test_a_percentile_is_one_of_the_values(percent: float, value: float) -> None:
    assert percentile([3, 1, 2, 10, 9, 8, 7, 6, 5, 4], percent) == value
