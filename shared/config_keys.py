"""What a configuration's keys are: read from the structs, for reading files and for the docs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from msgspec import NODEFAULT, Struct, inspect

IPV4 = r"^((25[0-5]|2[0-4]\d|1?\d?\d)(\.(?!$)|$)){4}$"
"""A pattern of IPv4 addresses."""


class Secret(str):
    """A string that does not show itself when the configuration is printed."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "Secret(...)"


@dataclass(frozen=True)
class Key:
    """One key of a configuration file."""

    table: str
    name: str
    type: Any  # an annotation, as msgspec takes it
    kind: str  # for people: "whole number", "text", "list of texts", ...
    unit: str  # empty where there is none
    default: str  # for people, as TOML writes it
    allowed: str  # for people
    description: str

    def variable(self, prefix: str) -> str:
        """The environment variable that overrides it."""
        return f"{prefix}{self.table}_{self.name}".upper()


def keys(config: type[Struct]) -> list[Key]:
    """Every key of a configuration, in the order of its structs."""
    return [
        _key(table.name, field)
        for table in msgspec.structs.fields(config)
        for field in msgspec.structs.fields(table.type)
    ]


def _key(table: str, field: msgspec.structs.FieldInfo) -> Key:
    info = inspect.type_info(field.type)
    extra: dict[str, str] = {}
    description = ""
    if isinstance(info, inspect.Metadata):
        extra = info.extra or {}
        description = (info.extra_json_schema or {}).get("description", "")
        info = info.type
    kind, allowed = _describe(info)
    return Key(
        table=table,
        name=field.name,
        type=field.type,
        kind=kind,
        unit=extra.get("unit", ""),
        default=extra.get("default") or _toml(field),
        allowed=extra.get("allowed", allowed),
        description=description,
    )


def _toml(field: msgspec.structs.FieldInfo) -> str:
    """A default as TOML writes it; "none" where leaving the key out is the default."""
    if field.default_factory is not NODEFAULT:
        factory: Callable[[], object] = field.default_factory
        return msgspec.json.encode(factory()).decode()
    if field.default is None:
        return "none"
    if field.default is NODEFAULT:
        return "required"
    return msgspec.json.encode(field.default).decode()


def _describe(info: inspect.Type) -> tuple[str, str]:
    """What a type is called, and what it allows, for people."""
    match info:
        case inspect.BoolType():
            return "true or false", "true or false"
        case inspect.IntType(ge=low, le=high) | inspect.FloatType(ge=low, le=high):
            kind = "whole number" if isinstance(info, inspect.IntType) else "number"
            return kind, f"a {kind}" + _limits(low, high)
        case inspect.StrType(min_length=shortest):
            return "text", "a text that is not empty" if shortest else "a text in quotes"
        case inspect.LiteralType(values=values):
            return "text", "one of " + ", ".join(f'"{value}"' for value in values)
        case inspect.ListType(item_type=item):
            inner = item.type if isinstance(item, inspect.Metadata) else item
            kind, _ = _describe(inner)
            return f"list of {kind}s", f"a list of {kind}s in [brackets]"
        case inspect.CustomType(cls=cls) if cls is Path:
            return "path", "a path in quotes; ~ is the home folder"
        case inspect.CustomType(cls=cls) if issubclass(cls, Secret):
            return "text, secret", "a text that is not empty"
        case inspect.UnionType(types=(one, inspect.NoneType()) | (inspect.NoneType(), one)):
            return _describe(one.type if isinstance(one, inspect.Metadata) else one)
    raise TypeError(f"configuration keys are not made of {info}")


def _limits(low: float | None, high: float | None) -> str:
    if low is not None and high is not None:
        return f" from {low} to {high}"
    if low is not None:
        return f" of at least {low}"
    return f" of at most {high}" if high is not None else ""
