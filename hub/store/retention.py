"""Forgetting what is older than its network wants it kept."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import delete, update
from sqlmodel import col, select

from hub.store import events, networks
from hub.store.database import Database
from hub.store.scope import OPERATOR, Scope
from hub.store.settings import NetworkSettings
from hub.store.tables import Action, Election, ElectionCandidate, Interaction
from hub.store.whole import whole
from shared.wire.events import InteractionDeleted

AT_ONCE = 200
"""Interactions that are forgotten in one transaction, so that nobody waits long for it."""


def cutoff(settings: NetworkSettings, now: datetime) -> datetime | None:
    """Before when everything is to be forgotten; None: nothing is."""
    if settings.retention_days is None:
        return None
    return now - timedelta(days=settings.retention_days)


@whole
class Retention:
    """Every network's, as its settings say.

    Args:
        database: open; this does not close it.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def due(self, now: datetime) -> dict[str, datetime]:
        """Before when each network's interactions are to be forgotten, by its UUID."""
        async with self._database.session(OPERATOR) as session:
            found = await networks.every(session)
        before = {network.network_id: cutoff(network.settings, now) for network in found}
        return {network_id: when for network_id, when in before.items() if when is not None}

    async def forget(
        self, network_id: str, before: datetime, now: datetime
    ) -> tuple[InteractionDeleted, ...]:
        """Forgets some of the interactions before a time, and the elections; with their events.

        Those of a legacy system that have no time stay. Fewer than `AT_ONCE` are the last.
        """
        async with self._database.transaction(Scope(network_id)) as session:
            old = await session.exec(
                select(Interaction.id)
                .where(
                    col(Interaction.network_id) == network_id,
                    col(Interaction.timestamp) < before,
                )
                .order_by(col(Interaction.timestamp))
                .limit(AT_ONCE)
            )
            gone = tuple(old)
            for table in (Election, Action):
                await session.exec(
                    update(table)
                    .where(
                        col(table.network_id) == network_id,
                        col(table.interaction_id).in_(gone),
                    )
                    .values(interaction_id=None)
                )
            await session.exec(
                delete(Interaction).where(
                    col(Interaction.network_id) == network_id, col(Interaction.id).in_(gone)
                )
            )
            told = []
            for interaction_id in gone:
                seq = await events.append(
                    session, network_id, "interaction_deleted", interaction_id, now
                )
                told.append(InteractionDeleted(seq=seq, interaction_id=interaction_id))
            if len(gone) < AT_ONCE:
                old_elections = select(Election.id).where(
                    col(Election.network_id) == network_id,
                    col(Election.started_at_us) < round(before.timestamp() * 1e6),
                )
                await session.exec(
                    delete(ElectionCandidate).where(
                        col(ElectionCandidate.network_id) == network_id,
                        col(ElectionCandidate.election_id).in_(old_elections),
                    )
                )
                await session.exec(
                    delete(Election).where(
                        col(Election.network_id) == network_id,
                        col(Election.started_at_us) < round(before.timestamp() * 1e6),
                    )
                )
            return tuple(told)
