"""A device that belongs to no network yet: seen by mDNS, it hears nothing and waits."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Callable

from edge.config import PAIR, EdgeConfig
from shared.discovery import Announcer, DeviceRecord, MdnsUnavailableError, open_mdns
from shared.ids import new_client_id
from shared.service import Notifier, Watchdog, watchdog_interval
from shared.tasks import until_first_ends

log = logging.getLogger(__name__)

LOOK_S = 2.0
"""How often the configuration is looked at; a small part of the watchdog's interval."""


async def wait_for_pairing(
    config: EdgeConfig, read: Callable[[], EdgeConfig], notifier: Notifier
) -> EdgeConfig | None:
    """Shows the device until its configuration names a network.

    Args:
        config: without a network.
        read: the configuration as it is now.
        notifier: of the service manager.

    Returns:
        The new configuration; None: it was asked to stop by SIGTERM or SIGINT.

    Raises:
        ConfigError: the new configuration is wrong.
    """
    stop, paired = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    for signum in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signum, stop.set)
    watchdog = Watchdog(notifier, watchdog_interval())
    found = config

    async def look() -> None:
        nonlocal found
        while found.unpaired:
            watchdog.pulse()
            await asyncio.sleep(LOOK_S)
            found = read()
        paired.set()

    log.info("this device belongs to no network and does not listen. %s", PAIR)
    notifier.ready("not paired")
    jobs = [stop.wait(), look()]
    if config.discovery.mdns:
        jobs.append(_show(config))
    await until_first_ends(*jobs)
    return found if paired.is_set() else None


async def _show(config: EdgeConfig) -> None:
    """Announces the device by mDNS, for ever."""
    record = DeviceRecord(
        id=new_client_id(), name=config.device.name, room=config.device.room, listening=False
    )
    try:
        async with (
            open_mdns(config.discovery.interfaces) as mdns,
            Announcer(mdns, record, port=0),
        ):
            await asyncio.Event().wait()
    except MdnsUnavailableError as error:
        log.warning("%s", error)
        await asyncio.Event().wait()
