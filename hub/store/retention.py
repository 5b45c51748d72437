"""Forgetting what is older than its network wants it kept."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import delete, or_
from sqlmodel import col, select

from hub.store import interactions, networks
from hub.store.database import Database
from hub.store.scope import OPERATOR, Scope
from hub.store.settings import NetworkSettings
from hub.store.tables import Election, ElectionCandidate, Interaction, Recording
from hub.store.whole import whole
from shared.wire.events import Event

AT_ONCE = 200
"""Interactions that are forgotten in one transaction, so that nobody waits long for it."""


UNRECOGNISED_KEPT = timedelta(days=1)
"""The recording of what the recogniser failed on is kept for at least so long."""


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
    ) -> tuple[int, tuple[Event, ...]]:
        """Forgets some of the interactions before a time, and the elections.

        Those of a legacy system that have no time stay.

        Returns:
            How many interactions are gone, fewer than `AT_ONCE` being the last, and what devices
            are to be told.
        """
        async with self._database.transaction(Scope(network_id)) as session:
            found = await session.exec(
                select(Interaction.id)
                .where(
                    col(Interaction.network_id) == network_id,
                    col(Interaction.timestamp) < before,
                )
                .order_by(col(Interaction.timestamp))
                .limit(AT_ONCE)
            )
            old = tuple(found)
            told = await interactions.forget(session, network_id, old, now)
            if len(old) < AT_ONCE:
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
            return len(old), told

    async def forget_recordings(self, now: datetime) -> None:
        """Forgets every network's recordings that are older than it wants them kept."""
        async with self._database.session(OPERATOR) as session:
            found = await networks.every(session)
        for network in found:
            kept = timedelta(hours=network.settings.keep_audio_hours)
            made, network_id = col(Recording.created_at), network.network_id
            failed = select(Interaction.id).where(
                Interaction.network_id == network_id, Interaction.processing_status == "failed"
            )
            async with self._database.transaction(Scope(network_id)) as session:
                await session.exec(
                    delete(Recording).where(
                        col(Recording.network_id) == network_id,
                        made < now - kept,
                        or_(
                            made < now - UNRECOGNISED_KEPT,
                            col(Recording.interaction_id).not_in(failed),
                        ),
                    )
                )
