"""All that is PostgreSQL's own: roles, how connections are set up, and what its errors mean.

Two roles: the owner makes and changes the tables, and the hub's own, a plain one, works with what
is in them. Row-level security binds the hub's role only if nothing exempts it, so that is checked.
"""

from __future__ import annotations

from sqlalchemy import URL, Connection, Engine, NullPool, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from hub.store import schema
from hub.store.errors import (
    SchemaError,
    StoreBusyError,
    StoreConflictError,
    StoreFullError,
    StoreServerError,
)
from shared.errors import StoreError

DRIVER = "postgresql+psycopg"
CONNECT_TIMEOUT_S = 10
POOL = 5
"""Connections that are kept; as many again are made when they are wanted."""
_ADVISORY_LOCK = 0x4D495241
"""Two hubs that start at once do not change the schema at once."""


def address(url: str) -> URL:
    """The address of a database as SQLAlchemy takes it; raises StoreServerError."""
    try:
        parsed = make_url(url)
    except ArgumentError:
        parsed = None
    if parsed is None or parsed.get_backend_name() not in ("postgresql", "postgres"):
        raise StoreServerError(
            "[store] url (or $DATABASE_URL) is no address of a PostgreSQL database.",
            "Write postgresql://ROLE:PASSWORD@HOST/DATABASE.",
        )
    return parsed.set(drivername=DRIVER)


def engine(url: URL) -> AsyncEngine:
    """The engine that the hub works with."""
    made = create_async_engine(
        url,
        pool_size=POOL,
        max_overflow=POOL,
        hide_parameters=True,  # what was said, and voices: errors are logged
        pool_pre_ping=True,
        connect_args={"connect_timeout": CONNECT_TIMEOUT_S},
    )
    event.listen(made.sync_engine, "begin", _begin)
    return made


def _begin(connection: Connection) -> None:
    if connection.get_execution_options().get("bulk"):
        connection.exec_driver_sql("SET LOCAL synchronous_commit = off")


def prepare(url: URL, owner: URL | None) -> None:
    """Brings the schema up to date and sees that the hub's role is bound by it. Blocks.

    Args:
        url: the hub's own role.
        owner: the role that owns the tables; None leaves the schema as it is.

    Raises:
        SchemaError: the schema is older or newer than this program's.
        StoreServerError: the server cannot be reached, or the role is exempt from row security.
    """
    try:
        if owner is not None:
            _migrate(owner, url.username or "")
        with _plain_engine(url).connect() as connection:
            _check_revision(connection)
            _check_role(connection)
    except DBAPIError as error:
        raise explain(error.orig) from error


def _migrate(owner: URL, role: str) -> None:
    with _plain_engine(owner).begin() as connection:
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ADVISORY_LOCK})
        if _revision(connection) in (None, *schema.REVISIONS[:-1]):
            schema.run(connection, schema.HEAD)
        quoted = connection.dialect.identifier_preparer.quote(role)
        for what in ("TABLES", "SEQUENCES"):
            rights = "SELECT, INSERT, UPDATE, DELETE" if what == "TABLES" else "USAGE"
            connection.execute(text(f"GRANT {rights} ON ALL {what} IN SCHEMA public TO {quoted}"))
        connection.execute(text(f"REVOKE INSERT, UPDATE, DELETE ON alembic_version FROM {quoted}"))


def _plain_engine(url: URL) -> Engine:
    return create_engine(
        url, poolclass=NullPool, connect_args={"connect_timeout": CONNECT_TIMEOUT_S}
    )


def _revision(connection: Connection) -> str | None:
    if connection.scalar(text("SELECT to_regclass('alembic_version')")) is None:
        return None
    revision: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return revision


def _check_revision(connection: Connection) -> None:
    revision = _revision(connection)
    if revision == schema.HEAD:
        return
    if revision is None or revision in schema.REVISIONS:
        raise SchemaError(
            f"The database's schema is {revision or 'not made yet'}, {schema.HEAD} is wanted.",
            "Set [store] owner_url to the role that owns the database, and start the hub again.",
        )
    raise SchemaError(
        f"The database has the schema {revision}, which this program does not know.",
        "It was made by a newer Mira: install that version or a later one.",
        revision=revision,
    )


def _check_role(connection: Connection) -> None:
    exempt = connection.scalar(
        text("SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user")
    )
    if exempt:
        raise StoreServerError(
            "The hub's database role is exempt from row-level security.",
            "Give the hub a plain role (CREATE ROLE mira_hub LOGIN PASSWORD '...'), name it in "
            "[store] url, and the owner in [store] owner_url.",
        )


def explain(error: BaseException | None) -> StoreError:
    """What an error of PostgreSQL's means for whoever runs the hub."""
    state = str(getattr(error, "sqlstate", None) or "")
    said = f"PostgreSQL: {str(error).strip().splitlines()[0] if str(error) else error}"
    if state.startswith("23"):
        return StoreConflictError(f"The row contradicts what is stored. {said}")
    if state in ("53100", "53200"):
        return StoreFullError(f"The server has no room. {said}", "Nothing that was stored is lost.")
    if state in ("40001", "40P01", "55P03"):
        return StoreBusyError(f"The database is busy. {said}", "Try again.")
    if not state or state.startswith(("08", "57", "28", "3D")):
        return StoreServerError(
            f"The database server cannot be used. {said}",
            "Is it running, and are [store] url's host, role, password and database right?",
        )
    return StoreError(f"The database refused. {said}")
