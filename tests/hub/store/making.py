"""Makes what tests store."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime

from sqlmodel.ext.asyncio.session import AsyncSession

from hub.store.database import Database
from hub.store.records import (
    CandidateRecord,
    ElectionRecord,
    InteractionRecord,
    NetworkInfo,
    Outcome,
)
from hub.store.store import Store
from shared.ids import new_id

SPOKEN_AT = datetime(2026, 3, 1, 12, 0, 0, 250_000, tzinfo=UTC)


@dataclass
class WoundClock:
    """Stands still until it is wound."""

    now_us: int = 1_700_000_000_000_000

    def __call__(self) -> int:
        return self.now_us


def raw(database: Database) -> AsyncSession:
    """A session without the guard that keeps the hub's own to one network."""
    return AsyncSession(database._engine)


async def furnish(store: Store) -> NetworkInfo:
    """A network with the devices `kitchen` and `hall`."""
    network, _ = await store.create_network("Home")
    for name in ("kitchen", "hall"):
        await store.add_client(network.network_id, name, room=name, client_id=name)
    return network


def candidate(
    utterance_id: str, client_id: str = "kitchen", outcome: Outcome = "elected"
) -> CandidateRecord:
    return CandidateRecord(
        utterance_id=utterance_id,
        client_id=client_id,
        score=62.5 if outcome == "elected" else 40.25,
        features={"snr": 18.5, "envelope_variance": 0.75},
        envelope=bytes(range(90, 120)),
        started_at_us=1_700_000_000_123_456,
        samples=48_000,
        outcome=outcome,
    )


def election(
    network_id: str, *candidates: CandidateRecord, started_at_us: int = 1_700_000_000_123_456
) -> ElectionRecord:
    entries = candidates or (candidate(new_id()),)
    return ElectionRecord(
        election_id=new_id(),
        network_id=network_id,
        started_at_us=started_at_us,
        reason="the best score by 22 points",
        margin=22.25,
        winner_utterance_id=entries[0].utterance_id,
        provisional_utterance_id=None,
        decodes=1,
        candidates=entries,
    )


def interaction(text: str = "turn on the light", client_id: str = "kitchen") -> InteractionRecord:
    return InteractionRecord(
        interaction_id=new_id(),
        client_id=client_id,
        text=text,
        timestamp=SPOKEN_AT,
        processing_metadata={"language": "en", "engine": "moonshine"},
        audio_quality_score=62.5,
        audio_duration_s=3.0,
    )


def again(record: ElectionRecord, *candidates: CandidateRecord) -> ElectionRecord:
    """The same speech, elected anew after a restart."""
    entries = candidates or record.candidates
    return replace(record, election_id=new_id(), candidates=entries)
