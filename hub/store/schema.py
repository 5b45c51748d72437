"""Runs the schema's history. Alembic is loaded only when there is something to run."""

from __future__ import annotations

import logging
from pathlib import Path

from sqlalchemy import Connection

MIGRATIONS = Path(__file__).parent / "migrations"
REVISIONS = (
    "0001",
    "0002",
    "0003",
    "0004",
    "0005",
    "0006",
    "0007",
    "0008",
    "0009",
    "0010",
    "0011",
    "0012",
    "0013",
    "0014",
    "0015",
)
"""All steps, oldest first."""
LEGACY = REVISIONS[0]
"""The legacy system's schema."""
TENANTS = "0003"
"""From here on every reference holds; in the legacy tables before it they may dangle."""
HEAD = REVISIONS[-1]
"""The schema that this program works with."""


def run(connection: Connection, revision: str) -> None:
    """Brings a database (a copy of one!) to a revision, up or down, in one transaction.

    Args:
        connection: in a transaction, which the caller commits; foreign keys are not enforced.
        revision: one of `REVISIONS`.

    Raises:
        DowngradeRefusedError: there is more than one network and the revision has room for one.
    """
    # It would list its own parts at every start, the first of them as it is imported.
    logging.getLogger("alembic").setLevel(logging.WARNING)
    from alembic import command
    from alembic.config import Config
    from alembic.runtime.migration import MigrationContext

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    present = MigrationContext.configure(connection).get_current_revision()
    if present is None or present < revision:
        command.upgrade(config, revision)
    else:
        command.downgrade(config, revision)
