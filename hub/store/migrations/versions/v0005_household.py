"""What a household keeps and an operator needs: sessions, pairing, voices, calendar, moves.

What two devices may change at once gets a version that counts its changes.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from hub.store.migrations.constraints import (
    TIME,
    of_network,
    primary_key,
    unique,
    within_network,
)

revision = "0005"
down_revision = "0004"

VERSIONED = ("networks", "clients", "persons", "conversations", "actions")
NEW = (
    "id_map",
    "quarantine",
    "migration_runs",
    "applied_changes",
    "reminders",
    "calendar_events",
    "voice_centroids",
    "pairing_codes",
    "client_sessions",
)
"""In an order in which they can be dropped."""


def upgrade() -> None:
    """Makes the new tables and columns."""
    for name in VERSIONED:
        op.add_column(name, _version())
    with op.batch_alter_table("conversations") as batch:
        batch.alter_column("user_ids", new_column_name="participant_ids", existing_type=sa.JSON())
        batch.add_column(sa.Column("title", sa.String))
        batch.add_column(sa.Column("last_interaction_at", TIME))
    for name in ("conversations", "actions"):
        op.add_column(name, sa.Column("created_at", TIME))
        op.add_column(name, sa.Column("updated_at", TIME))
    op.add_column("events", sa.Column("public_id", sa.String(64)))
    _index("conversations", "last_interaction_at")
    _make_sessions()
    _make_voices()
    _make_tasks()
    _make_moves()


def downgrade() -> None:
    """Takes them away, with what they hold."""
    for name in NEW:
        op.drop_table(name)
    op.drop_index("ix_conversations_network_id_last_interaction_at", "conversations")
    for name in ("conversations", "actions"):
        with op.batch_alter_table(name) as batch:
            batch.drop_column("created_at")
            batch.drop_column("updated_at")
    with op.batch_alter_table("conversations") as batch:
        batch.drop_column("title")
        batch.drop_column("last_interaction_at")
        batch.alter_column("participant_ids", new_column_name="user_ids", existing_type=sa.JSON())
    with op.batch_alter_table("events") as batch:
        batch.drop_column("public_id")
    for name in VERSIONED:
        with op.batch_alter_table(name) as batch:
            batch.drop_column("version")


def _make_sessions() -> None:
    op.create_table(
        "client_sessions",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("network_id", sa.Uuid, nullable=False),
        sa.Column("client_id", sa.Uuid, nullable=False),
        sa.Column("software", sa.String),
        sa.Column("connected_at", TIME, nullable=False),
        sa.Column("disconnected_at", TIME),
        sa.Column("acked_seq", sa.BigInteger, nullable=False, server_default="0"),
        primary_key("client_sessions", "id"),
        of_network("client_sessions"),
        within_network("client_sessions", "client_id", "clients"),
    )
    _index("client_sessions", "client_id", "connected_at")
    op.create_table(
        "pairing_codes",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("network_id", sa.Uuid, nullable=False),
        sa.Column("code_hash", sa.String(64), nullable=False),
        sa.Column("attempts_left", sa.Integer, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("expires_at", TIME, nullable=False),
        sa.Column("used_at", TIME),
        primary_key("pairing_codes", "id"),
        of_network("pairing_codes"),
        unique("pairing_codes", "code_hash"),
    )
    _index("pairing_codes", "expires_at")


def _make_voices() -> None:
    op.create_table(
        "voice_centroids",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("network_id", sa.Uuid, nullable=False),
        sa.Column("person_id", sa.Uuid, nullable=False),
        sa.Column("space", sa.String(64), nullable=False),
        sa.Column("vector", sa.JSON, nullable=False),
        sa.Column("weight", sa.Float, nullable=False),
        sa.Column("updated_at", TIME, nullable=False),
        primary_key("voice_centroids", "id"),
        of_network("voice_centroids"),
        within_network("voice_centroids", "person_id", "persons"),
    )
    _index("voice_centroids", "person_id")


def _make_tasks() -> None:
    op.create_table(
        "calendar_events",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("network_id", sa.Uuid, nullable=False),
        sa.Column("title", sa.String, nullable=False),
        sa.Column("description", sa.String),
        sa.Column("start_time", TIME, nullable=False),
        sa.Column("end_time", TIME),
        sa.Column("location", sa.String),
        sa.Column("attendees", sa.JSON),
        sa.Column("reminder_settings", sa.JSON),
        _version(),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("updated_at", TIME, nullable=False),
        primary_key("calendar_events", "id"),
        of_network("calendar_events"),
        unique("calendar_events", "network_id", "id"),
    )
    _index("calendar_events", "start_time")
    op.create_table(
        "reminders",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("network_id", sa.Uuid, nullable=False),
        sa.Column("title", sa.String, nullable=False),
        sa.Column("description", sa.String),
        sa.Column("due_time", TIME, nullable=False),
        sa.Column("priority", sa.String(16), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        _version(),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("updated_at", TIME, nullable=False),
        primary_key("reminders", "id"),
        of_network("reminders"),
        unique("reminders", "network_id", "id"),
    )
    _index("reminders", "due_time")
    op.create_table(
        "applied_changes",
        sa.Column("network_id", sa.Uuid, nullable=False),
        sa.Column("client_id", sa.Uuid, nullable=False),
        sa.Column("client_seq", sa.BigInteger, nullable=False, autoincrement=False),
        sa.Column("refusal", sa.String),
        sa.Column("applied_at", TIME, nullable=False),
        primary_key("applied_changes", "network_id", "client_id", "client_seq"),
        of_network("applied_changes"),
        within_network("applied_changes", "client_id", "clients"),
    )


def _make_moves() -> None:
    op.create_table(
        "migration_runs",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("network_id", sa.Uuid, nullable=False),
        sa.Column("source", sa.String, nullable=False),
        sa.Column("source_sha256", sa.String(64)),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("counts", sa.JSON, nullable=False),
        sa.Column("report", sa.JSON),
        sa.Column("started_at", TIME, nullable=False),
        sa.Column("finished_at", TIME),
        primary_key("migration_runs", "id"),
        of_network("migration_runs"),
        unique("migration_runs", "network_id", "id"),
    )
    _index("migration_runs", "started_at")
    op.create_table(
        "quarantine",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("network_id", sa.Uuid, nullable=False),
        sa.Column("migration_run_id", sa.Uuid, nullable=False),
        sa.Column("source_table", sa.String(64), nullable=False),
        sa.Column("source_row", sa.JSON, nullable=False),
        sa.Column("reason", sa.String, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        primary_key("quarantine", "id"),
        of_network("quarantine"),
        within_network("quarantine", "migration_run_id", "migration_runs"),
    )
    _index("quarantine", "migration_run_id")
    op.create_table(
        "id_map",
        sa.Column("network_id", sa.Uuid, nullable=False),
        sa.Column("source_table", sa.String(64), nullable=False),
        sa.Column("legacy_id", sa.String(64), nullable=False),
        sa.Column("row_id", sa.Uuid, nullable=False),
        primary_key("id_map", "network_id", "source_table", "legacy_id"),
        of_network("id_map"),
    )


def _version() -> sa.Column[int]:
    return sa.Column("version", sa.Integer, nullable=False, server_default="1")


def _index(table: str, *columns: str) -> None:
    name = f"ix_{table}_network_id_{'_'.join(columns)}"
    op.create_index(name, table, ["network_id", *columns])
