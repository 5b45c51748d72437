"""Whether the hub tells two talkers apart: every pair of microphones of scenes of two talkers.

Each microphone goes through the product's own ear; of each, the longest utterance that holds both
talkers counts. For every two of them the product's grouping says whether they hear the same one.
The truth: who is louder at each. Where both are about as loud, that is a coin toss, so the pairs
are also told by the margin, at the one of both where it is less.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.simulation.scene_folder import read_scene, scene_folders
from shared.errors import MiraError
from tests.bench.tools.bootstrap import interval
from tests.bench.tools.report import parser, result, say
from tests.bench.tools.talker_pairs import Told, judge

PROGRESS_S = 10.0
MARGINS_DB = (0, 3, 6, 10, 15)
"""Lower bounds of the classes that pairs are told by."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the bench; returns the process's exit code."""
    options = parser("grouping", __doc__.splitlines()[0])
    options.add_argument("--scenes", type=Path, required=True, help="folder of the scenes")
    options.add_argument("--limit", type=int, help="scenes at most; None: all")
    options.add_argument(
        "--clock-error-ms", type=float, default=80.0, help="how far each clock is off, at most"
    )
    options.add_argument("--jobs", type=int, default=2, help="processes")
    args = options.parse_args(arguments)
    try:
        folders = scene_folders(args.scenes)[: args.limit]
        figures = Figures(list(_judged(folders, round(args.clock_error_ms * 1000), args.jobs)))
    except MiraError as error:
        print(f"bench grouping: {error}", file=sys.stderr)
        return 1
    for line in figures.table():
        say(line)
    result(**figures.as_json())
    return 0


class Figures:
    """What the scenes come to.

    Args:
        scenes: the pairs of each.
    """

    def __init__(self, scenes: Sequence[Sequence[Told]]) -> None:
        self._scenes = scenes
        self._pairs = [pair for scene in scenes for pair in scene]

    def as_json(self) -> dict[str, object]:
        """The last line; shares are of pairs, null where there are none."""
        changed = sum(p.told_same != p.told_same_with_clock_error for p in self._pairs)
        return {
            "scenes": len(self._scenes),
            "pairs": len(self._pairs),
            **{name: self._share(which)[0] for name, which in _SHARES.items()},
            "right_by_margin_db": {
                name: self._share(which)[0] for name, which in _by_margin().items()
            },
            "pairs_by_margin_db": {
                name: sum(map(which, self._pairs)) for name, which in _by_margin().items()
            },
            "right_with_clock_error": self._share(_any, _right_with_clock_error)[0],
            "changed_by_clock_error": round(changed / max(1, len(self._pairs)), 4),
            "right_interval": self._share(_any)[1],
        }

    def table(self) -> Iterator[str]:
        """For people."""
        yield f"{'':26} {'pairs':>6}  {'right':>6}  {'95 %':>15}"
        margins = {f"margin {name} dB": which for name, which in _by_margin().items()}
        for name, which in {**_SHARES, **margins}.items():
            yield self._line(name, which, _right)
        yield self._line("right, clocks off", _any, _right_with_clock_error)

    def _line(self, name: str, which: Which, right: Which) -> str:
        share, (low, high) = self._share(which, right)
        pairs = sum(map(which, self._pairs))
        if share is None:
            return f"{name:26} {pairs:6}  {'-':>6}"
        return f"{name:26} {pairs:6}  {share:6.1%}  {low:6.1%} to {high:6.1%}"

    def _share(
        self, which: Which, right: Which | None = None
    ) -> tuple[float | None, tuple[float, float]]:
        """The share of some pairs that are told rightly, with its 95 % interval over scenes."""
        told = right or _right
        counts = np.array([sum(map(which, scene)) for scene in self._scenes], dtype=np.float64)
        good = np.array(
            [sum(which(p) and told(p) for p in scene) for scene in self._scenes], dtype=np.float64
        )
        if not counts.sum():
            return None, (0.0, 0.0)
        low, high = interval(len(counts), partial(_ratio, good, counts))
        return round(_ratio(good, counts, slice(None)), 4), (round(low, 4), round(high, 4))


Which = Callable[[Told], bool]


def _any(_: Told) -> bool:
    return True


def _same(pair: Told) -> bool:
    return pair.same


def _different(pair: Told) -> bool:
    return not pair.same


def _right(pair: Told) -> bool:
    return pair.right


def _right_with_clock_error(pair: Told) -> bool:
    return pair.right_with_clock_error


_SHARES: dict[str, Which] = {"right": _any, "same_right": _same, "different_right": _different}


def _by_margin() -> dict[str, Which]:
    classes: dict[str, Which] = {}
    for low, high in zip(MARGINS_DB, (*MARGINS_DB[1:], None), strict=True):
        name = f"{low}+" if high is None else f"{low}-{high}"
        classes[name] = partial(_within, low, float("inf") if high is None else high)
    return classes


def _within(low: float, high: float, pair: Told) -> bool:
    return low <= pair.margin_db < high


def _ratio(
    good: NDArray[np.float64], counts: NDArray[np.float64], scenes: NDArray[np.intp] | slice
) -> float:
    pairs = float(counts[scenes].sum())
    return float(good[scenes].sum()) / pairs if pairs else float("nan")


def _judged(folders: Sequence[Path], clock_error_us: int, jobs: int) -> Iterator[list[Told]]:
    began = said = time.monotonic()
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        job = partial(_judge, clock_error_us)
        for number, one in enumerate(pool.map(job, folders), start=1):
            yield one
            now = time.monotonic()
            if now - said >= PROGRESS_S or number == len(folders):
                said = now
                say(f"{number} of {len(folders)} scenes, {now - began:.0f} s")


def _judge(clock_error_us: int, folder: Path) -> list[Told]:
    return judge(read_scene(folder), clock_error_us)


if __name__ == "__main__":
    sys.exit(main())
