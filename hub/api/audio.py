"""Recordings from clients that hold no socket, and who hears how well."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from hub.api.body import keeping_pace
from hub.api.errors import InvalidRequestError, unreadable
from hub.api.form import read_form, read_limited
from hub.api.route import Call, Services
from hub.audio_file import read_recording
from hub.network.uploads import ProcessingError, Verdict
from hub.reading import from_texts
from hub.store.errors import NotFoundError
from hub.store.records import Access, ClientInfo
from shared.audio import Pcm
from shared.ids import new_id
from shared.wire.fields import ClientId, Timestamp, Uuid

TIMEOUT_S = 90.0
_NOT_WANTED = frozenset({"metrics"})
"""The hub measures by itself, for all alike."""


class Upload(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is said of a recording; with multipart, the same may be said in parts."""

    client_id: ClientId | None = None  # whose; a device's own token says it already
    sample_rate: Annotated[int, Meta(ge=8_000, le=192_000)] = 16_000  # Hz, of plain samples
    started_at: Timestamp | None = None  # of its first sample; left out: it has just ended
    processing_id: Uuid | None = None  # the client's own, so that what is sent twice counts once


class Processed(Struct, frozen=True, kw_only=True):
    """What became of a recording."""

    processing_id: str
    client_id: str
    quality_score: float  # 0 to 100
    selected_for_processing: bool  # it was elected
    # not_selected: another was elected; failed: the recogniser failed, and the recording is kept
    # for a day, to be processed again.
    status: Literal["completed", "not_selected", "failed"]
    election_id: str  # why: GET .../elections/{election_id}


class StreamStatus(Struct, frozen=True, kw_only=True):
    """One device's stream."""

    client_id: str
    quality_score: float | None  # 0 to 100; null: it has heard nothing yet
    last_update: datetime | None
    listening: bool  # its microphone is open
    utterance_id: str | None  # being heard now


class AudioStatus(Struct, frozen=True, kw_only=True):
    """Every device's stream."""

    streams: tuple[StreamStatus, ...]


class BestStream(Struct, frozen=True, kw_only=True):
    """The stream that was elected last; all null before the first."""

    client_id: str | None = None
    quality_score: float | None = None
    since: datetime | None = None
    reason: str | None = None
    election_id: str | None = None
    final: bool | None = None  # false: the person is still speaking


async def upload(call: Call) -> Processed:
    """Takes a recording of one utterance; it competes with what others heard at that time.

    Answers when the utterance is stored, so that the client may then forget it.
    """
    with call.services.networks.receiving(call.network_id):
        async with keeping_pace(call.request):
            said, data = await _received(call)
        client_id = call.access.client_id or said.client_id
        if client_id is None:
            raise InvalidRequestError("client_id is missing: whose recording is it?")
        if said.client_id not in (None, client_id):
            raise NotFoundError("The network has no such device.")
        client = await call.services.store.client(call.network_id, client_id)
        pcm = await asyncio.to_thread(read_recording, data, said.sample_rate)
        del data
    started_us = None if said.started_at is None else round(said.started_at.timestamp() * 1e6)
    processing_id = said.processing_id or new_id()
    score, verdict = await elected(
        call.services, call.access, client, pcm, processing_id, started_us
    )
    status: Literal["completed", "not_selected", "failed"] = "not_selected"
    if verdict.selected:
        status = "failed" if verdict.failed else "completed"
    return Processed(
        processing_id=processing_id,
        client_id=client_id,
        quality_score=score,
        selected_for_processing=verdict.selected,
        status=status,
        election_id=verdict.election_id,
    )


async def elected(
    services: Services,
    access: Access,
    client: ClientInfo,
    pcm: Pcm,
    processing_id: str,
    started_us: int | None = None,
) -> tuple[float, Verdict]:
    """Has a recording compete, and waits until its election is over and stored.

    Args:
        services: what routes work with.
        access: to the network.
        client: who heard it.
        pcm: shape (n,), int16, 16 kHz, of whole frames.
        processing_id: a new one, or that of before for what is sent again.
        started_us: the hub's time of the first sample; None: it has just ended.

    Returns:
        Its score, 0 to 100, and what became of it.

    Raises:
        MiraError: the network takes no audio, or it was not recognised in time.
    """
    room = await services.networks.room(access)
    score, waiting = await room.upload(processing_id, client, pcm, started_us)
    try:
        async with asyncio.timeout(TIMEOUT_S):
            return score, await asyncio.shield(waiting)
    except TimeoutError:
        raise ProcessingError(
            "The recording was not recognised in time.", "Send it again, with its processing_id."
        ) from None


async def status(call: Call) -> AudioStatus:
    """Shows each device's stream."""
    room = call.services.networks.open_room(call.network_id)
    found = []
    for client in await call.services.accounts.clients(call.network_id):
        session = room.members.sessions.get(client.client_id) if room else None
        hearing = room.streams.hearings.get(client.client_id) if room else None
        found.append(
            StreamStatus(
                client_id=client.client_id,
                quality_score=hearing.score if hearing else client.audio_quality_score,
                last_update=_time(hearing.at_us) if hearing else None,
                listening=session is not None and session.listening,
                utterance_id=room.live_utterance(client.client_id) if room else None,
            )
        )
    return AudioStatus(streams=tuple(found))


async def best_stream(call: Call) -> BestStream:
    """Shows the stream that was elected last, and why."""
    room = call.services.networks.open_room(call.network_id)
    best = room.streams.best if room else None
    if best is None:
        return BestStream()
    return BestStream(
        client_id=best.client_id,
        quality_score=best.score,
        since=_time(best.since_us),
        reason=best.reason,
        election_id=best.election_id,
        final=best.final,
    )


async def _received(call: Call) -> tuple[Upload, bytes]:
    """What is said of the recording, and its bytes."""
    if not call.request.content_type.startswith("multipart/"):
        return call.query, await read_limited(call.request.content.iter_any())
    said: dict[str, str] = {
        name: value for name, value in call.request.query.items() if name not in _NOT_WANTED
    }
    parts, data = await read_form(call.request, _NOT_WANTED)
    if data is None:
        raise InvalidRequestError("The part `audio` is missing.")
    try:
        read: Upload = from_texts(said | parts, Upload)
    except msgspec.ValidationError as error:
        raise unreadable("A part", error, Upload) from error
    return read, data


def _time(us: int) -> datetime:
    return datetime.fromtimestamp(us / 1e6, UTC)
