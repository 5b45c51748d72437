"""Conversations and people, as old clients see and change them."""

from __future__ import annotations

from typing import Any

import msgspec
from aiohttp import web

from hub.api.body import keeping_pace
from hub.api.errors import InvalidRequestError
from hub.api.form import read_form
from hub.legacy import forms
from hub.legacy.answers import noticed
from hub.legacy.call import LegacyCall
from hub.legacy.gate import notice_of
from hub.legacy.listing import listed
from hub.store.household_kinds import PERSONS

MAX_NAME = 64


async def list_conversations(call: LegacyCall) -> list[dict[str, Any]]:
    """Lists conversations, the newest first."""
    rows = await call.rows.conversations(call.network_id)
    return [forms.conversation(row) for row in rows]


async def read_conversation(call: LegacyCall) -> web.StreamResponse:
    """Shows a conversation with what was said in it, the newest first."""
    row = await call.rows.conversation(call.network_id, call.row_id("conversation_id"))
    shown = noticed(forms.conversation(row), notice_of(call.request))
    opened = msgspec.json.encode(shown)[:-1] + b',"interactions":'
    return await listed(call, None, row.id, (opened, b"}"))


async def list_persons(call: LegacyCall) -> list[dict[str, Any]]:
    """Lists people, by their numbers."""
    return [forms.person(row) for row in await call.rows.persons(call.network_id)]


async def read_person(call: LegacyCall) -> dict[str, Any]:
    """Shows somebody."""
    row = await call.rows.person(call.network_id, call.row_id("person_id"))
    return forms.person(row)


async def update_person(call: LegacyCall) -> dict[str, Any]:
    """Names somebody and teaches their voice, or one of the two.

    Raises:
        InvalidRequestError: neither a name nor a recording.
        AudioFormatError: the recording cannot be used; then nothing is changed.
        NotFoundError: no such person.
    """
    said, data = await _lesson(call)
    name = said.get("name") or None
    if name is None and data is None:
        raise InvalidRequestError("A person's name or a recording in `audio` is needed.")
    return await _taught(call, name, data)


async def train_embedding(call: LegacyCall) -> dict[str, Any]:
    """Teaches somebody's voice; raises as `update_person`."""
    said, data = await _lesson(call)
    if data is None:
        raise InvalidRequestError("The part `audio` is missing or empty.")
    return await _taught(call, said.get("name") or None, data)


async def _lesson(call: LegacyCall) -> tuple[dict[str, str], bytes | None]:
    with call.services.networks.receiving(call.network_id):
        async with keeping_pace(call.request):
            said, data = await read_form(call.request)
            return said, data or None


async def _taught(call: LegacyCall, name: str | None, recording: bytes | None) -> dict[str, Any]:
    person_id, network_id = call.row_id("person_id"), call.network_id
    if name is not None and (len(name) > MAX_NAME or not name.isprintable()):
        raise InvalidRequestError(f"A name has at most {MAX_NAME} printable characters.")
    await call.rows.person(network_id, person_id)
    learned = recording is not None and await call.services.teach(network_id, person_id, recording)
    if name is not None:
        _, events = await call.services.household.change(
            PERSONS, network_id, person_id, {"name": name}, None
        )
        call.publish(*events)
    row = await call.rows.person(network_id, person_id)
    message = "The voice was learned." if learned else "The voice was not learned from this."
    if recording is None:
        message = "The person is updated."
    return {"message": message, "person": forms.person(row)}
