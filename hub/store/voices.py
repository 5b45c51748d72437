"""Who said it: decided and stored in the transaction that stores the interaction."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, update
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from hub.speakers.assignment import CLEAR, Decision, decide
from hub.speakers.book import Heard
from hub.speakers.learning import founded, learned
from hub.speakers.thresholds import THRESHOLDS
from hub.store import conversation_rows, conversations, events, networks, voice_rows
from hub.store.tables import Interaction, Person, Reminder
from hub.store.voice_cache import KnownVoices, VoiceCache
from shared.wire.events import Event


@dataclass(frozen=True)
class Chosen:
    """Who spoke, as far as it is decided; nothing is written of it yet."""

    heard: Heard
    known: KnownVoices
    decision: Decision
    quality: float | None


@dataclass(frozen=True)
class Assigned:
    """What became of a voice."""

    speaker_id: str | None
    vector: list[float] | None  # to be stored with the interaction
    metadata: dict[str, Any]  # how it was decided, for people: no voice is in it
    told: tuple[Event, ...]  # in the log's order


async def choose(
    session: AsyncSession,
    cache: VoiceCache,
    network_id: str,
    heard: Heard,
    quality: float | None,
) -> Chosen | None:
    """Decides who spoke, in a transaction that has locked the network: nobody else makes or changes
    persons and what they said until it ends.

    None: the network wants no voices.

    Raises:
        NotFoundError: no such network.
    """
    known = await cache.fresh(session, network_id, heard.space)
    if not known.wanted:
        return None
    strangers = tuple(known.strangers.values())
    decision = decide(heard, known.book, strangers, known.thresholds, quality)
    return Chosen(heard, known, decision, quality)


async def assign(session: AsyncSession, network_id: str, chosen: Chosen, now: datetime) -> Assigned:
    """Makes a person of a stranger, and has a voice learn."""
    heard, known, decision = chosen.heard, chosen.known, chosen.decision
    told: list[Event] = []
    speaker_id = decision.person_id
    vector = heard.vector
    earlier = [known.strangers[key] for key in decision.earlier]
    said = [(one.vector, one.speech_s) for one in earlier]
    if decision.outcome == "new" and vector is not None:
        voice = founded([(vector, heard.speech_s), *said], heard.space)
        person = await new_person(session, network_id, None, now)
        speaker_id = person.id
        await voice_rows.write(session, network_id, speaker_id, voice_rows.NOTHING, voice, now)
        told.append(await events.tell(session, network_id, "person_changed", speaker_id, now))
    elif decision.teaches and speaker_id is not None and vector is not None:
        before = await voice_rows.voice_of(session, network_id, speaker_id)
        after = before
        for piece, speech_s in (*said, (vector, heard.speech_s)):
            after = learned(after, piece, speech_s, heard.space)
        await voice_rows.write(session, network_id, speaker_id, before, after, now)
    if speaker_id is not None:
        told += await give(session, network_id, decision.earlier, speaker_id, now)
    metadata: dict[str, Any] = {
        "outcome": decision.outcome,
        "similarity": _rounded(decision.similarity),
        "margin": _rounded(decision.margin),
        "threshold": _rounded(_cut(chosen)),
        "speech_s": round(heard.speech_s, 2),
    }
    if vector is not None:
        metadata |= {
            "space": heard.space,
            "clear": chosen.quality is None or chosen.quality >= CLEAR,
            "taught": decision.teaches,
        }
    if decision.space not in (None, heard.space):
        metadata["compared_in"] = decision.space
    stored = None if vector is None else voice_rows.stored_vector(vector)
    return Assigned(speaker_id, stored, metadata, tuple(told))


def _cut(chosen: Chosen) -> float:
    """From where on it would have been somebody, in the space that decided."""
    if chosen.decision.space in (None, chosen.heard.space):
        return chosen.known.thresholds.known
    return THRESHOLDS[chosen.decision.space].known


def _rounded(similarity: float | None) -> float | None:
    return None if similarity is None else round(similarity, 4)


async def new_person(
    session: AsyncSession, network_id: str, name: str | None, now: datetime
) -> Person:
    """A person with the next number, of whom nobody is told yet; raises NotFoundError."""
    # Whoever adds another waits here, and then sees this one's number.
    await networks.one(session, network_id, lock=True)
    highest = await session.exec(
        select(func.max(Person.index)).where(col(Person.network_id) == network_id)
    )
    row = Person(
        id=str(uuid.uuid4()),
        network_id=network_id,
        name=name,
        index=(highest.first() or 0) + 1,
        created_at=now,
        updated_at=now,
    )
    session.add(row)
    await session.flush()
    return row


async def give(
    session: AsyncSession,
    network_id: str,
    interaction_ids: Sequence[str],
    speaker_id: str | None,
    now: datetime,
) -> list[Event]:
    """Says who said some interactions (None: nobody knows), and what devices are to be told.

    The reminders that were asked for in them are that person's from then on.
    """
    reminders: list[str] = []
    if not interaction_ids:
        return []
    for first in range(0, len(interaction_ids), events.AT_ONCE):
        part = interaction_ids[first : first + events.AT_ONCE]
        await session.exec(
            update(Interaction)
            .where(col(Interaction.network_id) == network_id, col(Interaction.id).in_(part))
            .values(speaker_id=speaker_id)
        )
        theirs = await session.exec(
            update(Reminder)
            .where(
                col(Reminder.network_id) == network_id,
                col(Reminder.said_in).in_(part),
                col(Reminder.person_id).is_distinct_from(speaker_id),
            )
            .values(person_id=speaker_id, version=col(Reminder.version) + 1, updated_at=now)
            .returning(col(Reminder.id))
        )
        reminders += sorted(theirs.scalars())
    told = await events.tell_each(session, network_id, "interaction_created", interaction_ids, now)
    talks = await conversation_rows.of_interactions(session, network_id, interaction_ids)
    return [
        *told,
        *await conversations.refresh(session, network_id, talks, now),
        *await events.tell_each(session, network_id, "reminder_changed", reminders, now),
    ]
