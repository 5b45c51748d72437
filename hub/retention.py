"""Has what is older than each network wants it kept forgotten, again and again."""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime

from hub.networks import Networks
from hub.store.errors import NotFoundError
from hub.store.retention import AT_ONCE, Retention
from shared.clock import Clock
from shared.errors import StoreError
from shared.logs import Trouble

log = logging.getLogger(__name__)

EVERY_S = 3600.0


async def keep_retention(retention: Retention, networks: Networks, clock: Clock) -> None:
    """Looks every hour, for ever; what fails is tried again at the next look."""
    trouble = Trouble(log, "forgetting what is too old")
    now_s = asyncio.get_running_loop().time
    while True:
        try:
            await forget_old(retention, networks, datetime.fromtimestamp(clock() / 1e6, UTC))
        except StoreError as error:
            trouble.failed(error, now_s())
        else:
            trouble.recovered(now_s())
        await asyncio.sleep(EVERY_S)


async def forget_old(retention: Retention, networks: Networks, now: datetime) -> None:
    """Forgets what is too old in every network, and tells the devices; raises StoreError."""
    await retention.forget_recordings(now)
    for network_id, before in (await retention.due(now)).items():
        while True:
            try:
                gone = await retention.forget(network_id, before, now)
            except NotFoundError:
                break  # the network was deleted meanwhile
            for event in gone:
                networks.publish(network_id, event)
            if gone:
                log.info("forgot %d interactions of before %s", len(gone), before.date())
            if len(gone) < AT_ONCE:
                break
