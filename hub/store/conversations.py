"""Keeps conversations in step with what is said, and with what is deleted of it.

All of it happens in the caller's transaction, and one transaction of a network after the other:
each locks the network before it looks at what was said. So two hubs that store at once put what
belongs together into one conversation, and never into two.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import sqlalchemy
from sqlalchemy import func, update
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from hub.conversations import grouping
from hub.conversations.grouping import Neighbour, Rules, Speech, topic_words
from hub.store import events, networks
from hub.store.settings import NetworkSettings
from hub.store.tables import Client, Conversation, Interaction, Participant
from shared.wire.events import Event

LONGEST_SPEECH = timedelta(seconds=60)
"""No utterance is longer: whatever ends near something said began within so long of that."""


_NEAR: Any = sqlalchemy.select(
    col(Interaction.timestamp),
    col(Interaction.audio_duration),
    col(Interaction.speaker_id),
    col(Interaction.text),
    col(Client.location),
    col(Interaction.conversation_id),
).select_from(Interaction)


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
    speech = _speech(
        said.timestamp,
        said.audio_duration,
        said.speaker_id,
        said.text,
        await _place_of(session, said),
    )
    rules = rules_of(network.settings)
    near = await _near(session, said.network_id, speech, rules)
    rows = await _rows(session, said.network_id, grouping.linked(speech, near, rules))
    sizes = await _sizes(session, said.network_id, rows) if len(rows) > 1 else {}
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
        placed.moved = await _move(session, said.network_id, placed.ended, row.id)
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


async def of_interactions(
    session: AsyncSession, network_id: str, interaction_ids: Collection[str]
) -> list[str]:
    """The conversations that some interactions belong to, for `refresh` when they have changed."""
    found: set[str] = set()
    for part in _parts(interaction_ids):
        # Nothing is asked of the conversation: SQLite would then read the whole index of them.
        rows = await session.exec(
            select(Interaction.conversation_id).where(
                col(Interaction.network_id) == network_id, col(Interaction.id).in_(part)
            )
        )
        found |= {one for one in rows if one is not None}
    return sorted(found)


async def with_person(session: AsyncSession, network_id: str, person_id: str) -> list[Conversation]:
    """The conversations in which somebody takes part, locked.

    Locked before they are read, so that of two people who go at once neither comes back; and before
    interactions, as whoever deletes a conversation does.
    """
    theirs = select(Participant.conversation_id).where(
        col(Participant.network_id) == network_id, col(Participant.person_id) == person_id
    )
    found = await session.exec(
        select(Conversation)
        .where(col(Conversation.network_id) == network_id, col(Conversation.id).in_(theirs))
        .order_by(col(Conversation.id))
        .with_for_update()
    )
    return list(found)


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
    for part in _parts(conversation_ids):
        rows = await _rows(session, network_id, part)
        left = await _left(session, network_id, rows)
        gone: list[str] = []
        for row in rows.values():
            speakers, newest, count = left.get(row.id, _NOTHING_LEFT)
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


def _speech(
    began: datetime,
    duration_s: float | None,
    speaker_id: str | None,
    text: str,
    location: Mapping[str, str] | None,
) -> Speech:
    return Speech(
        began,
        began + timedelta(seconds=duration_s or 0),
        speaker_id,
        (location or {}).get("room") or None,
        topic_words(text),
    )


async def _place_of(session: AsyncSession, said: Interaction) -> Mapping[str, str] | None:
    if said.client_id is None:
        return None
    found = await session.exec(
        select(Client.location).where(
            col(Client.network_id) == said.network_id, col(Client.id) == said.client_id
        )
    )
    return found.first()


async def _near(
    session: AsyncSession, network_id: str, speech: Speech, rules: Rules
) -> list[Neighbour]:
    found = await session.exec(
        _NEAR.outerjoin(Client, col(Interaction.client_id) == col(Client.id)).where(
            col(Interaction.network_id) == network_id,
            col(Interaction.timestamp) >= speech.began - rules.silence - LONGEST_SPEECH,
            col(Interaction.timestamp) <= speech.ended + rules.silence,
            col(Interaction.conversation_id).is_not(None),
        )
    )
    return [
        Neighbour(_speech(began, *rest), conversation_id) for began, *rest, conversation_id in found
    ]


async def _rows(
    session: AsyncSession, network_id: str, conversation_ids: Collection[str]
) -> dict[str, Conversation]:
    """Those conversations that are there, in the order that was asked for."""
    found = await session.exec(
        select(Conversation).where(
            col(Conversation.network_id) == network_id, col(Conversation.id).in_(conversation_ids)
        )
    )
    by_id = {row.id: row for row in found}
    return {one: by_id[one] for one in conversation_ids if one in by_id}


async def _sizes(
    session: AsyncSession, network_id: str, conversation_ids: Collection[str]
) -> dict[str, int]:
    found = await session.exec(
        select(Interaction.conversation_id, func.count())
        .where(
            col(Interaction.network_id) == network_id,
            col(Interaction.conversation_id).in_(conversation_ids),
        )
        .group_by(col(Interaction.conversation_id))
    )
    return {one: count for one, count in found if one is not None}


async def _move(
    session: AsyncSession, network_id: str, ended: Collection[str], into: str
) -> list[str]:
    moved = await session.exec(
        update(Interaction)
        .where(
            col(Interaction.network_id) == network_id, col(Interaction.conversation_id).in_(ended)
        )
        .values(conversation_id=into)
        .returning(col(Interaction.id))
    )
    return sorted(moved.scalars())


class _Left(NamedTuple):
    """Who speaks in a conversation, when something was last said in it, and how often."""

    speakers: frozenset[str]
    newest: datetime | None
    said: int


_NOTHING_LEFT = _Left(frozenset(), None, 0)


async def _left(
    session: AsyncSession, network_id: str, conversation_ids: Collection[str]
) -> dict[str, _Left]:
    """What is left of conversations in which something is, by conversation."""
    # The bare column, asked for in whatever way, would have SQLite read the whole index of
    # speakers for each conversation.
    speaker = func.coalesce(col(Interaction.speaker_id), col(Interaction.speaker_id))
    found = await session.exec(
        select(Interaction.conversation_id, speaker, func.max(Interaction.timestamp), func.count())
        .where(
            col(Interaction.network_id) == network_id,
            col(Interaction.conversation_id).in_(conversation_ids),
        )
        .group_by(col(Interaction.conversation_id), speaker)
    )
    left: dict[str, _Left] = {}
    for conversation_id, speaker_id, newest, count in found:
        if conversation_id is None:
            continue
        before = left.get(conversation_id, _NOTHING_LEFT)
        left[conversation_id] = _Left(
            before.speakers | ({speaker_id} if speaker_id else frozenset()),
            max((at for at in (before.newest, newest) if at is not None), default=None),
            before.said + count,
        )
    return left


def _parts(ids: Iterable[str]) -> Iterator[list[str]]:
    every = list(ids)
    for first in range(0, len(every), events.AT_ONCE):
        yield every[first : first + events.AT_ONCE]
