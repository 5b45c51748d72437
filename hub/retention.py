"""Has what is too old forgotten, again and again: what was said, and lines of the event logs."""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime, timedelta

from hub.networks import Networks
from hub.store.database import Database
from hub.store.errors import NotFoundError
from hub.store.event_log import EventLogs
from hub.store.retention import AT_ONCE, Retention
from hub.store.store import Store
from shared.clock import Clock
from shared.errors import StoreError
from shared.logs import Trouble

log = logging.getLogger(__name__)

EVERY_S = 3600.0
TRACES_EVERY_S = 10.0
"""What is deleted is gone from disk and memory soon after, not only from the answers."""


async def keep_retention(
    retention: Retention, logs: EventLogs, events_kept: timedelta, networks: Networks, clock: Clock
) -> None:
    """Looks every hour, for ever; what fails is tried again at the next look.

    Args:
        retention: of what was said, as each network wants it.
        logs: the event logs.
        events_kept: for how long devices that are away find in them what they missed.
        networks: those at work.
        clock: the hub's clock.
    """
    trouble = Trouble(log, "forgetting what is too old")
    now_s = asyncio.get_running_loop().time
    while True:
        now = datetime.fromtimestamp(clock() / 1e6, UTC)
        try:
            await forget_old(retention, networks, now)
            await shorten_logs(logs, events_kept, networks, now)
        except StoreError as error:
            trouble.failed(error, now_s())
        else:
            trouble.recovered(now_s())
        await asyncio.sleep(EVERY_S)


async def keep_no_trace(database: Database, store: Store) -> None:
    """Has what is deleted go from the database's write-ahead log, and voices from memory.

    For ever; what fails is tried again.
    """
    trouble = Trouble(log, "removing traces of what was deleted")
    now_s = asyncio.get_running_loop().time
    while True:
        try:
            await database.truncate_wal()
            await store.follow_voices()
        except StoreError as error:
            trouble.failed(error, now_s())
        else:
            trouble.recovered(now_s())
        await asyncio.sleep(TRACES_EVERY_S)


async def forget_old(retention: Retention, networks: Networks, now: datetime) -> None:
    """Forgets what is too old in every network, and tells the devices; raises StoreError."""
    await retention.forget_recordings(now)
    for network_id, before in (await retention.due(now)).items():
        while True:
            try:
                gone, told = await retention.forget(network_id, before, now)
            except NotFoundError:
                break  # the network was deleted meanwhile
            networks.publish(network_id, *told)
            if gone:
                log.info("forgot %d interactions of before %s", gone, before.date())
            if gone < AT_ONCE:
                break


async def shorten_logs(logs: EventLogs, kept: timedelta, networks: Networks, now: datetime) -> None:
    """Compacts every network's event log, and cuts off what is old; raises StoreError."""
    await networks.note_acks()
    for network_id in await logs.networks():
        compacted = await logs.compact(network_id)
        cut_off = await logs.cut_off(network_id, kept, now)
        if compacted or cut_off:
            log.info("event log: %d lines overtaken, %d cut off", compacted, cut_off)
