"""Reading tensors: the right ones, and nothing that a pickle could do besides."""

from __future__ import annotations

import io
import os
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from models.torch_file import read_tensors
from tests.models.checkpoints import (
    MAGIC,
    Storage,
    Tensor,
    archive,
    archived_checkpoint,
    checkpoint,
    shared_checkpoint,
)

TENSORS = {
    "weight": np.arange(12, dtype=np.float32).reshape(3, 4),
    "bias": np.array([-1, 0.5, 1e-20], np.float32),
    "scale": np.array([7], np.float32),
}
SHAPES: dict[str, tuple[int, ...]] = {"weight": (3, 4), "bias": (3,)}
WHOLE = shared_checkpoint(TENSORS)
ARCHIVE = archived_checkpoint(TENSORS)


def read(data: bytes, **shapes: tuple[int, ...]) -> dict[str, NDArray[np.float32]]:
    return read_tensors(io.BytesIO(data), "model_state", shapes or SHAPES)


def state(*tensors: Tensor) -> dict[str, Any]:
    return {"model_state": dict(zip("abc", tensors, strict=False))}


def test_tensors_are_read_from_the_storage_that_they_share() -> None:
    tensors = read(WHOLE)
    assert list(tensors) == ["weight", "bias"]
    for name, tensor in tensors.items():
        assert tensor.dtype == np.float32
        np.testing.assert_array_equal(tensor, TENSORS[name])


def test_tensors_are_read_from_an_archive() -> None:
    tensors = read_tensors(io.BytesIO(ARCHIVE), None, SHAPES)
    assert list(tensors) == ["weight", "bias"]
    for name, tensor in tensors.items():
        assert tensor.dtype == np.float32
        np.testing.assert_array_equal(tensor, TENSORS[name])


@given(st.integers(0, len(WHOLE) - 1))
def test_a_file_that_ends_too_early_is_refused(length: int) -> None:
    with pytest.raises(ValueError, match="it "):
        read(WHOLE[:length])


@given(st.integers(0, len(ARCHIVE) - 1), st.integers(0, 255))
def test_an_archive_that_is_cut_or_damaged_is_refused_or_read_all_the_same(
    place: int, value: int
) -> None:
    with pytest.raises(ValueError, match="it "):
        read_tensors(io.BytesIO(ARCHIVE[:place]), None, SHAPES)
    damaged = ARCHIVE[:place] + bytes([value]) + ARCHIVE[place + 1 :]
    try:
        tensors = read_tensors(io.BytesIO(damaged), None, SHAPES)
    except ValueError:
        return
    assert {name: tensor.shape for name, tensor in tensors.items()} == SHAPES


@pytest.mark.parametrize(
    ("shapes", "complaint"),
    [
        ({"weight": (4, 3)}, "weight is not of shape"),
        ({"bias": (4,)}, "bias is not of shape"),
        ({"other": (1,)}, "other"),
    ],
)
def test_what_is_missing_or_of_another_shape_is_named(
    shapes: dict[str, tuple[int, ...]], complaint: str
) -> None:
    with pytest.raises(ValueError, match=complaint):
        read(WHOLE, **shapes)


class Deed:
    """What a pickle has done when it is read by the usual means."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.path),)


def test_a_pickle_in_an_archive_that_asks_for_anything_else_is_refused(tmp_path: Path) -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as members:
        members.writestr("archive/data.pkl", pickle.dumps(Deed(tmp_path / "done"), protocol=2))
    with pytest.raises(ValueError, match=r"asks for posix\.mkdir"):
        read(file.getvalue())
    assert not (tmp_path / "done").exists()


@pytest.mark.parametrize("place", range(5))
def test_a_pickle_that_asks_for_anything_else_is_refused(place: int, tmp_path: Path) -> None:
    harmless: list[Any] = [MAGIC, 1001, {"little_endian": True}, {"model_state": {}}, []]
    deed = pickle.dumps(Deed(tmp_path / "done"), protocol=2)
    parts = [pickle.dumps(part) for part in harmless]
    parts[place] = deed
    with pytest.raises(ValueError, match=r"asks for posix\.mkdir"):
        read(b"".join(parts))
    assert not (tmp_path / "done").exists()
    pickle.loads(deed)  # noqa: S301 - to see that it is one
    assert (tmp_path / "done").exists()


FLOATS = Storage("1", np.zeros(6, np.float32))
HALVES = Storage("2", np.zeros(6, np.float32), "HalfStorage")
COUNTS = Storage("3", np.zeros(6, np.float32), "LongStorage")


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (b"PK\x03\x04", "cannot be read"),
        (checkpoint({}, [], (1, 1001)), "first format"),
        (checkpoint({}, [], (MAGIC, 1002)), "first format"),
        (WHOLE.replace(b"little_endian", b"other__endian"), "little_endian"),
        (checkpoint(state(Tensor(HALVES, 0, (6,))), [HALVES]), r"asks for torch\.HalfStorage"),
        (checkpoint(state(Tensor(FLOATS, 0, (2, 3), (1, 2))), [FLOATS]), "strides"),
        (checkpoint(state(Tensor(FLOATS, 1, (6,))), [FLOATS]), "a is not of shape"),
        (checkpoint(state(Tensor(FLOATS, -1, (6,))), [FLOATS]), "a is not of shape"),
        (checkpoint(state(Tensor(FLOATS, 0, (6,))), []), "KeyError"),
        (archive(state(), [], name="other.pkl"), "something else"),
        (archive(state(), [], b"big"), "big-endian"),
        (archive(state(Tensor(COUNTS, 0, (6,))), [COUNTS]), "KeyError"),
        (archive(state(Tensor(FLOATS, 0, (6,))), []), "KeyError"),
        (archive(state(Tensor(FLOATS, 1, (6,))), [FLOATS]), "a is not of shape"),
    ],
    ids=[
        *("zip", "magic", "version", "endian", "half", "strides", "beyond", "before", "storage"),
        *("archive", "order", "counts", "member", "archived beyond"),
    ],
)
def test_what_is_no_such_checkpoint_is_refused(data: bytes, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        read(data, a=(6,))
