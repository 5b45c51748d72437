"""Has reminders told when they are due, and those that came due while no hub was there."""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime, timedelta

from hub.agenda import Agenda
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
"""How often it is asked whether anything happened in networks with devices here; only where it did,
or where something is due, is there more to do."""
LEFT = timedelta(seconds=5)
"""So long a hub with no device that speaks leaves what is due to other hubs, of which one may have
such a device; it is longer than that one takes to look."""
LOOKS_AT_ALL = 30
"""Each so many-th look is at all networks: others' devices hear of it when they are back."""


async def keep_reminders(due: DueReminders, networks: Networks, clock: Clock) -> None:
    """Looks for ever; what fails is tried again at the next look, and keeps up nothing else.

    Args:
        due: the reminders.
        networks: those at work.
        clock: the hub's clock.
    """
    agenda, look = Agenda(), 0
    trouble, now_s = Trouble(log, "telling of due reminders"), asyncio.get_running_loop().time
    await asyncio.sleep(RETURN_S)
    while True:
        now = datetime.fromtimestamp(clock() / 1e6, UTC)
        try:
            failures = await _look(due, networks, agenda, now, everywhere=look % LOOKS_AT_ALL == 0)
        except StoreError as error:
            trouble.failed(error, now_s())
        else:
            look += 1
            if failures:
                trouble.failed(failures[0], now_s())
            else:
                trouble.recovered(now_s())
        await asyncio.sleep(LOOK_S)


async def _look(
    due: DueReminders, networks: Networks, agenda: Agenda, now: datetime, *, everywhere: bool
) -> list[StoreError]:
    """Tells what is due in networks with devices here, or in all.

    Returns:
        What failed of single networks.

    Raises:
        StoreError: it is not even known where something happened.
    """
    here = networks.open_networks
    if not (here or everywhere):
        return []
    seqs = await due.seqs(None if everywhere else here)
    if everywhere:
        agenda.keep(seqs)
    failures: list[StoreError] = []
    for network_id in agenda.wanted(seqs, now):
        try:
            next_at, present = await due.next_at(network_id), networks.present(network_id)
            if next_at is not None and due.shared and not any(present.values()):
                next_at += LEFT
            if next_at is None or next_at > now:
                agenda.note(network_id, seqs[network_id], next_at)
                continue
            told = await due.tell(network_id, now, present)
        except NotFoundError:
            continue  # the network was deleted meanwhile
        except StoreError as error:
            failures.append(error)
            continue
        if told:
            log.info("%d reminders of a network are due or overdue", len(told))
            networks.publish(network_id, *told)
    return failures
