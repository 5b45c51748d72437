"""Naming the graphs inside a model, and what folding must not change."""

from __future__ import annotations

import numpy as np
import onnxruntime
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.recognition.onnx_graph import folded_session, name_subgraphs
from models.location import locate


def varint(value: int) -> bytes:
    return bytes([value]) if value < 128 else bytes([value & 127 | 128]) + varint(value >> 7)


def field(number: int, body: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(body)) + body


def model(attribute: bytes) -> bytes:
    node = field(4, b"If") + field(5, field(1, b"then_branch") + attribute)
    return varint(1 << 3) + varint(10) + field(7, field(1, node) + field(2, b"main"))


@given(st.binary(max_size=300))
def test_a_graph_inside_a_node_gets_a_name(nodes: bytes) -> None:
    inside = field(1, nodes)
    assert name_subgraphs(model(field(6, inside))) == model(field(6, inside + field(2, b"branch")))


@given(st.binary(max_size=300), st.floats(width=32), st.integers(0, 2**63 - 1))
def test_a_model_without_such_graphs_stays_as_it_is(raw: bytes, number: float, big: int) -> None:
    attribute = (
        field(5, raw)
        + varint(2 << 3 | 5)
        + np.float32(number).tobytes()
        + varint(9 << 3 | 1)
        + bytes(8)
        + varint(3 << 3)
        + varint(big)
    )
    assert name_subgraphs(model(attribute)) == model(attribute)


def test_what_is_no_model_is_refused() -> None:
    with pytest.raises(ValueError, match="not an ONNX model"):
        name_subgraphs(varint(1 << 3 | 7))


@pytest.mark.weights
def test_folding_changes_no_result() -> None:
    path = locate("moonshine-base-en") / "decoder_model_merged.ort"
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    plain = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    folded = folded_session(path, options)
    shapes = {i.name: i.shape for i in plain.get_inputs()}
    width = shapes["encoder_hidden_states"][2]
    frames = np.random.default_rng(0).normal(0, 1, (1, 5, width)).astype(np.float32)
    feeds = {
        "input_ids": np.array([[1]]),
        "encoder_hidden_states": frames,
        "encoder_attention_mask": np.ones((1, 2000), np.int64),
        "use_cache_branch": np.array([False]),
    } | {
        name: np.zeros((1, shape[1], 0, shape[3]), np.float32)
        for name, shape in shapes.items()
        if name.startswith("past")
    }
    feeds = {name: value for name, value in feeds.items() if name in shapes}
    for before, now in zip(plain.run(None, feeds), folded.run(None, feeds), strict=True):
        np.testing.assert_allclose(now, before, rtol=1e-4, atol=1e-4)
