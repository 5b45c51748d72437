"""How a legacy installation came here."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import UniqueConstraint, false
from sqlmodel import Field

from hub.store.tables.base import TenantRow, index, of_network, within_network
from hub.store.types import JsonDocument, UtcDateTime, UuidText


class MigrationRun(TenantRow, table=True):
    """One move of a legacy installation into its network."""

    __tablename__ = "migration_runs"
    __table_args__ = (of_network(), UniqueConstraint("network_id", "id"), index("started_at"))

    id: str = Field(sa_type=UuidText, primary_key=True)
    source: str  # the legacy file
    source_sha256: str | None = Field(default=None, max_length=64)
    status: str = Field(max_length=16)  # running, completed, failed, rolled_back
    counts: dict[str, Any] = Field(sa_type=JsonDocument)  # rows, by table
    report: dict[str, Any] | None = Field(default=None, sa_type=JsonDocument)
    started_at: datetime = Field(sa_type=UtcDateTime)
    finished_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class Quarantine(TenantRow, table=True):
    """A legacy row that could not be moved, as it was."""

    __tablename__ = "quarantine"
    __table_args__ = (
        of_network(),
        within_network("migration_run_id", "migration_runs"),
        index("migration_run_id"),
    )

    id: str = Field(sa_type=UuidText, primary_key=True)
    migration_run_id: str = Field(sa_type=UuidText)
    source_table: str = Field(max_length=64)
    source_row: dict[str, Any] = Field(sa_type=JsonDocument)
    reason: str
    created_at: datetime = Field(sa_type=UtcDateTime)


class IdMap(TenantRow, table=True):
    """Under which id a legacy row goes on: mostly its own; in quarantine it has one of there."""

    __tablename__ = "id_map"
    __table_args__ = (of_network(),)

    network_id: str = Field(sa_type=UuidText, primary_key=True)
    source_table: str = Field(max_length=64, primary_key=True)
    legacy_id: str = Field(max_length=64, primary_key=True)
    row_id: str = Field(sa_type=UuidText)
    checksum: str | None = Field(default=None, max_length=32)  # of the row when it was moved
    quarantined: bool = Field(
        default=False, sa_column_kwargs={"server_default": false()}
    )  # row_id is one of the quarantine's
