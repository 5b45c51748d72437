"""What is new: tokens, elections, the event log, and where an interaction came from.

An action's legacy columns that the new schema lacks move to `legacy` in its free data, each as
the text that the database kept, and the way back restores them.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from hub.store.migrations.constraints import (
    TIME,
    add_within_network,
    of_network,
    primary_key,
    unique,
    within_network,
)

revision = "0004"
down_revision = "0003"

LEGACY_ACTION_COLUMNS = ("user_id", "person_id", "details", "conversation_id", "scheduled_time")
NOBODY = "0" * 32
"""The user of an action that the legacy system did not make: it asks for one."""

# Without types: a legacy value goes and comes back as the database keeps it.
actions = sa.table(
    "actions",
    sa.column("id"),
    sa.column("action_data", sa.JSON(none_as_null=True)),
    *(sa.column(name) for name in LEGACY_ACTION_COLUMNS),
)


def upgrade() -> None:
    """Makes the new tables and columns."""
    op.add_column(
        "networks", sa.Column("event_seq", sa.BigInteger, nullable=False, server_default="0")
    )
    _make_tokens()
    _widen_interactions()
    _move_actions()
    _make_elections()
    _make_events()


def downgrade() -> None:
    """Takes them away, with what they hold; legacy columns of actions come back."""
    for table in ("events", "election_candidates", "elections"):
        op.drop_table(table)
    _move_actions_back()
    with op.batch_alter_table("interactions") as batch:
        batch.drop_index("ix_interactions_network_id_client_id")
        batch.drop_constraint("fk_interactions_network_id_client_id", type_="foreignkey")
        for column in (
            "client_id",
            "processing_status",
            "audio_quality_score",
            "audio_duration",
            "created_at",
        ):
            batch.drop_column(column)
    op.drop_table("tokens")
    with op.batch_alter_table("networks") as batch:
        batch.drop_column("event_seq")


def _make_tokens() -> None:
    op.create_table(
        "tokens",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("network_id", sa.Uuid, nullable=False),
        sa.Column("token_hash", sa.String(64), nullable=False),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("client_id", sa.Uuid),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("expires_at", TIME),
        sa.Column("revoked_at", TIME),
        primary_key("tokens", "id"),
        of_network("tokens"),
        within_network("tokens", "client_id", "clients"),
        unique("tokens", "token_hash"),
    )
    _index("tokens", "client_id")


def _widen_interactions() -> None:
    with op.batch_alter_table("interactions") as batch:
        batch.add_column(sa.Column("client_id", sa.Uuid))
        batch.add_column(
            sa.Column(
                "processing_status", sa.String(16), nullable=False, server_default="completed"
            )
        )
        batch.add_column(sa.Column("audio_quality_score", sa.Float))
        batch.add_column(sa.Column("audio_duration", sa.Float))
        batch.add_column(sa.Column("created_at", TIME))
        add_within_network(batch, "interactions", "client_id", "clients")
    _index("interactions", "client_id")


def _move_actions() -> None:
    bind = op.get_bind()
    texts = [sa.cast(actions.c[name], sa.Text).label(name) for name in LEGACY_ACTION_COLUMNS]
    for key, free, *values in bind.execute(
        sa.select(actions.c.id, actions.c.action_data, *texts)
    ).all():
        pairs = zip(LEGACY_ACTION_COLUMNS, values, strict=True)
        legacy = {name: value for name, value in pairs if value is not None}
        bind.execute(
            actions.update()
            .where(actions.c.id == key)
            .values(action_data={**(free or {}), "legacy": legacy})
        )
    with op.batch_alter_table("actions") as batch:
        for name in LEGACY_ACTION_COLUMNS:
            batch.drop_column(name)
        batch.alter_column("completed_time", new_column_name="completed_at", existing_type=TIME)
        batch.add_column(sa.Column("result", sa.JSON))
        batch.add_column(sa.Column("error_message", sa.String))


def _move_actions_back() -> None:
    bind = op.get_bind()
    with op.batch_alter_table("actions") as batch:
        batch.drop_column("result")
        batch.drop_column("error_message")
        batch.alter_column("completed_at", new_column_name="completed_time", existing_type=TIME)
        batch.add_column(sa.Column("user_id", sa.Uuid))
        batch.add_column(sa.Column("person_id", sa.Uuid))
        batch.add_column(sa.Column("details", sa.String))
        batch.add_column(sa.Column("conversation_id", sa.Uuid))
        batch.add_column(sa.Column("scheduled_time", TIME))
    for key, free in bind.execute(sa.select(actions.c.id, actions.c.action_data)).all():
        document = free or {}
        legacy = document.pop("legacy", {})
        bind.execute(
            actions.update()
            .where(actions.c.id == key)
            .values({"action_data": document or None, "user_id": NOBODY, **legacy})
        )
    with op.batch_alter_table("actions") as batch:
        batch.alter_column("user_id", existing_type=sa.Uuid(), nullable=False)


def _make_elections() -> None:
    op.create_table(
        "elections",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("network_id", sa.Uuid, nullable=False),
        sa.Column("interaction_id", sa.Uuid),
        sa.Column("started_at_us", sa.BigInteger, nullable=False),
        sa.Column("reason", sa.String, nullable=False),
        sa.Column("margin", sa.Float),
        sa.Column("winner_utterance_id", sa.Uuid),
        sa.Column("provisional_utterance_id", sa.Uuid),
        sa.Column("decodes", sa.Integer, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        primary_key("elections", "id"),
        of_network("elections"),
        within_network("elections", "interaction_id", "interactions"),
        unique("elections", "network_id", "id"),
    )
    _index("elections", "started_at_us")
    _index("elections", "interaction_id")
    op.create_table(
        "election_candidates",
        sa.Column("network_id", sa.Uuid, nullable=False),
        sa.Column("utterance_id", sa.Uuid, nullable=False),
        sa.Column("election_id", sa.Uuid, nullable=False),
        sa.Column("client_id", sa.Uuid),
        sa.Column("score", sa.Float, nullable=False),
        sa.Column("features", sa.JSON, nullable=False),
        sa.Column("envelope", sa.LargeBinary, nullable=False),
        sa.Column("started_at_us", sa.BigInteger, nullable=False),
        sa.Column("samples", sa.BigInteger, nullable=False),
        sa.Column("outcome", sa.String(16), nullable=False),
        primary_key("election_candidates", "network_id", "utterance_id"),
        of_network("election_candidates"),
        within_network("election_candidates", "election_id", "elections"),
        within_network("election_candidates", "client_id", "clients"),
    )
    _index("election_candidates", "election_id")
    _index("election_candidates", "client_id")


def _make_events() -> None:
    op.create_table(
        "events",
        sa.Column("network_id", sa.Uuid, nullable=False),
        sa.Column("seq", sa.BigInteger, nullable=False, autoincrement=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("row_id", sa.Uuid, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        primary_key("events", "network_id", "seq"),
        of_network("events"),
    )
    _index("events", "row_id")


def _index(table: str, column: str) -> None:
    op.create_index(f"ix_{table}_network_id_{column}", table, ["network_id", column])
