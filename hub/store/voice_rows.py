"""Voices as rows: read, written and deleted in the caller's transaction."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any

import sqlalchemy
from sqlalchemy import delete, insert, update
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from hub.speakers.book import Centroid, Voice, usable
from hub.speakers.spaces import Embedding
from hub.store import events
from hub.store.errors import NotFoundError
from hub.store.tables import IdMap, Interaction, Person, Quarantine, VoiceCentroid
from shared.wire.events import Event

DECIMALS = 6
"""Of a stored number: more would be noise, and half of the row."""
BY_HAND = "by_hand"
"""The outcome where a person said who spoke."""
NOTHING = Voice()
SPEAKER = "speaker"
"""Under which an interaction's metadata tells how its speaker was decided."""

_CENTROID_FIELDS: list[Any] = [
    getattr(VoiceCentroid, name)
    for name in ("id", "person_id", "space", "vector", "weight", "enrolled")
]


def stored_vector(vector: Embedding) -> list[float]:
    """A vector as it is kept."""
    return [round(float(x), DECIMALS) for x in vector]


async def voices(
    session: AsyncSession, network_id: str, person_ids: Collection[str] | None = None
) -> dict[str, Voice]:
    """The voices of some of a network's people (None: all) that have one, by person, with what is
    known of them in each space.

    The oldest centroid comes first, of each person.
    """
    chosen: list[Any] = [col(Person.network_id) == network_id]
    theirs: list[Any] = [col(VoiceCentroid.network_id) == network_id]
    if person_ids is not None:
        chosen.append(col(Person.id).in_(person_ids))
        theirs.append(col(VoiceCentroid.person_id).in_(person_ids))
    legacy = await session.exec(
        select(Person.id, Person.voice_embedding).where(
            *chosen, col(Person.voice_embedding).is_not(None)
        )
    )
    found = {
        person_id: Voice((), vector) for person_id, v in legacy if (vector := usable(v)) is not None
    }
    centroids = await session.exec(
        sqlalchemy.select(*_CENTROID_FIELDS)  # type: ignore[call-overload]
        .where(*theirs)
        .order_by(col(VoiceCentroid.updated_at), col(VoiceCentroid.id))
    )
    for key, person_id, space, stored, weight, enrolled in centroids:
        vector = usable(stored, space)
        if vector is not None:
            before = found.get(person_id, Voice())
            centroid = Centroid(vector, weight, enrolled, key, space)
            found[person_id] = Voice((*before.centroids, centroid), before.legacy)
    return found


async def voice_of(session: AsyncSession, network_id: str, person_id: str) -> Voice:
    """What is known of one person's voice, which may be nothing."""
    return (await voices(session, network_id, [person_id])).get(person_id, Voice())


async def write(
    session: AsyncSession,
    network_id: str,
    person_id: str,
    before: Voice,
    voice: Voice,
    now: datetime,
) -> None:
    """Stores a person's centroids, of which those of `before` are there already."""
    known = {centroid.key: centroid for centroid in before.centroids}
    kept = {centroid.key for centroid in voice.centroids}
    if gone := [key for key in known if key is not None and key not in kept]:
        await session.exec(
            delete(VoiceCentroid).where(
                col(VoiceCentroid.network_id) == network_id, col(VoiceCentroid.id).in_(gone)
            )
        )
    for centroid in voice.centroids:
        values = {
            "vector": stored_vector(centroid.vector),
            "weight": round(centroid.weight_s, 3),
            "updated_at": now,
        }
        if centroid.key is None:
            row = {
                "id": str(uuid.uuid4()),
                "network_id": network_id,
                "person_id": person_id,
                "space": centroid.space,
                "enrolled": centroid.enrolled,
                **values,
            }
            await session.exec(insert(VoiceCentroid), params=row)
        elif known.get(centroid.key) is not centroid:
            await session.exec(
                update(VoiceCentroid)
                .where(
                    col(VoiceCentroid.network_id) == network_id,
                    col(VoiceCentroid.id) == centroid.key,
                )
                .values(**values)
            )


async def person(
    session: AsyncSession, network_id: str, person_id: str, *, lock: bool = True
) -> Person:
    """Somebody, locked until the transaction ends; raises NotFoundError."""
    statement = select(Person).where(
        col(Person.network_id) == network_id, col(Person.id) == person_id
    )
    found = await session.exec(statement.with_for_update() if lock else statement)
    row = found.first()
    if row is None:
        raise NotFoundError("The network has no such person.")
    return row


async def forget(session: AsyncSession, network_id: str, person_ids: Collection[str]) -> None:
    """Deletes people's voices from everywhere: centroids, vectors, those of what they said."""
    for chosen, said in _parts(person_ids):
        await session.exec(
            delete(VoiceCentroid).where(
                col(VoiceCentroid.network_id) == network_id,
                col(VoiceCentroid.person_id).in_(chosen),
            )
        )
        await _forget_legacy(session, network_id, col(Person.id).in_(chosen))
        await forget_spoken(session, network_id, said)
    await forget_kept(session, network_id, person_ids)


async def _forget_legacy(session: AsyncSession, network_id: str, which: Any) -> None:
    """Deletes what a legacy system knew of people's voices."""
    mine = col(Person.network_id) == network_id
    left = sqlalchemy.cast(col(Person.legacy), sqlalchemy.String).contains('"voice_embedding"')
    for person in await session.exec(select(Person).where(mine, which, left)):
        kept = {k: v for k, v in (person.legacy or {}).items() if k != "voice_embedding"}
        person.legacy = kept or None
    await session.flush()
    await session.exec(
        update(Person)
        .where(mine, which, col(Person.voice_embedding).is_not(None))
        .values(voice_embedding=None)
    )


async def forget_kept(
    session: AsyncSession, network_id: str, person_ids: Collection[str] | None
) -> None:
    """Deletes vectors in legacy rows that are kept verbatim: people's, or everybody's."""
    mine = col(Quarantine.network_id) == network_id
    kept = list(await session.exec(select(Quarantine).where(mine)))
    if not kept:
        return
    keys: set[Any] = set()
    for chosen, _ in _parts(person_ids or ()):
        keys |= {key for person_id in chosen for key in (person_id, uuid.UUID(person_id).hex)}
        keys |= set(
            await session.exec(
                select(IdMap.legacy_id).where(
                    col(IdMap.network_id) == network_id,
                    col(IdMap.source_table) == "persons",
                    col(IdMap.row_id).in_(chosen),
                )
            )
        )
    for one in kept:
        row = one.source_row
        whose = row.get("id" if one.source_table == "persons" else "speaker_id")
        theirs = person_ids is None or (isinstance(whose, str) and whose in keys)
        if theirs and row.get("voice_embedding") is not None:
            one.source_row = {**row, "voice_embedding": None}
    await session.flush()


def _parts(person_ids: Collection[str]) -> Iterable[tuple[list[str], Any]]:
    """In parts, for a database takes only so many parameters."""
    ids = sorted(person_ids)
    for first in range(0, len(ids), 500):
        part = ids[first : first + 500]
        yield part, col(Interaction.speaker_id).in_(part)


async def forget_spoken(session: AsyncSession, network_id: str, *which: Any) -> None:
    """Deletes the vectors of interactions; what was said, and by whom, stays.

    Args:
        which: conditions that choose the interactions.
    """
    mine = col(Interaction.network_id) == network_id
    # A vector that a legacy system left and that nobody can compare stands in the free data.
    left = sqlalchemy.cast(col(Interaction.processing_metadata), sqlalchemy.String).contains(
        '"voice_embedding"'
    )
    for said in await session.exec(select(Interaction).where(mine, *which, left)):
        free = said.processing_metadata or {}
        legacy = {k: v for k, v in free.get("legacy", {}).items() if k != "voice_embedding"}
        said.processing_metadata = {**free, "legacy": legacy}
    await session.flush()
    await session.exec(
        update(Interaction)
        .where(mine, *which, col(Interaction.voice_embedding).is_not(None))
        .values(voice_embedding=None)
    )


async def tell_person(
    session: AsyncSession, network_id: str, person_id: str, now: datetime
) -> Event:
    """Counts a change of a person, and logs it; raises NotFoundError for no such network."""
    await session.exec(
        update(Person)
        .where(col(Person.network_id) == network_id, col(Person.id) == person_id)
        .values(version=col(Person.version) + 1, updated_at=now)
    )
    return await events.tell(session, network_id, "person_changed", person_id, now)
