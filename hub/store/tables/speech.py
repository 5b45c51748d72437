"""What was said, by whom, and who heard it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy
from sqlalchemy import BigInteger, UniqueConstraint
from sqlmodel import Field

from hub.store.tables.base import TenantRow, index, of_network, within_network
from hub.store.types import JsonDocument, UtcDateTime, UuidText


class Person(TenantRow, table=True):
    """Somebody whose voice is known; `index` 1 is the owner."""

    __tablename__ = "persons"
    __table_args__ = (
        of_network(),
        UniqueConstraint("network_id", "id"),
        UniqueConstraint("network_id", "index"),
    )

    id: str = Field(sa_type=UuidText, primary_key=True)
    name: str | None = None
    index: int
    voice_embedding: list[float] | None = Field(default=None, sa_type=JsonDocument)
    cluster_id: int | None = None
    # Values of a legacy row that the columns cannot hold, by its column.
    legacy: dict[str, Any] | None = Field(default=None, sa_type=JsonDocument)
    version: int = Field(default=1, sa_column_kwargs={"server_default": "1"})  # counts changes
    created_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    updated_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class VoiceCentroid(TenantRow, table=True):
    """One of the places where a person's voice lies."""

    __tablename__ = "voice_centroids"
    __table_args__ = (of_network(), within_network("person_id", "persons"), index("person_id"))

    id: str = Field(sa_type=UuidText, primary_key=True)
    person_id: str = Field(sa_type=UuidText)
    space: str = Field(max_length=64)  # which encoder made it, and from what
    vector: list[float] = Field(sa_type=JsonDocument)
    weight: float  # how much speech it has learned from, s
    enrolled: bool = Field(
        default=False, sa_column_kwargs={"server_default": sqlalchemy.false()}
    )  # a sentence that was read for it; it never moves
    updated_at: datetime = Field(sa_type=UtcDateTime)


class Conversation(TenantRow, table=True):
    """Interactions that belong together."""

    __tablename__ = "conversations"
    __table_args__ = (
        of_network(),
        UniqueConstraint("network_id", "id"),
        index("last_interaction_at"),
    )

    id: str = Field(sa_type=UuidText, primary_key=True)
    title: str | None = None
    participant_ids: list[str] | None = Field(default=None, sa_type=JsonDocument)  # persons, dashed
    topic_summary: str | None = None
    context_summary: str | None = None
    last_interaction_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    # Values of a legacy row that the columns cannot hold, by its column.
    legacy: dict[str, Any] | None = Field(default=None, sa_type=JsonDocument)
    version: int = Field(default=1, sa_column_kwargs={"server_default": "1"})  # counts changes
    created_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    updated_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class Participant(TenantRow, table=True):
    """Somebody who takes part in a conversation: what the database makes of `participant_ids`.

    Nobody else writes it; it is there to be looked up by person.
    """

    __tablename__ = "participants"
    __table_args__ = (
        of_network(),
        within_network("conversation_id", "conversations"),
        index("conversation_id"),
    )

    network_id: str = Field(sa_type=UuidText, primary_key=True)
    person_id: str = Field(primary_key=True)  # as it stands in the list, whoever that was
    conversation_id: str = Field(sa_type=UuidText, primary_key=True)


class Interaction(TenantRow, table=True):
    """Something said; NULL times are those of the legacy system."""

    __tablename__ = "interactions"
    __table_args__ = (
        of_network(),
        within_network("conversation_id", "conversations"),
        within_network("speaker_id", "persons"),
        within_network("client_id", "clients"),
        UniqueConstraint("network_id", "id"),
        index("timestamp"),
        index("conversation_id", "timestamp"),
        index("speaker_id"),
        index("client_id"),
    )

    id: str = Field(sa_type=UuidText, primary_key=True)
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


class Recording(TenantRow, table=True):
    """The audio of an interaction, as it was recognised: the elected device's, cleaned."""

    __tablename__ = "recordings"
    __table_args__ = (
        of_network(),
        within_network("interaction_id", "interactions"),
        index("created_at"),
    )

    network_id: str = Field(sa_type=UuidText, primary_key=True)
    interaction_id: str = Field(sa_type=UuidText, primary_key=True)
    audio: bytes  # FLAC, 16 kHz, mono
    created_at: datetime = Field(sa_type=UtcDateTime)


class Election(TenantRow, table=True):
    """Which device was chosen for one utterance, and why."""

    __tablename__ = "elections"
    __table_args__ = (
        of_network(),
        within_network("interaction_id", "interactions"),
        UniqueConstraint("network_id", "id"),
        index("started_at_us"),
        index("interaction_id"),
    )

    id: str = Field(sa_type=UuidText, primary_key=True)
    interaction_id: str | None = Field(default=None, sa_type=UuidText)  # null: nothing understood
    started_at_us: int = Field(sa_type=BigInteger)  # the hub's clock
    reason: str
    margin: float | None = None  # score of the winner above the next
    winner_utterance_id: str | None = Field(default=None, sa_type=UuidText)
    provisional_utterance_id: str | None = Field(default=None, sa_type=UuidText)
    decodes: int
    created_at: datetime = Field(sa_type=UtcDateTime)


class ElectionCandidate(TenantRow, table=True):
    """One device's utterance in an election; an utterance is decided once."""

    __tablename__ = "election_candidates"
    __table_args__ = (
        of_network(),
        within_network("election_id", "elections"),
        within_network("client_id", "clients"),
        index("election_id"),
        index("client_id"),
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
