"""Trains the ranker: which of several microphones' recordings is understood best.

It makes scenes (see script/bench scenes) of utterances that no evaluation uses, lets the product's
own ears cut what each microphone would offer, decodes that several times a little shifted (one
decode is a matter of luck: a few milliseconds change words), and fits a ridge regression, its
signs held, of the share of words understood on the features that the hub will have, both relative
to the scene's mean. Writes models/scorer.onnx; the last line of its output is JSON. The same
options give the same model.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from scipy.optimize import nnls

from edge.simulation.measure import normalise, word_errors
from edge.simulation.scene_folder import read_scene, scene_folders
from hub.election.comparison import OWN, features
from hub.election.election import Election
from hub.recognition.choice import load_recogniser
from models.scorer import PATH
from shared.errors import MiraError
from shared.quality.comparison import FEATURES
from tests.bench import scenes
from tests.bench.tools.decodes import Decodes
from tests.bench.tools.report import parser, result, say
from tests.bench.tools.scene_run import SceneRun, Utterance

SHIFTS = (0, 640, 1120)
"""Samples that are left out at the beginning, for each decode: 0, 40 and 70 ms."""
WORST = 1.5
"""A word error rate above this is no worse: whatever was invented, nothing was understood."""
RIDGE = 0.03
FOLDS = 8
NAMES = (*FEATURES, *OWN)
WORSE = ("pause_flux", "clipped")
"""Features of which more is worse."""
_decodes: Decodes | None = None

Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class Example:
    """One scene, as far as the fit is concerned."""

    utterance: str  # what was said, by the name of its recording
    words: int
    x: Matrix  # features, shape (microphones, features)
    errors: Matrix  # words wrong, the mean over the decodes, shape (microphones,)

    @property
    def understood(self) -> Matrix:
        """Share of words understood, shape (microphones,); below 0 where words were invented."""
        share: Matrix = 1 - np.minimum(self.errors / self.words, WORST)
        return share


def main(arguments: Sequence[str] | None = None) -> int:
    """Trains; returns the process's exit code."""
    options = parser("train-scorer", __doc__.splitlines()[0])
    options.prog = "script/train-scorer"
    options.add_argument("--speech", type=Path, help="as of script/bench scenes")
    options.add_argument("--noise", type=Path, help="as of script/bench scenes")
    options.add_argument("--count", type=int, default=900, help="scenes")
    options.add_argument("--seed", type=int, default=100, help="decides everything")
    options.add_argument("--engine", default="moonshine-tiny-en", help="the recogniser")
    options.add_argument("--jobs", type=int, default=2, help="processes")
    options.add_argument("--work", type=Path, help="keeps scenes and decodes, to go on with")
    options.add_argument("--out", type=Path, default=PATH, help="the model")
    args = options.parse_args(arguments)
    began = time.monotonic()
    try:
        with tempfile.TemporaryDirectory(prefix="mira-training-") as temporary:
            work = args.work or Path(temporary)
            code = scenes.main(_scene_options(args, work))
            if code:
                return code
            examples = list(_examples(scene_folders(work)[: args.count], args.engine, args.jobs))
    except MiraError as error:
        print(f"train-scorer: {error}", file=sys.stderr)
        return 1
    weights = fit(examples)
    write(weights, args.out)
    for name, weight in zip(NAMES, weights * _spread(examples), strict=True):
        say(f"{name:18} {100 * weight:+6.2f} points for one standard deviation")
    result(
        scenes=len(examples),
        cross_validated_recovered=round(cross_validated(examples), 3),
        seconds=round(time.monotonic() - began),
        model=str(args.out),
    )
    return 0


def fit(examples: Sequence[Example]) -> Matrix:
    """The weight of each feature, in shares of words understood: shape (features,).

    No weight may have the sign that contradicts what its feature means: on sounds that training
    never saw, more noise must not count as better heard.
    """
    x = np.vstack([_centred(one.x) for one in examples])
    y = np.concatenate([_centred(one.understood) for one in examples])
    signs = np.array([-1.0 if name in WORSE else 1.0 for name in NAMES[: x.shape[1]]])
    spread = (x.std(axis=0) + 1e-9) * signs
    size = x.shape[1]
    ridge = np.sqrt(RIDGE * len(x)) * np.eye(size)
    weights, _ = nnls(np.vstack([x / spread, ridge]), np.concatenate([y, np.zeros(size)]))
    unscaled: Matrix = weights / spread
    return unscaled


def cross_validated(examples: Sequence[Example]) -> float:
    """`recovered` on utterances that were not fitted to, one eighth after the other.

    (random - chosen) / (random - hindsight), in words wrong, those of the mean of the decodes.
    """
    utterances = sorted({one.utterance for one in examples})
    np.random.default_rng(0).shuffle(utterances)
    fold = {utterance: number % FOLDS for number, utterance in enumerate(utterances)}
    chosen = 0.0
    for number in range(FOLDS):
        known = [one for one in examples if fold[one.utterance] != number]
        weights = fit(known)
        for one in examples:
            if fold[one.utterance] == number:
                chosen += one.errors[int(np.argmax(_centred(one.x) @ weights))]
    random = sum(float(one.errors.mean()) for one in examples)
    hindsight = sum(float(one.errors.min()) for one in examples)
    return (random - chosen) / (random - hindsight)


def write(weights: Matrix, path: Path) -> None:
    """The model: features of a group in, points above the group's mean out."""
    column = (100 * weights[:, None]).astype(np.float32)
    graph = helper.make_graph(
        [
            helper.make_node("ReduceMean", ["features", "axes"], ["mean"], keepdims=1),
            helper.make_node("Sub", ["features", "mean"], ["relative"]),
            helper.make_node("MatMul", ["relative", "weights"], ["points"]),
        ],
        "ranker",
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["n", len(weights)])],
        [helper.make_tensor_value_info("points", TensorProto.FLOAT, ["n", 1])],
        [
            numpy_helper.from_array(column, "weights"),
            numpy_helper.from_array(np.array([0], np.int64), "axes"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.checker.check_model(model)
    path.write_bytes(model.SerializeToString())


def _scene_options(args: object, work: Path) -> list[str]:
    given = vars(args)
    options = ["--out", str(work), "--split", "train", "--devices", "5"]
    for name in ("speech", "noise", "count", "seed", "jobs"):
        if given[name] is not None:
            options += [f"--{name}", str(given[name])]
    return options


def _centred(values: Matrix) -> Matrix:
    centred: Matrix = values - values.mean(axis=0)
    return centred


def _spread(examples: Sequence[Example]) -> Matrix:
    spread: Matrix = np.vstack([_centred(one.x) for one in examples]).std(axis=0)
    return spread


def _examples(folders: Sequence[Path], engine: str, jobs: int) -> Iterator[Example]:
    with ProcessPoolExecutor(
        jobs, mp_context=get_context("spawn"), initializer=_open, initargs=(engine, folders)
    ) as pool:
        for number, example in enumerate(pool.map(_example, folders), start=1):
            if example is not None:
                yield example
            if number % 50 == 0 or number == len(folders):
                say(f"{number} of {len(folders)} scenes decoded")


def _open(engine: str, folders: Sequence[Path]) -> None:
    global _decodes
    _decodes = Decodes(load_recogniser(engine), folders[0].parent / f"decodes.{engine}.jsonl")


def _example(folder: Path) -> Example | None:
    """None: too few microphones heard the scene."""
    assert _decodes is not None
    scene = read_scene(folder)
    run = SceneRun(scene.pcm, _decodes, second_decode=False, ranked=False, companions=0)
    run.run()
    longest: dict[int, Utterance] = {}
    for one in run.utterances.values():
        known = longest.get(one.microphone)
        if known is None or len(one.pcm) > len(known.pcm):
            longest[one.microphone] = one
    offered = {one.candidate.utterance_id: one for one in longest.values() if len(one.pcm)}
    # As in an election: who heard a piece only is not compared.
    election = Election("", 0, 0, {key: one.candidate for key, one in offered.items()})
    heard = [offered[candidate.utterance_id] for candidate in election.contenders()]
    if len(heard) < 2:
        return None
    reference = scene.facts.reference
    errors = [
        np.mean([word_errors(reference, _decodes(one.pcm[shift:]).text)[0] for shift in SHIFTS])
        for one in heard
    ]
    return Example(
        scene.facts.utterance,
        len(normalise(reference).split()),
        features([one.candidate for one in heard]).astype(np.float64),
        np.array(errors),
    )


if __name__ == "__main__":
    sys.exit(main())
