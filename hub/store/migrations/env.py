"""Alembic's entry: runs the steps on the connection (or engine) that the caller has put into
the configuration's attributes.
"""

from __future__ import annotations

from alembic import context
from sqlalchemy import Connection, Engine

from hub.store.tables import Row


def run(connection: Connection) -> None:
    """Runs the steps within the connection's transaction: all of them or none."""
    context.configure(connection=connection, target_metadata=Row.metadata)
    context.run_migrations()


caller = context.config.attributes["connection"]
if isinstance(caller, Engine):
    with caller.begin() as own_connection:
        run(own_connection)
else:
    run(caller)
