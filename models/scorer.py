"""The ranker: from what microphones heard of one utterance to which is understood best.

`scorer.onnx` is small and comes with the package; `scorer.md` is its card, and
`script/train-scorer` makes it.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray

PATH = Path(__file__).with_name("scorer.onnx")


def points(features: NDArray[np.float32]) -> NDArray[np.float32]:
    """By how many points of words understood each microphone is above the group's mean.

    Args:
        features: shape (microphones, features), as `hub.election.comparison.features` gives them.

    Returns:
        Shape (microphones,); their sum is 0.
    """
    given: NDArray[np.float32] = _session().run(None, {"features": features})[0][:, 0]
    return given


def load() -> None:
    """Reads the model, so that the first election does not have to."""
    _session()


@cache
def _session() -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(PATH), options, providers=["CPUExecutionProvider"])
