"""Asks a legacy system that still runs who is connected to it."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import msgspec
from msgspec import Struct

from shared.errors import Fault, MiraError

TIMEOUT_S = 10.0
MAX_BYTES = 1024 * 1024
MAX_ADDRESS = 64


class LegacySystemError(MiraError):
    """The legacy system cannot be asked, or it is none."""

    code = "LEGACY_SYSTEM_UNAVAILABLE"
    fault = Fault.ENVIRONMENT


class _Status(Struct, frozen=True):
    """What `GET /` answers, as far as it is needed."""

    enabled: bool
    version: str
    connected_clients: dict[str, dict[str, Any]]


async def connected_clients(url: str) -> tuple[tuple[str, str | None], ...]:
    """The ids and addresses of those who are connected; asks once, and changes nothing there.

    Args:
        url: such as `http://192.168.1.5:8000`.

    Raises:
        LegacySystemError: it does not answer within 10 s, or not as a legacy system does.
    """
    try:
        async with (
            asyncio.timeout(TIMEOUT_S),
            aiohttp.ClientSession() as http,
            http.get(url.rstrip("/") + "/", allow_redirects=False) as answer,
        ):
            status, body = answer.status, bytearray()
            async for chunk in answer.content.iter_chunked(65_536):
                body += chunk
                if len(body) > MAX_BYTES:
                    break
    except TimeoutError as error:
        raise LegacySystemError(
            f"{url} did not answer within {TIMEOUT_S:.0f} s.", "Does the legacy system run there?"
        ) from error
    except (aiohttp.ClientError, ValueError) as error:
        raise LegacySystemError(
            f"{url} cannot be reached: {str(error) or type(error).__name__}.",
            "Does the legacy system run there?",
        ) from error
    if status != 200:
        raise _stranger(url, f"it answers {status}")
    if len(body) > MAX_BYTES:
        raise _stranger(url, f"its answer is longer than {MAX_BYTES} bytes")
    try:
        found = msgspec.json.decode(body, type=_Status)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise _stranger(url, str(error)[:200]) from error
    return tuple((id_, _address(entry)) for id_, entry in found.connected_clients.items())


def _address(entry: dict[str, Any]) -> str | None:
    ip = entry.get("ip")
    return ip if isinstance(ip, str) and len(ip) <= MAX_ADDRESS and ip.isprintable() else None


def _stranger(url: str, why: str) -> LegacySystemError:
    return LegacySystemError(
        f"What answers at {url} is no legacy system: {why}.",
        "Name its own address and port, or list its clients with --list.",
    )
