"""What was said: taking recordings, listing, showing and deleting what was understood of them."""

from __future__ import annotations

import asyncio
import re
from typing import Any

from aiohttp import web

from hub.api.audio import elected
from hub.api.body import keeping_pace
from hub.api.errors import InvalidRequestError
from hub.api.form import read_form
from hub.audio_file import read_recording
from hub.legacy import forms
from hub.legacy.call import LegacyCall, ListeningOffError
from hub.legacy.hearing import measure
from hub.legacy.listing import listed
from hub.legacy.streams import Stream
from hub.network.asking import asked_for
from hub.network.uploads import ProcessingError
from hub.store.errors import NotFoundError
from shared.audio import SAMPLE_RATE, Pcm
from shared.errors import AudioFormatError
from shared.ids import new_id


async def take(call: LegacyCall) -> Any:
    """Takes a recording; it competes with what others heard at that time.

    Answers with the interaction, or says why there is none; null where it was a control phrase,
    which switches listening off.

    Raises:
        ListeningOffError: the service is disabled, or listening is off for this client.
        InvalidRequestError, AudioFormatError: no recording, or nobody's.
        NotFoundError: the client is not registered.
    """
    if not call.enabled:
        raise ListeningOffError("The service is disabled.", "Enable it first.")
    with call.services.networks.receiving(call.network_id):
        async with keeping_pace(call.request):
            said, data = await read_form(call.request)
        if not data:
            raise AudioFormatError("The part `audio` is missing or empty.")
        if not said.get("client_id"):
            raise InvalidRequestError("The part `client_id` is missing: whose recording is it?")
        stream = call.stream(call.acts_as(said["client_id"]))
        pcm = await asyncio.to_thread(read_recording, data, SAMPLE_RATE)
        del data
    return await _understood(call, stream, pcm)


async def _understood(call: LegacyCall, stream: Stream, pcm: Pcm) -> Any:
    try:
        client = await call.services.store.client(call.network_id, stream.public_id)
    except NotFoundError:
        call.streams.connected.pop(stream.name, None)  # somebody removed it: it may register anew
        raise
    if not client.listening:
        raise ListeningOffError("Listening is switched off for this client.")
    hearing = await asyncio.to_thread(measure, pcm)
    score, verdict = await elected(call.services, call.access, client, pcm, new_id())
    call.streams.heard(stream.name, score, hearing, call.now_us())
    if not verdict.selected:
        return {"message": "Another client hears this better."}
    if verdict.failed:
        raise ProcessingError("The recogniser failed; the recording is kept for a day.")
    election = await call.services.archive.election(call.network_id, verdict.election_id)
    if election.interaction_id is None:
        if await _switched_off(call, stream):  # by what was said
            return None
        return {"message": "Nothing was understood."}
    return forms.interaction(await call.rows.interaction(call.network_id, election.interaction_id))


async def _switched_off(call: LegacyCall, stream: Stream) -> bool:
    """Whether a microphone that was open when the recording came is closed now."""
    store = call.services.store
    if not (await store.network(call.network_id)).settings.listening:
        return True
    return not (await store.client(call.network_id, stream.public_id)).listening


async def list_some(call: LegacyCall) -> web.StreamResponse:
    """Lists interactions, the newest first; all of them where the limit is 0."""
    given = call.request.query.get("limit", str(call.door.shown))
    if not re.fullmatch(r"\d{1,9}", given, re.ASCII):
        raise InvalidRequestError("limit is a whole number, at least 0.")
    return await listed(call, int(given) or None)


async def read(call: LegacyCall) -> dict[str, Any]:
    """Shows an interaction."""
    return forms.interaction(
        await call.rows.interaction(call.network_id, call.row_id("interaction_id"))
    )


async def delete(call: LegacyCall) -> dict[str, Any]:
    """Deletes an interaction, on every device too."""
    await _forget(call, call.row_id("interaction_id"))
    return {"detail": "The interaction is deleted."}


async def infer(call: LegacyCall) -> dict[str, Any]:
    """Shows what was to be done because of an interaction; where nobody has found out, now."""
    interaction_id = call.row_id("interaction_id")
    row = await call.rows.interaction(call.network_id, interaction_id)
    action = await call.rows.newest_action(call.network_id, interaction_id)
    if action is None and row.timestamp is not None and call.network.status == "active":
        asked = await asked_for(
            row.text, row.timestamp, call.network.settings, call.services.networks.extractor
        )
        call.publish(*await call.services.archive.carry_out(call.network_id, row.id, asked))
        action = await call.rows.newest_action(call.network_id, interaction_id)
    if action is None:
        return {"message": "There is no action for this interaction."}
    return forms.action(action)


async def _forget(call: LegacyCall, interaction_id: str) -> None:
    told = await call.services.archive.delete_interaction(call.network_id, interaction_id)
    call.publish(*told)
