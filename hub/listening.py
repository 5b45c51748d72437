"""Servers on ports: watched from each connection's first moment, and ended in good order."""

from __future__ import annotations

import asyncio
import ssl
from contextlib import AsyncExitStack

from aiohttp import web

from hub.doorkeeper import IDLE_S, Doorkeeper
from shared.errors import Fault, MiraError

BACKLOG = 512
"""Connections that wait to be accepted."""
LINGER_S = 5.0
"""How long what is left of a refused body is read, so that the answer gets through."""
SHUTDOWN_S = 2.0
"""Connections have this long to end when the server stops, and those that do not, again so long."""


class ServerError(MiraError):
    """The hub cannot listen where it is told to."""

    code = "SERVER_UNAVAILABLE"
    fault = Fault.ENVIRONMENT


async def listen(
    app: web.Application,
    doorkeeper: Doorkeeper,
    where: tuple[str, int],
    stack: AsyncExitStack,
    context: ssl.SSLContext | None = None,
    table: str = "server",
) -> int:
    """Starts a server, which ends with the stack; gives its port.

    Args:
        app: what answers.
        doorkeeper: watches the connections.
        where: host and port; port 0 is any that is free.
        stack: what ends the server.
        context: for TLS; None: plain HTTP.
        table: of the configuration, which says where.

    Raises:
        ServerError: it cannot listen there.
    """
    host, port = where
    stack.callback(doorkeeper.close)
    runner = web.AppRunner(
        app,
        access_log=None,
        keepalive_timeout=IDLE_S,  # the default keeps idle connections for an hour
        lingering_time=LINGER_S,
        shutdown_timeout=SHUTDOWN_S,
    )
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    if runner.server is None:
        raise AssertionError
    try:
        listening = await asyncio.get_running_loop().create_server(
            doorkeeper.watching(runner.server, context),
            host,
            port,
            backlog=BACKLOG,
            reuse_address=True,
        )
    except OSError as error:
        raise ServerError(
            f"The hub cannot listen on {host} port {port}: {error.strerror}.",
            f"Is another hub running? Else choose another [{table}] port.",
        ) from error
    stack.callback(listening.close)
    found: int = listening.sockets[0].getsockname()[1]
    return found
