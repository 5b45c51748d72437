"""Lists of interactions of whatever length: written as they are read, a part at a time."""

from __future__ import annotations

from collections.abc import AsyncIterator

import msgspec
from aiohttp import web

from hub.legacy import forms
from hub.legacy.call import LegacyCall
from hub.store.keyset import Position

PART = 100
"""Interactions in memory at once; each may hold two embeddings, some kilobytes."""


async def listed(
    call: LegacyCall,
    limit: int | None,
    conversation_id: str | None = None,
    around: tuple[bytes, bytes] = (b"", b""),
) -> web.StreamResponse:
    """A list of interactions, the newest first.

    Args:
        call: what it answers.
        limit: how many at most; None: all.
        conversation_id: of this conversation only.
        around: what is written before and after the list.
    """
    parts = _parts(call, limit, conversation_id)
    first = await anext(parts, b"")  # what fails at once is told as any error is
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    await response.prepare(call.request)
    await response.write(around[0] + b"[" + first)
    async for part in parts:
        await response.write(b"," + part)
    await response.write_eof(b"]" + around[1])
    return response


async def _parts(
    call: LegacyCall, limit: int | None, conversation_id: str | None
) -> AsyncIterator[bytes]:
    """The interactions as JSON, without the brackets around each part."""
    after: Position | None = None
    left = limit
    while left is None or left > 0:
        size = PART if left is None else min(PART, left)
        if conversation_id is None:
            rows = await call.rows.interactions(call.network_id, size, after)
        else:
            rows = await call.rows.said_in(call.network_id, conversation_id, size, after)
        if rows:
            yield msgspec.json.encode([forms.interaction(row) for row in rows])[1:-1]
        if len(rows) < size:
            return
        after = Position(rows[-1].timestamp, rows[-1].id)
        left = None if left is None else left - size
