"""Who hears best, in the legacy system's terms; where phones are."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct, structs

from hub.api.errors import InvalidRequestError, unreadable
from hub.legacy.call import LegacyCall
from hub.legacy.forms import naive_us


class Location(Struct, frozen=True):
    """Where a phone is."""

    latitude: float  # degrees
    longitude: float  # degrees
    accuracy: float | None = None  # m


class PhoneLocation(Struct, frozen=True):
    """What a phone says of where it is."""

    client_id: str
    location: Location


class PhoneRssi(Struct, frozen=True):
    """What a phone says of how strongly it receives a client."""

    phone_client_id: str
    target_client_id: str
    rssi: float  # dBm


async def best(call: LegacyCall) -> dict[str, Any]:
    """Who heard best last."""
    found = call.streams.best
    shown = {"client_id": found.name, "score": found.score} if found else None
    return {"best_stream": shown}


async def scores(call: LegacyCall) -> dict[str, Any]:
    """How well each client heard last."""
    connected, found = call.streams.connected, call.streams.best
    return {
        "active_streams": len(connected),
        "stream_scores": {name: stream.score for name, stream in connected.items()},
        "current_best": found.name if found else None,
    }


async def info(call: LegacyCall) -> dict[str, Any]:
    """How a client heard last."""
    stream, streams = call.stream(call.part("client_id")), call.streams
    measured = vars(stream.hearing)
    location, rssi = streams.locations.get(stream.name), streams.rssi.get(stream.name)
    return {
        "client_id": stream.name,
        "quality_metrics": measured | {"location": location, "rssi": rssi},
        "current_score": stream.score,
        "is_best_stream": streams.best is stream,
        "last_update": naive_us(stream.since_us if stream.heard_us is None else stream.heard_us),
    }


async def phone_location(call: LegacyCall) -> dict[str, Any]:
    """Keeps where a phone is; it decides nothing any more."""
    said = _said(call, PhoneLocation)
    location = structs.asdict(said.location)
    call.streams.phone_is_at(call.acts_as(said.client_id), location)
    return {
        "message": "The location is noted.",
        "client_id": said.client_id,
        "location": location,
    }


async def phone_rssi(call: LegacyCall) -> dict[str, Any]:
    """Keeps how strongly a phone receives a client; it decides nothing any more."""
    said = _said(call, PhoneRssi)
    call.acts_as(said.phone_client_id)
    call.streams.phone_hears(said.target_client_id, said.rssi)
    return {"message": "The signal strength is noted."} | structs.asdict(said)


def _said(call: LegacyCall, kind: Any) -> Any:
    if call.body is None:
        raise InvalidRequestError("The body is no JSON object.")
    try:
        return msgspec.convert(call.body, kind)
    except msgspec.ValidationError as error:
        raise unreadable("The body", error, kind) from error
