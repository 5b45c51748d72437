"""How much the choice of a microphone is worth: every rule on the same scenes.

Each scene (see script/bench scenes) goes through the product's own voice activity, scoring,
grouping and election; its recogniser decodes what is elected, and what every other rule would
have chosen. Of what the product stores, the interaction that most microphones heard counts, with
what comes before and after it; those of the same time (another talker's, or one talker taken for
two) are counted as `interactions_beside`. `recovered` is (random - rule) / (random - hindsight) in
word error rate.
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
from hub.recognition.choice import load_recogniser
from shared.errors import MiraError
from tests.bench.tools.bootstrap import interval
from tests.bench.tools.decodes import Decodes
from tests.bench.tools.election_picture import draw
from tests.bench.tools.report import parser, result, say
from tests.bench.tools.scene_rules import RULES, Judged, judge

PROGRESS_S = 10.0
_decodes: Decodes | None = None


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the bench; returns the process's exit code."""
    options = parser("election", __doc__.splitlines()[0])
    options.add_argument("--scenes", type=Path, required=True, help="folder of the scenes")
    options.add_argument("--engine", default="moonshine-tiny-en", help="the recogniser")
    options.add_argument("--limit", type=int, help="scenes at most; None: all")
    options.add_argument("--jobs", type=int, default=2, help="processes")
    options.add_argument("--picture", type=Path, help="a PNG of the comparison; None: no picture")
    args = options.parse_args(arguments)
    try:
        folders = scene_folders(args.scenes)[: args.limit]
        load_recogniser(args.engine)  # an engine that is not here is said at once
        judged = list(_judged(folders, args.engine, args.jobs))
    except MiraError as error:
        print(f"bench election: {error}", file=sys.stderr)
        return 1
    figures = Figures(judged)
    for line in figures.table():
        say(line)
    if args.picture:
        draw(figures.wer, figures.wer_intervals, args.engine, len(judged), args.picture)
        say(f"drawn: {args.picture}")
    result(
        scenes=len(judged),
        engine=args.engine,
        wer=figures.wer,
        slots=figures.slots,
        recovered=figures.recovered,
        decodes_per_utterance=figures.decodes_per_utterance,
        provisional_was_final=figures.provisional_was_final,
        interactions_beside=figures.beside,
        wer_intervals=figures.wer_intervals,
        recovered_intervals=figures.recovered_intervals,
        fewer_errors_than=figures.paired,
    )
    return 0


class Figures:
    """What the scenes come to."""

    def __init__(self, judged: Sequence[Judged]) -> None:
        self._words = np.array([one.words for one in judged], dtype=np.float64)
        self._slots = np.array([one.slots for one in judged], dtype=np.float64)
        self._errors = {r: np.array([one.errors[r] for one in judged]) for r in RULES}
        self._found = {r: np.array([one.found[r] for one in judged]) for r in RULES}
        every = np.arange(len(judged))
        utterances = sum(one.utterances for one in judged)
        self.wer = {rule: round(self._wer(rule, every), 4) for rule in RULES}
        self.slots = {}
        if self._slots.sum():
            self.slots = {
                rule: round(float(self._found[rule].sum() / self._slots.sum()), 4) for rule in RULES
            }
        self.recovered = {rule: round(self._recovered(rule, every), 4) for rule in RULES}
        # A scene with a second talker, or one that was taken for two, is more than one utterance.
        self.decodes_per_utterance = round(
            sum(one.decodes for one in judged) / max(1, utterances), 3
        )
        self.provisional_was_final = round(
            sum(one.kept_provisional for one in judged) / max(1, utterances), 3
        )
        self.beside = round(sum(one.beside for one in judged) / len(judged), 3)
        self.wer_intervals = self._intervals(self._wer)
        self.recovered_intervals = self._intervals(self._recovered)
        self.paired = {
            rule: _rounded(interval(len(judged), partial(self._gain, rule)))
            for rule in RULES
            if rule not in ("elected", "hindsight")
        }

    def _wer(self, rule: str, scenes: NDArray[np.intp]) -> float:
        return float(self._errors[rule][scenes].sum() / max(1.0, self._words[scenes].sum()))

    def _recovered(self, rule: str, scenes: NDArray[np.intp]) -> float:
        random, hindsight = self._wer("random", scenes), self._wer("hindsight", scenes)
        if random == hindsight:
            return float("nan")
        return (random - self._wer(rule, scenes)) / (random - hindsight)

    def _gain(self, rule: str, scenes: NDArray[np.intp]) -> float:
        """By how much the rule's word error rate is above the product's, on the same scenes."""
        return self._wer(rule, scenes) - self._wer("elected", scenes)

    def _intervals(
        self, figure: Callable[[str, NDArray[np.intp]], float]
    ) -> dict[str, tuple[float, float]]:
        count = len(self._words)
        return {rule: _rounded(interval(count, partial(figure, rule))) for rule in RULES}

    def table(self) -> Iterator[str]:
        """For people."""
        yield f"{'':20} {'WER':>6}  {'95 %':>15}  {'recovered':>9}  {'95 %':>15}  {'slots':>6}"
        for rule in RULES:
            low, high = self.wer_intervals[rule]
            least, most = self.recovered_intervals[rule]
            slots = f"{self.slots[rule]:6.1%}" if self.slots else "-"
            yield (
                f"{rule:20} {self.wer[rule]:6.1%}  {low:6.1%} to {high:6.1%}"
                f"  {self.recovered[rule]:9.2f}  {least:6.2f} to {most:5.2f}  {slots:>6}"
            )


def _rounded(bounds: tuple[float, float]) -> tuple[float, float]:
    return round(bounds[0], 4), round(bounds[1], 4)


def _judged(folders: Sequence[Path], engine: str, jobs: int) -> Iterator[Judged]:
    began = said = time.monotonic()
    # Not forked: onnxruntime's threads do not survive that.
    context = get_context("spawn")
    with ProcessPoolExecutor(
        jobs, mp_context=context, initializer=_open, initargs=(engine, folders[0].parent)
    ) as pool:
        for number, one in enumerate(pool.map(_judge, folders), start=1):
            yield one
            now = time.monotonic()
            if now - said >= PROGRESS_S or number == len(folders):
                said = now
                say(f"{number} of {len(folders)} scenes, {now - began:.0f} s")


def _open(engine: str, scenes: Path) -> None:
    global _decodes
    _decodes = Decodes(
        load_recogniser(engine), scenes / f"decodes.{engine.replace('/', '-')}.jsonl"
    )


def _judge(folder: Path) -> Judged:
    assert _decodes is not None
    return judge(read_scene(folder), _decodes)


if __name__ == "__main__":
    sys.exit(main())
