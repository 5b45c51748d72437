"""What goes into the store and comes out of it. Ids are dashed UUIDs unless called public.

`network_id` is always the UUID of the network, as `Access` and `NetworkInfo` give it; devices go
by their public `client_id`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from typing import Any, Literal

from hub.actions.intents import Intent
from hub.speakers.book import Heard
from hub.store.settings import ControlBy, Effect, NetworkSettings
from shared.wire.events import Event

Role = Literal["network", "client", "registration", "feed"]
NetworkStatus = Literal["active", "inactive", "suspended"]
ConnectionStatus = Literal["online", "offline"]
ProcessingStatus = Literal["pending", "processing", "completed", "failed"]
Outcome = Literal["elected", "runner_up", "not_chosen", "failed"]


@dataclass(frozen=True)
class NetworkInfo:
    """A network as it is now."""

    network_id: str
    public_id: str
    name: str
    status: NetworkStatus
    settings: NetworkSettings
    last_seq: int  # seq of its newest event, 0 before the first


@dataclass(frozen=True)
class ClientInfo:
    """A device as it is now."""

    client_id: str  # public
    name: str
    device_type: str
    room: str | None
    listening: bool
    connection_status: ConnectionStatus
    last_seen: datetime | None
    audio_quality_score: float | None  # 0 to 100


@dataclass(frozen=True)
class Access:
    """Whom a token lets in, and where."""

    token_id: str
    role: Role
    network_id: str
    network_public_id: str
    network_status: NetworkStatus
    client_id: str | None  # public; with the role `client`
    client_name: str | None


@dataclass(frozen=True)
class CandidateRecord:
    """How one device heard an utterance."""

    utterance_id: str
    client_id: str | None  # public; null: the device has been removed since
    score: float  # 0 to 100
    features: dict[str, float]
    envelope: bytes  # a byte per 20 ms step: dB re full scale + 120
    started_at_us: int  # first sample, the hub's clock
    samples: int  # at 16 kHz
    outcome: Outcome


@dataclass(frozen=True)
class ElectionRecord:
    """Which device was chosen, and why."""

    election_id: str
    network_id: str
    started_at_us: int  # the hub's clock
    reason: str
    margin: float | None  # score of the winner above the next; null: nobody to compare with
    winner_utterance_id: str | None
    provisional_utterance_id: str | None
    decodes: int  # how many candidates were decoded
    candidates: tuple[CandidateRecord, ...]


@dataclass(frozen=True)
class Asked:
    """What an interaction asks for."""

    intent: Intent
    zone: tzinfo  # in which clocks are read
    extractor: str = "rules"  # who found it out: rules, model


@dataclass(frozen=True)
class Command:
    """A control phrase, and who may say it."""

    effect: Effect
    by: ControlBy


@dataclass(frozen=True)
class InteractionRecord:
    """What was understood, to be stored with its election."""

    interaction_id: str
    client_id: str | None  # public, of the elected device
    text: str
    timestamp: datetime  # when speech began, aware
    processing_status: ProcessingStatus = "completed"
    processing_metadata: dict[str, Any] = field(default_factory=dict)  # language, engine, error...
    audio_quality_score: float | None = None  # 0 to 100
    audio_duration_s: float | None = None
    heard: Heard | None = None  # the voice; None: nobody listened for one
    asked: Asked | None = None  # what it asks for, to be done when it is stored
    command: Command | None = None  # the control phrase that it is


@dataclass(frozen=True)
class InteractionInfo:
    """An interaction as it is now; legacy ones may lack any of the nullable fields."""

    interaction_id: str
    text: str
    timestamp: datetime | None
    client_id: str | None  # public
    speaker_id: str | None
    conversation_id: str | None
    processing_status: ProcessingStatus
    processing_metadata: dict[str, Any]
    audio_quality_score: float | None
    audio_duration_s: float | None


@dataclass(frozen=True)
class ChangeOutcome:
    """What became of something that a person did on a device."""

    events: tuple[Event, ...]  # to be told; none where it was done before, or changes nothing
    refusal: str | None  # the code of the error; None: it is done
    why: str  # for people; empty where it is done
