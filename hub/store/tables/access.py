"""Networks, their devices, and what lets somebody in."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Column, UniqueConstraint
from sqlmodel import Field

from hub.store.tables.base import Row, TenantRow, index, of_network, within_network
from hub.store.types import JsonDocument, UtcDateTime, UuidText


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
    event_floor: int = Field(
        default=0, sa_type=BigInteger, sa_column_kwargs={"server_default": "0"}
    )  # the log was cut off up to here
    version: int = Field(default=1, sa_column_kwargs={"server_default": "1"})  # counts changes
    created_at: datetime = Field(sa_type=UtcDateTime)
    updated_at: datetime = Field(sa_type=UtcDateTime)
    last_activity: datetime | None = Field(default=None, sa_type=UtcDateTime)


class Client(TenantRow, table=True):
    """A device; `client_id` is its public id."""

    __tablename__ = "clients"
    __table_args__ = (
        of_network(),
        UniqueConstraint("network_id", "id"),
        UniqueConstraint("network_id", "client_id"),
    )

    id: str = Field(sa_type=UuidText, primary_key=True)
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
    version: int = Field(default=1, sa_column_kwargs={"server_default": "1"})  # counts changes
    created_at: datetime = Field(sa_type=UtcDateTime)
    updated_at: datetime = Field(sa_type=UtcDateTime)


class ClientSession(TenantRow, table=True):
    """One connection of a device, from its greeting to its end."""

    __tablename__ = "client_sessions"
    __table_args__ = (
        of_network(),
        within_network("client_id", "clients"),
        index("client_id", "connected_at"),
    )

    id: str = Field(sa_type=UuidText, primary_key=True)
    client_id: str = Field(sa_type=UuidText)
    software: str | None = None  # program and version, as the device says
    connected_at: datetime = Field(sa_type=UtcDateTime)
    disconnected_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    acked_seq: int = Field(
        default=0, sa_type=BigInteger, sa_column_kwargs={"server_default": "0"}
    )  # events up to here are in the device's replica


class Token(TenantRow, table=True):
    """Who may come in; the token itself is never stored."""

    __tablename__ = "tokens"
    __table_args__ = (
        of_network(),
        within_network("client_id", "clients"),
        UniqueConstraint("token_hash"),
        index("client_id"),
    )

    id: str = Field(sa_type=UuidText, primary_key=True)
    token_hash: str = Field(max_length=64)  # SHA-256, hex
    role: str = Field(max_length=16)  # network, client, registration, feed
    client_id: str | None = Field(default=None, sa_type=UuidText)
    created_at: datetime = Field(sa_type=UtcDateTime)
    expires_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    revoked_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class FormerToken(TenantRow, table=True):
    """The token of a device that was removed, alone or with its network; it outlives both."""

    __tablename__ = "former_tokens"
    __table_args__ = (UniqueConstraint("token_hash"),)

    network_id: str = Field(sa_type=UuidText, primary_key=True)
    token_hash: str = Field(primary_key=True, max_length=64)  # SHA-256, hex
    ended_at: datetime = Field(sa_type=UtcDateTime)


class PairingCode(TenantRow, table=True):
    """Lets one device register; the code itself is never stored (see `shared.pairing`)."""

    __tablename__ = "pairing_codes"
    __table_args__ = (of_network(), UniqueConstraint("code_hash"), index("expires_at"))

    id: str = Field(sa_type=UuidText, primary_key=True)
    code_hash: str = Field(max_length=64)  # SHA-256 of the code's public part, hex
    proof_key: str = Field(max_length=64)  # made of its secret part, hex
    attempts_left: int
    created_at: datetime = Field(sa_type=UtcDateTime)
    expires_at: datetime = Field(sa_type=UtcDateTime)
    used_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
