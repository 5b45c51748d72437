"""What somebody sent, read as a type; and where it cannot be read, why not, for people."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import cache
from typing import Any

import msgspec
from msgspec import inspect

from shared.wire.fields import Uuid

LONGEST = 200
"""Characters of what is told of it; a part of it is what was sent."""
A_TIME = (
    "A time is written with its zone: 2026-12-01T15:00:00Z, or with +01:00 in the place of Z"
    " (%2B01:00 in an address)."
)
A_UUID = "An id is a UUID in lower case, with dashes."
_WHERE = re.compile(r"(?P<said>.*?)(?: - at (?P<key>`key` in )?`\$(?P<path>.*)`)?", re.DOTALL)
_STEP = re.compile(r"\.(?P<name>[^.\[]+)|\[[^\]]*\]")


def from_texts(given: Mapping[str, str], kind: Any) -> Any:
    """Texts of an address or a form, as the fields of a struct `kind`; raises ValidationError.

    Numbers and truths are read from their texts. Everything else is what it is in a body: a
    number is no time, and "null" is a word.
    """
    plain = _plain_fields(kind)
    read: dict[str, Any] = dict(given)
    for name, text in given.items():
        for wanted in plain.get(name, ()):
            with suppress(msgspec.ValidationError):
                read[name] = msgspec.convert(text, wanted, strict=False)
    return msgspec.convert(read, kind)


def why(error: Exception, kind: Any) -> tuple[str, str]:
    """Why something is not of a type: a sentence, and what helps; that may be empty.

    Args:
        error: what msgspec raised.
        kind: the type.
    """
    parts = _WHERE.fullmatch(str(error))
    said, path = str(error), None
    if parts:
        said, path = parts["said"], parts["path"]
    said = said[:LONGEST].removesuffix(".")
    where = f" (at {path.lstrip('.')[:LONGEST]})" if path else ""
    found = None if parts and parts["key"] else _at(inspect.type_info(kind), path or "")
    return f"{said}{where}.", _help(said, found)


@cache
def _plain_fields(kind: Any) -> dict[str, list[type]]:
    """The fields of a struct that are numbers or truths, and which."""
    kinds: tuple[tuple[type, type], ...] = (
        (inspect.BoolType, bool),
        (inspect.IntType, int),
        (inspect.FloatType, float),
    )
    info = inspect.type_info(kind)
    assert isinstance(info, inspect.StructType)  # noqa: S101 - for mypy: routes take structs
    return {
        field.encode_name: [
            plain for one in _each(field.type) for of, plain in kinds if isinstance(one, of)
        ]
        for field in info.fields
    }


def _each(info: inspect.Type | None) -> Iterator[inspect.Type]:
    """What a type may be, if it may be several."""
    if isinstance(info, inspect.UnionType):
        yield from info.types
    elif info is not None:
        yield info


def _at(info: inspect.Type | None, path: str) -> inspect.Type | None:
    """The type of what lies at a path; None: nobody can tell."""
    for step in _STEP.finditer(path):
        info = next((inner for one in _each(info) if (inner := _inner(one, step["name"]))), None)
    return info


def _inner(info: inspect.Type, name: str | None) -> inspect.Type | None:
    match info:
        case inspect.StructType() if name:
            return next((f.type for f in info.fields if f.encode_name == name), None)
        case inspect.DictType() if name is None:
            return info.value_type
        case inspect.ListType() | inspect.VarTupleType() if name is None:
            return info.item_type
    return None


def _help(said: str, found: inspect.Type | None) -> str:
    for one in _each(found):
        match one:
            case inspect.LiteralType(values=values):
                return f"Allowed: {', '.join(map(str, values))}."
            case inspect.DateTimeType():
                return A_TIME
            case inspect.StrType(pattern=pattern) if pattern and pattern == _UUID:
                return A_UUID
            case inspect.StructType(fields=fields) if "unknown field" in said:
                return f"Known: {', '.join(field.encode_name for field in fields)}."
    return ""


_UUID = getattr(inspect.type_info(Uuid), "pattern", None)
