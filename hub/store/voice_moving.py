"""What one voice learned of what was said, another does: a person says who spoke."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from hub.speakers.assignment import taught
from hub.speakers.book import usable
from hub.speakers.learning import learned, unlearned
from hub.speakers.spaces import Embedding
from hub.speakers.thresholds import THRESHOLDS
from hub.store import voice_rows
from hub.store.tables import Interaction


async def move(
    session: AsyncSession,
    network_id: str,
    interaction_ids: Sequence[str],
    giver_id: str | None,
    taker_id: str | None,
    now: datetime,
) -> list[str]:
    """What one voice learned from some interactions, another does; gives whose voices changed.

    To be called before anything about the interactions is changed. What else a voice was learned
    from stays, be it stored any more or not.
    """
    rows = await session.exec(
        select(Interaction.voice_embedding, Interaction.processing_metadata)
        .where(
            col(Interaction.network_id) == network_id,
            col(Interaction.id).in_(interaction_ids),
            col(Interaction.voice_embedding).is_not(None),
        )
        .order_by(col(Interaction.timestamp), col(Interaction.id))
    )
    told: list[tuple[Embedding, float, str, bool]] = []
    for stored, metadata in rows:
        said = (metadata or {}).get(voice_rows.SPEAKER)
        if not isinstance(said, dict) or not said.get("clear"):
            continue  # noise teaches nobody
        space = str(said.get("space"))
        vector = usable(stored, space) if space in THRESHOLDS else None
        if vector is not None:
            told.append((vector, float(said.get("speech_s", 0)), space, taught(said)))
    if not told:
        return []
    changed = []
    for key, step in ((giver_id, unlearned), (taker_id, learned)):
        if key is None:
            continue
        before = after = await voice_rows.voice_of(session, network_id, key)
        for vector, speech_s, space, was_taught in told:
            if step is learned or was_taught:
                after = step(after, vector, speech_s, space)
        await voice_rows.write(session, network_id, key, before, after, now)
        changed.append(key)
    return changed
