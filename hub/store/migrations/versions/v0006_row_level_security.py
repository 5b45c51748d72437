"""PostgreSQL itself shows and takes only rows of the network that the transaction is for.

`mira.network_id` names it; without one there are no rows. Two doors are left: a token may be
looked up by its hash before any network is known, and `mira.operator` opens the list of networks,
which only their own name and settings are in. Of SQLite nothing is asked: it has one user.
"""

from __future__ import annotations

from alembic import op

revision = "0006"
down_revision = "0005"

TENANT_TABLES = (
    "actions",
    "applied_changes",
    "calendar_events",
    "client_sessions",
    "clients",
    "conversations",
    "election_candidates",
    "elections",
    "events",
    "id_map",
    "interactions",
    "migration_runs",
    "pairing_codes",
    "persons",
    "quarantine",
    "reminders",
    "tokens",
    "voice_centroids",
)
TENANT = "nullif(current_setting('mira.network_id', true), '')::uuid"
TOKEN = "nullif(current_setting('mira.token_hash', true), '')"  # noqa: S105 - a setting's name
OPERATOR = "current_setting('mira.operator', true) = 'on'"


def upgrade() -> None:
    """Switches it on, for the tables' owner too."""
    if op.get_bind().dialect.name != "postgresql":
        return
    for table in (*TENANT_TABLES, "networks"):
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
    for table in TENANT_TABLES:
        op.execute(
            f"CREATE POLICY of_network ON {table}"
            f" USING (network_id = {TENANT}) WITH CHECK (network_id = {TENANT})"
        )
    op.execute(f"CREATE POLICY by_hash ON tokens FOR SELECT USING (token_hash = {TOKEN})")
    own = f"id = {TENANT} OR {OPERATOR}"
    op.execute(f"CREATE POLICY of_network ON networks USING ({own}) WITH CHECK ({own})")


def downgrade() -> None:
    """Switches it off."""
    if op.get_bind().dialect.name != "postgresql":
        return
    op.execute("DROP POLICY by_hash ON tokens")
    for table in (*TENANT_TABLES, "networks"):
        op.execute(f"DROP POLICY of_network ON {table}")
        op.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY")
