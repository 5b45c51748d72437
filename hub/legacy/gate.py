"""Stands before every legacy call: which network, who calls, may they, and is it still served."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler

from hub import metrics
from hub.api.errors import ForbiddenError, RateLimitError, SuspendedError
from hub.api.gate import bearer, caller_of
from hub.legacy import answers
from hub.legacy.call import Door, Legacy, LegacyCall
from hub.legacy.deprecation import NETWORK, Deprecation, Stage
from hub.legacy.nearness import comes_from_near
from hub.legacy.streams import Stream
from hub.store.moves import Move
from hub.store.records import Access, NetworkInfo
from shared.errors import AccessDeniedError, MiraError

LegacyHandler = Callable[[LegacyCall], Awaitable[Any]]
Notice = dict[str, object]
_HEADERS = web.RequestKey("legacy_headers", dict[str, str])
_NOTICE = web.RequestKey("legacy_notice", Notice)
"""Of the deprecation, where it is due."""
_CALL = web.RequestKey("legacy_call", LegacyCall)


class LegacyGate:
    """The middleware of one application of legacy calls.

    Args:
        legacy: what calls work with.
        door: where they come in.
    """

    def __init__(self, legacy: Legacy, door: Door) -> None:
        self._legacy = legacy
        self._door = door

    @web.middleware
    async def middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Lets a request through to its call, or says why not."""
        try:
            return await self._answered(request, handler)
        except MiraError as error:
            return answers.refusal(error, notice_of(request))
        except web.HTTPException as error:
            return answers.http_refusal(error, notice_of(request))

    @staticmethod
    async def put_headers(request: web.Request, response: web.StreamResponse) -> None:
        """Has every answer, however it came about, say that it is deprecated."""
        response.headers.update(request.get(_HEADERS, answers.OPEN))

    async def _answered(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        legacy, address = self._legacy, caller_of(request, self._legacy.proxies)
        try:
            move = await legacy.home.move()
        except MiraError:
            self._throttle(address)
            raise
        deprecation, guide = Deprecation(move.started_at), self._door.guide(request, legacy)
        request[_HEADERS] = answers.OPEN | deprecation.headers(guide)
        now = legacy.home.now
        stage = deprecation.stage(now)
        if stage != "served":
            request[_NOTICE] = deprecation.notice(now, guide)
        if request.method == "OPTIONS":
            self._throttle(address)
            return answers.preflight(request)
        if request.match_info.handler is guide_page:
            self._throttle(address)
            return await handler(request)
        try:
            access, network = await self._admit(request, address, move)
        except (AccessDeniedError, ForbiddenError):
            metrics.LEGACY_CALLS.labels("refused").inc()
            if stage == "gone":
                return answers.gone(deprecation.notice(now, guide))
            raise
        if stage != "served":
            request[_NOTICE] = deprecation.notice(now, guide, move.public_id)
        call = LegacyCall(legacy, self._door, request, address, move, network, access)
        call.name = request.match_info.get("client_id")
        before = call.streams.of(call.name, address)  # it may be about to leave
        try:
            return await self._served(call, handler, stage)
        finally:
            self._count(call, before)

    async def _served(self, call: LegacyCall, handler: Handler, stage: Stage) -> web.StreamResponse:
        request = call.request
        if stage == "gone":
            return answers.gone(request[_NOTICE])
        if call.network.status == "suspended":
            raise SuspendedError("The network is suspended.", "Ask the hub's operator.")
        await call.read_body()
        request[_CALL] = call
        return await handler(request)

    async def _admit(
        self, request: web.Request, address: str, move: Move
    ) -> tuple[Access, NetworkInfo]:
        """Who calls, and the network as it is now."""
        services, token, access = self._legacy.services, bearer(request), None
        if token:
            access = await services.store.look_up(token)
            if access is None or access.network_id != move.network_id:
                self._throttle(address)
                raise AccessDeniedError("The token gives no access to the legacy API.")
            self._throttle(access.token_id)
            if access.role not in ("network", "client"):
                raise ForbiddenError("This token does not allow that.")
        else:
            self._throttle(address)
            if self._legacy.home.config.access != "lan":
                raise AccessDeniedError(
                    "A token is needed by now.", "The operator of the hub has one."
                )
            peer = request.remote or ""
            if not comes_from_near(peer, request.headers, self._legacy.proxies):
                raise AccessDeniedError("Without a token only the local network may call.")
        network = await services.store.network(move.network_id)
        if access is None:
            access = Access(
                "lan", "network", move.network_id, move.public_id, network.status, None, None
            )
        return access, network

    def _throttle(self, caller: str) -> None:
        wait_s = self._legacy.limits.take(caller, asyncio.get_running_loop().time())
        if wait_s > 0:
            raise RateLimitError("Too many requests.", retry_after_s=round(wait_s, 3))

    def _count(self, call: LegacyCall, before: Stream | None) -> None:
        """Counts a call for its client, if it can be told whose it was."""
        stream = call.streams.of(call.name, call.address) or before
        client_id = call.access.client_id or (stream.public_id if stream else None)
        metrics.LEGACY_CALLS.labels("unknown" if client_id is None else "client").inc()
        if stream is not None:
            stream.called_us = call.now_us()
        if client_id is not None:
            now = self._legacy.home.now
            self._legacy.tally.count(call.network_id, client_id, call.address, now)


def answering(handler: LegacyHandler) -> Handler:
    """What aiohttp calls for a legacy call."""

    async def handle(request: web.Request) -> web.StreamResponse:
        body = await handler(request[_CALL])
        if isinstance(body, web.StreamResponse):
            return body
        return answers.answer(body, notice_of(request))

    return handle


def notice_of(request: web.Request) -> Notice | None:
    """What is said of the deprecation in an answer that is an object; None: nothing yet."""
    return request.get(_NOTICE)


async def guide_page(_: web.Request) -> web.Response:
    """Says to whoever follows the link how to move; holds nothing of a household."""
    return web.Response(text=_GUIDE.format(network=NETWORK))


_GUIDE = """\
This API is that of the legacy system. It is kept for old clients for 90 days from the start of the
move; the headers Deprecation and Sunset of every answer tell the dates. After that every call
answers 410.

What to do with an old client:

1. Ask this API for where it has to go: GET service/CLIENT/config.
2. Get a token for it. Either pair it as a new device (on the hub: mira-hub pair), or give its own
   record a token (on the hub: mira-hub client rotate CLIENT --network {network}).
3. Have it use the new endpoints, with the header "Authorization: Bearer TOKEN":
     /api/v1/networks/{network}/interactions   what was said
     /api/v1/networks/{network}/audio          recordings, as the form that it sends by now
   The whole API: GET /api/v1/openapi.json on the hub. Microphones rather run mira-edge.
4. mira-hub client list --network {network} shows which clients still call this API.
"""
