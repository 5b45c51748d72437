"""Asks a hub by HTTP, as commands do that have no connection to it."""

from __future__ import annotations

from typing import Any

import aiohttp
import msgspec
from msgspec import Struct

from shared.errors import Fault, MiraError

MAX_ANSWER_BYTES = 256 * 1024


class HubRequestError(MiraError):
    """A hub did not do what it was asked for.

    Args:
        message: why, for people.
        hint: what to do about it.
        refusal: the code with which the hub refused; empty: there was no answer of a hub's.
    """

    code = "HUB_REQUEST_FAILED"
    fault = Fault.ENVIRONMENT

    def __init__(self, message: str, hint: str = "", refusal: str = "") -> None:
        super().__init__(message, hint)
        self.refusal = refusal


class _Refusal(Struct, frozen=True):
    code: str
    message: str


class _Refused(Struct, frozen=True):
    error: _Refusal


async def ask(
    http: aiohttp.ClientSession, method: str, url: str, kind: type[Struct] | None, **options: Any
) -> Any:
    """A hub's answer, of a kind.

    Args:
        http: asks.
        method: of HTTP.
        url: where.
        kind: of the answer; None: it does not matter, and None is given.
        options: of `aiohttp.ClientSession.request`.

    Raises:
        HubRequestError: no hub answers, or it refuses.
    """
    try:
        async with http.request(
            method,
            url,
            allow_redirects=False,
            **options,
        ) as answer:
            body = await answer.content.read(MAX_ANSWER_BYTES)
            status = answer.status
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise HubRequestError(
            f"No hub answers at {url} ({str(error) or 'no answer in time'}).",
            "Is the hub running, and this device in the same network?",
        ) from error
    try:
        if status >= 300:
            refused = msgspec.json.decode(body, type=_Refused).error
            raise HubRequestError(f"The hub refuses: {refused.message}", refusal=refused.code)
        return None if kind is None else msgspec.json.decode(body, type=kind)
    except msgspec.DecodeError as error:
        raise HubRequestError(f"What answers at {url} is no hub of Mira's.") from error
