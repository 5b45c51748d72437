"""The speaker encoder's weights: from the checkpoint that was published to the graph that is run.

GE2E (Wan et al. 2018, arXiv:1710.10467), as Resemblyzer trained it: three layers of LSTM, the
last state through a linear layer and a ReLU, brought to unit length.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.onnx_file import model, node
from models.torch_file import read_tensors

INPUT, OUTPUT = "mels", "embeddings"
MELS = 40
EMBEDDING = 256

_HIDDEN = 256
_LAYERS = 3
# PyTorch keeps the gates of a layer as input, forget, cell, output; ONNX wants input, output,
# forget, cell.
_GATES = (0, 3, 1, 2)
_GATE_ROWS = len(_GATES) * _HIDDEN


def convert(checkpoint: Path) -> bytes:
    """The encoder in `checkpoint` as an ONNX model; the same bytes on every machine.

    The model takes `mels`, float32, shape (partials, frames, 40), and gives `embeddings`,
    float32, shape (partials, 256), of unit length.

    Raises:
        ValueError: the checkpoint is not that of such an encoder; says why.
    """
    with checkpoint.open("rb") as file:
        return _graph(read_tensors(file, "model_state", _shapes()))


def _graph(tensors: dict[str, NDArray[np.float32]]) -> bytes:
    """The encoder as an ONNX model, from the tensors of the checkpoint by their names there."""
    constants: dict[str, NDArray[np.float32] | NDArray[np.int64]] = {
        "first": np.array([0], np.int64),
        "second": np.array([1], np.int64),
        "linear.weight": tensors["linear.weight"],
        "linear.bias": tensors["linear.bias"],
    }
    nodes = [node("Transpose", [INPUT], ["x0"], perm=(1, 0, 2))]  # time first
    for layer in range(_LAYERS):
        w, r, b = f"w{layer}", f"r{layer}", f"b{layer}"
        constants[w] = _reordered(tensors[f"lstm.weight_ih_l{layer}"])
        constants[r] = _reordered(tensors[f"lstm.weight_hh_l{layer}"])
        constants[b] = np.concatenate(
            [_reordered(tensors[f"lstm.bias_{part}_l{layer}"]) for part in ("ih", "hh")], axis=1
        )
        last = layer == _LAYERS - 1
        outputs = ["", "state"] if last else [f"y{layer}"]
        nodes.append(node("LSTM", [f"x{layer}", w, r, b], outputs, hidden_size=_HIDDEN))
        if not last:
            nodes.append(node("Squeeze", [f"y{layer}", "second"], [f"x{layer + 1}"]))
    nodes += [
        node("Squeeze", ["state", "first"], ["last"]),
        node("Gemm", ["last", "linear.weight", "linear.bias"], ["raw"], transB=1),
        node("Relu", ["raw"], ["positive"]),
        node("LpNormalization", ["positive"], [OUTPUT], axis=1, p=2),
    ]
    return model(
        "ge2e",
        nodes,
        {INPUT: ("partials", "frames", MELS)},
        {OUTPUT: ("partials", EMBEDDING)},
        constants,
    )


def _shapes() -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {
        "linear.weight": (EMBEDDING, _HIDDEN),
        "linear.bias": (EMBEDDING,),
    }
    for layer in range(_LAYERS):
        shapes[f"lstm.weight_ih_l{layer}"] = (_GATE_ROWS, _HIDDEN if layer else MELS)
        shapes[f"lstm.weight_hh_l{layer}"] = (_GATE_ROWS, _HIDDEN)
        shapes[f"lstm.bias_ih_l{layer}"] = (_GATE_ROWS,)
        shapes[f"lstm.bias_hh_l{layer}"] = (_GATE_ROWS,)
    return shapes


def _reordered(gates: NDArray[np.float32]) -> NDArray[np.float32]:
    """The rows of PyTorch's gates as ONNX's, below an axis for the one direction."""
    blocks = gates.reshape(len(_GATES), _HIDDEN, -1)[list(_GATES)]
    return blocks.reshape(1, *gates.shape)
