"""What the API shows: rows as plain data, devices and networks under their public ids."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar, cast

from hub.store.records import ConnectionStatus, NetworkStatus, ProcessingStatus
from hub.store.settings import NetworkSettings, parse_settings
from hub.store.tables import Client, Election, ElectionCandidate, Interaction, Network

T = TypeVar("T")


@dataclass(frozen=True)
class Page(Generic[T]):
    """A part of a list."""

    items: tuple[T, ...]
    next_cursor: str | None  # gives the next part; null: this was the last


@dataclass(frozen=True)
class NetworkDetails:
    """A network."""

    network_id: str
    name: str
    description: str | None
    status: NetworkStatus
    settings: NetworkSettings
    created_at: datetime
    updated_at: datetime
    last_activity: datetime | None
    version: int  # counts changes

    @classmethod
    def of(cls, row: Network) -> NetworkDetails:
        """From its row."""
        return cls(
            network_id=row.network_id,
            name=row.name,
            description=row.description,
            status=cast("NetworkStatus", row.status),
            settings=parse_settings(row.settings),
            created_at=row.created_at,
            updated_at=row.updated_at,
            last_activity=row.last_activity,
            version=row.version,
        )


@dataclass(frozen=True)
class ClientDetails:
    """A device."""

    client_id: str
    name: str
    device_type: str
    device_info: dict[str, Any]
    capabilities: list[str]
    location: dict[str, Any]
    listening: bool
    connection_status: ConnectionStatus
    last_seen: datetime | None
    audio_quality_score: float | None  # 0 to 100, newest
    created_at: datetime
    updated_at: datetime
    version: int  # counts changes

    @classmethod
    def of(cls, row: Client) -> ClientDetails:
        """From its row."""
        return cls(
            client_id=row.client_id,
            name=row.name,
            device_type=row.device_type,
            device_info=row.device_info or {},
            capabilities=row.capabilities or [],
            location=row.location or {},
            listening=row.listening,
            connection_status=cast("ConnectionStatus", row.connection_status),
            last_seen=row.last_seen,
            audio_quality_score=row.audio_quality_score,
            created_at=row.created_at,
            updated_at=row.updated_at,
            version=row.version,
        )


@dataclass(frozen=True)
class InteractionDetails:
    """Something said."""

    interaction_id: str
    text: str
    timestamp: datetime | None  # when speech began; null only in what a legacy system left
    client_id: str | None  # the elected device
    speaker_id: str | None
    conversation_id: str | None
    entities: list[str]
    topics: list[str]
    sentiment: float | None
    audio_quality_score: float | None  # 0 to 100
    audio_duration_s: float | None
    processing_status: ProcessingStatus
    processing_metadata: dict[str, Any]

    @classmethod
    def of(cls, row: Interaction, client_id: str | None) -> InteractionDetails:
        """From its row; `client_id` is the public id."""
        return cls(
            interaction_id=row.id,
            text=row.text,
            timestamp=row.timestamp,
            client_id=client_id,
            speaker_id=row.speaker_id,
            conversation_id=row.conversation_id,
            entities=row.entities or [],
            topics=row.topics or [],
            sentiment=row.sentiment,
            audio_quality_score=row.audio_quality_score,
            audio_duration_s=row.audio_duration,
            processing_status=cast("ProcessingStatus", row.processing_status),
            processing_metadata=row.processing_metadata or {},
        )


@dataclass(frozen=True)
class CandidateDetails:
    """How one device heard an utterance."""

    client_id: str | None  # null: the device is gone since
    score: float  # 0 to 100
    features: dict[str, float]
    started_at_us: int  # the hub's clock, µs since the Unix epoch
    samples: int  # at 16 kHz
    outcome: str  # elected, runner_up, not_chosen, failed

    @classmethod
    def of(cls, row: ElectionCandidate, client_id: str | None) -> CandidateDetails:
        """From its row; `client_id` is the public id."""
        return cls(client_id, row.score, row.features, row.started_at_us, row.samples, row.outcome)


@dataclass(frozen=True)
class ElectionDetails:
    """Which microphone was chosen, and why."""

    election_id: str
    interaction_id: str | None  # null: nothing was understood, or it was deleted
    started_at_us: int  # the hub's clock, µs since the Unix epoch
    reason: str
    margin: float | None  # score of the chosen one above the next
    decodes: int
    candidates: tuple[CandidateDetails, ...]  # the best first

    @classmethod
    def of(cls, row: Election, candidates: tuple[CandidateDetails, ...]) -> ElectionDetails:
        """From its row."""
        return cls(
            row.id,
            row.interaction_id,
            row.started_at_us,
            row.reason,
            row.margin,
            row.decodes,
            candidates,
        )
