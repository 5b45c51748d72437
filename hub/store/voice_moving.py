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

    Where somebody says that it was who it was taken for, the voice learns what it did not yet.

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
    confirmed = giver_id == taker_id
    changed = []
    for key, step, lessons in (
        (giver_id, unlearned, [one for one in told if one[3] and not confirmed]),
        (taker_id, learned, [one for one in told if not (one[3] and confirmed)]),
    ):
        if key is None or not lessons:
            continue
        before = after = await voice_rows.voice_of(session, network_id, key)
        for vector, speech_s, space, _ in lessons:
            after = step(after, vector, speech_s, space)
        await voice_rows.write(session, network_id, key, before, after, now)
        changed.append(key)
    return changed
