"""Rows as the legacy API shows them, whole, and what is counted of its clients."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

import msgspec
from sqlalchemy import and_, func, literal, or_
from sqlmodel import col, select

from hub.store import clients
from hub.store.database import Database
from hub.store.errors import NotFoundError
from hub.store.household_kinds import BEGINNING
from hub.store.keyset import Position
from hub.store.legacy_clients import MARK
from hub.store.scope import Scope
from hub.store.tables import Action, Conversation, Interaction, Person
from hub.store.types import UtcDateTime
from hub.store.whole import whole

R = TypeVar("R", Interaction, Conversation, Person)


@dataclass(frozen=True)
class Calls:
    """Of one client."""

    calls: int
    last_call: datetime
    address: str  # where the last one came from

    def followed_by(self, later: Calls | None) -> Calls:
        """These and those that came after them."""
        if later is None:
            return self
        return Calls(self.calls + later.calls, later.last_call, later.address)


def counted(device_info: Mapping[str, Any]) -> Calls | None:
    """What was counted of a device; None: nothing, or what the device says itself is none."""
    try:
        found = msgspec.convert(device_info.get(MARK), Calls)
    except msgspec.ValidationError:
        return None
    return found if found.address.isprintable() else None


@whole
class LegacyRows:
    """Of every network.

    Args:
        database: open; this does not close it.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def interactions(
        self, network_id: str, limit: int, after: Position | None = None
    ) -> tuple[Interaction, ...]:
        """At most `limit` interactions after a position, the newest first, those without a time
        last."""
        time, key = col(Interaction.timestamp), col(Interaction.id)
        mine = col(Interaction.network_id) == network_id
        found: list[Interaction] = []
        async with self._database.session(Scope(network_id)) as session:
            if after is None or after.time is not None:
                timed = [mine, time.is_not(None)]
                if after is not None:
                    earlier = and_(time == after.time, key < after.row_id)
                    # The first half alone bounds the index.
                    timed += [time <= after.time, or_(time < after.time, earlier)]
                order = time.desc(), key.desc()
                found += await session.exec(
                    select(Interaction).where(*timed).order_by(*order).limit(limit)
                )
                after = None
            if len(found) < limit:
                timeless = [mine, time.is_(None)]
                if after is not None:
                    timeless.append(key < after.row_id)
                found += await session.exec(
                    select(Interaction)
                    .where(*timeless)
                    .order_by(key.desc())
                    .limit(limit - len(found))
                )
        return tuple(found)

    async def said_in(
        self, network_id: str, conversation_id: str, limit: int, after: Position | None = None
    ) -> tuple[Interaction, ...]:
        """The same of one conversation."""
        # For the bare column SQLite would go through all times instead of this conversation.
        beginning = literal(BEGINNING, UtcDateTime)
        time, key = func.coalesce(col(Interaction.timestamp), beginning), col(Interaction.id)
        where = [
            col(Interaction.network_id) == network_id,
            col(Interaction.conversation_id) == conversation_id,
        ]
        if after is not None:
            last = after.time or BEGINNING
            where.append(or_(time < last, and_(time == last, key < after.row_id)))
        async with self._database.session(Scope(network_id)) as session:
            found = await session.exec(
                select(Interaction).where(*where).order_by(time.desc(), key.desc()).limit(limit)
            )
            return tuple(found)

    async def recent_ids(self, network_id: str, limit: int) -> tuple[str, ...]:
        """The ids of the newest interactions, the newest first."""
        async with self._database.session(Scope(network_id)) as session:
            found = await session.exec(
                select(Interaction.id)
                .where(Interaction.network_id == network_id)
                .order_by(
                    col(Interaction.timestamp).desc().nulls_last(), col(Interaction.id).desc()
                )
                .limit(limit)
            )
            return tuple(found)

    async def interaction(self, network_id: str, interaction_id: str) -> Interaction:
        """One; raises NotFoundError."""
        return await self._one(Interaction, network_id, interaction_id, "interaction")

    async def conversations(self, network_id: str) -> tuple[Conversation, ...]:
        """All of them, the newest first: by what was said in them last."""
        # One pass over what was said: asked for each conversation, SQLite reads all each time.
        last_said = (
            select(
                col(Interaction.conversation_id).label("key"),
                func.max(Interaction.timestamp).label("time"),
            )
            .where(
                col(Interaction.network_id) == network_id,
                col(Interaction.conversation_id).is_not(None),
            )
            .group_by(col(Interaction.conversation_id))
            .subquery()
        )
        newest = func.coalesce(last_said.c.time, col(Conversation.last_interaction_at))
        async with self._database.session(Scope(network_id)) as session:
            found = await session.exec(
                select(Conversation)
                .outerjoin(last_said, last_said.c.key == col(Conversation.id))
                .where(Conversation.network_id == network_id)
                .order_by(newest.desc().nulls_last(), col(Conversation.id))
            )
            return tuple(found)

    async def conversation(self, network_id: str, conversation_id: str) -> Conversation:
        """One; raises NotFoundError."""
        return await self._one(Conversation, network_id, conversation_id, "conversation")

    async def persons(self, network_id: str) -> tuple[Person, ...]:
        """All of them, by their numbers."""
        async with self._database.session(Scope(network_id)) as session:
            found = await session.exec(
                select(Person).where(Person.network_id == network_id).order_by(col(Person.index))
            )
            return tuple(found)

    async def person(self, network_id: str, person_id: str) -> Person:
        """One; raises NotFoundError."""
        return await self._one(Person, network_id, person_id, "person")

    async def newest_action(self, network_id: str, interaction_id: str) -> Action | None:
        """What was to be done last because of an interaction; None: nothing."""
        async with self._database.session(Scope(network_id)) as session:
            found = await session.exec(
                select(Action)
                .where(Action.network_id == network_id, Action.interaction_id == interaction_id)
                .order_by(
                    # A legacy system's have no time of their own.
                    col(Action.created_at).desc().nulls_last(),
                    col(Action.completed_at).desc().nulls_last(),
                    col(Action.id),
                )
                .limit(1)
            )
            return found.first()

    async def note_calls(self, network_id: str, calls: Mapping[str, Calls]) -> None:
        """Adds to what is counted of devices, by their public ids; those that are gone are left
        out. Neither is an event, nor does it count as a change."""
        async with self._database.transaction(Scope(network_id)) as session:
            for client_id, new in calls.items():
                try:
                    row = await clients.row_of(session, network_id, client_id, lock=True)
                except NotFoundError:
                    continue
                info = row.device_info or {}
                before, known = counted(info), info.get(MARK)
                own_id = known.get("id") if isinstance(known, dict) else None
                row.device_info = info | {
                    MARK: {
                        **({"id": own_id} if own_id else {}),  # what it called itself
                        "calls": (before.calls if before else 0) + new.calls,
                        "last_call": new.last_call.isoformat(timespec="seconds"),
                        "address": new.address,
                    }
                }
                row.last_seen = new.last_call
                session.add(row)

    async def _one(self, table: type[R], network_id: str, row_id: str, name: str) -> R:
        async with self._database.session(Scope(network_id)) as session:
            found = await session.exec(
                select(table).where(table.network_id == network_id, table.id == row_id)
            )
            row = found.first()
        if row is None:
            raise NotFoundError(f"The network has no such {name}.")
        return row
