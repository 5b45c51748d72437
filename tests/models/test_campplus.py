"""The converted network computes what its checkpoint says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from models import campplus
from models.campplus import BANDS, EMBEDDING, INPUT, OUTPUT, convert
from tests.models.checkpoints import archived_checkpoint

Array = NDArray[np.float32]


class Expected:
    """The network, written down as its paper and PyTorch's documentation have it."""

    def __init__(self, tensors: dict[str, Array]) -> None:
        self.tensors = tensors

    def __call__(self, bands: Array) -> Array:
        """One utterance, of shape (frames, 80)."""
        x = np.maximum(0, self.norm(self.over_both(bands.T[np.newaxis], "head.conv1"), "head.bn1"))
        for part in ("head.layer1", "head.layer2"):
            for block, skip in ((f"{part}.0", 2), (f"{part}.1", 1)):
                y = self.norm(self.over_both(x, f"{block}.conv1", skip), f"{block}.bn1")
                y = self.over_both(np.maximum(0, y), f"{block}.conv2")
                y = self.norm(y, f"{block}.bn2")
                if skip == 2:
                    x = self.over_both(x, f"{block}.shortcut.0", 2)
                    x = self.norm(x, f"{block}.shortcut.1")
                x = np.maximum(0, y + x)
        x = np.maximum(0, self.norm(self.over_both(x, "head.conv2", 2), "head.bn2"))
        x = x.reshape(-1, x.shape[-1])  # (channels and frequencies, frames)
        x = self.rectified(self.over_time(x, "xvector.tdnn.linear")[:, ::2], "xvector.tdnn")
        for number, (layers, dilation) in enumerate(((12, 1), (24, 2), (16, 2)), 1):
            for layer in range(1, layers + 1):
                more = self.layer(x, f"xvector.block{number}.tdnnd{layer}", dilation)
                x = np.concatenate((x, more))
            name = f"xvector.transit{number}"
            x = self.over_time(self.rectified(x, name), f"{name}.linear")
        x = np.maximum(0, self.norm(x, "xvector.out_nonlinear.batchnorm"))
        x = np.concatenate((x.mean(axis=1), x.std(axis=1, ddof=1)))
        x = self.tensors["xvector.dense.linear.weight"][:, :, 0] @ x
        x = self.norm(x, "xvector.dense.nonlinear.batchnorm")
        voice: Array = x / np.linalg.norm(x)
        return voice

    def layer(self, x: Array, name: str, dilation: int) -> Array:
        x = self.over_time(self.rectified(x, name, "nonlinear1"), f"{name}.linear1")
        x = self.rectified(x, name, "nonlinear2")
        name = f"{name}.cam_layer"
        of_all, masks = x.mean(axis=1), []
        for first in range(0, x.shape[1], 100):
            part = x[:, first : first + 100]
            mask = self.over_time((part.mean(axis=1) + of_all)[:, np.newaxis], f"{name}.linear1")
            mask = self.over_time(np.maximum(0, mask), f"{name}.linear2")
            masks.append(np.repeat(1 / (1 + np.exp(-mask)), part.shape[1], axis=1))
        found: Array = self.over_time(x, f"{name}.linear_local", dilation) * np.hstack(masks)
        return found

    def rectified(self, x: Array, name: str, norm: str = "nonlinear") -> Array:
        y: Array = np.maximum(0, self.norm(x, f"{name}.{norm}.batchnorm"))
        return y

    def norm(self, x: Array, name: str) -> Array:
        weight, bias, mean, variance = (
            self.tensors.get(f"{name}.{part}", np.array([default], np.float32)).reshape(
                -1, *(1,) * (x.ndim - 1)
            )
            for part, default in (
                ("weight", 1),
                ("bias", 0),
                ("running_mean", 0),
                ("running_var", 1),
            )
        )
        y: Array = (x - mean) / np.sqrt(variance + 1e-5) * weight + bias
        return y

    def over_both(self, x: Array, name: str, skip: int = 1) -> Array:
        """A convolution of shape (channels, frequencies, frames)."""
        weight = self.tensors[f"{name}.weight"]
        around = weight.shape[2] // 2
        padded = np.pad(x, ((0, 0), (around, around), (around, around)))
        pieces = sliding_window_view(padded, weight.shape[2:], (1, 2))[:, ::skip]
        y: Array = np.tensordot(weight, pieces, ((1, 2, 3), (0, 3, 4)))
        return y

    def over_time(self, x: Array, name: str, dilation: int = 1) -> Array:
        """A convolution of shape (channels, frames)."""
        weight = self.tensors[f"{name}.weight"]
        reach = (weight.shape[2] - 1) * dilation
        pieces = sliding_window_view(np.pad(x, ((0, 0), (reach // 2, reach // 2))), reach + 1, 1)
        y: Array = np.tensordot(weight, pieces[:, :, ::dilation], ((1, 2), (0, 2)))
        bias = self.tensors.get(f"{name}.bias")
        return y if bias is None else y + bias[:, np.newaxis]


@pytest.fixture(scope="module")
def tensors() -> dict[str, Array]:
    """Some that keep what goes through of about the same size."""
    random = np.random.default_rng(0)
    made = {}
    for name, shape in campplus._shapes().items():
        spread = 1.4 / np.sqrt(np.prod(shape[1:])) if len(shape) > 1 else 0.2
        middle = 1.0 if len(shape) == 1 and name.endswith(("norm.weight", "running_var")) else 0.0
        middle = 1.0 if ".bn" in name and name.endswith(".weight") else middle
        made[name] = random.normal(middle, spread, shape).astype(np.float32)
        if name.endswith("running_var"):
            made[name] = np.abs(made[name]) + np.float32(0.1)
    return made


@pytest.mark.parametrize("frames", [90, 402])
def test_it_is_the_network_of_the_paper(
    tensors: dict[str, Array], frames: int, tmp_path: Path
) -> None:
    (tmp_path / "checkpoint.pt").write_bytes(archived_checkpoint(tensors))
    graph = convert(tmp_path / "checkpoint.pt")
    onnx.checker.check_model(graph, full_check=True)
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    bands = np.random.default_rng(frames).normal(0, 3, (frames, BANDS)).astype(np.float32)
    (voice,) = session.run([OUTPUT], {INPUT: bands[np.newaxis]})[0]
    assert voice.shape == (EMBEDDING,)
    np.testing.assert_allclose(voice, Expected(tensors)(bands), atol=1e-4)


def test_a_checkpoint_of_another_network_is_refused(tmp_path: Path) -> None:
    other = {"head.conv1.weight": np.zeros((32, 1, 3, 3), np.float32)}
    (tmp_path / "checkpoint.pt").write_bytes(archived_checkpoint(other))
    with pytest.raises(ValueError, match=r"head\.bn1"):
        convert(tmp_path / "checkpoint.pt")
