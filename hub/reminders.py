"""Has reminders told when they are due, and those that came due while no hub was there."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from datetime import UTC, datetime

from hub.networks import Networks
from hub.store.errors import NotFoundError
from hub.store.reminders import DueReminders
from shared.clock import Clock
from shared.errors import StoreError
from shared.logs import Trouble

log = logging.getLogger(__name__)

RETURN_S = 15.0
"""How long devices have, when a hub starts, to be back before it is asked which is the nearest."""
LOOK_S = 2.0
"""How often networks with devices here are looked at."""
LOOKS_AT_ALL = 30
"""Each so many-th look is at all networks: others' devices hear of it when they are back."""


async def keep_reminders(due: DueReminders, networks: Networks, clock: Clock) -> None:
    """Looks for ever; what fails is tried again at the next look.

    Args:
        due: the reminders.
        networks: those at work.
        clock: the hub's clock.
    """
    trouble, now_s = Trouble(log, "telling of due reminders"), asyncio.get_running_loop().time
    await asyncio.sleep(RETURN_S)
    look = 0
    while True:
        try:
            everywhere = look % LOOKS_AT_ALL == 0
            wanted = await due.networks() if everywhere else networks.open_networks
            await tell_due(due, wanted, networks, datetime.fromtimestamp(clock() / 1e6, UTC))
        except StoreError as error:
            trouble.failed(error, now_s())
        else:
            trouble.recovered(now_s())
            look += 1
        await asyncio.sleep(LOOK_S)


async def tell_due(
    due: DueReminders, network_ids: Iterable[str], networks: Networks, now: datetime
) -> None:
    """Tells the devices of some networks what is due in them; raises StoreError."""
    for network_id in network_ids:
        try:
            told = await due.tell(network_id, now, networks.speaking(network_id))
        except NotFoundError:
            continue  # the network was deleted meanwhile
        if told:
            log.info("%d reminders of a network are due or overdue", len(told))
            networks.publish(network_id, *told)
