"""Counts requests, by the route as the table has it, so that no id gets among the figures."""

from __future__ import annotations

import time

from aiohttp import web
from aiohttp.typedefs import Handler

from hub import metrics


@web.middleware
async def counted(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Counts a request, and how long it took."""
    started = time.perf_counter()
    response = await handler(request)
    resource = request.match_info.route.resource
    route = resource.canonical if resource else "none"
    metrics.REQUESTS.labels(request.method, route, response.status).inc()
    if response.status != 101:
        metrics.REQUEST_SECONDS.labels(request.method, route).observe(time.perf_counter() - started)
    return response
