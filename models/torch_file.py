"""Reads tensors from what PyTorch saved, without PyTorch.

A file of the first format (`torch.save` before 1.6) is five pickles, then the bytes of the storages
that the fourth one refers to, in the order that the fifth one lists. One of the second format is a
zip archive with that fourth pickle, `data.pkl`, and a member for each storage. A pickle can name
any function and have it called; here it gets the few things that tensors are described with, and
nothing else.
"""

from __future__ import annotations

import collections
import math
import pickle
import struct
import zipfile
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

_MAGIC = 0x1950A86A20F9469CFC6C
_PROTOCOL = 1001
_LITTLE_ENDIAN = "little_endian"
_FLOAT_BYTES = 4
_ZIP = b"PK\x03\x04"
_PICKLE = "data.pkl"
_NOWHERE = ""


@dataclass(frozen=True)
class _Tensor:
    """Where in a storage a tensor lies; `start` in floats."""

    storage: str
    start: int
    shape: tuple[int, ...]


def read_tensors(
    file: IO[bytes], group: str | None, wanted: Mapping[str, tuple[int, ...]]
) -> dict[str, NDArray[np.float32]]:
    """Some tensors of a checkpoint, by name.

    Args:
        file: of the whole checkpoint, at its beginning; can seek.
        group: the key of the checkpoint's dictionary under which the tensors are; None: they are
            in that dictionary itself.
        wanted: the tensors' names and shapes; only the storages that these lie in are read.

    Raises:
        ValueError: it is no such file, it is damaged or asks for what tensors do not need, or
            a tensor is missing or of another shape; says which.
    """
    try:
        read = _read_archive if file.read(len(_ZIP)) == _ZIP else _read_pickles
        file.seek(0)
        tensors, storages = read(file, group, wanted)
        return {
            name: _view(storages[tensors[name].storage], tensors[name], name, shape)
            for name, shape in wanted.items()
        }
    # What damaged bytes do to an unpickler and to what it made: each of these.
    except (
        pickle.UnpicklingError,
        struct.error,
        ArithmeticError,
        AttributeError,
        EOFError,
        LookupError,
        TypeError,
        UnicodeDecodeError,
        NotImplementedError,
        RuntimeError,
        zipfile.BadZipFile,
        zlib.error,
    ) as error:
        raise ValueError(f"it cannot be read: {type(error).__name__}: {error}") from error


def _read_pickles(
    file: IO[bytes], group: str | None, wanted: Iterable[str]
) -> tuple[dict[str, _Tensor], dict[str, NDArray[np.float32]]]:
    """All tensors of a file of the first format, and the storages of those that are wanted."""
    if _unpickle(file) != _MAGIC or _unpickle(file) != _PROTOCOL:
        raise ValueError("it is no file of PyTorch's first format")
    if _unpickle(file)[_LITTLE_ENDIAN] is not True:
        raise ValueError("it was written on a big-endian machine")
    saved = _unpickle(file)
    tensors = saved if group is None else saved[group]
    return tensors, _read_storages(
        file, _unpickle(file), {tensors[name].storage for name in wanted}
    )


def _read_archive(
    file: IO[bytes], group: str | None, wanted: Iterable[str]
) -> tuple[dict[str, _Tensor], dict[str, NDArray[np.float32]]]:
    """The same of a file of the second format."""
    with zipfile.ZipFile(file) as archive:
        members = archive.namelist()
        folder = next((n.removesuffix(_PICKLE) for n in members if n.endswith(_PICKLE)), None)
        if folder is None:
            raise ValueError("it is an archive of something else")
        if f"{folder}byteorder" in members and archive.read(f"{folder}byteorder") != b"little":
            raise ValueError("it was written on a big-endian machine")
        with archive.open(f"{folder}{_PICKLE}") as described:
            saved = _unpickle(described)
        tensors = saved if group is None else saved[group]
        storages = {
            key: np.frombuffer(archive.read(f"{folder}data/{key}"), "<f4").astype(
                np.float32, copy=False
            )
            for key in sorted({tensors[name].storage for name in wanted})
        }
        return tensors, storages


class _FloatStorage:
    """Stands for the only kind of storage that is read."""


class _LongStorage:
    """Stands for what counts are kept in; nobody wants them."""


def _tensor(
    storage: str, start: int, shape: tuple[int, ...], stride: tuple[int, ...], *_: object
) -> _Tensor:
    """What a pickle calls for each tensor."""
    row_by_row = tuple(math.prod(shape[axis + 1 :]) for axis in range(len(shape)))
    if stride != row_by_row:
        raise pickle.UnpicklingError(f"a tensor of shape {shape} has the strides {stride}")
    return _Tensor(storage, start, shape)


class _Unpickler(pickle.Unpickler):
    """Knows tensors, dictionaries and plain values."""

    def find_class(self, module: str, name: str) -> Any:
        known = {
            ("collections", "OrderedDict"): collections.OrderedDict,
            ("torch", "FloatStorage"): _FloatStorage,
            ("torch", "LongStorage"): _LongStorage,
            ("torch._utils", "_rebuild_tensor_v2"): _tensor,
        }
        try:
            return known[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}") from None

    def persistent_load(self, reference: Any) -> str:
        kind, storage_type, key, _device, _size, *view = reference
        if kind != "storage" or any(part is not None for part in view):
            raise pickle.UnpicklingError(f"it refers to {kind!r}")
        # A tensor of counts may be described, but lies nowhere.
        return str(key) if storage_type is _FloatStorage else _NOWHERE


def _unpickle(file: IO[bytes]) -> Any:
    return _Unpickler(file).load()


def _read_storages(
    file: IO[bytes], order: list[str], wanted: set[str]
) -> dict[str, NDArray[np.float32]]:
    """Each is a count of floats (64 bits), then the floats."""
    storages = {}
    for key in order:
        (count,) = struct.unpack("<q", file.read(8))
        if count < 0:
            raise ValueError("a storage has less than no numbers")
        if key in wanted:
            data = file.read(count * _FLOAT_BYTES)
            if len(data) != count * _FLOAT_BYTES:
                raise EOFError("it ends too early")
            storages[key] = np.frombuffer(data, "<f4").astype(np.float32, copy=False)
        else:
            file.seek(count * _FLOAT_BYTES, 1)
    return storages


def _view(
    storage: NDArray[np.float32], tensor: _Tensor, name: str, shape: tuple[int, ...]
) -> NDArray[np.float32]:
    end = tensor.start + math.prod(shape)
    if tensor.shape != shape or not 0 <= tensor.start <= end <= len(storage):
        raise ValueError(f"{name} is not of shape {shape}")
    return storage[tensor.start : end].reshape(shape)
