"""Errors of the API: one shape, a code, a status, and an id by which to find the request."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from typing import Any

import msgspec
from aiohttp import web
from aiohttp.typedefs import Handler

from hub.network.room import NotAllowedError
from hub.network.uploads import HubStoppingError
from hub.reading import why
from hub.recognition.desk import RecogniserBusyError, RecogniserStoppedError
from hub.store.errors import (
    ClientExistsError,
    NoRecordingError,
    NotFoundError,
    RegistrationClosedError,
    StoreConflictError,
    UnlikeVoiceError,
    VersionConflictError,
    VoicesOffError,
)
from shared.errors import (
    AccessDeniedError,
    Fault,
    LimitExceededError,
    MiraError,
    NoMemberError,
    StoreError,
)
from shared.ids import new_id

log = logging.getLogger(__name__)


class InvalidRequestError(MiraError):
    """A body, a parameter or a header that is not what the route takes."""

    code = "INVALID_REQUEST"
    fault = Fault.PERSON


def unreadable(what: str, error: Exception, kind: Any) -> InvalidRequestError:
    """The error to raise where something that was sent is not of the type that it has to be.

    Args:
        what: was sent, for people.
        error: what msgspec raised.
        kind: the type.
    """
    said, help_ = why(error, kind)
    return InvalidRequestError(f"{what} cannot be used: {said}", help_)


class ForbiddenError(MiraError):
    """The token is known, and does not allow this."""

    code = "FORBIDDEN"
    fault = Fault.PERSON


class PairingRefusedError(MiraError):
    """No device joins with that."""

    code = "INVALID_PAIRING_CODE"
    fault = Fault.PERSON


class PairingUnavailableError(MiraError):
    """The hub cannot pair devices as it is set up."""

    code = "PAIRING_UNAVAILABLE"
    fault = Fault.ENVIRONMENT


class BodyTooLargeError(MiraError):
    """More bytes than a route takes."""

    code = "BODY_TOO_LARGE"
    fault = Fault.PERSON


class NothingUnderstoodError(MiraError):
    """The recogniser made no words of a recording."""

    code = "NOTHING_UNDERSTOOD"
    fault = Fault.ENVIRONMENT


class VoicesUnavailableError(MiraError):
    """The hub has no encoder of voices."""

    code = "VOICES_UNAVAILABLE"
    fault = Fault.ENVIRONMENT


class SlowRequestError(MiraError):
    """A request that takes too long to come."""

    code = "REQUEST_TIMEOUT"
    fault = Fault.PERSON


class SuspendedError(MiraError):
    """The operator has suspended the network."""

    code = "NETWORK_SUSPENDED"
    fault = Fault.PERSON


class RateLimitError(MiraError):
    """Too many requests; `retry_after_s` says when the next one may come."""

    code = "RATE_LIMIT_EXCEEDED"
    fault = Fault.PERSON


STATUS: tuple[tuple[type[MiraError], int], ...] = (
    (AccessDeniedError, 401),
    (NoMemberError, 410),
    (ForbiddenError, 403),
    (NotAllowedError, 403),
    (SuspendedError, 403),
    (PairingRefusedError, 403),
    (PairingUnavailableError, 409),
    (NothingUnderstoodError, 409),
    (NoRecordingError, 409),
    (VoicesOffError, 409),
    (UnlikeVoiceError, 409),
    (VoicesUnavailableError, 503),
    (RecogniserBusyError, 503),
    (RecogniserStoppedError, 503),
    (HubStoppingError, 503),
    (NotFoundError, 404),
    (RegistrationClosedError, 403),
    (ClientExistsError, 409),
    (StoreConflictError, 409),
    (VersionConflictError, 412),
    (SlowRequestError, 408),
    (BodyTooLargeError, 413),
    (RateLimitError, 429),
    (LimitExceededError, 429),
)
"""The first that fits; other errors by whose fault they are."""

CODES = {404: "NOT_FOUND", 405: "METHOD_NOT_ALLOWED", 413: "BODY_TOO_LARGE"}


class ErrorBody(msgspec.Struct, frozen=True):
    """What went wrong."""

    code: str
    message: str
    details: dict[str, str | int | float]
    request_id: str


class ErrorAnswer(msgspec.Struct, frozen=True):
    """The body of every answer that is no success."""

    error: ErrorBody


@web.middleware
async def errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turns what goes wrong into an answer of the one shape; says why in the log."""
    try:
        return await handler(request)
    except MiraError as error:
        return answer_of(error)
    except web.HTTPException as error:
        if error.status < 400:
            raise
        code = CODES.get(error.status, "INVALID_REQUEST")
        return error_response(error.status, code, error.reason, headers=_kept(error))


def answer_of(error: MiraError, code: str | None = None) -> web.Response:
    """The answer to an error of ours; with `code` in the place of its own."""
    headers: dict[str, str] = {}
    if isinstance(error, AccessDeniedError):
        headers["WWW-Authenticate"] = "Bearer"
    status = status_of(error)
    if status == 429:
        headers["Retry-After"] = str(math.ceil(float(error.details.get("retry_after_s", 1))))
    if status >= 500:
        log.warning("a request failed: %s", error)
    return error_response(
        status, code or error.code, str(error), dict(error.details), headers=headers
    )


def status_of(error: MiraError) -> int:
    """The HTTP status of an error."""
    for kind, status in STATUS:
        if isinstance(error, kind):
            return status
    if error.fault in (Fault.PERSON, Fault.DEVICE):
        return 400
    return 503 if isinstance(error, StoreError) else 500


def error_response(
    status: int,
    code: str,
    message: str,
    details: dict[str, str | int | float] | None = None,
    headers: Mapping[str, str] | None = None,
) -> web.Response:
    """An answer of the one shape."""
    body = ErrorAnswer(ErrorBody(code, message, details or {}, new_id()))
    return web.Response(
        body=msgspec.json.encode(body),
        status=status,
        content_type="application/json",
        headers=headers,
    )


def _kept(error: web.HTTPException) -> dict[str, str]:
    return {"Allow": error.headers["Allow"]} if "Allow" in error.headers else {}
