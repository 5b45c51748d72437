"""Legacy rows as they are in the file: their columns, their values, and a checksum of them."""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b, sha256
from typing import Any, Literal


class Text(bytes):
    """A TEXT value, undecoded: nobody saw to it that it is UTF-8. A BLOB is plain bytes."""


Value = Text | bytes | int | float | None
"""What SQLite may hold in any column, whatever the column was declared as."""

Kind = Literal[
    "id", "text", "time", "embedding", "numbers", "strings", "people", "integer", "index", "real"
]


@dataclass(frozen=True)
class Column:
    """One column of a legacy table.

    Args:
        name: there.
        kind: what it is meant to hold.
        target: its name in the hub's table; None: it goes into the row's free data.
        refers_to: the legacy table whose ids it holds.
        required: the hub's column is NOT NULL.
    """

    name: str
    kind: Kind
    target: str | None
    refers_to: str | None = None
    required: bool = False


def _column(name: str, kind: Kind, **more: Any) -> Column:
    return Column(name, kind, more.pop("target", name), **more)


TABLES: dict[str, tuple[Column, ...]] = {
    "persons": (
        _column("id", "id"),
        _column("name", "text"),
        _column("index", "index"),
        _column("voice_embedding", "embedding"),
        _column("cluster_id", "integer"),
        _column("created_at", "time"),
        _column("updated_at", "time"),
    ),
    "conversations": (
        _column("id", "id"),
        _column("user_ids", "people", target="participant_ids"),
        _column("topic_summary", "text"),
        _column("context_summary", "text"),
    ),
    "interactions": (
        _column("id", "id"),
        _column("text", "text", required=True),
        _column("timestamp", "time"),
        _column("conversation_id", "id", refers_to="conversations"),
        _column("voice_embedding", "embedding"),
        _column("speaker_id", "id", refers_to="persons"),
        _column("text_embedding", "numbers"),
        _column("entities", "strings"),
        _column("topics", "strings"),
        _column("sentiment", "real"),
    ),
    "actions": (
        _column("id", "id"),
        _column("user_id", "id", target=None),
        _column("person_id", "id", target=None, refers_to="persons"),
        _column("action_type", "text", required=True),
        _column("details", "text", target=None),
        _column("interaction_id", "id", refers_to="interactions"),
        _column("conversation_id", "id", target=None, refers_to="conversations"),
        _column("status", "text"),
        _column("scheduled_time", "time", target=None),
        _column("completed_time", "time", target="completed_at"),
    ),
}
"""The legacy schema, in an order in which each table refers only to those before it."""

EMBEDDING_LENGTH = 256
KEY_LENGTH = 64
CHECKSUM_DIGITS = 32


def checksum(row: Sequence[Value]) -> str:
    """A canonical checksum of a row: 32 hex digits that tell any two different rows apart."""
    parts: list[bytes] = []
    for value in row:
        if value is None:
            parts.append(b"n")
        elif isinstance(value, bytes):
            tag = b"t" if isinstance(value, Text) else b"b"
            parts += (b"%b%d:" % (tag, len(value)), value)
        else:
            kind, data = ("r", value.hex()) if isinstance(value, float) else ("i", str(value))
            parts.append(f"{kind}{len(data)}:{data}".encode())
    return sha256(b"".join(parts)).hexdigest()[:CHECKSUM_DIGITS]


def alike(one: Sequence[Value], other: Sequence[Value]) -> bool:
    """Whether two rows have the same checksum, which takes longer to make."""
    return all(_alike(a, b) for a, b in zip(one, other, strict=True))


def _alike(one: Value, other: Value) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        return one.hex() == other.hex()  # -0.0 is another than 0.0
    return type(one) is type(other) and one == other


def key_of(value: Value) -> str | None:
    """Under which key the map of ids knows a legacy id; None: it is none.

    It is the id's own text, however it is written, as long as that can be stored.
    """
    if not isinstance(value, Text):
        return None
    text = readable(value)
    if text is not None and 0 < len(text) <= KEY_LENGTH:
        return text
    return f"~{blake2b(value, digest_size=24).hexdigest()}"


def readable(value: bytes) -> str | None:
    """The text, where it is UTF-8 without a NUL character, for which PostgreSQL has no place."""
    try:
        text = value.decode()
    except UnicodeDecodeError:
        return None
    return None if "\x00" in text else text


def packed(value: Value) -> Any:
    """A value as JSON can hold it, exactly; `unpacked` gives it back."""
    if isinstance(value, Text):
        text = readable(value)
        return {"text": _base64(value)} if text is None else text
    if isinstance(value, bytes):
        return {"blob": _base64(value)}
    if isinstance(value, float) and not math.isfinite(value):
        return {"real": repr(value)}
    return value


def unpacked(document: Any) -> Value:
    """What `packed` made a document of; raises ValueError for any other."""
    if isinstance(document, str):
        return Text(document.encode())
    if isinstance(document, dict) and len(document) == 1:
        ((kind, held),) = document.items()
        try:
            if kind == "text":
                return Text(base64.b64decode(held, validate=True))
            if kind == "blob":
                return base64.b64decode(held, validate=True)
            if kind == "real":
                return float(held)
        except (binascii.Error, TypeError) as error:
            raise ValueError(f"not a packed value: {kind}") from error
    if document is None or isinstance(document, int | float):
        return document
    raise ValueError("not a packed value")


def _base64(value: bytes) -> str:
    return base64.b64encode(value).decode()
