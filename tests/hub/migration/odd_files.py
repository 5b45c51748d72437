"""Legacy files with every oddity that is known of, and some that are not."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from hypothesis import strategies as st

from hub.migration.legacy_rows import TABLES, Text, Value
from tests.hub.store import legacy

File = dict[str, list[dict[str, object]]]

_GONE = "f" * 32
_ids = st.uuids().map(lambda key: key.hex)
_odd_ids = st.one_of(
    _ids,
    _ids,
    _ids,
    st.uuids().map(str),
    st.uuids().map(lambda key: key.hex.upper()),
    st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1, max_size=70),
    st.binary(min_size=1, max_size=5),
)
_texts = st.text(st.characters(codec="utf-8"), max_size=20)
_undecodable = st.binary(max_size=8).map(lambda raw: Text(b"\xff" + raw))
_odd = st.one_of(
    st.none(), _texts, _undecodable, st.binary(max_size=8), st.integers(-(2**40), 2**40),
    st.floats(allow_nan=False),
)  # fmt: skip
_times = st.one_of(
    st.none(),
    st.datetimes().map(lambda time: time.isoformat(" ", "microseconds")),
    st.datetimes().map(lambda time: time.isoformat()),
    st.just("2024-05-06T07:08:09+02:00"),
    st.just("0000-00-00 00:00:00"),
    _odd,
)
_vectors = st.one_of(
    st.none(),
    st.just("null"),
    st.integers(0, 9).map(lambda seed: json.dumps([seed / 7] * 256)),
    st.lists(st.floats(-1, 1), max_size=3).map(json.dumps),
    st.just("[NaN, 1.0]"),
    st.just("[1, 2"),
    _odd,
)
_lists = st.one_of(
    st.none(), st.just("null"), st.lists(_texts, max_size=3).map(json.dumps),
    st.just('{"a": 1}'), st.just('["\\ud800"]'), _odd,
)  # fmt: skip


@st.composite
def files(draw: st.DrawFn) -> File:
    """The rows of a legacy file, by table."""
    keys = {
        table: draw(st.lists(_odd_ids, max_size=3, unique_by=lambda key: key)) for table in TABLES
    }

    def reference(table: str) -> object:
        return draw(st.one_of(st.none(), _ids, st.sampled_from([*keys[table], _GONE]), _odd))

    def people() -> object:
        some = st.lists(
            st.one_of(
                st.uuids().map(str),
                st.sampled_from([_dashed(key) for key in keys["persons"]] or ["nobody"]),
            ),
            max_size=3,
        )
        return draw(st.one_of(_lists, some.map(json.dumps)))

    return {
        "persons": [
            {
                "id": key,
                "name": draw(st.none() | _texts | _odd),
                "index": draw(st.integers(1, 3) | st.integers(-(2**40), 2**40) | st.just("x")),
                "voice_embedding": draw(_vectors),
                "cluster_id": draw(st.none() | st.integers(-1, 9) | _odd),
                "created_at": draw(_times),
                "updated_at": draw(_times),
            }
            for key in keys["persons"]
        ],
        "conversations": [
            {
                "id": key,
                "user_ids": people(),
                "topic_summary": draw(st.none() | _texts | _odd),
                "context_summary": draw(st.none() | _texts),
            }
            for key in keys["conversations"]
        ],
        "interactions": [
            {
                "id": key,
                "text": draw(_texts | _odd.filter(lambda value: value is not None)),
                "timestamp": draw(_times),
                "conversation_id": reference("conversations"),
                "voice_embedding": draw(_vectors),
                "speaker_id": reference("persons"),
                "text_embedding": draw(_vectors),
                "entities": draw(_lists),
                "topics": draw(_lists),
                "sentiment": draw(st.none() | st.floats(allow_nan=False) | _odd),
            }
            for key in keys["interactions"]
        ],
        "actions": [
            {
                "id": key,
                "user_id": draw(_ids | _odd.filter(lambda value: value is not None)),
                "person_id": reference("persons"),
                "action_type": draw(_texts | _odd.filter(lambda value: value is not None)),
                "details": draw(st.none() | _texts | _odd),
                "interaction_id": reference("interactions"),
                "conversation_id": reference("conversations"),
                "status": draw(st.sampled_from(["pending", None]) | _odd),
                "scheduled_time": draw(_times),
                "completed_time": draw(_times),
            }
            for key in keys["actions"]
        ],
    }


def write(path: Path, file: File) -> None:
    """Writes a legacy file whose numbers of persons nobody held to be unique."""
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(legacy.DDL)
        connection.execute("DROP INDEX some_name")
        insert(connection, file)
        connection.commit()


def insert(connection: sqlite3.Connection, file: File) -> None:
    """Puts rows into their tables; undecodable texts as texts."""
    for table, rows in file.items():
        for row in rows:
            columns = ", ".join(f'"{name}"' for name in row)
            marks = ", ".join(
                "CAST(? AS TEXT)" if isinstance(value, Text) else "?" for value in row.values()
            )
            connection.execute(
                f"INSERT INTO {table} ({columns}) VALUES ({marks})",  # noqa: S608 - our own names
                [bytes(value) if isinstance(value, Text) else value for value in row.values()],
            )


def read(path: Path) -> dict[str, list[tuple[Value, ...]]]:
    """All rows, exactly as the file has them, in an order of their own."""
    with closing(sqlite3.connect(path)) as connection:
        connection.text_factory = Text
        return {
            table: sorted(_rows(connection, table, [column.name for column in columns]), key=repr)
            for table, columns in TABLES.items()
        }


def _rows(
    connection: sqlite3.Connection, table: str, columns: Sequence[str]
) -> list[tuple[Value, ...]]:
    names = ", ".join(f'"{name}"' for name in columns)
    return connection.execute(f"SELECT {names} FROM {table}").fetchall()  # noqa: S608 - our own


def _dashed(key: object) -> str:
    text = key if isinstance(key, str) else "nobody"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
