"""Answers as old clients know them: JSON, errors as `{"detail"}`, open to pages of any origin."""

from __future__ import annotations

import logging
import math
import re
from typing import Any

import msgspec
from aiohttp import web

from hub.api.errors import status_of
from hub.legacy.call import ListeningOffError
from hub.legacy.home import NoHomeError
from shared.errors import AccessDeniedError, MiraError

log = logging.getLogger(__name__)

PREFLIGHT_S = 600
"""How long a browser need not ask again."""
OPEN = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": "Deprecation, Sunset, Link, Retry-After",
    "Cache-Control": "no-store",
}
"""On every answer."""
_NAMES = re.compile(r"[A-Za-z0-9_, -]+")
METHODS = "DELETE, GET, OPTIONS, PATCH, POST"


def answer(body: Any, notice: dict[str, object] | None, status: int = 200) -> web.Response:
    """An answer.

    Args:
        body: what is answered; an object gets the notice as an extra key.
        notice: of the deprecation, where it is due.
        status: of HTTP.
    """
    return web.Response(
        body=msgspec.json.encode(noticed(body, notice)),
        status=status,
        content_type="application/json",
    )


def noticed(body: Any, notice: dict[str, object] | None) -> Any:
    """A body with the notice; lists and null keep their form."""
    return body | {"deprecation": notice} if notice and isinstance(body, dict) else body


def refusal(error: MiraError, notice: dict[str, object] | None) -> web.Response:
    """The answer to an error of ours."""
    unavailable = isinstance(error, ListeningOffError | NoHomeError)
    status = 503 if unavailable else status_of(error)
    if status >= 500 and not unavailable:
        log.warning("a legacy call failed: %s", error)
    response = answer({"detail": str(error)}, notice, status)
    if isinstance(error, AccessDeniedError):
        response.headers["WWW-Authenticate"] = "Bearer"
    if status == 429:
        wait_s = math.ceil(float(error.details.get("retry_after_s", 1)))
        response.headers["Retry-After"] = str(wait_s)
    return response


def http_refusal(error: web.HTTPException, notice: dict[str, object] | None) -> web.Response:
    """The answer to what HTTP itself has a word for, such as a path that is not there."""
    response = answer({"detail": error.reason}, notice, error.status)
    if "Allow" in error.headers:
        response.headers["Allow"] = error.headers["Allow"]
    return response


def preflight(request: web.Request) -> web.Response:
    """The answer to a browser that asks whether a page may call."""
    asked = request.headers.get("Access-Control-Request-Headers", "")
    if not _NAMES.fullmatch(asked):
        asked = "Authorization, Content-Type"
    return web.Response(
        text="OK",
        headers={
            "Access-Control-Allow-Methods": METHODS,
            "Access-Control-Allow-Headers": asked,
            "Access-Control-Max-Age": str(PREFLIGHT_S),
        },
    )


def gone(notice: dict[str, object]) -> web.Response:
    """The answer to every call once the legacy API has ended."""
    return answer({"detail": "The legacy API has ended: use the new endpoints."}, notice, 410)
