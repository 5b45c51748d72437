"""How long a request's body may take to come."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from hub import metrics
from hub.api.errors import InvalidRequestError, SlowRequestError

LEAST_BYTES_PER_S = 16 * 1024
"""In the long run. A recording is 32 kB per second, and may come over a bad Wi-Fi."""
BODY_S = 8.0
"""How far a body may be behind that, so also how long nothing at all may come."""
LOOK_S = 0.5


@asynccontextmanager
async def keeping_pace(request: web.Request) -> AsyncIterator[None]:
    """While a request's body is read: gives it up when it comes too slowly for too long.

    A long body may take long; one that has come fast so far may not take longer for it.

    Raises:
        SlowRequestError: it was given up.
        InvalidRequestError: the connection ended before its end; nobody will read why.
    """
    loop = asyncio.get_running_loop()
    seen = 0
    looking: asyncio.TimerHandle

    def look() -> None:
        nonlocal seen, looking
        came = request.content.total_raw_bytes - seen
        seen += came
        latest = limit.when()
        if came and latest is not None and not limit.expired():
            limit.reschedule(min(latest + came / LEAST_BYTES_PER_S, loop.time() + BODY_S))
        looking = loop.call_later(LOOK_S, look)

    try:
        async with asyncio.timeout(BODY_S) as limit:
            looking = loop.call_later(LOOK_S, look)
            try:
                yield
            finally:
                looking.cancel()
    except TimeoutError:
        metrics.REFUSED.labels("slow_body").inc()
        raise SlowRequestError(
            "The body came too slowly.",
            f"It may be {BODY_S:.0f} s behind {LEAST_BYTES_PER_S // 1024} KiB per second.",
        ) from None
    except ConnectionError as error:
        raise InvalidRequestError("The connection ended within the body.") from error
