"""What was said and why this microphone: reading it in parts, searching it, deleting it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, or_
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from hub.store import conversations, deeds, event_rows, events, interactions, networks
from hub.store.database import Database
from hub.store.details import CandidateDetails, ElectionDetails, InteractionDetails, Page
from hub.store.errors import NoRecordingError, NotFoundError
from hub.store.household_kinds import DEALT_WITH
from hub.store.keyset import Position, cursor_of, position_of
from hub.store.records import Asked
from hub.store.scope import Scope
from hub.store.tables import Action, Client, Election, ElectionCandidate, Interaction, Recording
from hub.store.whole import whole
from shared.clock import Clock
from shared.wire.events import Event


@dataclass(frozen=True)
class Wanted:
    """Which interactions; what is None does not matter."""

    client_id: str | None = None  # public
    speaker_id: str | None = None
    start: datetime | None = None  # not before
    end: datetime | None = None  # before
    text: str | None = None  # a part of the text, in whatever case
    conversation_id: str | None = None


@whole
class Archive:
    """The interactions and elections of every network.

    Args:
        database: open; the archive does not close it.
        clock: the hub's clock, in microseconds since the Unix epoch.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def interactions(
        self, network_id: str, wanted: Wanted, limit: int, cursor: str | None
    ) -> Page[InteractionDetails]:
        """At most `limit` interactions after the cursor, the newest first.

        Those of a legacy system that have no time come last.

        Raises:
            InvalidCursorError: not a cursor that a page gave.
        """
        after = position_of(cursor)
        found: list[InteractionDetails] = []
        async with self._database.session(Scope(network_id)) as session:
            conditions = _conditions(network_id, wanted)
            if after is None or after.time is not None:
                found += await _timed(session, conditions, after, limit + 1)
                after = None
            timeless = wanted.start is None and wanted.end is None
            if len(found) <= limit and timeless:
                more = limit + 1 - len(found)
                found += await _timeless(session, conditions, after, more)
        page = tuple(found[:limit])
        return Page(
            page,
            cursor_of(Position(page[-1].timestamp, page[-1].interaction_id))
            if len(found) > limit
            else None,
        )

    async def interaction(self, network_id: str, interaction_id: str) -> InteractionDetails:
        """One; raises NotFoundError."""
        async with self._database.session(Scope(network_id)) as session:
            found = await _details(
                session, [Interaction.network_id == network_id, Interaction.id == interaction_id]
            )
        if not found:
            raise NotFoundError("The network has no such interaction.")
        return found[0]

    async def delete_interaction(self, network_id: str, interaction_id: str) -> tuple[Event, ...]:
        """Forgets an interaction with its actions; how it was elected stays.

        Returns:
            What devices are to be told.

        Raises:
            NotFoundError: no such interaction.
        """
        async with self._database.transaction(Scope(network_id)) as session:
            gone = await interactions.forget(session, network_id, [interaction_id], self._now())
            if not gone:
                raise NotFoundError("The network has no such interaction.")
        return gone

    async def recording(self, network_id: str, interaction_id: str) -> bytes:
        """What an interaction was recognised from, as FLAC.

        Raises:
            NotFoundError: no such interaction.
            NoRecordingError: its audio was not kept.
        """
        await self.interaction(network_id, interaction_id)
        async with self._database.session(Scope(network_id)) as session:
            found = await session.exec(
                select(Recording.audio).where(
                    Recording.network_id == network_id, Recording.interaction_id == interaction_id
                )
            )
            audio = found.first()
        if audio is None:
            raise NoRecordingError(
                "The interaction's audio was not kept.",
                "The setting keep_audio_hours keeps that of what is said from now on.",
            )
        return audio

    async def recognised_again(
        self, network_id: str, interaction_id: str, text: str, metadata: dict[str, Any]
    ) -> tuple[InteractionDetails, tuple[Event, ...]]:
        """Gives an interaction another text; `metadata` is added to what is known of it.

        Returns:
            The interaction, and what devices are to be told.

        Raises:
            NotFoundError: no such interaction.
        """
        async with self._database.transaction(Scope(network_id)) as session:
            await networks.one(session, network_id, lock=True)
            row = await session.get(Interaction, interaction_id)
            if row is None:
                raise NotFoundError("The network has no such interaction.")
            row.text, row.processing_status = text, "completed"
            known = {k: v for k, v in (row.processing_metadata or {}).items() if k != "error"}
            row.processing_metadata = known | metadata
            session.add(row)
            now = self._now()
            seq = await events.append(
                session, network_id, "interaction_created", interaction_id, now
            )
            # Its first words may be the conversation's title.
            of_it = [row.conversation_id] if row.conversation_id else []
            told = await conversations.refresh(session, network_id, of_it, now)
            (details,) = await _details(
                session, [Interaction.network_id == network_id, Interaction.id == interaction_id]
            )
            created = event_rows.interaction_created(seq, row, details.client_id)
            return details, (created, *told)

    async def carry_out(
        self, network_id: str, interaction_id: str, asked: Asked | None
    ) -> tuple[Event, ...]:
        """Does what an interaction asks for, unless an action of it is on record already, or was.

        Returns:
            What devices are to be told.

        Raises:
            NotFoundError: no such interaction.
        """
        if asked is None:
            return ()
        async with self._database.transaction(Scope(network_id)) as session:
            # Whoever else finds out the same at this moment waits here.
            await networks.one(session, network_id, lock=True)
            found = await session.exec(
                select(Interaction).where(
                    Interaction.network_id == network_id, Interaction.id == interaction_id
                )
            )
            row = found.first()
            if row is None:
                raise NotFoundError("The network has no such interaction.")
            done = await session.exec(
                select(Action.id)
                .where(Action.network_id == network_id, Action.interaction_id == interaction_id)
                .limit(1)
            )
            if done.first() or (row.processing_metadata or {}).get(DEALT_WITH):
                return ()
            return await deeds.carry_out(session, row, asked, self._now())

    async def election(self, network_id: str, election_id: str) -> ElectionDetails:
        """Why this microphone; raises NotFoundError."""
        async with self._database.session(Scope(network_id)) as session:
            row = (
                await session.exec(
                    select(Election).where(
                        Election.network_id == network_id, Election.id == election_id
                    )
                )
            ).first()
            if row is None:
                raise NotFoundError("The network has no such election.")
            heard = await session.exec(
                select(ElectionCandidate, Client.client_id)
                .outerjoin(Client, col(ElectionCandidate.client_id) == col(Client.id))
                .where(
                    ElectionCandidate.network_id == network_id,
                    ElectionCandidate.election_id == election_id,
                )
                .order_by(col(ElectionCandidate.score).desc(), col(ElectionCandidate.utterance_id))
            )
            candidates = tuple(CandidateDetails.of(each, client) for each, client in heard)
        return ElectionDetails.of(row, candidates)

    def _now(self) -> datetime:
        return datetime.fromtimestamp(0, UTC) + timedelta(microseconds=self._clock())


def _conditions(network_id: str, wanted: Wanted) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = [col(Interaction.network_id) == network_id]
    if wanted.client_id is not None:
        conditions.append(col(Client.client_id) == wanted.client_id)
    if wanted.speaker_id is not None:
        conditions.append(col(Interaction.speaker_id) == wanted.speaker_id)
    if wanted.conversation_id is not None:
        conditions.append(col(Interaction.conversation_id) == wanted.conversation_id)
    if wanted.start is not None:
        conditions.append(col(Interaction.timestamp) >= wanted.start)
    if wanted.end is not None:
        conditions.append(col(Interaction.timestamp) < wanted.end)
    if wanted.text:
        conditions.append(col(Interaction.text).icontains(wanted.text, autoescape=True))
    return conditions


async def _timed(
    session: AsyncSession,
    conditions: list[ColumnElement[bool]],
    after: Position | None,
    limit: int,
) -> list[InteractionDetails]:
    time, key = col(Interaction.timestamp), col(Interaction.id)
    where = [*conditions, time.is_not(None)]
    if after is not None:
        earlier = and_(time == after.time, key < after.row_id)
        # The first half alone bounds the index; the second tells rows of one moment apart.
        where += [time <= after.time, or_(time < after.time, earlier)]
    return await _details(session, where, time.desc(), key.desc(), limit=limit)


async def _timeless(
    session: AsyncSession,
    conditions: list[ColumnElement[bool]],
    after: Position | None,
    limit: int,
) -> list[InteractionDetails]:
    key = col(Interaction.id)
    where = [*conditions, col(Interaction.timestamp).is_(None)]
    if after is not None:
        where.append(key < after.row_id)
    return await _details(session, where, key.desc(), limit=limit)


async def _details(
    session: AsyncSession, where: list[Any], *order: Any, limit: int | None = None
) -> list[InteractionDetails]:
    rows = await session.exec(
        select(Interaction, Client.client_id)
        .outerjoin(Client, col(Interaction.client_id) == col(Client.id))
        .where(*where)
        .order_by(*order)
        .limit(limit)
    )
    return [InteractionDetails.of(row, client_id) for row, client_id in rows]
