"""Keeps conversations in step with what is said, and with what is deleted of it.

All of it happens in the caller's transaction, and one transaction of a network after the other:
each locks the network before it looks at what was said. So two hubs that store at once put what
belongs together into one conversation, and never into two.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlmodel.ext.asyncio.session import AsyncSession

from hub.conversations import grouping
from hub.conversations.grouping import Rules
from hub.store import conversation_rows, events, networks
from hub.store.settings import NetworkSettings
from hub.store.tables import Conversation, Interaction
from shared.wire.events import Event


@dataclass
class Placed:
    """Where an interaction went, and of what devices are to be told because of it."""

    conversation_id: str
    moved: list[str] = field(default_factory=list)  # interactions of conversations that ended
    ended: list[str] = field(default_factory=list)  # those conversations


def rules_of(settings: NetworkSettings) -> Rules:
    """What a network goes by."""
    return Rules(timedelta(seconds=settings.conversation_silence_s), settings.conversation_topics)


async def place(session: AsyncSession, said: Interaction, now: datetime) -> Placed:
    """Finds the conversation of an interaction that is about to be stored, or begins one.

    It goes by when the interaction was said and by who said it, not by when it arrives. Sets its
    `conversation_id`, and joins conversations that it shows to be one.

    Raises:
        NotFoundError: no such network.
    """
    network = await networks.one(session, said.network_id, lock=True)
    if said.timestamp is None:
        raise ValueError("what is stored now has a time")
    speech = conversation_rows.speech_of(
        said.timestamp,
        said.audio_duration,
        said.speaker_id,
        said.text,
        await conversation_rows.place_of(session, said),
    )
    rules = rules_of(network.settings)
    near = await conversation_rows.near(session, said.network_id, speech, rules)
    rows = await conversation_rows.rows_of(
        session, said.network_id, grouping.linked(speech, near, rules)
    )
    sizes = await conversation_rows.sizes(session, said.network_id, rows) if len(rows) > 1 else {}
    placement = grouping.place(
        [
            grouping.Conversation(
                row.id,
                settled(row),
                sizes.get(row.id, 0),
                row.last_interaction_at or said.timestamp,
            )
            for row in rows.values()
        ]
    )
    if placement.conversation_id is None:
        row = Conversation(id=str(uuid.uuid4()), network_id=said.network_id, created_at=now)
        session.add(row)
    else:
        row = rows[placement.conversation_id]
    placed = Placed(row.id, ended=list(placement.absorbed))
    parts = [row, *(rows[part] for part in placement.absorbed)]
    speakers = {one for part in parts for one in part.participant_ids or []}
    row.participant_ids = _in_order(
        row, speakers | ({said.speaker_id} if said.speaker_id else set())
    )
    row.last_interaction_at = max(
        said.timestamp, *(part.last_interaction_at or said.timestamp for part in parts)
    )
    row.updated_at = now
    await session.flush()
    if placed.ended:
        placed.moved = await conversation_rows.move(session, said.network_id, placed.ended, row.id)
        for part in placement.absorbed:
            await session.delete(rows[part])
        await session.flush()
    said.conversation_id = row.id
    return placed


async def tell(
    session: AsyncSession, network_id: str, placed: Placed, now: datetime
) -> tuple[Event, ...]:
    """Logs what the placing of an interaction changed, once its own event is logged."""
    told = await events.tell_each(session, network_id, "interaction_created", placed.moved, now)
    grown = await events.tell(session, network_id, "context_updated", placed.conversation_id, now)
    ended = await events.tell_each(session, network_id, "conversation_deleted", placed.ended, now)
    return (*told, grown, *ended)


async def refresh(
    session: AsyncSession, network_id: str, conversation_ids: Iterable[str], now: datetime
) -> tuple[Event, ...]:
    """Makes conversations anew of what is left of their interactions; gives what is to be told.

    To be called in the transaction that changed speakers or texts of interactions or deleted some,
    behind those changes. Who takes part in a conversation is who is known to have spoken in it. One
    in which nothing is left goes, unless it is settled or has a summary. Interactions are not
    grouped anew: what belonged together still does.

    Lock the network (`networks.one(..., lock=True)`) before the first change.
    """
    told: list[Event] = []
    for part in conversation_rows.parts(conversation_ids):
        rows = await conversation_rows.rows_of(session, network_id, part)
        left = await conversation_rows.left_of(session, network_id, rows)
        gone: list[str] = []
        for row in rows.values():
            speakers, newest, count = left.get(row.id, conversation_rows.NOTHING_LEFT)
            if not count and not settled(row) and not (row.topic_summary or row.context_summary):
                gone.append(row.id)
                await session.delete(row)
                continue
            row.participant_ids = _in_order(row, set(speakers))
            row.last_interaction_at = newest or row.last_interaction_at
            row.updated_at = now
        await session.flush()
        kept = [one for one in rows if one not in gone]
        told += await events.tell_each(session, network_id, "context_updated", kept, now)
        told += await events.tell_each(session, network_id, "conversation_deleted", gone, now)
    return tuple(told)


def settled(row: Conversation) -> bool:
    """Whether a conversation may grow only: a person named it, or a legacy system made it."""
    return row.title is not None or _migrated(row)


def _migrated(row: Conversation) -> bool:
    return row.created_at is None


def _in_order(row: Conversation, speakers: set[str]) -> list[str]:
    """Those who speak in a conversation; those of before stay in their order.

    A legacy system named people of whom nothing is kept that they said; they stay, too.
    """
    before = row.participant_ids or []
    kept = [one for one in before if _migrated(row) or one in speakers]
    return kept + sorted(speakers - set(kept))
