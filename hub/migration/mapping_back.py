"""The legacy row that a moved one came from. Pure; `conversion` is the other direction."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from hub.migration.conversion import keys_of, people_of, replacement_id
from hub.migration.legacy_rows import EMBEDDING_LENGTH, TABLES, Column, Text, Value, unpacked
from hub.migration.values import CONVERTERS, STRINGS, Stored, decoded, hex_of


def legacy_row(
    table: str, row_id: str, values: Mapping[str, Stored], free: Mapping[str, Any], network_id: str
) -> tuple[Value, ...]:
    """The legacy row that a row of the hub's is, in the order of `TABLES`.

    An original that stands in the free data counts as long as the column still holds what was
    made of it: what was changed here since is what the person wants.
    """
    return tuple(_back(table, row_id, values, free, network_id))


def _back(
    table: str, row_id: str, values: Mapping[str, Stored], free: Mapping[str, Any], network_id: str
) -> Iterator[Value]:
    split = table in ("persons", "conversations")
    originals: Mapping[str, Any] = free if split else free.get("legacy") or {}
    dangling: Mapping[str, Any] = {} if split else free.get("dangling") or {}
    for column in TABLES[table]:
        name = column.name
        if name == "id":
            yield unpacked(originals[name]) if name in originals else Text(row_id.encode())
        elif column.target is None:
            yield unpacked(originals.get(name))
        else:
            present = values[column.target]
            plain: Value = Text(present.encode()) if isinstance(present, str) else present
            if name in dangling:
                yield unpacked(dangling[name]) if present is None else plain
            elif name in originals:
                original = unpacked(originals[name])
                unchanged = _unchanged(column, original, present, network_id)
                yield original if unchanged else plain
            elif column.kind == "embedding" and not _fits(plain):
                yield None  # a voice in a space that the legacy system does not know
            else:
                yield plain


def _fits(value: Value) -> bool:
    """Whether it is no list of numbers, or has as many as a legacy voice; it is not decoded."""
    return not isinstance(value, Text) or value.count(b",") in (0, EMBEDDING_LENGTH - 1)


def _unchanged(column: Column, original: Value, present: Stored, network_id: str) -> bool:
    """Whether a column still holds what was made of an original."""
    if column.refers_to:
        kept = {replacement_id(network_id, column.refers_to, key) for key in keys_of(original)}
        return present in kept | {hex_ for key in keys_of(original) if (hex_ := hex_of(key))}
    if column.kind == "index":
        return True  # nobody changes it here
    if column.kind == "people":
        return _nobody_added(original, present, network_id)
    made = CONVERTERS[column.kind](original)[0]
    return present == ("" if made is None and column.required else made)


def _nobody_added(original: Value, present: Stored, network_id: str) -> bool:
    """Whether a list of participants names nobody that the legacy one did not."""
    now = decoded(STRINGS, present if isinstance(present, str) else "[]")
    if not now:
        return True
    for one in people_of(original):
        keys = keys_of(Text(one.encode()))
        same = {replacement_id(network_id, "persons", key) for key in keys}
        same |= {hex_ for key in keys if (hex_ := hex_of(key))}
        now = [person for person in now if hex_of(person) not in same]
    return not now
