"""A database with many interactions, filled without the hub and faster than it could."""

from __future__ import annotations

import json
import random
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import Connection, create_engine, event, insert, select, update
from sqlmodel import SQLModel

from hub.store import postgres, schema
from hub.store.database_file import change_schema
from hub.store.keyset import Position, cursor_of
from hub.store.settings import NetworkSettings, settings_document
from hub.store.tables import Client, Interaction, LoggedEvent, Network, Token
from hub.store.tokens import hash_of

CLIENTS = ("kitchen", "hall", "study")
SPAN = timedelta(days=365)
NEWEST = datetime(2026, 11, 1, tzinfo=UTC)
RARE_WORD = "umbrella"
RARE = 1 / 40
"""The share of the texts that have it: fewer than a part of a list, so all of them are read."""
SAID = """
turn on off the light in kitchen hall study please what is weather like today tomorrow morning
remind me to call ann about dinner add milk bread and eggs to shopping list play some music by
next previous volume up down set a timer for ten minutes how long does it take who was at door
when train leave close window open curtains good night
"""
AT_ONCE = 20_000
COLUMNS = (
    "id",
    "network_id",
    "client_id",
    "text",
    "timestamp",
    "processing_status",
    "processing_metadata",
    "audio_quality_score",
    "audio_duration",
    "created_at",
)


@dataclass(frozen=True)
class Household:
    """A network of the database, and where the middle of its list is."""

    key: str
    network_id: str
    token: str
    middle: str  # a cursor


def fill_sqlite(path: Path, rows: int, networks: int, seed: int) -> list[Household]:
    """A new SQLite file of the present schema with `rows` interactions; they come in turn."""
    change_schema(path, schema.HEAD)
    engine = create_engine(f"sqlite:///{path}")

    @event.listens_for(engine, "connect")
    def _hurry(connection: Any, _: object) -> None:
        for pragma in ("journal_mode=OFF", "synchronous=OFF", "cache_size=-1000000"):
            connection.execute(f"PRAGMA {pragma}")

    made = _Made(rows, networks, seed)
    with engine.begin() as connection:
        _add_households(connection, made)
        interactions = made.interactions()
        while part := list(islice(interactions, AT_ONCE)):
            connection.execute(insert(_table(Interaction)), part)
    engine.dispose()
    return made.households()


def fill_postgres(owner_url: str, rows: int, networks: int, seed: int) -> list[Household]:
    """The same in an empty PostgreSQL database of the present schema, as a superuser.

    Its statistics are brought up to date, as autovacuum does after a while.
    """
    url = postgres.address(owner_url)
    engine = create_engine(url)
    made = _Made(rows, networks, seed)
    with engine.begin() as connection:
        _add_households(connection, made)
    engine.dispose()
    plain = url.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(plain, autocommit=True) as raw:
        raw.execute("SET session_replication_role = replica")  # references are not looked up
        statement = f"COPY interactions ({', '.join(COLUMNS)}) FROM STDIN"
        with raw.cursor().copy(statement.encode()) as copy:
            for row in made.interactions():
                row["processing_metadata"] = json.dumps(row["processing_metadata"])
                copy.write_row([row[column] for column in COLUMNS])
        raw.execute("VACUUM ANALYZE")
    return made.households()


class _Made:
    """What there is in a database, the same for the same seed."""

    def __init__(self, rows: int, networks: int, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 - no secrets
        self._rows = rows
        self._words = SAID.split()
        self.networks = [self._id() for _ in range(networks)]
        self.clients = {key: [self._id() for _ in CLIENTS] for key in self.networks}
        self._middles: dict[str, str] = {}

    def households(self) -> list[Household]:
        """All of them; asked for when all interactions were made."""
        return [
            Household(key, _network_id(key), _token(key), self._middles[key])
            for key in self.networks
        ]

    def interactions(self) -> Iterator[dict[str, Any]]:
        """All of them, the oldest first: networks speak in turn, as in life."""
        count, networks = self._rows, len(self.networks)
        for number in range(count):
            key = self.networks[number % networks]
            at = NEWEST - SPAN * ((count - number) / count)
            row_id = self._id()
            words = self._random.choices(self._words, k=self._random.randint(3, 14))
            if self._random.random() < RARE:
                words[0] = RARE_WORD
            if number // networks == count // networks // 2:
                self._middles[key] = cursor_of(Position(at, row_id))
            yield {
                "id": row_id,
                "network_id": key,
                "client_id": self._random.choice(self.clients[key]),
                "text": " ".join(words),
                "timestamp": at,
                "processing_status": "completed",
                "processing_metadata": {
                    "engine": "moonshine-base-en",
                    "language": "en",
                    "election_id": row_id,
                    "confidence": 0.93,
                    "decode_ms": 284.5,
                    "queued_ms": 0.1,
                },
                "audio_quality_score": 62.5,
                "audio_duration": 3.0,
                "created_at": at + timedelta(seconds=4),
            }

    def _id(self) -> str:
        return str(uuid.UUID(int=self._random.getrandbits(128), version=4))


def _add_households(connection: Connection, made: _Made) -> None:
    settings = settings_document(NetworkSettings())
    times = {"created_at": NEWEST, "updated_at": NEWEST}
    _add(
        connection,
        Network,
        [
            {
                "id": key,
                "network_id": _network_id(key),
                "name": "bench",
                "status": "active",
                "settings": settings,
                "metadata": {},
                **times,
            }
            for key in made.networks
        ],
    )
    _add(
        connection,
        Client,
        [
            {
                "id": client,
                "network_id": key,
                "client_id": name,
                "name": name,
                "device_type": "microphone",
                "listening": True,
                "connection_status": "offline",
                **times,
            }
            for key, clients in made.clients.items()
            for name, client in zip(CLIENTS, clients, strict=True)
        ],
    )
    _add(
        connection,
        Token,
        [
            {
                "id": str(uuid.uuid4()),
                "network_id": key,
                "token_hash": hash_of(_token(key)),
                "role": "network",
                "created_at": NEWEST,
            }
            for key in made.networks
        ],
    )


def _add(connection: Connection, kind: type[SQLModel], rows: list[dict[str, Any]]) -> None:
    connection.execute(insert(_table(kind)), rows)


def _table(kind: type[SQLModel]) -> Any:
    return kind.__table__  # type: ignore[attr-defined]


def _network_id(key: str) -> str:
    return f"net_{key.replace('-', '')}"


def _token(key: str) -> str:
    return f"mira_net_{key}"


def add_log(path: Path, count: int, text: str = "la " * 333) -> None:
    """Has the only network of an SQLite file log `count` interactions, by default of 1 kB each."""
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        (key,) = connection.scalars(select(_table(Network).c.id))
        begin = connection.scalar(select(_table(Network).c.event_seq)) or 0
        ids = [str(uuid.uuid4()) for _ in range(count)]
        said = {"network_id": key, "text": text, "timestamp": NEWEST}
        said |= {"processing_status": "completed", "created_at": NEWEST}
        connection.execute(insert(_table(Interaction)), [said | {"id": one} for one in ids])
        logged = {"network_id": key, "kind": "interaction_created", "created_at": NEWEST}
        connection.execute(
            insert(_table(LoggedEvent)),
            [logged | {"seq": seq, "row_id": one} for seq, one in enumerate(ids, begin + 1)],
        )
        connection.execute(update(_table(Network)).values(event_seq=begin + count))
    engine.dispose()
