"""Reminders know in which interaction they were asked for: they are whoever's who said that."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from hub.store.migrations.constraints import add_within_network, check_references

revision = "0015"
down_revision = "0014"

INDEX = "ix_reminders_network_id_said_in"
MADE_BY = (
    "UPDATE reminders SET said_in = actions.interaction_id"
    " FROM actions JOIN interactions ON interactions.id = actions.interaction_id"
    " WHERE actions.network_id = reminders.network_id AND actions.action_type = 'create_reminder'"
    " AND reminders.description IS NULL"  # else it is for another
)
# A legacy system may have left any JSON there.
SQLITE = (
    " AND reminders.id = replace(json_extract(CASE WHEN json_valid(actions.result)"
    " THEN actions.result END, '$.reminder_id'), '-', '')"
    " AND reminders.person_id IS interactions.speaker_id"
)
POSTGRES = (
    " AND CAST(reminders.id AS text) = actions.result ->> 'reminder_id'"
    " AND reminders.person_id IS NOT DISTINCT FROM interactions.speaker_id"
)


def upgrade() -> None:
    """Adds the column, and fills it for reminders that are the speaker's."""
    with op.batch_alter_table("reminders") as batch:
        batch.add_column(sa.Column("said_in", sa.Uuid))
        add_within_network(batch, "reminders", "said_in", "interactions")
    op.create_index(INDEX, "reminders", ["network_id", "said_in"])
    op.execute(MADE_BY + (POSTGRES if op.get_bind().dialect.name == "postgresql" else SQLITE))
    check_references()


def downgrade() -> None:
    """Takes it away."""
    op.drop_index(INDEX, "reminders")
    with op.batch_alter_table("reminders") as batch:
        batch.drop_constraint("fk_reminders_network_id_said_in", type_="foreignkey")
        batch.drop_column("said_in")
