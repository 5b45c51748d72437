"""What was said in a conversation is found by time; reminders know whose they are.

And for when they were told to be due, when, and which device was to announce it. Devices learn of
conversations and of the calendar.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from hub.store.migrations.constraints import TIME, add_within_network
from hub.store.migrations.telling import forget, tell

revision = "0013"
down_revision = "0012"

IN_CONVERSATION = ("network_id", "conversation_id")
NEW_KINDS = (
    "context_updated",
    "conversation_deleted",
    "reminder_due",
    "calendar_changed",
    "calendar_deleted",
)
REFERENCES = (("person_id", "persons"), ("announce_to", "clients"))


def upgrade() -> None:
    """Adds them, and an event for each conversation and appointment that nobody was told of."""
    _index("interactions", (*IN_CONVERSATION, "timestamp"))
    _drop_index("interactions", IN_CONVERSATION)
    with op.batch_alter_table("reminders") as batch:
        batch.add_column(sa.Column("person_id", sa.Uuid))
        batch.add_column(sa.Column("told_due_time", TIME))
        batch.add_column(sa.Column("told_at", TIME))
        batch.add_column(sa.Column("announce_to", sa.Uuid))
        for column, target in REFERENCES:
            add_within_network(batch, "reminders", column, target)
    _index("reminders", ("network_id", "status", "due_time"))
    for column, _ in REFERENCES:
        _index("reminders", ("network_id", column))
    tell("conversations", "context_updated")
    tell("calendar_events", "calendar_changed")


def downgrade() -> None:
    """Takes them away."""
    forget(*NEW_KINDS)
    _index("interactions", IN_CONVERSATION)
    _drop_index("interactions", (*IN_CONVERSATION, "timestamp"))
    _drop_index("reminders", ("network_id", "status", "due_time"))
    for column, _ in REFERENCES:
        _drop_index("reminders", ("network_id", column))
    with op.batch_alter_table("reminders") as batch:
        for column, _ in REFERENCES:
            batch.drop_constraint(f"fk_reminders_network_id_{column}", type_="foreignkey")
        for column in ("person_id", "told_due_time", "told_at", "announce_to"):
            batch.drop_column(column)


def _index(table: str, columns: tuple[str, ...]) -> None:
    op.create_index(f"ix_{table}_{'_'.join(columns)}", table, list(columns))


def _drop_index(table: str, columns: tuple[str, ...]) -> None:
    op.drop_index(f"ix_{table}_{'_'.join(columns)}", table)
