"""What was said, and why this microphone."""

from __future__ import annotations

import asyncio
from typing import Annotated

from msgspec import Meta, Struct

from hub.api.errors import ForbiddenError, NothingUnderstoodError
from hub.api.route import Call, id_of
from hub.audio_file import read_recording
from hub.network.asking import asked_for
from hub.network.outcome import Outcome
from hub.store.archive import Wanted
from hub.store.details import ElectionDetails, InteractionDetails, Page
from shared.audio import SAMPLE_RATE
from shared.wire.fields import ClientId, Timestamp, Uuid


class Filter(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which interactions, and how many."""

    limit: Annotated[int, Meta(ge=1, le=500)] = 50
    cursor: Annotated[str, Meta(max_length=256)] | None = None
    client_id: ClientId | None = None
    speaker_id: Uuid | None = None
    conversation_id: Uuid | None = None
    start_date: Timestamp | None = None
    end_date: Timestamp | None = None
    text: Annotated[str, Meta(max_length=256)] | None = None


class Interactions(Struct, frozen=True, kw_only=True):
    """A part of the interactions, the newest first."""

    interactions: tuple[InteractionDetails, ...]
    next_cursor: str | None  # gives the next part; null: this was the last


async def list_some(call: Call) -> Interactions:
    """Lists interactions, the newest first, in parts."""
    query: Filter = call.query
    wanted = Wanted(
        client_id=query.client_id,
        speaker_id=query.speaker_id,
        conversation_id=query.conversation_id,
        start=query.start_date,
        end=query.end_date,
        text=query.text,
    )
    page: Page[InteractionDetails] = await call.services.archive.interactions(
        call.network_id, wanted, query.limit, query.cursor
    )
    return Interactions(interactions=page.items, next_cursor=page.next_cursor)


async def read(call: Call) -> InteractionDetails:
    """Shows an interaction."""
    return await call.services.archive.interaction(call.network_id, id_of(call, "interaction_id"))


async def delete(call: Call) -> None:
    """Deletes an interaction, on every device too."""
    told = await call.services.archive.delete_interaction(
        call.network_id, id_of(call, "interaction_id")
    )
    call.services.networks.publish(call.network_id, *told)


async def process(call: Call) -> InteractionDetails:
    """Recognises an interaction anew from its recording, where that was kept.

    With what the network's language and the hub's recogniser are now; what that understands
    replaces the text, and devices are told. What it asks for is done, where nothing was done yet.
    """
    interaction_id, services = id_of(call, "interaction_id"), call.services
    audio = await services.archive.recording(call.network_id, interaction_id)
    network = await services.store.network(call.network_id)
    if network.status != "active":
        raise ForbiddenError(
            "The network is not active: nothing is recognised for it.",
            "Its `status` makes it active again.",
        )
    pcm = await asyncio.to_thread(read_recording, audio, SAMPLE_RATE)
    decoded = await services.networks.recognise(call.network_id, pcm, network.settings.language)
    if not decoded.transcript.text:
        raise NothingUnderstoodError("Nothing was understood; the interaction is as it was.")
    details, told = await services.archive.recognised_again(
        call.network_id, interaction_id, decoded.transcript.text, Outcome.of(decoded).metadata
    )
    services.networks.publish(call.network_id, *told)
    if details.timestamp is not None:
        asked = await asked_for(
            details.text, details.timestamp, network.settings, services.networks.extractor
        )
        done = await services.archive.carry_out(call.network_id, interaction_id, asked)
        services.networks.publish(call.network_id, *done)
    return details


async def read_election(call: Call) -> ElectionDetails:
    """Shows which microphone was chosen, and why."""
    return await call.services.archive.election(call.network_id, id_of(call, "election_id"))
