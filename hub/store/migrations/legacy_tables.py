"""The legacy schema, as the first step makes it and the third rebuilds it."""

from __future__ import annotations

import sqlalchemy as sa

from hub.store.migrations.constraints import TIME, primary_key

NAMES = ("persons", "conversations", "interactions", "actions")
"""In an order in which each refers only to those before it."""


def legacy_tables() -> dict[str, sa.Table]:
    """The four tables by name, as the legacy system made them.

    Legacy files may name their constraints and indexes otherwise: rebuilding a table from this
    definition, not from what the file says, brings all of them to the same state.
    """
    metadata = sa.MetaData()
    tables = (
        sa.Table(
            "persons",
            metadata,
            sa.Column("id", sa.Uuid, nullable=False),
            sa.Column("name", sa.String),
            sa.Column("index", sa.Integer, nullable=False),
            sa.Column("voice_embedding", sa.JSON),
            sa.Column("cluster_id", sa.Integer),
            sa.Column("created_at", TIME),
            sa.Column("updated_at", TIME),
            primary_key("persons", "id"),
            sa.Index("ix_persons_index", "index", unique=True),
        ),
        sa.Table(
            "conversations",
            metadata,
            sa.Column("id", sa.Uuid, nullable=False),
            sa.Column("user_ids", sa.JSON),
            sa.Column("topic_summary", sa.String),
            sa.Column("context_summary", sa.String),
            primary_key("conversations", "id"),
        ),
        sa.Table(
            "interactions",
            metadata,
            sa.Column("id", sa.Uuid, nullable=False),
            sa.Column("text", sa.String, nullable=False),
            sa.Column("timestamp", TIME),
            sa.Column("conversation_id", sa.Uuid),
            sa.Column("voice_embedding", sa.JSON),
            sa.Column("speaker_id", sa.Uuid),
            sa.Column("text_embedding", sa.JSON),
            sa.Column("entities", sa.JSON),
            sa.Column("topics", sa.JSON),
            sa.Column("sentiment", sa.Float),
            primary_key("interactions", "id"),
            _reference("interactions", "conversation_id", "conversations"),
            _reference("interactions", "speaker_id", "persons"),
        ),
        sa.Table(
            "actions",
            metadata,
            sa.Column("id", sa.Uuid, nullable=False),
            sa.Column("user_id", sa.Uuid, nullable=False),
            sa.Column("person_id", sa.Uuid),
            sa.Column("action_type", sa.String, nullable=False),
            sa.Column("details", sa.String),
            sa.Column("interaction_id", sa.Uuid),
            sa.Column("conversation_id", sa.Uuid),
            sa.Column("status", sa.String),
            sa.Column("scheduled_time", TIME),
            sa.Column("completed_time", TIME),
            primary_key("actions", "id"),
            _reference("actions", "person_id", "persons"),
            _reference("actions", "interaction_id", "interactions"),
            _reference("actions", "conversation_id", "conversations"),
        ),
    )
    return {table.name: table for table in tables}


def _reference(table: str, column: str, target: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{target}.id"], name=f"fk_{table}_{column}")


def references(table: str) -> list[tuple[str, str]]:
    """Columns of a legacy table that refer to another, each with that table."""
    return [
        (key.parent.name, key.column.table.name)
        for key in sorted(legacy_tables()[table].foreign_keys, key=lambda key: key.parent.name)
    ]
