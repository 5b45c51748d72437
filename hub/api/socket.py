"""The WebSocket that each device speaks over."""

from __future__ import annotations

from aiohttp import web

from hub.api.route import Call
from shared.errors import AccessDeniedError, LimitExceededError
from shared.wire.channel import WebSocketChannel
from shared.wire.codec import MAX_MESSAGE_BYTES

MAX_CONNECTIONS = 1000
MAX_OF_ONE_NETWORK = 250
"""So that no network takes the others' places."""


async def websocket(call: Call) -> web.StreamResponse:
    """Serves a device's connection to its end."""
    networks = call.services.networks
    if "Origin" in call.request.headers:
        # Browsers send it, devices do not; no page of whatever site opens a socket here.
        raise AccessDeniedError("Browsers are not let in here.")
    if networks.connected >= MAX_CONNECTIONS:
        raise LimitExceededError("The hub has as many connections as it can serve.")
    room = networks.open_room(call.network_id)
    there = room.members.sessions if room else {}
    if len(there) >= MAX_OF_ONE_NETWORK and call.access.client_id not in there:
        raise LimitExceededError("The network has as many connections as one may have.")
    socket = web.WebSocketResponse(
        max_msg_size=MAX_MESSAGE_BYTES + 1, compress=False, timeout=2.0, decode_text=True
    )
    opened_us = networks.clock()  # a busy hub may hear its answer answered before it goes on
    await socket.prepare(call.request)
    await networks.serve(WebSocketChannel(socket, call.request.transport), call.access, opened_us)
    return socket
