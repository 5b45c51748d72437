"""Multipart forms with a recording in them, and bodies that are one."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator

from aiohttp import BodyPartReader, web
from aiohttp.http_exceptions import HttpProcessingError

from hub.api.errors import BodyTooLargeError, InvalidRequestError

MAX_BYTES = 12 * 2**20
"""30 s of 48 kHz stereo with 32 bits, and some."""
MAX_PARTS = 32
AUDIO = "audio"
"""The part that holds the recording."""


async def read_form(
    request: web.Request, ignored: frozenset[str] = frozenset()
) -> tuple[dict[str, str], bytes | None]:
    """The texts of a multipart form by name, and its recording; None: it has none.

    Args:
        request: its body is read.
        ignored: parts that are not wanted.

    Raises:
        InvalidRequestError: it is no form, or one of many parts.
        BodyTooLargeError: its parts are larger than a recording may be.
    """
    said: dict[str, str] = {}
    data: bytes | None = None
    room, parts = MAX_BYTES, 0
    try:
        async for part in await request.multipart():
            if not isinstance(part, BodyPartReader) or part.name is None:
                raise InvalidRequestError("Each part of the body needs a name, and no parts.")
            parts += 1
            if parts > MAX_PARTS:
                raise InvalidRequestError(f"A form has at most {MAX_PARTS} parts.")
            content = await read_limited(_chunks(part), room)
            room -= len(content)
            if part.name == AUDIO:
                data = content
            elif part.name not in ignored:
                said[part.name] = content.decode()
    except (ValueError, AssertionError, HttpProcessingError) as error:
        raise InvalidRequestError(f"The body is no multipart form: {str(error)[:200]}.") from error
    return said, data


async def read_limited(chunks: AsyncIterable[bytes], limit: int = MAX_BYTES) -> bytes:
    """All of them.

    Raises:
        BodyTooLargeError: more bytes than `limit`.
    """
    data = bytearray()
    async for chunk in chunks:
        data += chunk
        if len(data) > limit:
            raise BodyTooLargeError(f"A recording has at most {MAX_BYTES // 2**20} MiB.")
    return bytes(data)


async def _chunks(part: BodyPartReader) -> AsyncIterator[bytes]:
    while chunk := await part.read_chunk():
        yield chunk
