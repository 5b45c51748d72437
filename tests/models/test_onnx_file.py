"""What is written is ONNX, by the word of the `onnx` package and of onnxruntime."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
from hypothesis import given
from hypothesis import strategies as st

from models.onnx_file import model, node, varint

SHIFTED = model(
    "shifted",
    [
        node("Transpose", ["in"], ["turned"], perm=(1, 0)),
        node("Gather", ["turned", "order"], ["taken"], axis=1),
        node("Add", ["taken", "shift"], ["out"]),
    ],
    {"in": ("rows", 3)},
    {"out": (3, "rows")},
    {"order": np.array([1, 0]), "shift": np.array([[0.5, 300]], np.float32)},
)


def test_a_model_is_whole_and_computes_what_its_nodes_say() -> None:
    parsed = onnx.load_from_string(SHIFTED)
    onnx.checker.check_model(parsed, full_check=True)
    (given_, (out,)) = parsed.graph.input, parsed.graph.output
    assert [dim.dim_param or dim.dim_value for dim in given_[0].type.tensor_type.shape.dim] == [
        "rows",
        3,
    ]
    assert out.name == "out"
    assert parsed.SerializeToString(deterministic=True)
    session = onnxruntime.InferenceSession(SHIFTED, providers=["CPUExecutionProvider"])
    rows = np.arange(6, dtype=np.float32).reshape(2, 3)
    np.testing.assert_array_equal(
        session.run(None, {"in": rows})[0], rows.T[:, ::-1] + [[0.5, 300]]
    )


@given(st.integers(0, 2**63 - 1))
def test_numbers_are_written_in_groups_of_seven_bits(value: int) -> None:
    written = varint(value)
    assert sum((byte & 0x7F) << 7 * index for index, byte in enumerate(written)) == value
    assert [byte >= 0x80 for byte in written] == [True] * (len(written) - 1) + [False]
