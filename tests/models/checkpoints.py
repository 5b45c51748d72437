"""Writes checkpoints as PyTorch does, and as it did before its version 1.6, without PyTorch."""

from __future__ import annotations

import collections
import io
import math
import pickle
import struct
import sys
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import ModuleType
from typing import Any
from unittest import mock

import numpy as np
from numpy.typing import NDArray

Tensors = Mapping[str, NDArray[np.float32]]

MAGIC = 0x1950A86A20F9469CFC6C


class Storage:
    """What several tensors may lie in."""

    def __init__(self, key: str, data: NDArray[np.float32], kind: str = "FloatStorage") -> None:
        self.key, self.data, self.kind = key, data, kind


class Tensor:
    """A piece of a storage; with strides, if they are not those of its shape."""

    def __init__(
        self, storage: Storage, start: int, shape: tuple[int, ...], strides: Any = None
    ) -> None:
        self.storage, self.start, self.shape = storage, start, shape
        self.strides = strides or tuple(math.prod(shape[i + 1 :]) for i in range(len(shape)))

    def __reduce__(self) -> Any:
        rebuild = sys.modules["torch._utils"]._rebuild_tensor_v2
        hooks: dict[str, Any] = collections.OrderedDict()
        return rebuild, (self.storage, self.start, self.shape, self.strides, False, hooks)


class _Pickler(pickle.Pickler):
    view: tuple[None, ...] = (None,)
    """What follows the description of a storage; in archives nothing does."""

    def persistent_id(self, value: Any) -> Any:
        if not isinstance(value, Storage):
            return None
        kind = getattr(sys.modules["torch"], value.kind)
        return ("storage", kind, value.key, "cuda:0", len(value.data), *self.view)


def pickled(value: Any, view: tuple[None, ...] = (None,)) -> bytes:
    """`value` as PyTorch pickles it."""
    file = io.BytesIO()
    with _looking_like_torch():
        pickler = _Pickler(file, protocol=2)
        pickler.view = view
        pickler.dump(value)
    return file.getvalue()


def archive(
    value: Any, storages: list[Storage], order: bytes | None = None, name: str = "data.pkl"
) -> bytes:
    """A whole file of the format since 1.6: a zip archive."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as members:
        members.writestr(f"archive/{name}", pickled(value, ()))
        if order is not None:
            members.writestr("archive/byteorder", order)
        for storage in storages:
            members.writestr(f"archive/data/{storage.key}", storage.data.astype("<f4").tobytes())
    return file.getvalue()


def archived_checkpoint(tensors: Tensors) -> bytes:
    """An archive with a storage for each tensor, and a count that nobody wants."""
    storages = [Storage(str(n), tensor.ravel()) for n, tensor in enumerate(tensors.values())]
    state: dict[str, Any] = {
        name: Tensor(storage, 0, tensor.shape)
        for storage, (name, tensor) in zip(storages, tensors.items(), strict=True)
    }
    state["count"] = Tensor(Storage("count", np.zeros(1, np.float32), "LongStorage"), 0, ())
    return archive(state, storages)


def checkpoint(value: Any, storages: list[Storage], head: Any = (MAGIC, 1001)) -> bytes:
    """A whole file; the storages lie in it in the given order."""
    system = {"protocol_version": 1001, "little_endian": True, "type_sizes": {"int": 4}}
    parts = [pickled(part) for part in (*head, system, value, [s.key for s in storages])]
    for storage in storages:
        parts += [struct.pack("<q", len(storage.data)), storage.data.astype("<f4").tobytes()]
    return b"".join(parts)


def shared_checkpoint(tensors: Tensors) -> bytes:
    """A checkpoint whose tensors share one storage, as an LSTM's do, among others' storages."""
    whole = Storage("20", np.concatenate([tensor.ravel() for tensor in tensors.values()]))
    other = Storage("10", np.full(7, 9, np.float32))
    state: dict[str, Any] = collections.OrderedDict()
    start = 0
    for name, tensor in tensors.items():
        state[name] = Tensor(whole, start, tensor.shape)
        start += tensor.size
    optimizer = {"momentum": Tensor(other, 0, (7,))}
    return checkpoint(
        {"step": 3, "model_state": state, "optimizer_state": optimizer}, [other, whole]
    )


@contextmanager
def _looking_like_torch() -> Iterator[None]:
    """The names that pickles of tensors refer to, for as long as one is written."""
    torch, utils = ModuleType("torch"), ModuleType("torch._utils")

    def _rebuild_tensor_v2() -> None: ...

    _rebuild_tensor_v2.__module__ = "torch._utils"
    _rebuild_tensor_v2.__qualname__ = "_rebuild_tensor_v2"
    setattr(utils, "_rebuild_tensor_v2", _rebuild_tensor_v2)  # noqa: B010 - a module made here
    for name in ("FloatStorage", "HalfStorage", "LongStorage"):
        setattr(torch, name, type(name, (), {"__module__": "torch"}))
    with mock.patch.dict(sys.modules, {"torch": torch, "torch._utils": utils}):
        yield
