"""The legacy API's part of a hub's life: its port, what it says at the start, what it counts."""

from __future__ import annotations

import asyncio
import logging
from contextlib import AsyncExitStack

from hub.config import HubConfig
from hub.legacy.app import at_old_paths, own_doorkeeper
from hub.legacy.call import Door, Legacy
from hub.legacy.tally import NOTED_EVERY_S, Tally
from hub.listening import listen
from shared.errors import StoreError
from shared.logs import Trouble

log = logging.getLogger(__name__)


async def open_legacy(
    legacy: Legacy, config: HubConfig, hub_port: int, stack: AsyncExitStack
) -> None:
    """Opens the port of its own, where there is to be one, and says who may come in.

    Args:
        legacy: what its calls work with.
        config: the hub's.
        hub_port: where the v1 API is.
        stack: what ends it.

    Raises:
        ServerError: it cannot listen there.
    """
    if config.legacy.port is not None:
        scheme = "https" if config.server.tls == "own" else "http"
        doorkeeper = own_doorkeeper()
        app = at_old_paths(legacy, Door(hub_port=hub_port, hub_scheme=scheme), doorkeeper)
        where = config.legacy.host, config.legacy.port
        port = await listen(app, doorkeeper, where, stack, table="legacy")
        log.info("the legacy API listens on %s port %d", config.legacy.host, port)
    await legacy.home.announce()


async def keep_counts(tally: Tally) -> None:
    """Stores what was counted, again and again, for ever."""
    trouble = Trouble(log, "counting legacy calls")
    loop = asyncio.get_running_loop()
    while True:
        await asyncio.sleep(NOTED_EVERY_S)
        try:
            await tally.store()
        except StoreError as error:
            trouble.failed(error, loop.time())
        else:
            trouble.recovered(loop.time())


async def store_the_rest(tally: Tally) -> None:
    """Stores what was counted since, at the hub's end."""
    try:
        await tally.store()
    except StoreError as error:
        log.warning("the last minute's legacy calls are not counted: %s", error)
