"""What becomes of a legacy row. Pure; `mapping_back` is the other direction.

A value that its new column can hold goes there as it is. One that it cannot is repaired by the
rule of its kind (see docs/migration.md), and the original stands under `legacy` in the row's free
data, so that the way back gives it again, bit for bit. A reference to a row that is not there
stands under `dangling`, as the schema's own history keeps it.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from hub.migration.legacy_rows import (
    TABLES,
    Column,
    Text,
    Value,
    key_of,
    packed,
    readable,
)
from hub.migration.values import CONVERTERS, LARGEST_INTEGER, STRINGS, Stored, decoded, hex_of

MAX_TEXT_BYTES = 128 * 1024
"""A longer text of an interaction fits into no message to a device, once it is escaped."""
FREE_DATA = {
    "persons": "legacy",
    "conversations": "legacy",
    "interactions": "processing_metadata",
    "actions": "action_data",
}
"""Which column of the hub's table holds what has no column."""


@dataclass(frozen=True, slots=True)
class Oddity:
    """Something about a legacy row that was not as it should be."""

    table: str
    key: str  # of the row, see `key_of`
    column: str
    kind: str
    rule: str  # what became of it

    def document(self) -> dict[str, str]:
        """For programs."""
        return {
            "table": self.table,
            "row": self.key,
            "column": self.column,
            "kind": self.kind,
            "rule": self.rule,
        }


@dataclass(frozen=True, slots=True)
class Moved:
    """A row for the hub's table."""

    key: str
    row_id: str  # 32 hex digits
    values: dict[str, Stored]  # by the hub's column
    free: dict[str, Any]  # what goes into the free data
    oddities: tuple[Oddity, ...]


@dataclass(frozen=True, slots=True)
class Unmovable:
    """A row that has to be kept as it is; `reason` is for people."""

    reason: str


@dataclass
class Surroundings:
    """What is known of other rows.

    Args:
        network_id: the network's UUID.
        rows: the hub's row ids, 32 hex digits, by legacy table and key.
        taken: row ids that others have; those that are given here are added.
        indexes: numbers of persons that are taken.
    """

    network_id: str
    rows: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    taken: set[str] = field(default_factory=set)
    indexes: set[int] = field(default_factory=set)

    def find(self, table: str, value: Value) -> str | None:
        """The row that a legacy id means, in whichever way it is written."""
        known, key = self.rows.get(table, {}), key_of(value)
        if key is None or key in known:
            return None if key is None else known[key]
        return next((known[other] for other in keys_of(value) if other in known), None)


def keys_of(value: Value) -> tuple[str, ...]:
    """The keys that a reference may mean, the likeliest first."""
    key = key_of(value)
    if key is None:
        return ()
    written = hex_of(key)
    return (key,) if written in (None, key) else (key, str(written))


def people_of(value: Value) -> tuple[str, ...]:
    """The ids in a list of participants; none, where it is no list."""
    text = readable(value) if isinstance(value, Text) else None
    return tuple(decoded(STRINGS, text) or ())


def replacement_id(network_id: str, table: str, key: str) -> str:
    """The id, 32 hex digits, of a row that cannot keep its own: always the same one."""
    return uuid.uuid5(uuid.UUID(network_id), f"{table}/{key}").hex


def convert(table: str, row: Sequence[Value], around: Surroundings) -> Moved | Unmovable:
    """What becomes of a row of a legacy table, whose values stand in the order of `TABLES`."""
    key = key_of(row[0])
    if key is None:
        return Unmovable("its id is no text")
    conversion = _Conversion(table, key, around)
    values: dict[str, Stored] = {}
    for column, value in zip(TABLES[table], row, strict=True):
        if column.name == "id":
            conversion.take_id(value)
        elif column.target is None:
            conversion.keep_free(column, value)
        else:
            values[column.target] = conversion.stored(column, value)
    if conversion.unmovable:
        return Unmovable(conversion.unmovable)
    return Moved(key, conversion.row_id, values, conversion.free(), tuple(conversion.oddities))


class _Conversion:
    def __init__(self, table: str, key: str, around: Surroundings) -> None:
        self.row_id = ""
        self.oddities: list[Oddity] = []
        self.unmovable = ""
        self._table, self._key, self._around = table, key, around
        self._legacy: dict[str, Any] = {}
        self._dangling: dict[str, Any] = {}

    def take_id(self, value: Value) -> None:
        own, column = hex_of(self._key), Column("id", "id", "id")
        taken = self._around.taken
        self.row_id = (
            self._around.rows.get(self._table, {}).get(self._key)  # moved before
            or (own if own is not None and own not in taken else None)
            or replacement_id(self._around.network_id, self._table, self._key)
        )
        taken.add(self.row_id)
        if own is None:
            self._note(column, value, "id_not_a_uuid", "goes on under another id")
        elif own != self.row_id:
            self._note(column, value, "id_taken", "goes on under another id")
        elif own != self._key:
            self._note(column, value, "id_written_otherwise", "written as all others are")

    def keep_free(self, column: Column, value: Value) -> None:
        if value is not None:
            self._legacy[column.name] = packed(value)
            if column.refers_to and self._around.find(column.refers_to, value) is None:
                self._say(column, "dangling_reference", "kept as it is")

    def stored(self, column: Column, value: Value) -> Stored:
        if column.refers_to:
            return self._reference(column, column.refers_to, value)
        if column.kind == "index":
            return self._index(column, value)
        if column.kind == "people":
            return self._people(column, value)
        if isinstance(value, bytes) and column.name == "text" and self._table == "interactions":
            if not isinstance(value, Text):
                self.unmovable = "its text is a BLOB"
            elif len(value) > MAX_TEXT_BYTES:
                self.unmovable = f"its text has more than {MAX_TEXT_BYTES} bytes"
        if value is None:
            if column.kind == "time" and column.name == "timestamp":
                self._say(column, "no_time", "stays without one")
            if not column.required:
                return None
        given, oddity, rule = CONVERTERS[column.kind](value)
        if given is None and column.required:
            given, rule = "", "empty"
            oddity = oddity or "missing_value"
        if oddity:
            self._note(column, value, oddity, rule)
        return given

    def free(self) -> dict[str, Any]:
        """The free data's document, empty where there is nothing to say."""
        if self._table in ("persons", "conversations"):
            return self._legacy
        free: dict[str, Any] = {}
        if self._dangling:
            free["dangling"] = self._dangling
        if self._legacy or self._table == "actions":
            free["legacy"] = self._legacy
        return free

    def _reference(self, column: Column, table: str, value: Value) -> Stored:
        if value is None:
            return None
        found = self._around.find(table, value)
        if found is None:
            self._dangling[column.name] = packed(value)
            self._say(column, "dangling_reference", "empty; kept beside the row")
        elif found.encode() != value or not isinstance(value, Text):
            self._legacy[column.name] = packed(value)
        return found

    def _index(self, column: Column, value: Value) -> int:
        taken = self._around.indexes
        fit = isinstance(value, int) and 0 < value <= LARGEST_INTEGER
        if isinstance(value, int) and fit and value not in taken:
            taken.add(value)
            return value
        free = max(taken, default=0) + 1
        taken.add(free)
        kind = "index_taken" if fit else "index_not_a_number"
        self._note(column, value, kind, f"gets the next free number, {free}")
        return free

    def _people(self, column: Column, value: Value) -> Stored:
        if value is None:
            return None
        text = readable(value) if isinstance(value, Text) else None
        if text == "null":
            return text
        people: list[str] | None = decoded(STRINGS, text)
        if people is None:
            self._note(column, value, "not_a_list", "empty")
            return None
        found = [(one, self._around.find("persons", Text(one.encode()))) for one in people]
        known = [str(uuid.UUID(row_id)) for _, row_id in found if row_id is not None]
        if known == people:
            return text
        if len(known) < len(people):
            self._note(column, value, "dangling_reference", "left out of the list")
        else:
            self._legacy[column.name] = packed(value)
        return msgspec.json.encode(known).decode()

    def _note(self, column: Column, value: Value, kind: str, rule: str) -> None:
        self._legacy[column.name] = packed(value)
        self._say(column, kind, rule)

    def _say(self, column: Column, kind: str, rule: str) -> None:
        self.oddities.append(Oddity(self._table, self._key, column.name, kind, rule))
