"""The benches run; what they measure is not judged here."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from edge.simulation.speech import murmur
from tests.bench.streams import HurryingLoop, listen
from tests.bench.tools.report import percentile

ROOT = Path(__file__).parents[3]


@pytest.mark.process
@pytest.mark.parametrize("bench", ["streams", "edge", "latency"])
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


def test_streams_are_heard_and_elected_without_waiting_for_them(tmp_path: Path) -> None:
    with asyncio.Runner(loop_factory=HurryingLoop) as runner:
        seconds = runner.run(listen(tmp_path, [murmur(3.0, seed) for seed in (0, 1)], hurry=True))
    assert seconds > 0


@pytest.mark.parametrize(("percent", "value"), [(50, 5), (95, 10), (90, 9), (1, 1), (100, 10)])
def test_a_percentile_is_one_of_the_values(percent: float, value: float) -> None:
    assert percentile([3, 1, 2, 10, 9, 8, 7, 6, 5, 4], percent) == value
