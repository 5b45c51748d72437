"""The weights of CAM++: from the checkpoint that was published to the graph that is run.

CAM++ (Wang et al. 2023, arXiv:2303.00332), as 3D-Speaker trained it on speakers of Chinese and of
English: convolutions over time and frequency, then three blocks of time-delay layers, each of which
sees what all before it in its block have found, and is masked by its surroundings (the mean of the
utterance, and that of 100 frames); mean and deviation over time; a linear layer.

Batch normalisation that follows a convolution is multiplied into it. What comes before one, behind
which there is a ReLU, stays.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.onnx_file import model, node
from models.torch_file import read_tensors

INPUT, OUTPUT = "bands", "embeddings"
BANDS = 80
EMBEDDING = 192

Tensors = Mapping[str, NDArray[np.float32]]

_PLANES = 32
"""Channels of the convolutions over time and frequency."""
_HEAD = _PLANES * BANDS // 8
_FIRST = 128
"""Channels of the first time-delay layer, and of the narrow part of each of the others."""
_GROWTH = 32
_BLOCKS = ((12, 1), (24, 2), (16, 2))
"""Layers, and how many frames lie between those that one looks at."""
_SEGMENT = 100
"""Frames whose mean masks a layer."""
_EPSILON = 1e-5
"""PyTorch's for batch normalisation, and what ONNX takes where none is named."""
_NORM = ("weight", "bias", "running_mean", "running_var")


def convert(checkpoint: Path) -> bytes:
    """The encoder in `checkpoint` as an ONNX model; the same bytes on every machine.

    The model takes `bands`, float32, shape (utterances, frames, 80): the logarithms of the energy
    in Kaldi's mel bands, less their mean over time. It gives `embeddings`, float32, shape
    (utterances, 192), of unit length.

    Raises:
        ValueError: the checkpoint is not that of such an encoder; says why.
    """
    with checkpoint.open("rb") as file:
        return _Graph(read_tensors(file, None, _shapes())).written()


class _Graph:
    """Writes the network down, layer by layer."""

    def __init__(self, tensors: Tensors) -> None:
        self._tensors = tensors
        self._nodes: list[bytes] = []
        self._spread = self._gathered = ""
        self._constants: dict[str, NDArray[np.float32] | NDArray[np.int64]] = {
            "none": np.array(0, np.int64),
            "one": np.array(1, np.int64),
            "first": np.array([0], np.int64),
            "second": np.array([1], np.int64),
            "third": np.array([2], np.int64),
            "segment": np.array(_SEGMENT, np.int64),
            "rows": np.array([0, _HEAD, -1], np.int64),
        }

    def written(self) -> bytes:
        """The whole model."""
        x = self._op("Transpose", INPUT, perm=(0, 2, 1))
        x = self._head(self._op("Unsqueeze", x, "second"))
        x = self._op("Reshape", x, "rows")
        x = self._relu(self._conv(x, "xvector.tdnn.linear", "xvector.tdnn.nonlinear", stride=2))
        frames = self._op("Gather", self._op("Shape", x), "third")
        self._divide(frames)
        for number, (layers, dilation) in enumerate(_BLOCKS, 1):
            for layer in range(1, layers + 1):
                name = f"xvector.block{number}.tdnnd{layer}"
                x = self._op("Concat", x, self._layer(x, name, dilation), axis=1)
            name = f"xvector.transit{number}"
            x = self._conv(self._normal(x, f"{name}.nonlinear"), f"{name}.linear")
        x = self._statistics(self._normal(x, "xvector.out_nonlinear"), frames)
        x = self._conv(x, "xvector.dense.linear", "xvector.dense.nonlinear")
        x = self._op("Squeeze", x, "third")
        self._nodes.append(node("LpNormalization", [x], [OUTPUT], axis=1, p=2))
        return model(
            "campplus",
            self._nodes,
            {INPUT: ("utterances", "frames", BANDS)},
            {OUTPUT: ("utterances", EMBEDDING)},
            self._constants,
        )

    def _head(self, x: str) -> str:
        """Convolutions over time and frequency, which leave an eighth of the frequencies."""
        x = self._relu(self._conv(x, "head.conv1", "head.bn1"))
        for layer in ("head.layer1", "head.layer2"):
            for block, stride in ((f"{layer}.0", 2), (f"{layer}.1", 1)):
                y = self._relu(self._conv(x, f"{block}.conv1", f"{block}.bn1", stride=stride))
                y = self._conv(y, f"{block}.conv2", f"{block}.bn2")
                if stride != 1:
                    short = f"{block}.shortcut"
                    x = self._conv(x, f"{short}.0", f"{short}.1", stride=stride)
                x = self._relu(self._op("Add", y, x))
        return self._relu(self._conv(x, "head.conv2", "head.bn2", stride=2))

    def _divide(self, frames: str) -> None:
        """Two matrices about the segments of so many frames.

        `spread`, of shape (segments, frames), gives each frame what its segment has; `gathered`,
        (frames, segments), each segment its mean and that of all.
        """
        numbers = self._op("Range", "none", self._op("Squeeze", frames, "first"), "one")
        of_frame = self._op("Div", numbers, "segment")
        count = self._op("Add", self._op("ReduceMax", of_frame, keepdims=0), "one")
        segments = self._op("Unsqueeze", self._op("Range", "none", count, "one"), "second")
        self._spread = self._op("Cast", self._op("Equal", segments, of_frame), to=1)
        lengths = self._op("ReduceMean", self._spread, axes=(1,))  # as shares of all
        shares = self._op("Add", self._op("Div", self._spread, lengths), "whole")
        self._constants["whole"] = np.array(1, np.float32)
        shares = self._op("Div", shares, self._op("Cast", frames, to=1))
        self._gathered = self._op("Transpose", shares, perm=(1, 0))

    def _layer(self, x: str, name: str, dilation: int) -> str:
        """A time-delay layer: what it adds to what is known, masked by its surroundings."""
        x = self._normal(x, f"{name}.nonlinear1")
        x = self._relu(self._conv(x, f"{name}.linear1", f"{name}.nonlinear2"))
        name = f"{name}.cam_layer"
        found = self._conv(x, f"{name}.linear_local", dilation=dilation)
        mask = self._op("MatMul", x, self._gathered)
        mask = self._relu(self._conv(mask, f"{name}.linear1"))
        mask = self._op("Sigmoid", self._conv(mask, f"{name}.linear2"))
        return self._op("Mul", found, self._op("MatMul", mask, self._spread))

    def _statistics(self, x: str, frames: str) -> str:
        """Mean and deviation over time, that of a sample (divided by one less than there are)."""
        mean = self._op("ReduceMean", x, axes=(2,))
        squares = self._op("ReduceSumSquare", self._op("Sub", x, mean), axes=(2,))
        count = self._op("Cast", self._op("Sub", frames, "one"), to=1)
        deviation = self._op("Sqrt", self._op("Div", squares, count))
        return self._op("Concat", mean, deviation, axis=1)

    def _conv(
        self, x: str, name: str, norm: str | None = None, stride: int = 1, dilation: int = 1
    ) -> str:
        """A convolution with what normalises it afterwards; over frequencies, it may skip some."""
        weight = self._tensors[f"{name}.weight"]
        bias = self._tensors.get(f"{name}.bias")
        if norm is not None:
            scale, shift = self._affine(norm)
            weight = (weight * scale.reshape(-1, *(1,) * (weight.ndim - 1))).astype(np.float32)
            bias = shift.astype(np.float32)
        inputs = [x, f"{name}.weight"]
        self._constants[f"{name}.weight"] = weight
        if bias is not None:
            inputs.append(f"{name}.bias")
            self._constants[f"{name}.bias"] = bias
        size = weight.shape[2:]
        around = tuple((width - 1) // 2 * dilation for width in size)
        return self._op(
            "Conv",
            *inputs,
            kernel_shape=size,
            pads=(*around, *around),
            strides=(stride, *(1,) * (len(size) - 1)),
            dilations=(dilation,) * len(size),
        )

    def _affine(self, norm: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """What batch normalisation multiplies by, and what it adds then."""
        norm = norm if f"{norm}.running_var" in self._tensors else f"{norm}.batchnorm"
        mean, variance = (self._tensors[f"{norm}.{part}"].astype(np.float64) for part in _NORM[2:])
        scale = 1 / np.sqrt(variance + _EPSILON)
        if f"{norm}.weight" not in self._tensors:
            return scale, -mean * scale
        scale = self._tensors[f"{norm}.weight"] * scale
        return scale, self._tensors[f"{norm}.bias"] - mean * scale

    def _normal(self, x: str, name: str) -> str:
        """Batch normalisation and a ReLU."""
        inputs = [f"{name}.batchnorm.{part}" for part in _NORM]
        for key in inputs:
            self._constants[key] = self._tensors[key]
        return self._relu(self._op("BatchNormalization", x, *inputs))

    def _relu(self, x: str) -> str:
        return self._op("Relu", x)

    def _op(self, operator: str, *inputs: str, **attributes: int | tuple[int, ...]) -> str:
        """Adds a step; its result's name."""
        out = f"x{len(self._nodes)}"
        self._nodes.append(node(operator, inputs, [out], **attributes))
        return out


def _shapes() -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {}

    def norm(name: str, channels: int, *, affine: bool = True) -> None:
        for part in _NORM if affine else _NORM[2:]:
            shapes[f"{name}.{part}"] = (channels,)

    def pair(place: str, inputs: int) -> None:
        shapes[f"head.{place.format('conv')}.weight"] = (_PLANES, inputs, 3, 3)
        norm(f"head.{place.format('bn')}", _PLANES)

    pair("{}1", 1)
    for part in ("layer1", "layer2"):
        for block in ("0", "1"):
            pair(f"{part}.{block}.{{}}1", _PLANES)
            pair(f"{part}.{block}.{{}}2", _PLANES)
        shapes[f"head.{part}.0.shortcut.0.weight"] = (_PLANES, _PLANES, 1, 1)
        norm(f"head.{part}.0.shortcut.1", _PLANES)
    pair("{}2", _PLANES)
    shapes["xvector.tdnn.linear.weight"] = (_FIRST, _HEAD, 5)
    norm("xvector.tdnn.nonlinear.batchnorm", _FIRST)
    channels = _FIRST
    for number, (layers, _) in enumerate(_BLOCKS, 1):
        for layer in range(1, layers + 1):
            name = f"xvector.block{number}.tdnnd{layer}"
            norm(f"{name}.nonlinear1.batchnorm", channels)
            shapes[f"{name}.linear1.weight"] = (_FIRST, channels, 1)
            norm(f"{name}.nonlinear2.batchnorm", _FIRST)
            shapes[f"{name}.cam_layer.linear_local.weight"] = (_GROWTH, _FIRST, 3)
            shapes[f"{name}.cam_layer.linear1.weight"] = (_FIRST // 2, _FIRST, 1)
            shapes[f"{name}.cam_layer.linear1.bias"] = (_FIRST // 2,)
            shapes[f"{name}.cam_layer.linear2.weight"] = (_GROWTH, _FIRST // 2, 1)
            shapes[f"{name}.cam_layer.linear2.bias"] = (_GROWTH,)
            channels += _GROWTH
        norm(f"xvector.transit{number}.nonlinear.batchnorm", channels)
        shapes[f"xvector.transit{number}.linear.weight"] = (channels // 2, channels, 1)
        channels //= 2
    norm("xvector.out_nonlinear.batchnorm", channels)
    shapes["xvector.dense.linear.weight"] = (EMBEDDING, 2 * channels, 1)
    norm("xvector.dense.nonlinear.batchnorm", EMBEDDING, affine=False)
    return shapes
