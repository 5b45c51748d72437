"""Conversations as rows, with what is said in them: looked up in the caller's transaction."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import sqlalchemy
from sqlalchemy import func, update
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from hub.conversations.grouping import Neighbour, Rules, Speech, topic_words
from hub.store import events
from hub.store.tables import Client, Conversation, Interaction, Participant

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


async def of_interactions(
    session: AsyncSession, network_id: str, interaction_ids: Collection[str]
) -> list[str]:
    """The conversations that some interactions belong to, for `refresh` when they have changed."""
    found: set[str] = set()
    for part in parts(interaction_ids):
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


def speech_of(
    began: datetime,
    duration_s: float | None,
    speaker_id: str | None,
    text: str,
    location: Mapping[str, str] | None,
) -> Speech:
    """Something said as grouping sees it; a device is where its `room` is."""
    return Speech(
        began,
        began + timedelta(seconds=duration_s or 0),
        speaker_id,
        (location or {}).get("room") or None,
        topic_words(text),
    )


async def place_of(session: AsyncSession, said: Interaction) -> Mapping[str, str] | None:
    """Where the device is that heard something; None: nobody knows."""
    if said.client_id is None:
        return None
    found = await session.exec(
        select(Client.location).where(
            col(Client.network_id) == said.network_id, col(Client.id) == said.client_id
        )
    )
    return found.first()


async def near(
    session: AsyncSession, network_id: str, speech: Speech, rules: Rules
) -> list[Neighbour]:
    """What was said so near in time that it may be of one conversation."""
    found = await session.exec(
        _NEAR.outerjoin(Client, col(Interaction.client_id) == col(Client.id)).where(
            col(Interaction.network_id) == network_id,
            col(Interaction.timestamp) >= speech.began - rules.silence - LONGEST_SPEECH,
            col(Interaction.timestamp) <= speech.ended + rules.silence,
            col(Interaction.conversation_id).is_not(None),
        )
    )
    return [
        Neighbour(speech_of(began, *rest), conversation_id)
        for began, *rest, conversation_id in found
    ]


async def rows_of(
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


async def sizes(
    session: AsyncSession, network_id: str, conversation_ids: Collection[str]
) -> dict[str, int]:
    """How often something was said in conversations, by conversation."""
    found = await session.exec(
        select(Interaction.conversation_id, func.count())
        .where(
            col(Interaction.network_id) == network_id,
            col(Interaction.conversation_id).in_(conversation_ids),
        )
        .group_by(col(Interaction.conversation_id))
    )
    return {one: count for one, count in found if one is not None}


async def move(
    session: AsyncSession, network_id: str, ended: Collection[str], into: str
) -> list[str]:
    """Puts what was said in some conversations into another; gives the interactions."""
    moved = await session.exec(
        update(Interaction)
        .where(
            col(Interaction.network_id) == network_id, col(Interaction.conversation_id).in_(ended)
        )
        .values(conversation_id=into)
        .returning(col(Interaction.id))
    )
    return sorted(moved.scalars())


class Left(NamedTuple):
    """Who speaks in a conversation, when something was last said in it, and how often."""

    speakers: frozenset[str]
    newest: datetime | None
    said: int


NOTHING_LEFT = Left(frozenset(), None, 0)
"""Of a conversation in which nothing is."""


async def left_of(
    session: AsyncSession, network_id: str, conversation_ids: Collection[str]
) -> dict[str, Left]:
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
    left: dict[str, Left] = {}
    for conversation_id, speaker_id, newest, count in found:
        if conversation_id is None:
            continue
        before = left.get(conversation_id, NOTHING_LEFT)
        left[conversation_id] = Left(
            before.speakers | ({speaker_id} if speaker_id else frozenset()),
            max((at for at in (before.newest, newest) if at is not None), default=None),
            before.said + count,
        )
    return left


def parts(ids: Iterable[str]) -> Iterator[list[str]]:
    """In parts, for a database takes only so many parameters."""
    every = list(ids)
    for first in range(0, len(every), events.AT_ONCE):
        yield every[first : first + events.AT_ONCE]
