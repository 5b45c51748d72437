"""Control phrases: words that switch listening off and leave nothing behind."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlalchemy import update
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from hub.actions.called import phrase_in
from hub.store import clients, networks
from hub.store.conflicts import overtaken
from hub.store.records import Command
from hub.store.settings import ControlBy, Effect
from hub.store.tables import Client, Election, Interaction, Network, Person
from shared.wire.events import Event

FRESH = timedelta(minutes=2)
"""What was said longer ago may have been overtaken by what somebody did since."""
OWNER = 1
"""The number of the person whose network it is."""


def effect_of(text: str, phrases: Mapping[str, Effect]) -> Effect | None:
    """What a text switches off, where it is one of the phrases and nothing else."""
    return phrase_in(text, phrases)


async def obey(
    session: AsyncSession, row: Interaction, command: Command | None, now: datetime
) -> tuple[Event, ...] | None:
    """Switches listening off where an interaction is a control phrase of who may say it.

    The interaction is not stored then; its election, which is, leads to none.

    Args:
        session: of the caller's transaction.
        row: the interaction, not yet stored, with its speaker where they are known.
        command: the control phrase that it is.
        now: the hub's clock.

    Returns:
        What devices are to be told; None: it is an interaction like any other.
    """
    if command is None or not await _may(session, row, command.by):
        return None
    told: tuple[Event, ...] = ()
    network_id, said_at = row.network_id, min(row.timestamp or now, now)
    late = now - said_at > FRESH
    if command.effect == "network_off":
        # Said long ago on a device without a hub, it is overtaken by who switched it on since.
        changed_at = await session.scalar(
            select(Network.updated_at).where(Network.id == network_id)
        )
        if not (late and overtaken(said_at, changed_at, now)):
            told = (await networks.set_listening(session, network_id, False, said_at, now),)
    elif row.client_id is not None:
        device = await session.get(Client, row.client_id)
        if device is not None and not (late and overtaken(said_at, device.updated_at, now)):
            told = (
                await clients.set_listening(
                    session, network_id, device.client_id, False, said_at, now
                ),
            )
    await session.exec(
        update(Election)
        .where(
            col(Election.network_id) == row.network_id,
            col(Election.interaction_id) == row.id,
        )
        .values(interaction_id=None, reason=col(Election.reason) + "; it was a control phrase")
    )
    return told


async def _may(session: AsyncSession, row: Interaction, by: ControlBy) -> bool:
    """Whether whoever said it may say so.

    That nobody knows a voice is no reason to go on listening: the phrases are too short for most
    voices to be told by them, and a microphone that closes does no harm.
    """
    if by == "anyone":
        return True
    if row.speaker_id is None:
        return by == "owner"
    number = await session.scalar(
        select(Person.index).where(
            col(Person.network_id) == row.network_id, col(Person.id) == row.speaker_id
        )
    )
    return number == OWNER
