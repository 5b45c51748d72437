"""For whom a transaction is, and the guard that keeps it to that.

Every session carries a scope. The guard stands before every statement and every flush: it adds
the network to whatever is asked of a table, and refuses what it cannot see through. So a query
that forgets its network finds rows of its own network only, and one that has none finds nothing.
On PostgreSQL the scope is also told to the server, whose row-level security says the same.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, Table, event, text
from sqlalchemy.orm import ORMExecuteState, UOWTransaction, with_loader_criteria
from sqlalchemy.orm import Session as OrmSession
from sqlalchemy.orm.attributes import get_history
from sqlalchemy.sql import visitors
from sqlmodel import Session, col

from hub.store.errors import ScopeError
from hub.store.tables import FormerToken, Network, PairingCode, Row, TenantRow, Token

_NETWORKS = "networks"
_TABLES: tuple[type[Row], ...] = (Network, *TenantRow.__subclasses__())
_KINDS = {str(kind.__tablename__): kind for kind in _TABLES}
_BY_HASH = {
    "tokens": col(Token.token_hash),
    "former_tokens": col(FormerToken.token_hash),
    "pairing_codes": col(PairingCode.code_hash),
}


@dataclass(frozen=True)
class Scope:
    """What a transaction may see and change.

    Args:
        network_id: rows of this network (its UUID).
        token_hash: that one token or pairing code, to learn whose it is.
        operator: the list of networks.
    """

    network_id: str | None = None
    token_hash: str | None = None
    operator: bool = False


OPERATOR = Scope(operator=True)
"""The list of networks and nothing in them."""


class ScopedSession(Session):
    """A session whose scope stands in `info["scope"]`; without one, nothing is allowed."""


@event.listens_for(ScopedSession, "after_begin")
def _tell_server(session: OrmSession, _: object, connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        scope = _scope_of(session)
        # For this transaction only: the connection goes back to a pool.
        connection.execute(
            text(
                "SELECT set_config('mira.network_id', :network_id, true),"
                " set_config('mira.token_hash', :token_hash, true),"
                " set_config('mira.operator', :operator, true)"
            ),
            {
                "network_id": scope.network_id or "",
                "token_hash": scope.token_hash or "",
                "operator": "on" if scope.operator else "",
            },
        )


@event.listens_for(ScopedSession, "do_orm_execute")
def _hold_statement(state: ORMExecuteState) -> None:
    scope = _scope_of(state.session)
    if not state.is_orm_statement:
        raise ScopeError("A statement that the guard cannot see through was refused.")
    touched = _tables_of(state)
    for table in touched - {_NETWORKS}:
        by_hash = table in _BY_HASH and scope.token_hash and isinstance(state.statement, Select)
        if scope.network_id is None and not by_hash:
            raise ScopeError(f"{table} was asked for without a network.")
    if _NETWORKS in touched and scope.network_id is None and not scope.operator:
        raise ScopeError("networks was asked for without a network.")
    if state.is_insert:
        _hold_values(scope, state.bind_mapper and state.bind_mapper.class_, _values_of(state))
        return
    for kind in (_KINDS[table] for table in touched):
        if kind is Network:
            if not scope.operator:
                _add(state, Network, col(Network.id) == scope.network_id)
        elif scope.network_id is not None:
            _add(state, kind, col(kind.network_id) == scope.network_id)  # type: ignore[attr-defined]
        else:
            _add(state, kind, _BY_HASH[str(kind.__tablename__)] == scope.token_hash)


def _tables_of(state: ORMExecuteState) -> set[str]:
    """The names of all tables that a statement touches, in subqueries too."""
    statement: Any = state.statement
    named = {part.name for part in visitors.iterate(statement) if isinstance(part, Table)}
    return named | {str(mapper.class_.__tablename__) for mapper in state.all_mappers}


def _add(state: ORMExecuteState, kind: type[Row], criterion: ColumnElement[bool]) -> None:
    option = with_loader_criteria(kind, criterion, include_aliases=True)
    state.statement = state.statement.options(option)


@event.listens_for(ScopedSession, "before_flush")
def _hold_flush(session: OrmSession, _: UOWTransaction, __: object) -> None:
    scope = _scope_of(session)
    for row in [*session.new, *session.dirty, *session.deleted]:
        if isinstance(row, Network) and scope.operator:
            continue
        column = "id" if isinstance(row, Network) else "network_id"
        moved = get_history(row, column).deleted  # a row may not change its network either
        if getattr(row, column) != scope.network_id or moved:
            raise ScopeError(f"A row of {type(row).__name__} is not of the session's network.")


def _scope_of(session: OrmSession) -> Scope:
    scope = session.info.get("scope")
    if not isinstance(scope, Scope):
        raise ScopeError("A session without a scope was used.")
    return scope


def _values_of(state: ORMExecuteState) -> Iterable[Any]:
    given = state.parameters
    if not given:
        raise ScopeError("Rows are inserted with parameters, so that the guard sees them.")
    return given if isinstance(given, list | tuple) else [given]


def _hold_values(scope: Scope, kind: Any, rows: Iterable[Any]) -> None:
    column = "id" if kind is Network else "network_id"
    if kind is Network and scope.operator:
        return
    if any(row.get(column) != scope.network_id for row in rows):
        raise ScopeError("A row of another network was to be inserted.")
