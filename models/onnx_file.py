"""Writes ONNX models, as far as Mira converts weights into them.

An ONNX file is a protocol buffer (onnx.proto, version 7 of the format). Writing one takes a few
lines; the package `onnx` would be 30 MB on every hub, for this alone. The same arguments give the
same bytes, whatever is installed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

_IR_VERSION = 7
_OPSET = 13
_FLOAT, _INT64 = 1, 7
"""TensorProto.DataType."""
_ATTRIBUTE_INT, _ATTRIBUTE_INTS = 2, 7
"""AttributeProto.AttributeType."""

Attribute = int | tuple[int, ...]


def varint(value: int) -> bytes:
    """A number that is not negative, in groups of seven bits, as protocol buffers have it."""
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def node(
    operator: str, inputs: Sequence[str], outputs: Sequence[str], **attributes: Attribute
) -> bytes:
    """One step (NodeProto); an input or output that is left out is called ""."""
    return b"".join(
        (
            *(_text(1, name) for name in inputs),
            *(_text(2, name) for name in outputs),
            _text(4, operator),
            *(_bytes(5, _attribute(name, value)) for name, value in attributes.items()),
        )
    )


def model(
    name: str,
    nodes: Sequence[bytes],
    inputs: Mapping[str, Sequence[int | str]],
    outputs: Mapping[str, Sequence[int | str]],
    constants: Mapping[str, NDArray[np.float32] | NDArray[np.int64]],
) -> bytes:
    """A whole model (ModelProto) of operator set 13.

    Args:
        name: of the graph.
        nodes: from `node`, in the order in which they are computed.
        inputs: the names and shapes of what it is given, float32; a size that may differ from
            call to call has a name.
        outputs: the same of what it gives.
        constants: what it knows, by name: float32 or int64.
    """
    graph = b"".join(
        (
            *(_bytes(1, step) for step in nodes),
            _text(2, name),
            *(_bytes(5, _tensor(key, value)) for key, value in constants.items()),
            *(_bytes(11, _floats_of(key, shape)) for key, shape in inputs.items()),
            *(_bytes(12, _floats_of(key, shape)) for key, shape in outputs.items()),
        )
    )
    opset = _text(1, "") + _int(2, _OPSET)
    return _int(1, _IR_VERSION) + _text(2, "mira") + _bytes(7, graph) + _bytes(8, opset)


def _attribute(name: str, value: Attribute) -> bytes:
    if isinstance(value, int):
        return _text(1, name) + _int(3, value) + _int(20, _ATTRIBUTE_INT)
    return _text(1, name) + b"".join(_int(8, v) for v in value) + _int(20, _ATTRIBUTE_INTS)


def _tensor(name: str, value: NDArray[np.float32] | NDArray[np.int64]) -> bytes:
    kind, layout = (_FLOAT, "<f4") if value.dtype == np.float32 else (_INT64, "<i8")
    dims = b"".join(_int(1, size) for size in value.shape)
    return dims + _int(2, kind) + _text(8, name) + _bytes(9, value.astype(layout).tobytes())


def _floats_of(name: str, shape: Sequence[int | str]) -> bytes:
    dims = (_int(1, size) if isinstance(size, int) else _text(2, size) for size in shape)
    tensor = _int(1, _FLOAT) + _bytes(2, b"".join(_bytes(1, dim) for dim in dims))
    return _text(1, name) + _bytes(2, _bytes(1, tensor))


def _int(field: int, value: int) -> bytes:
    return varint(field << 3) + varint(value)


def _bytes(field: int, value: bytes) -> bytes:
    return varint(field << 3 | 2) + varint(len(value)) + value


def _text(field: int, value: str) -> bytes:
    return _bytes(field, value.encode())
