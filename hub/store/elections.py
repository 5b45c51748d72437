"""Records of elections: who heard what how well, who was chosen and why."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import cast

from sqlalchemy import and_, insert
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from hub.store.records import CandidateRecord, ElectionRecord, Outcome
from hub.store.tables import Client, Election, ElectionCandidate


async def decided(
    session: AsyncSession, network_id: str, utterance_ids: Collection[str]
) -> dict[str, str]:
    """Those utterances that an election has dealt with, each with that election."""
    rows = await session.exec(
        select(ElectionCandidate.utterance_id, ElectionCandidate.election_id).where(
            ElectionCandidate.network_id == network_id,
            col(ElectionCandidate.utterance_id).in_(utterance_ids),
        )
    )
    return dict(rows.all())


async def record(
    session: AsyncSession,
    election: ElectionRecord,
    interaction_id: str | None,
    devices: Mapping[str, str],
    now: datetime,
) -> Election | None:
    """Stores an election unless one of its utterances was decided before.

    An utterance is decided once. When one comes again, what else is taken for the same speech now
    joins the election of then, as not chosen: its audio is not wanted any more either.

    Args:
        devices: row ids of the candidates' devices by public id, as `clients.keys` gives them.

    Returns:
        The election of then; None when this one was stored.
    """
    before = await decided(
        session, election.network_id, [entry.utterance_id for entry in election.candidates]
    )
    if before:
        known = before.get(election.winner_utterance_id or "") or min(before.values())
        late = [
            replace(entry, outcome="not_chosen")
            for entry in election.candidates
            if entry.utterance_id not in before
        ]
        await _add(session, election.network_id, known, late, devices)
        return await session.get(Election, known)
    await session.exec(
        insert(Election),
        params={
            "id": election.election_id,
            "network_id": election.network_id,
            "interaction_id": interaction_id,
            "started_at_us": election.started_at_us,
            "reason": election.reason,
            "margin": election.margin,
            "winner_utterance_id": election.winner_utterance_id,
            "provisional_utterance_id": election.provisional_utterance_id,
            "decodes": election.decodes,
            "created_at": now,
        },
    )
    await _add(session, election.network_id, election.election_id, election.candidates, devices)
    return None


def device_ids(election: ElectionRecord) -> set[str]:
    """The public ids of the devices that took part."""
    return {entry.client_id for entry in election.candidates if entry.client_id is not None}


async def since(
    session: AsyncSession, network_id: str, started_at_us: int, until_us: int | None = None
) -> tuple[ElectionRecord, ...]:
    """The elections since a time of the hub's clock (and until another), oldest first.

    Each with its candidates, the best first.
    """
    recent = col(Election.started_at_us) >= started_at_us
    if until_us is not None:
        recent = and_(recent, col(Election.started_at_us) <= until_us)
    heard: dict[str, list[CandidateRecord]] = {}
    rows = await session.exec(
        select(ElectionCandidate, Client.client_id)
        .join(Election, col(ElectionCandidate.election_id) == col(Election.id))
        .outerjoin(Client, col(ElectionCandidate.client_id) == col(Client.id))
        .where(Election.network_id == network_id, recent)
        .order_by(col(ElectionCandidate.score).desc(), col(ElectionCandidate.utterance_id))
    )
    for row, client_id in rows:
        heard.setdefault(row.election_id, []).append(_candidate(row, client_id))
    elections = await session.exec(
        select(Election)
        .where(Election.network_id == network_id, recent)
        .order_by(col(Election.started_at_us), col(Election.id))
    )
    return tuple(
        ElectionRecord(
            election_id=row.id,
            network_id=row.network_id,
            started_at_us=row.started_at_us,
            reason=row.reason,
            margin=row.margin,
            winner_utterance_id=row.winner_utterance_id,
            provisional_utterance_id=row.provisional_utterance_id,
            decodes=row.decodes,
            candidates=tuple(heard.get(row.id, ())),
        )
        for row in elections
    )


async def _add(
    session: AsyncSession,
    network_id: str,
    election_id: str,
    candidates: Sequence[CandidateRecord],
    devices: Mapping[str, str],
) -> None:
    if not candidates:
        return
    await session.exec(
        insert(ElectionCandidate),
        params=[
            {
                "network_id": network_id,
                "utterance_id": entry.utterance_id,
                "election_id": election_id,
                # A device that was removed while it spoke leaves what it heard.
                "client_id": devices.get(entry.client_id or ""),
                "score": entry.score,
                "features": entry.features,
                "envelope": entry.envelope,
                "started_at_us": entry.started_at_us,
                "samples": entry.samples,
                "outcome": entry.outcome,
            }
            for entry in candidates
        ],
    )


def _candidate(row: ElectionCandidate, client_id: str | None) -> CandidateRecord:
    return CandidateRecord(
        utterance_id=row.utterance_id,
        client_id=client_id,
        score=row.score,
        features=row.features,
        envelope=row.envelope,
        started_at_us=row.started_at_us,
        samples=row.samples,
        outcome=cast("Outcome", row.outcome),
    )
