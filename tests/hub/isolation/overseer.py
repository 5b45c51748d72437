"""Sees a whole database, past guard and row-level security: what is whose, and what holds."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Engine, NullPool, Table, and_, create_engine, exists, func, select, text

from hub.store.tables import LoggedEvent, Network, Row

_NETWORKS: Table = Network.__table__  # type: ignore[attr-defined]
_EVENTS: Table = LoggedEvent.__table__  # type: ignore[attr-defined]
_TABLES = Row.metadata.sorted_tables


@dataclass(frozen=True)
class Place:
    """Where a database is."""

    hub: Path | str  # as the hub opens it
    owner: URL | str  # as one to whom it hides nothing


class Overseer:
    """Looks at a database that others work with."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @classmethod
    @contextmanager
    def of(cls, place: Place) -> Iterator[Overseer]:
        """That of a database, for as long as the context lasts."""
        engine = create_engine(place.owner, poolclass=NullPool)
        try:
            yield cls(engine)
        finally:
            engine.dispose()

    def rows_of(
        self, network_id: str, leave_out: Collection[str] = ()
    ) -> dict[str, list[dict[str, Any]]]:
        """All that is stored of a network (by its UUID), by table, without some columns."""
        found = {}
        with self._engine.connect() as connection:
            for table in _TABLES:
                owner = table.c.id if table is _NETWORKS else table.c.network_id
                rows = connection.execute(
                    select(*(column for column in table.c if column.name not in leave_out))
                    .where(owner == network_id)
                    .order_by(*table.primary_key.columns)
                )
                if some := [dict(row) for row in rows.mappings()]:
                    found[table.name] = some
        return found

    def faults(self) -> list[str]:
        """What does not hold: references that lead nowhere, rows of no network, gaps in a log."""
        return [*self._dangling(), *self._homeless(), *self._gaps()]

    def _dangling(self) -> Iterator[str]:
        with self._engine.connect() as connection:
            if connection.dialect.name == "sqlite":
                for row in connection.execute(text("PRAGMA foreign_key_check")):
                    yield f"{row[0]} row {row[1]} refers to no row of {row[2]}"
            for table in _TABLES:
                for reference in table.foreign_key_constraints:
                    target = reference.referred_table.alias()
                    pairs = [(fk.parent, target.c[fk.column.name]) for fk in reference.elements]
                    count = connection.scalar(
                        select(func.count())
                        .select_from(table)
                        .where(
                            *(column.is_not(None) for column, _ in pairs),
                            ~exists().where(and_(*(column == there for column, there in pairs))),
                        )
                    )
                    if count:
                        yield f"{count} rows of {table.name} refer to no row by {reference.name}"

    def _homeless(self) -> Iterator[str]:
        with self._engine.connect() as connection:
            networks = select(_NETWORKS.c.id)
            for table in _TABLES:
                if table is _NETWORKS or table.name == "former_tokens":
                    continue
                count = connection.scalar(
                    select(func.count())
                    .select_from(table)
                    .where(table.c.network_id.not_in(networks))
                )
                if count:
                    yield f"{count} rows of {table.name} are of no network"

    def _gaps(self) -> Iterator[str]:
        seq = _EVENTS.c.seq
        logs = (
            select(
                _EVENTS.c.network_id,
                func.min(seq).label("first"),
                func.max(seq).label("last"),
                func.count().label("count"),
            )
            .group_by(_EVENTS.c.network_id)
            .subquery()
        )
        with self._engine.connect() as connection:
            for network, counted, first, last, count in connection.execute(
                select(
                    _NETWORKS.c.id,
                    _NETWORKS.c.event_seq,
                    func.coalesce(logs.c.first, 1),
                    func.coalesce(logs.c.last, 0),
                    func.coalesce(logs.c.count, 0),
                ).outerjoin(logs, logs.c.network_id == _NETWORKS.c.id)
            ):
                if not (first == 1 and last == count == counted):
                    yield (
                        f"{count} events of {network} run from {first} to {last}, not to {counted}"
                    )

    def dump(self) -> bytes:
        """Every row of every table as the server writes it out (PostgreSQL)."""
        raw = self._engine.raw_connection()
        try:
            cursor: Any = raw.cursor()
            cursor.execute(
                "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables"
                " WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
            )
            whole = b""
            for (name,) in cursor.fetchall():
                with cursor.copy(f"COPY {name} TO STDOUT") as copy:  # the server's own names
                    whole += b"".join(bytes(part) for part in copy)
            return whole
        finally:
            raw.close()
