"""The converted encoder computes what its checkpoint says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray

from models import voice
from models.voice import EMBEDDING, INPUT, MELS, OUTPUT, convert
from tests.models.checkpoints import shared_checkpoint

Array = NDArray[np.float32]


def sigmoid(x: Array) -> Array:
    y: Array = (1 / (1 + np.exp(-x))).astype(np.float32)
    return y


def expected(tensors: dict[str, Array], mels: Array) -> Array:
    """The encoder, written down as PyTorch's documentation has an LSTM: gates i, f, g, o."""
    inputs = mels.transpose(1, 0, 2)
    for layer in range(3):
        w, r, bi, bh = (
            tensors[f"lstm.{name}_l{layer}"]
            for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        )
        hidden = cell = np.zeros((inputs.shape[1], 256), np.float32)
        outputs = []
        for frame in inputs:
            i, f, g, o = np.split(frame @ w.T + bi + hidden @ r.T + bh, 4, axis=1)
            cell = sigmoid(f) * cell + sigmoid(i) * np.tanh(g)
            hidden = sigmoid(o) * np.tanh(cell)
            outputs.append(hidden)
        inputs = np.stack(outputs)
    raw = np.maximum(0, inputs[-1] @ tensors["linear.weight"].T + tensors["linear.bias"])
    voices: Array = raw / np.linalg.norm(raw, axis=1, keepdims=True)
    return voices


def test_the_gates_are_where_onnx_wants_them(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    tensors = {
        name: random.normal(0, 0.1, shape).astype(np.float32)
        for name, shape in voice._shapes().items()
    }
    (tmp_path / "checkpoint.pt").write_bytes(shared_checkpoint(tensors))
    graph = convert(tmp_path / "checkpoint.pt")
    onnx.checker.check_model(graph, full_check=True)
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    mels = random.exponential(1, (2, 9, MELS)).astype(np.float32)
    voices = session.run([OUTPUT], {INPUT: mels})[0]
    assert voices.shape == (2, EMBEDDING)
    np.testing.assert_allclose(voices, expected(tensors, mels), atol=1e-5)


def test_a_checkpoint_of_another_network_is_refused(tmp_path: Path) -> None:
    (tmp_path / "checkpoint.pt").write_bytes(
        shared_checkpoint({"linear.weight": np.zeros((256, 128), np.float32)})
    )
    with pytest.raises(ValueError, match=r"linear\.bias"):
        convert(tmp_path / "checkpoint.pt")
