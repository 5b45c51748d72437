"""The hub's HTTP side: who may come in, and the WebSocket each device speaks over."""

from __future__ import annotations

import logging

import msgspec
from aiohttp import web
from aiohttp.typedefs import Handler

from hub.networks import Networks
from hub.store.records import Access
from hub.store.store import Store
from shared.errors import AccessDeniedError, LimitExceededError, MiraError, StoreError
from shared.ids import new_id
from shared.wire.channel import WebSocketChannel
from shared.wire.codec import MAX_MESSAGE_BYTES

log = logging.getLogger(__name__)

MAX_CONNECTIONS = 1000
STATUS = {AccessDeniedError: 401, LimitExceededError: 429, StoreError: 503}


def make_app(networks: Networks, store: Store) -> web.Application:
    """The application: `/api/v1/networks/{network_id}/ws` and `/api/v1/health`."""

    async def health(_: web.Request) -> web.Response:
        """200 when the store answers, 503 when it does not."""
        await store.ping()
        return web.json_response({"status": "ok", "connections": networks.connected})

    async def websocket(request: web.Request) -> web.StreamResponse:
        access = await _authenticate(request, store)
        if networks.connected >= MAX_CONNECTIONS:
            raise LimitExceededError("The hub has as many connections as it can serve.")
        socket = web.WebSocketResponse(
            max_msg_size=MAX_MESSAGE_BYTES + 1, compress=False, timeout=2.0, decode_text=True
        )
        await socket.prepare(request)
        await networks.serve(WebSocketChannel(socket, request.transport), access)
        return socket

    app = web.Application(middlewares=[_errors])
    app.router.add_get("/api/v1/health", health)
    app.router.add_get("/api/v1/networks/{network_id}/ws", websocket)
    return app


async def _authenticate(request: web.Request, store: Store) -> Access:
    """What the bearer token gives access to.

    Raises:
        AccessDeniedError: none, unknown, revoked, or of another network: all look the same.
    """
    if "Origin" in request.headers:
        # Browsers send it, devices do not; no page of whatever site opens a socket here.
        raise AccessDeniedError("Browsers are not let in here.")
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    access = await store.look_up(token) if scheme.lower() == "bearer" and token else None
    if access is None or access.network_public_id != request.match_info["network_id"]:
        raise AccessDeniedError("The token gives no access to this network.")
    return access


@web.middleware
async def _errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Every error has one shape."""
    try:
        return await handler(request)
    except MiraError as error:
        status = next((s for kind, s in STATUS.items() if isinstance(error, kind)), 400)
        return _error_response(status, error.code, error.message, error.details)
    except web.HTTPException as error:
        if error.status < 400:
            raise
        return _error_response(error.status, error.reason.upper().replace(" ", "_"), error.reason)


def _error_response(
    status: int, code: str, message: str, details: dict[str, str | int | float] | None = None
) -> web.Response:
    body = {
        "error": {
            "code": code,
            "message": message,
            "details": details or {},
            "request_id": new_id(),
        }
    }
    headers = {"WWW-Authenticate": "Bearer"} if status == 401 else None
    return web.Response(
        body=msgspec.json.encode(body),
        status=status,
        content_type="application/json",
        headers=headers,
    )
