"""Loading an `.ort` model with the optimisations that onnxruntime keeps for `.onnx` models.

An `.ort` model is run as it was saved. Moonshine base was saved with 8-bit weights and nodes that
turn them into floats, and these run again for every token: 60 ms, where the rest takes 13. Saved
once more as `.onnx` and loaded from that, they are computed when loading. The weights and the
results stay the same.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import onnxruntime

from models.onnx_file import varint

_CPU = ["CPUExecutionProvider"]

# Field numbers of onnx.proto: ModelProto.graph, GraphProto.node, NodeProto.attribute,
# AttributeProto.g, and the GraphProto.name that is missing there.
_SUBGRAPH = (7, 1, 5, 6)
_NAME = (2 << 3 | 2).to_bytes(1, "little") + b"\x06branch"
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


def folded_session(path: Path, options: Any) -> Any:
    """A session of the `.ort` model at `path`, with all that is constant computed beforehand.

    Raises:
        Exception: of onnxruntime's own kinds: the model cannot be loaded.
        OSError: there is no room for a copy in the folder of temporary files.
    """
    with tempfile.TemporaryDirectory(prefix="mira-") as folder:
        copy = Path(folder) / "model.onnx"
        saving = onnxruntime.SessionOptions()
        saving.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        saving.log_severity_level = options.log_severity_level
        saving.optimized_model_filepath = str(copy)
        saving.add_session_config_entry("session.save_model_format", "ONNX")
        onnxruntime.InferenceSession(str(path), saving, providers=_CPU)
        copy.write_bytes(name_subgraphs(copy.read_bytes()))
        # From the file, for a session made from bytes keeps them.
        return onnxruntime.InferenceSession(str(copy), options, providers=_CPU)


def name_subgraphs(message: bytes, path: tuple[int, ...] = _SUBGRAPH) -> bytes:
    """`message`, an ONNX model, with a name for each graph inside a node.

    The `.ort` format has no place for these names, and `.onnx` requires them.
    """
    if not path:
        return message + _NAME
    parts = []
    at = 0
    while at < len(message):
        start = at
        key, at = _read_varint(message, at)
        field, kind = key >> 3, key & 7
        if kind == _VARINT:
            _, at = _read_varint(message, at)
        elif kind == _BYTES:
            length, at = _read_varint(message, at)
            at += length
            if field == path[0]:
                inner = name_subgraphs(message[at - length : at], path[1:])
                parts += [varint(key), varint(len(inner)), inner]
                continue
        elif kind in (_FIXED32, _FIXED64):
            at += 4 if kind == _FIXED32 else 8
        else:
            raise ValueError(f"not an ONNX model: field {field} is of the unknown kind {kind}")
        parts.append(message[start:at])
    return b"".join(parts)


def _read_varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, at
