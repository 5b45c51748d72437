"""The tables as they are now; `migrations` is how they came about.

Table models validate nothing. Every table but `networks` belongs to a tenant: it carries
`network_id` (the UUID `networks.id`), goes when the network goes, and refers to other tenant
tables by `(network_id, id)` only, so that a row cannot point into another network. Those
composite references are checked at commit: deleting a network deletes its rows in any order.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKeyConstraint,
    Index,
    MetaData,
    UniqueConstraint,
)
from sqlmodel import Field, SQLModel

from hub.store.types import JsonDocument, UtcDateTime, UuidText

NAMING = {
    "pk": "pk_%(table_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
}


class Row(SQLModel):
    """Base of all tables."""

    metadata = MetaData(naming_convention=NAMING)


def _of_network() -> ForeignKeyConstraint:
    return ForeignKeyConstraint(["network_id"], ["networks.id"], ondelete="CASCADE")


def _within_network(column: str, target: str) -> ForeignKeyConstraint:
    return ForeignKeyConstraint(
        ["network_id", column],
        [f"{target}.network_id", f"{target}.id"],
        deferrable=True,
        initially="DEFERRED",
    )


def _index(*columns: str) -> Index:
    return Index(None, "network_id", *columns)


class Network(Row, table=True):
    """A household's account; `network_id` is its public id."""

    __tablename__ = "networks"
    __table_args__ = (UniqueConstraint("network_id"),)

    id: str = Field(sa_type=UuidText, primary_key=True)
    network_id: str = Field(max_length=64)
    name: str = Field(max_length=64)
    description: str | None = None
    status: str = Field(max_length=16)  # active, inactive, suspended
    settings: dict[str, Any] = Field(sa_type=JsonDocument)
    # SQLModel keeps the name `metadata` for itself.
    extra: dict[str, Any] = Field(sa_column=Column("metadata", JsonDocument, nullable=False))
    event_seq: int = Field(
        default=0, sa_type=BigInteger, sa_column_kwargs={"server_default": "0"}
    )  # of the newest event
    created_at: datetime = Field(sa_type=UtcDateTime)
    updated_at: datetime = Field(sa_type=UtcDateTime)
    last_activity: datetime | None = Field(default=None, sa_type=UtcDateTime)


class Client(Row, table=True):
    """A device; `client_id` is its public id."""

    __tablename__ = "clients"
    __table_args__ = (
        _of_network(),
        UniqueConstraint("network_id", "id"),
        UniqueConstraint("network_id", "client_id"),
    )

    id: str = Field(sa_type=UuidText, primary_key=True)
    network_id: str = Field(sa_type=UuidText)
    client_id: str = Field(max_length=64)
    name: str = Field(max_length=64)
    device_type: str = Field(max_length=32)
    device_info: dict[str, Any] | None = Field(default=None, sa_type=JsonDocument)
    capabilities: list[str] | None = Field(default=None, sa_type=JsonDocument)
    listening: bool = True  # whether this device may listen
    connection_status: str = Field(default="offline", max_length=16)  # online, offline
    last_seen: datetime | None = Field(default=None, sa_type=UtcDateTime)
    audio_quality_score: float | None = None  # 0 to 100, newest
    location: dict[str, Any] | None = Field(default=None, sa_type=JsonDocument)  # {"room": ...}
    rssi: float | None = None  # dBm
    created_at: datetime = Field(sa_type=UtcDateTime)
    updated_at: datetime = Field(sa_type=UtcDateTime)


class Token(Row, table=True):
    """Who may come in; the token itself is never stored."""

    __tablename__ = "tokens"
    __table_args__ = (
        _of_network(),
        _within_network("client_id", "clients"),
        UniqueConstraint("token_hash"),
        _index("client_id"),
    )

    id: str = Field(sa_type=UuidText, primary_key=True)
    network_id: str = Field(sa_type=UuidText)
    token_hash: str = Field(max_length=64)  # SHA-256, hex
    role: str = Field(max_length=16)  # network, client
    client_id: str | None = Field(default=None, sa_type=UuidText)
    created_at: datetime = Field(sa_type=UtcDateTime)
    expires_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    revoked_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class Person(Row, table=True):
    """Somebody whose voice is known; `index` 1 is the owner."""

    __tablename__ = "persons"
    __table_args__ = (
        _of_network(),
        UniqueConstraint("network_id", "id"),
        UniqueConstraint("network_id", "index"),
    )

    id: str = Field(sa_type=UuidText, primary_key=True)
    network_id: str = Field(sa_type=UuidText)
    name: str | None = None
    index: int
    voice_embedding: list[float] | None = Field(default=None, sa_type=JsonDocument)
    cluster_id: int | None = None
    created_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    updated_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class Conversation(Row, table=True):
    """Interactions that belong together."""

    __tablename__ = "conversations"
    __table_args__ = (_of_network(), UniqueConstraint("network_id", "id"))

    id: str = Field(sa_type=UuidText, primary_key=True)
    network_id: str = Field(sa_type=UuidText)
    user_ids: list[str] | None = Field(default=None, sa_type=JsonDocument)  # persons, dashed
    topic_summary: str | None = None
    context_summary: str | None = None


class Interaction(Row, table=True):
    """Something said; NULL times are those of the legacy system."""

    __tablename__ = "interactions"
    __table_args__ = (
        _of_network(),
        _within_network("conversation_id", "conversations"),
        _within_network("speaker_id", "persons"),
        _within_network("client_id", "clients"),
        UniqueConstraint("network_id", "id"),
        _index("timestamp"),
        _index("conversation_id"),
        _index("speaker_id"),
        _index("client_id"),
    )

    id: str = Field(sa_type=UuidText, primary_key=True)
    network_id: str = Field(sa_type=UuidText)
    text: str
    timestamp: datetime | None = Field(default=None, sa_type=UtcDateTime)  # when speech began
    conversation_id: str | None = Field(default=None, sa_type=UuidText)
    voice_embedding: list[float] | None = Field(default=None, sa_type=JsonDocument)
    speaker_id: str | None = Field(default=None, sa_type=UuidText)
    text_embedding: list[float] | None = Field(default=None, sa_type=JsonDocument)
    entities: list[str] | None = Field(default=None, sa_type=JsonDocument)
    topics: list[str] | None = Field(default=None, sa_type=JsonDocument)
    sentiment: float | None = None
    client_id: str | None = Field(default=None, sa_type=UuidText)  # the elected device
    processing_status: str = Field(
        default="completed", max_length=16, sa_column_kwargs={"server_default": "completed"}
    )  # pending, processing, completed, failed
    processing_metadata: dict[str, Any] | None = Field(default=None, sa_type=JsonDocument)
    audio_quality_score: float | None = None  # 0 to 100
    audio_duration: float | None = None  # s
    created_at: datetime | None = Field(default=None, sa_type=UtcDateTime)  # when stored


class Action(Row, table=True):
    """What was done because of an interaction."""

    __tablename__ = "actions"
    __table_args__ = (
        _of_network(),
        _within_network("interaction_id", "interactions"),
        UniqueConstraint("network_id", "id"),
        _index("interaction_id"),
    )

    id: str = Field(sa_type=UuidText, primary_key=True)
    network_id: str = Field(sa_type=UuidText)
    interaction_id: str | None = Field(default=None, sa_type=UuidText)
    action_type: str
    action_data: dict[str, Any] | None = Field(default=None, sa_type=JsonDocument)
    status: str | None = "pending"
    result: dict[str, Any] | None = Field(default=None, sa_type=JsonDocument)
    error_message: str | None = None
    completed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class Election(Row, table=True):
    """Which device was chosen for one utterance, and why."""

    __tablename__ = "elections"
    __table_args__ = (
        _of_network(),
        _within_network("interaction_id", "interactions"),
        UniqueConstraint("network_id", "id"),
        _index("started_at_us"),
        _index("interaction_id"),
    )

    id: str = Field(sa_type=UuidText, primary_key=True)
    network_id: str = Field(sa_type=UuidText)
    interaction_id: str | None = Field(default=None, sa_type=UuidText)  # null: nothing understood
    started_at_us: int = Field(sa_type=BigInteger)  # the hub's clock
    reason: str
    margin: float | None = None  # score of the winner above the next
    winner_utterance_id: str | None = Field(default=None, sa_type=UuidText)
    provisional_utterance_id: str | None = Field(default=None, sa_type=UuidText)
    decodes: int
    created_at: datetime = Field(sa_type=UtcDateTime)


class ElectionCandidate(Row, table=True):
    """One device's utterance in an election; an utterance is decided once."""

    __tablename__ = "election_candidates"
    __table_args__ = (
        _of_network(),
        _within_network("election_id", "elections"),
        _within_network("client_id", "clients"),
        _index("election_id"),
        _index("client_id"),
    )

    network_id: str = Field(sa_type=UuidText, primary_key=True)
    utterance_id: str = Field(sa_type=UuidText, primary_key=True)
    election_id: str = Field(sa_type=UuidText)
    client_id: str | None = Field(default=None, sa_type=UuidText)
    score: float  # 0 to 100
    features: dict[str, float] = Field(sa_type=JsonDocument)
    envelope: bytes  # a byte per 20 ms step: dB re full scale + 120
    started_at_us: int = Field(sa_type=BigInteger)  # first sample, the hub's clock
    samples: int = Field(sa_type=BigInteger)
    outcome: str = Field(max_length=16)  # elected, runner_up, not_chosen, failed


class LoggedEvent(Row, table=True):
    """The log: what happened, in order and without gaps; it names rows and copies nothing."""

    __tablename__ = "events"
    __table_args__ = (_of_network(), _index("row_id"))

    network_id: str = Field(sa_type=UuidText, primary_key=True)
    seq: int = Field(
        sa_type=BigInteger, primary_key=True, sa_column_kwargs={"autoincrement": False}
    )
    kind: str = Field(max_length=32)  # the wire message's type
    row_id: str = Field(sa_type=UuidText)
    created_at: datetime = Field(sa_type=UtcDateTime)
