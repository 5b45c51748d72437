"""docs/protocol.md lists every message, field, limit and code as the program has them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import msgspec
import pytest
from msgspec import inspect

from shared import errors
from shared.discovery import DeviceRecord, HubRecord
from shared.errors import WireError
from shared.wire import channel
from shared.wire.audio import (
    AUDIO_VERSION,
    FLAG_LAST,
    HEADER,
    MAX_PAYLOAD,
    Codec,
    decode_audio,
)
from shared.wire.codec import (
    DEVICE_TAGS,
    HUB_TAGS,
    MAX_MESSAGE_BYTES,
    decode_device,
    decode_hub,
    tag_of,
)
from shared.wire.fields import MIN_PROTOCOL_VERSION, PROTOCOL_VERSION, Message
from shared.wire.network import Deed
from shared.wire.session import Settings
from tests.shared.wire.examples import ALL_TYPES, AUDIO_EXAMPLE

DOC = Path(__file__).parents[3] / "docs" / "protocol.md"
NAMED = {"8}-[": "UUID", "A-Za-z": "client id", "net_": "network id"}  # by a part of the pattern
NOTHING = "-"
COLUMNS = ["Field", "Type", "Unit", "Limits", "Default", "Meaning"]

Row = dict[str, str]


@dataclass(frozen=True)
class Section:
    """What stands under one heading."""

    title: str
    text: str

    def table(self, *columns: str) -> list[Row]:
        """The rows of the only table with these columns; every row has every cell."""
        tables = [t for t in _tables(self.text) if t[0] == list(columns)]
        assert len(tables) == 1, f"{self.title}: {len(tables)} tables with {columns}"
        for row in tables[0][1:]:
            assert len(row) == len(columns), f"{self.title}: {row}"
            assert all(row), f"{self.title}: an empty cell in {row}"
        return [dict(zip(columns, row, strict=True)) for row in tables[0][1:]]


def _tables(text: str) -> Iterator[list[list[str]]]:
    """Tables as rows of cells, the line under the header left out."""
    for block in re.findall(r"(?:^\|.*\|\n)+", text, re.MULTILINE):
        rows = [
            [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
            for line in block.splitlines()
        ]
        assert set("".join(rows[1])) <= set("-:"), f"no header line in {block}"
        yield [rows[0], *rows[2:]]


def _sections() -> dict[str, Section]:
    parts = re.split(r"^#{2,3} +(.*)$", DOC.read_text(encoding="utf-8"), flags=re.MULTILINE)
    titles = [title.strip("`") for title in parts[1::2]]
    assert len(set(titles)) == len(titles), "two sections have the same title"
    return {title: Section(title, text) for title, text in zip(titles, parts[2::2], strict=True)}


SECTIONS = _sections() if DOC.exists() else {}


def described(kind: inspect.Type) -> tuple[str, str]:
    """The words for a field's type, and for its limits."""
    match kind:
        case inspect.BoolType():
            return "boolean", NOTHING
        case inspect.IntType(ge=low, le=high):
            return "integer", _range(low, high)
        case inspect.FloatType(ge=low, le=high):
            return "number", _range(low, high)
        case inspect.DateTimeType():
            return "timestamp", NOTHING
        case inspect.StrType(pattern=str(pattern)):
            return next(name for part, name in NAMED.items() if part in pattern), NOTHING
        case inspect.StrType(min_length=low, max_length=high):
            return "string", NOTHING if high is None else f"{_range(low or 0, high)} characters"
        case inspect.BytesType(max_length=high):
            return "bytes", f"{_range(0, high)} bytes"
        case inspect.LiteralType(values=values):
            return "string", " or ".join(f'`"{value}"`' for value in values)
        case inspect.ListType(item_type=item, max_length=most):
            return _many("array of", item, most)
        case inspect.DictType(key_type=key, value_type=value, max_length=most):
            name, limits = _many("object of", value, most)
            keys = described(key)[1]
            return name, limits if keys == NOTHING else f"{limits}, names {keys}"
        case inspect.UnionType(types=types):
            words = [described(one) for one in types if not isinstance(one, inspect.NoneType)]
            ranges = [limit for _, limit in words if limit != NOTHING]
            names = [name for name, _ in words]
            if any(isinstance(one, inspect.NoneType) for one in types):
                names.append("null")
            return " or ".join(names), ", ".join(ranges) or NOTHING
        case inspect.StructType(cls=cls):
            return cls.__name__, NOTHING
    raise TypeError(f"no words for {kind}")


def _many(word: str, item: inspect.Type, most: int | None) -> tuple[str, str]:
    name, limits = described(item)
    parts = [] if most is None else [f"at most {most}"]
    if limits != NOTHING:
        parts.append(f"each {limits}")
    return f"{word} {name}", ", ".join(parts) or NOTHING


def _range(low: float | None, high: float | None) -> str:
    if low is None or high is None:
        return NOTHING
    return f"{_number(low)} to {_number(high)}"


def _number(value: float) -> str:
    exponent = int(value).bit_length() - 1
    return f"2^{exponent}" if value > 2**20 and value == 2**exponent else f"{value:g}"


def expected_rows(kind: type[msgspec.Struct]) -> list[tuple[str, str, str, str]]:
    """Field, type, limits and default of a message."""
    info = inspect.type_info(kind)
    assert isinstance(info, inspect.StructType)
    rows = []
    for field in info.fields:
        name, limits = described(field.type)
        default = "required" if field.required else f"`{_default(field)}`"
        rows.append((f"`{field.encode_name}`", name, limits, default))
    return rows


def _default(field: inspect.Field) -> str:
    if field.default_factory is not msgspec.NODEFAULT:
        return msgspec.json.encode(field.default_factory()).decode()
    return msgspec.json.encode(field.default).decode()


def _check_fields(section: Section, kind: type[msgspec.Struct]) -> None:
    rows = section.table(*COLUMNS)
    said = [(row["Field"], row["Type"], row["Limits"], row["Default"]) for row in rows]
    assert said == expected_rows(kind)
    for row in rows:
        numeric = any(kind in row["Type"] for kind in ("integer", "number", "bytes"))
        assert (row["Unit"] != NOTHING) == numeric, f"unit of {row['Field']}"
        if row["Field"].endswith("_us`"):
            assert row["Unit"] == "µs"


def test_every_message_and_nothing_else_has_a_section() -> None:
    tags = {tag_of(kind) for kind in ALL_TYPES}
    titles = {title for title in SECTIONS if re.fullmatch("[a-z]+(_[a-z]+)*", title)}
    assert titles == tags


@pytest.mark.parametrize("kind", ALL_TYPES, ids=tag_of)
def test_a_message_is_described_with_its_direction_fields_and_an_example(
    kind: type[Message],
) -> None:
    tag = tag_of(kind)
    section = SECTIONS[tag]
    direction = {
        (True, False): "Device to hub.",
        (False, True): "Hub to device.",
        (True, True): "Either way.",
    }[tag in DEVICE_TAGS, tag in HUB_TAGS]
    assert section.text.lstrip().startswith(direction)
    if kind.__struct_fields__:
        _check_fields(section, kind)
    else:
        assert "No fields." in section.text
    examples = re.findall(r"```json\n(.*?)```", section.text, re.DOTALL)
    assert len(examples) == 1
    for decode, tags in ((decode_device, DEVICE_TAGS), (decode_hub, HUB_TAGS)):
        if tag in tags:
            assert isinstance(decode(examples[0]), kind)


@pytest.mark.parametrize("kind", ALL_TYPES, ids=tag_of)
def test_an_example_shows_every_field_and_no_other(kind: type[Message]) -> None:
    (example,) = re.findall(r"```json\n(.*?)```", SECTIONS[tag_of(kind)].text, re.DOTALL)
    assert set(msgspec.json.decode(example)) == {"type", *kind.__struct_fields__}


@pytest.mark.parametrize("part", [Settings, *get_args(Deed)], ids=lambda part: part.__name__)
def test_what_is_a_part_of_a_message_is_described(part: type[msgspec.Struct]) -> None:
    _check_fields(SECTIONS[part.__name__], part)
    tag = part.__struct_config__.tag
    assert tag is None or f"`kind` `{tag}`" in SECTIONS[part.__name__].text


def _wire_errors(kind: type[WireError] = WireError) -> Iterator[type[WireError]]:
    yield kind
    for child in kind.__subclasses__():
        if child.__module__ == errors.__name__:
            yield from _wire_errors(child)


def test_every_error_code_of_the_protocol_is_described() -> None:
    said = {row["Code"].strip("`") for row in SECTIONS["Error codes"].table("Code", "When")}
    assert said == {kind.code for kind in _wire_errors()}


def test_the_audio_header_is_described_byte_by_byte() -> None:
    rows = SECTIONS["Audio frames"].table("Offset", "Bytes", "Type", "Field", "Unit", "Meaning")
    letters = {"u8": "B", "u16": "H", "u32": "I", "i64": "q", "16 bytes": "16s"}
    header, payload = rows[:-1], rows[-1]
    assert "!" + "".join(letters[row["Type"]] for row in header) == HEADER.format
    offset = 0
    for row in header:
        assert int(row["Offset"]) == offset
        offset += int(row["Bytes"])
    assert offset == HEADER.size == int(payload["Offset"])
    assert [row["Field"] for row in rows] == [
        f"`{name}`"
        for name in (
            *("version", "codec", "flags", "utterance_id", "sequence"),
            *("first_sample", "captured_at_us", "payload"),
        )
    ]
    by_field = {row["Field"].strip("`"): row["Meaning"] for row in rows}
    assert f"`{AUDIO_VERSION}`" in by_field["version"]
    assert f"`{Codec.PCM_S16LE}`" in by_field["codec"]
    assert len(Codec) == 1
    assert f"`{FLAG_LAST}`" in by_field["flags"]


def test_the_audio_example_is_the_golden_frame() -> None:
    (text,) = re.findall(r"```hex\n(.*?)```", SECTIONS["Audio frames"].text, re.DOTALL)
    assert decode_audio(bytes.fromhex(text)) == AUDIO_EXAMPLE


def test_limits_are_those_of_the_program() -> None:
    said = {
        row["Limit"]: row["Value"] for row in SECTIONS["Limits"].table("Limit", "Value", "Then")
    }
    assert said["Size of a message"] == f"{MAX_MESSAGE_BYTES // 1024} KiB"
    assert said["Audio in one frame"] == f"{MAX_PAYLOAD:_} bytes".replace("_", " ")
    assert said["A peer takes nothing"] == f"{channel.SEND_TIMEOUT_S:g} s"
    assert said["A close is not answered"] == f"{channel.CLOSE_TIMEOUT_S:g} s"


def test_every_key_of_an_announcement_is_described() -> None:
    said: dict[str, list[str]] = {}
    for row in SECTIONS["Finding each other"].table("Service", "Key", "Value"):
        said.setdefault(row["Service"].strip("`"), []).append(row["Key"].strip("`"))
    hub = HubRecord(id="hub", name="Hub", tls="0" * 64)
    device = DeviceRecord(id="kitchen", name="Kitchen")
    assert said == {record.service: list(record.to_txt()) for record in (hub, device)}


def test_the_protocol_version_is_that_of_the_program() -> None:
    assert f"version {PROTOCOL_VERSION}" in SECTIONS["Versions"].text
    assert MIN_PROTOCOL_VERSION == PROTOCOL_VERSION == 1  # with a second one, say so there


@pytest.mark.parametrize("part", ["[0-9a-f]{8}-", "[A-Za-z0-9]", "net_[0-9a-f]{32}"])
def test_the_patterns_of_ids_are_given(part: str) -> None:
    rows = SECTIONS["Field types"].table("Type", "JSON", "Form")
    patterns = {_pattern(info) for kind in ALL_TYPES for info in _types_of(kind)} - {None}
    (pattern,) = (p for p in patterns if p is not None and p.lstrip("^(").startswith(part))
    form = pattern.removeprefix("^").removesuffix("\\Z").replace("|", "\\|")
    assert any(form in row["Form"] for row in rows)


def _types_of(kind: type[Message]) -> Iterator[inspect.Type]:
    info = inspect.type_info(kind)
    assert isinstance(info, inspect.StructType)
    for field in info.fields:
        yield field.type


def _pattern(info: inspect.Type) -> str | None:
    return info.pattern if isinstance(info, inspect.StrType) else None
