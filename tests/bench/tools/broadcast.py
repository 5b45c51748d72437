"""A bare aiohttp server that sends the same text to all its WebSockets, as fast as it can.

`python -m tests.bench.tools.broadcast STATE_DIR` says its port on stdout, has the hub's own
certificate, and broadcasts whenever stdin says so: a line with the number of seconds.
"""

from __future__ import annotations

import asyncio
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from aiohttp import web

from hub.authority import Authority
from shared.discovery import own_addresses
from shared.ids import new_id
from shared.wire.codec import encode
from shared.wire.events import InteractionCreated
from tests.bench.tools.member import TEXT

GREETING = '{"type":"connection_established"}'


async def main() -> None:
    """Serves until stdin ends."""
    sockets: list[web.WebSocketResponse] = []

    async def serve(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(compress=False)
        await socket.prepare(request)
        await socket.send_str(GREETING)
        sockets.append(socket)
        async for _ in socket:
            pass
        return socket

    app = web.Application()
    app.router.add_get("/api/v1/networks/{network_id}/ws", serve)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    authority = Authority.open(Path(sys.argv[1]), "bench")
    context = authority.server_context(own_addresses(), datetime.now(UTC))
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context)
    await site.start()
    print(runner.addresses[0][1], flush=True)
    seq = 0
    while line := await asyncio.to_thread(sys.stdin.readline):
        until = time.monotonic() + float(line)
        while time.monotonic() < until:
            seq += 1
            text = event(seq)
            for socket in sockets:
                await socket.send_str(text)
            await asyncio.sleep(0)  # what comes in is read
    await runner.cleanup()


def event(seq: int) -> str:
    """The text of an event, as long as those that the hub sends meanwhile."""
    created = InteractionCreated(
        seq=10**4 + seq,
        interaction_id=new_id(),
        text=TEXT,
        speaker_id=None,
        client_id=None,
        timestamp=datetime.now(UTC),
        processing_status="completed",
    )
    return encode(created)


if __name__ == "__main__":
    asyncio.run(main())
