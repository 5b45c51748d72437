"""Interactions: stored with their election and their event, or not at all."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import cast

from sqlalchemy import delete, insert, update
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from hub.store import (
    clients,
    controls,
    conversation_rows,
    conversations,
    deeds,
    elections,
    event_rows,
    events,
    networks,
    voices,
)
from hub.store.records import (
    ElectionRecord,
    InteractionInfo,
    InteractionRecord,
    ProcessingStatus,
)
from hub.store.tables import Action, Client, Election, Interaction, Recording, Reminder
from hub.store.voice_cache import VoiceCache
from hub.store.voice_rows import SPEAKER
from shared.wire.events import Event


async def record(
    session: AsyncSession,
    interaction: InteractionRecord,
    election: ElectionRecord,
    recording: bytes | None,
    now: datetime,
    cache: VoiceCache | None = None,
) -> tuple[Event, ...]:
    """Stores an interaction with its election, its recording if any, its event, and its place.

    That is the conversation that it belongs to (see `conversations.place`).

    Who said it is decided with the voices in `cache`; None: by nobody. Where it is a control phrase
    of who may say it, listening is switched off instead, and nothing but the election is stored.
    What it asks for is done.

    Returns:
        What devices are to be told, in the log's order. When an utterance of the election was
        decided before, nothing more is said: the event of then, or none where nothing was
        understood then.

    Raises:
        NotFoundError: no such network.
        StoreConflictError: an id is taken by other speech; nothing was stored.
    """
    network_id, speaker = election.network_id, interaction.client_id
    # Before any row, as all do who tell devices: else two could wait for each other.
    await networks.one(session, network_id, lock=True)
    involved = elections.device_ids(election) | ({speaker} if speaker else set())
    devices = await clients.keys(session, network_id, involved)
    known = await elections.record(session, election, interaction.interaction_id, devices, now)
    if known is not None:
        return await _event(session, network_id, known.interaction_id)
    chosen = None
    if interaction.heard is not None and cache is not None:
        chosen = await voices.choose(
            session, cache, network_id, interaction.heard, interaction.audio_quality_score
        )
    row = Interaction(
        id=interaction.interaction_id,
        network_id=network_id,
        text=interaction.text,
        timestamp=interaction.timestamp,
        client_id=devices.get(speaker or ""),
        processing_status=interaction.processing_status,
        processing_metadata=interaction.processing_metadata,
        audio_quality_score=interaction.audio_quality_score,
        audio_duration=interaction.audio_duration_s,
        speaker_id=chosen.decision.person_id if chosen else None,
        created_at=now,
    )
    obeyed = await controls.obey(session, row, interaction.command, now)
    if obeyed is not None:
        return obeyed  # no voice learns from what leaves nothing
    told: tuple[Event, ...] = ()
    if chosen is not None:
        assigned = await voices.assign(session, network_id, chosen, now)
        row.speaker_id, row.voice_embedding = assigned.speaker_id, assigned.vector
        row.processing_metadata = interaction.processing_metadata | {SPEAKER: assigned.metadata}
        told = assigned.told
    placed = await conversations.place(session, row, now)
    await session.exec(insert(Interaction), params=row.model_dump())
    if recording is not None:
        kept = Recording(
            network_id=network_id, interaction_id=row.id, audio=recording, created_at=now
        )
        await session.exec(insert(Recording), params=kept.model_dump())
    seq = await events.append(session, network_id, "interaction_created", row.id, now)
    created = event_rows.interaction_created(seq, row, speaker if row.client_id else None)
    done = await deeds.carry_out(session, row, interaction.asked, now)
    return (*told, created, *done, *await conversations.tell(session, network_id, placed, now))


async def forget(
    session: AsyncSession, network_id: str, interaction_ids: Collection[str], now: datetime
) -> tuple[Event, ...]:
    """Deletes interactions with their recordings and actions; how they were elected stays.

    An action has the words that were said, in its title and in what was understood. The reminder
    or event that it made stays until it is deleted itself.

    Returns:
        The events: an `InteractionDeleted` for each that was there, an `ActionDeleted` for each of
        their actions, and what became of their conversations.

    Raises:
        NotFoundError: no such network.
    """
    await networks.one(session, network_id, lock=True)
    of_conversations = await conversation_rows.of_interactions(session, network_id, interaction_ids)
    await session.exec(
        update(Election)
        .where(
            col(Election.network_id) == network_id,
            col(Election.interaction_id).in_(interaction_ids),
        )
        .values(interaction_id=None)
    )
    actions = await session.exec(
        delete(Action)
        .where(
            col(Action.network_id) == network_id, col(Action.interaction_id).in_(interaction_ids)
        )
        .returning(col(Action.id))
    )
    done = sorted(actions.scalars())
    await session.exec(
        update(Reminder)
        .where(col(Reminder.network_id) == network_id, col(Reminder.said_in).in_(interaction_ids))
        .values(said_in=None)
    )
    await session.exec(
        delete(Recording).where(
            col(Recording.network_id) == network_id,
            col(Recording.interaction_id).in_(interaction_ids),
        )
    )
    gone = await session.exec(
        delete(Interaction)
        .where(col(Interaction.network_id) == network_id, col(Interaction.id).in_(interaction_ids))
        .returning(col(Interaction.id))
    )
    told = await events.tell_each(
        session, network_id, "interaction_deleted", list(gone.scalars()), now
    )
    told += await events.tell_each(session, network_id, "action_deleted", done, now)
    return (*told, *await conversations.refresh(session, network_id, of_conversations, now))


async def one(
    session: AsyncSession, network_id: str, interaction_id: str
) -> InteractionInfo | None:
    """An interaction of the network; None when it has none of this id."""
    rows = await session.exec(
        select(Interaction, Client.client_id)
        .outerjoin(Client, col(Interaction.client_id) == col(Client.id))
        .where(Interaction.network_id == network_id, Interaction.id == interaction_id)
    )
    found = rows.first()
    return None if found is None else _info(*found)


async def recent(session: AsyncSession, network_id: str, limit: int) -> tuple[InteractionInfo, ...]:
    """The newest interactions of the network, newest first."""
    rows = await session.exec(
        select(Interaction, Client.client_id)
        .outerjoin(Client, col(Interaction.client_id) == col(Client.id))
        .where(Interaction.network_id == network_id)
        .order_by(col(Interaction.timestamp).desc().nulls_last(), col(Interaction.id))
        .limit(limit)
    )
    return tuple(_info(*found) for found in rows)


async def _event(
    session: AsyncSession, network_id: str, interaction_id: str | None
) -> tuple[Event, ...]:
    if interaction_id is None:
        return ()
    # A line that was cut off was told to everybody long ago.
    return await events.of_row(session, network_id, "interaction_created", interaction_id)


def _info(row: Interaction, client_id: str | None) -> InteractionInfo:
    return InteractionInfo(
        interaction_id=row.id,
        text=row.text,
        timestamp=row.timestamp,
        client_id=client_id,
        speaker_id=row.speaker_id,
        conversation_id=row.conversation_id,
        processing_status=cast("ProcessingStatus", row.processing_status),
        processing_metadata=row.processing_metadata or {},
        audio_quality_score=row.audio_quality_score,
        audio_duration_s=row.audio_duration,
    )
