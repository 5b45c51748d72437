"""Builds the daemon from its configuration and runs it until it is asked to stop."""

from __future__ import annotations

import asyncio
import logging
import signal
import sqlite3
from contextlib import AsyncExitStack
from pathlib import Path

import aiohttp

from edge.activity import ActivityDetector
from edge.candidates import Candidates
from edge.config import Access, EdgeConfig
from edge.control import serve
from edge.daemon import Daemon
from edge.ear import Ear
from edge.hub_finder import HubFinder
from edge.microphone.source import open_microphone
from edge.preroll import PreRoll
from edge.reminding import Reminding, saying
from edge.replica import Replica, Switches
from edge.spool import Spool
from edge.spooler import Spooler
from shared.clock import Clock, steady_clock
from shared.discovery import (
    Announcer,
    Browser,
    DeviceRecord,
    HubRecord,
    MdnsUnavailableError,
    open_mdns,
)
from shared.errors import AccessDeniedError, NoMemberError, StoreError
from shared.ids import new_id
from shared.service import Notifier, Watchdog, watchdog_interval
from shared.tasks import until_first_ends
from shared.tls import client_context, fingerprint, server_name
from shared.wire.channel import Channel, WebSocketChannel
from shared.wire.codec import MAX_MESSAGE_BYTES

log = logging.getLogger(__name__)

CONNECT_TIMEOUT_S = 10.0
ONSET_WINDOW_MS = 160
"""Speech is known this long after it began; the pre-roll is counted from its beginning."""


async def run(config: EdgeConfig, notifier: Notifier) -> None:
    """Runs the daemon until SIGTERM or SIGINT.

    Raises:
        MiraError: it cannot start; says why and what to do.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for signum in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signum, stop.set)
    access = config.access()
    clock = steady_clock()
    watchdog = Watchdog(notifier, watchdog_interval())
    listening = ListeningSign()
    async with AsyncExitStack() as stack:
        http = await stack.enter_async_context(aiohttp.ClientSession())
        finder = HubFinder(
            config.hub.addresses, config.hub.hub_id, fingerprint(access.ca) if access.ca else None
        )
        replica = open_replica(config, access.network_id)
        stack.callback(replica.close)
        ear = make_ear(config)
        spooler = open_spooler(config, ear, clock)
        daemon = Daemon(
            client_id=access.client_id,
            ear=ear,
            microphone=open_microphone(
                config.microphone.source,
                clock,
                start_at_us=config.microphone.start_at_us or None,
                loop=config.microphone.loop,
            ),
            replica=replica,
            finder=finder,
            connect=Connector(http, access),
            clock=clock,
            pulse=watchdog.pulse,
            on_listening=listening.set,
            spooler=spooler,
            reminding=Reminding(access.client_id, replica, saying(config.announcements)),
        )
        server = await serve(config.paths.control_socket, daemon.answer)
        stack.callback(config.paths.control_socket.unlink, missing_ok=True)
        stack.callback(server.close)
        jobs = [stop.wait(), daemon.run()]
        if config.discovery.mdns:
            jobs.append(_show_by_mdns(config, access, finder, listening))
        notifier.ready("listening" if daemon.listening else "not listening")
        await until_first_ends(*jobs)
        notifier.stopping()
        log.info("stopping")


def open_spooler(config: EdgeConfig, ear: Ear, clock: Clock) -> Spooler:
    """What waits on disk for a hub, taken up again.

    Raises:
        StoreError: the folder cannot be used.
    """
    buffers = config.buffers
    spool = Spool(config.paths.state_dir / "spool", buffers.spool_mb * 1_000_000)
    days_us = 24 * 3600 * 1_000_000
    spooler = Spooler(ear.candidates, spool, buffers.spool_days * days_us, clock)
    spooler.restore()
    return spooler


def make_ear(config: EdgeConfig) -> Ear:
    """The ear that the configuration describes."""
    activity = config.activity
    return Ear(
        ActivityDetector(activity.vad_mode, activity.hangover_ms),
        PreRoll(activity.preroll_ms + ONSET_WINDOW_MS),
        Candidates(new_id, activity.longest_s, config.buffers.held_s),
    )


def replica_path(config: EdgeConfig) -> Path:
    """Where the device's own copy of its network is."""
    return config.paths.state_dir / "replica.db"


def open_replica(config: EdgeConfig, network_id: str) -> Replica:
    """The device's replica; a device that starts for the first time listens as configured.

    Raises:
        StoreError: its file or its folder cannot be used.
    """
    path = replica_path(config)
    first = not path.exists()
    try:
        replica = Replica(path, network_id)
    except (OSError, sqlite3.Error) as error:
        # It is not made anew by itself: it holds whether a person switched listening off.
        raise StoreError(
            f"The device's copy {path} cannot be used: {error}.",
            "May the daemon's user write there? If it is damaged, delete it: all but whether the "
            "device listens comes back from the hub.",
        ) from error
    if first and not config.microphone.listening:
        replica.set_switches(Switches(network=True, client=False))
        replica.set_pending("client", False)
    return replica


class Connector:
    """Opens a channel to the hub at an address."""

    def __init__(self, http: aiohttp.ClientSession, access: Access) -> None:
        self._http = http
        self._access = access
        self._context = client_context(access.ca)
        self._server_name = server_name(access.ca)

    async def __call__(self, address: str) -> Channel:
        """Raises AccessDeniedError when the hub refuses the token, OSError when it is not there.

        NoMemberError: the device was removed from its network.
        """
        url = f"{address}/api/v1/networks/{self._access.network_id}/ws"
        headers = {"Authorization": f"Bearer {self._access.token}"}
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                socket = await self._http.ws_connect(
                    url,
                    headers=headers,
                    max_msg_size=MAX_MESSAGE_BYTES + 1,
                    compress=0,
                    ssl=self._context,
                    server_hostname=self._server_name,
                )
        except aiohttp.WSServerHandshakeError as error:
            if error.status == 401:
                raise AccessDeniedError(
                    "The hub does not accept this device's token.",
                    "Was the device removed? Pair it again: `mira-edge pair --again`.",
                ) from error
            if error.status == 410 and address.startswith("https://"):
                # Said by the hub that it was paired with, and nobody else.
                raise NoMemberError(
                    "The device was removed from its network.",
                    "To let it join again: `mira-edge pair --again`.",
                ) from error
            raise ConnectionError(f"the hub answers {error.status} {error.message}") from error
        except aiohttp.ClientConnectorCertificateError as error:
            raise ConnectionError("it is not this device's hub: its certificate is not") from error
        except aiohttp.ClientConnectorError as error:
            raise ConnectionError(error.os_error.strerror or str(error.os_error)) from error
        except aiohttp.ClientError as error:
            raise ConnectionError(str(error)) from error
        connection = socket._response.connection
        return WebSocketChannel(socket, connection.transport if connection else None)


class ListeningSign:
    """Keeps the announcement's word on listening up to date."""

    def __init__(self) -> None:
        self._changed = asyncio.Event()
        self.listening = False

    def set(self, listening: bool) -> None:
        """The microphone was opened or closed."""
        self.listening = listening
        self._changed.set()

    async def changed(self) -> None:
        """Waits until it was set."""
        await self._changed.wait()
        self._changed.clear()


async def _show_by_mdns(
    config: EdgeConfig, access: Access, finder: HubFinder, sign: ListeningSign
) -> None:
    """Announces the device, says whether it listens, and looks for hubs; for ever."""

    def record() -> DeviceRecord:
        return DeviceRecord(
            id=access.client_id,
            name=config.device.name,
            room=config.device.room,
            network=access.network_id,
            listening=sign.listening,
        )

    try:
        async with (
            open_mdns(config.discovery.interfaces) as mdns,
            Browser(mdns, HubRecord, finder.heard) as browser,
            Announcer(mdns, record(), port=0) as announcer,
        ):
            finder.ask = browser.ask
            while True:
                await sign.changed()
                await announcer.update(record())
    except MdnsUnavailableError as error:
        log.warning("%s", error)
        await asyncio.Event().wait()  # the configured addresses are left
