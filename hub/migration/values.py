"""What becomes of single legacy values, whatever the rest of their row. Pure."""

from __future__ import annotations

import math
import re
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import msgspec

from hub.migration.legacy_rows import EMBEDDING_LENGTH, Text, Value, readable
from hub.store.errors import InvalidValueError
from hub.store.types import in_utc

Stored = str | int | float | None
"""A value for a column of the hub's: ids are 32 hex digits, times and documents text."""

LARGEST_INTEGER = 2**31 - 1


Converted = tuple[Stored, str, str]
"""What is stored; what was odd, and what was done about it, both empty where nothing was."""


def _text(value: Value) -> Converted:
    if isinstance(value, Text):
        text = readable(value)
        if text is not None:
            return text, "", ""
        mended = value.decode(errors="replace").replace("\x00", "\ufffd")
        kind = "nul_character" if _is_utf8(value) else "not_utf8"
        return mended, kind, "unreadable characters replaced"
    if isinstance(value, bytes) or value is None:
        return None, "not_a_text", "empty"
    return str(value), "not_a_text", "written as a text"


def _is_utf8(value: bytes) -> bool:
    try:
        value.decode()
    except UnicodeDecodeError:
        return False
    return True


_CANONICAL = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}")
_FIRST_YEAR, _LAST_YEAR = 2, 9998
"""Within these every zone has a date for every time."""


def _time(value: Value) -> Converted:
    text = readable(value) if isinstance(value, Text) else None
    if text is None:
        return None, "time_unreadable", "empty"
    try:
        time = datetime.fromisoformat(text)
        if _CANONICAL.fullmatch(text) and _FIRST_YEAR <= time.year <= _LAST_YEAR:
            return text, "", ""  # the most there are, and all that follows would say the same
        time = in_utc(time if time.tzinfo else time.replace(tzinfo=UTC)).replace(tzinfo=None)
    except (ValueError, InvalidValueError):
        return None, "time_unreadable", "empty"
    canonical = time.isoformat(" ", "microseconds")
    if canonical == text:
        return canonical, "", ""
    return canonical, "time_written_otherwise", "written as all others are"


_HEX = re.compile("[0-9a-f]{32}")
_FLOATS = msgspec.json.Decoder(list[float])
STRINGS = msgspec.json.Decoder(list[str])


def _embedding(value: Value) -> Converted:
    text = readable(value) if isinstance(value, Text) else None
    if text == "null":
        return text, "", ""
    numbers = decoded(_FLOATS, text)
    if numbers is None:
        return None, "not_an_embedding", "empty"
    if len(numbers) != EMBEDDING_LENGTH:
        return None, "embedding_length", "empty"
    return text, "", ""


def _document(decoder: msgspec.json.Decoder[Any]) -> Callable[[Value], Converted]:
    def converted(value: Value) -> Converted:
        text = readable(value) if isinstance(value, Text) else None
        if text != "null" and decoded(decoder, text) is None:
            return None, "not_a_list", "empty"
        return text, "", ""

    return converted


def decoded(decoder: msgspec.json.Decoder[Any], text: str | None) -> Any:
    try:
        return None if text is None else decoder.decode(text)
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        return None


def _integer(value: Value) -> Converted:
    if isinstance(value, int) and abs(value) <= LARGEST_INTEGER:
        return value, "", ""
    return None, "not_a_number", "empty"


def _real(value: Value) -> Converted:
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**53:
        return float(value), "number_written_otherwise", "written as a fraction"
    if isinstance(value, float) and math.isfinite(value):
        return value, "", ""
    return None, "not_a_number", "empty"


CONVERTERS: dict[str, Callable[[Value], Converted]] = {
    "text": _text,
    "time": _time,
    "embedding": _embedding,
    "numbers": _document(_FLOATS),
    "strings": _document(STRINGS),
    "integer": _integer,
    "real": _real,
}


def hex_of(key: str) -> str | None:
    """The 32 digits of a UUID, however it is written; None: it is none."""
    if _HEX.fullmatch(key):
        return key
    try:
        return uuid.UUID(key).hex
    except ValueError:
        return None
