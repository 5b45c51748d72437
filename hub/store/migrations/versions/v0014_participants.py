"""In which conversations a person takes part is looked up, and not searched for.

The list of a conversation's participants stays what is shown and written, also by statements that
no model sees, such as those of a move of legacy data. So the database itself keeps the table in
step with it. Whoever rebuilds `conversations` on SQLite (Alembic's batch mode) has to make the
triggers anew.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from hub.store.migrations.constraints import (
    check_references,
    of_network,
    primary_key,
    within_network,
)

revision = "0014"
down_revision = "0013"

TABLE = "participants"
TENANT = "nullif(current_setting('mira.network_id', true), '')::uuid"
# What a legacy system left may be any JSON, or none.
LISTED_SQLITE = (
    "json_each(CASE WHEN json_valid({row}.participant_ids) THEN {row}.participant_ids"
    " ELSE '[]' END) AS one WHERE one.type = 'text'"
)
LISTED_POSTGRES = (
    "LATERAL (SELECT each.value #>> '{{}}' AS value FROM json_array_elements("
    "CASE WHEN json_typeof({row}.participant_ids) = 'array' THEN {row}.participant_ids"
    " ELSE '[]' END) AS each (value) WHERE json_typeof(each.value) = 'string') AS one"
)
FORGET = (
    f"DELETE FROM {TABLE}"  # noqa: S608 - our own names
    " WHERE network_id = OLD.network_id AND conversation_id = OLD.id"
)


def upgrade() -> None:
    """Makes the table, fills it, and has it kept in step."""
    op.create_table(
        TABLE,
        sa.Column("network_id", sa.Uuid, nullable=False),
        sa.Column("person_id", sa.String, nullable=False),
        sa.Column("conversation_id", sa.Uuid, nullable=False),
        primary_key(TABLE, "network_id", "person_id", "conversation_id"),
        of_network(TABLE),
        within_network(TABLE, "conversation_id", "conversations"),
    )
    op.create_index(
        f"ix_{TABLE}_network_id_conversation_id", TABLE, ["network_id", "conversation_id"]
    )
    postgres = op.get_bind().dialect.name == "postgresql"
    listed = LISTED_POSTGRES if postgres else LISTED_SQLITE
    columns = f"{TABLE} (network_id, person_id, conversation_id)"
    note = (
        f"INSERT INTO {columns} SELECT DISTINCT NEW.network_id, one.value, NEW.id"  # noqa: S608
        f" FROM {listed.format(row='NEW')}"
    )
    if postgres:
        _keep_on_postgres(note)
    else:
        _keep_on_sqlite(note)
    op.execute(
        f"INSERT INTO {columns} SELECT DISTINCT talk.network_id, one.value, talk.id"  # noqa: S608
        f" FROM conversations AS talk, {listed.format(row='talk')}"
    )
    check_references()


def _keep_on_sqlite(note: str) -> None:
    changed = "UPDATE OF participant_ids ON conversations"
    differs = "WHEN OLD.participant_ids IS NOT NEW.participant_ids"
    for name, when, what in (
        ("inserted", "INSERT ON conversations", note),
        ("updated", f"{changed} {differs}", f"{FORGET}; {note}"),
        ("deleted", "DELETE ON conversations", FORGET),
    ):
        op.execute(f"CREATE TRIGGER {TABLE}_{name} AFTER {when} BEGIN {what}; END")


def _keep_on_postgres(note: str) -> None:
    op.execute(f"ALTER TABLE {TABLE} ENABLE ROW LEVEL SECURITY")
    op.execute(f"ALTER TABLE {TABLE} FORCE ROW LEVEL SECURITY")
    op.execute(
        f"CREATE POLICY of_network ON {TABLE}"
        f" USING (network_id = {TENANT}) WITH CHECK (network_id = {TENANT})"
    )
    op.execute(
        f"CREATE FUNCTION keep_{TABLE}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        f" IF TG_OP <> 'INSERT' THEN {FORGET}; END IF;"
        f" IF TG_OP <> 'DELETE' THEN {note}; END IF;"
        " RETURN NULL; END $$"
    )
    op.execute(
        f"CREATE TRIGGER {TABLE}_kept AFTER INSERT OR UPDATE OF participant_ids OR DELETE"
        f" ON conversations FOR EACH ROW EXECUTE FUNCTION keep_{TABLE}()"
    )


def downgrade() -> None:
    """Takes it away."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute(f"DROP TRIGGER {TABLE}_kept ON conversations")
        op.execute(f"DROP FUNCTION keep_{TABLE}()")
    else:
        for name in ("inserted", "updated", "deleted"):
            op.execute(f"DROP TRIGGER {TABLE}_{name}")
    op.drop_table(TABLE)
