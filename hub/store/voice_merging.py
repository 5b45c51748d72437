"""Two people who turn out to be one: their voices, what they said, and what hangs on it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from sqlalchemy import delete, update
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from hub.speakers.book import Voice
from hub.speakers.learning import united
from hub.store import conversation_rows, events, voice_rows, voices
from hub.store.tables import Interaction, Reminder, VoiceCentroid
from shared.wire.events import ContextUpdated, Event


async def merge(
    session: AsyncSession, network_id: str, person_id: str, other_id: str, now: datetime
) -> list[Event]:
    """What hung on the other hangs on the person, and the other is gone.

    Args:
        session: of the caller's transaction, which has locked the network.
        network_id: the network's UUID.
        person_id: who stays.
        other_id: who goes.
        now: the hub's time.

    Returns:
        What devices are to be told, but for the event of the person who stays.

    Raises:
        NotFoundError: the network has no such person.
    """
    one = await voice_rows.voice_of(session, network_id, person_id)
    other = await voice_rows.voice_of(session, network_id, other_id)
    person, gone = [
        await voice_rows.person(session, network_id, key) for key in (person_id, other_id)
    ]
    person.name = person.name or gone.name
    person.voice_embedding = person.voice_embedding or gone.voice_embedding
    taking_part: list[str] = []
    for conversation in await conversation_rows.with_person(session, network_id, other_id):
        people = (
            person_id if key == other_id else key for key in conversation.participant_ids or []
        )
        conversation.participant_ids = list(dict.fromkeys(people))
        conversation.version += 1
        conversation.updated_at = now
        taking_part.append(conversation.id)
    await session.flush()
    found = await session.exec(
        select(Interaction.id).where(
            col(Interaction.network_id) == network_id, col(Interaction.speaker_id) == other_id
        )
    )
    said = sorted(found)
    both = united(one, other)
    await session.exec(
        delete(VoiceCentroid).where(
            col(VoiceCentroid.network_id) == network_id, col(VoiceCentroid.person_id) == other_id
        )
    )
    await voice_rows.write(session, network_id, person_id, one, _without_keys(both, one), now)
    told = await voices.give(session, network_id, said, person_id, now)
    known = {event.conversation_id for event in told if isinstance(event, ContextUpdated)}
    # In conversations that a legacy system left, people are of whom nothing is kept that they said.
    rest = [key for key in taking_part if key not in known]
    told += await events.tell_each(session, network_id, "context_updated", rest, now)
    reminders = await session.exec(
        update(Reminder)
        .where(col(Reminder.network_id) == network_id, col(Reminder.person_id) == other_id)
        .values(person_id=person_id, version=col(Reminder.version) + 1, updated_at=now)
        .returning(col(Reminder.id))
    )
    moved = sorted(reminders.scalars())
    await session.delete(gone)
    await session.flush()
    told.append(await events.tell(session, network_id, "person_deleted", other_id, now))
    # Behind it: to a device whose person is gone, the reminder is nobody's.
    told += await events.tell_each(session, network_id, "reminder_changed", moved, now)
    return told


def _without_keys(voice: Voice, known: Voice) -> Voice:
    """The voice with the keys of those centroids only that are stored as `known` has them."""
    keys = {centroid.key for centroid in known.centroids}
    return Voice(
        tuple(one if one.key in keys else replace(one, key=None) for one in voice.centroids),
        voice.legacy,
    )
