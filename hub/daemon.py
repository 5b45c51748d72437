"""The hub: owns store, recognisers, networks, HTTP server and mDNS; starts, watches, stops them."""

from __future__ import annotations

import asyncio
import fcntl
import logging
import os
import signal
import ssl
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp

from hub.actions.opening import open_extractor
from hub.api.route import Services
from hub.app import make_app
from hub.authority import Authority
from hub.config import HubConfig
from hub.doorkeeper import Doorkeeper, allow_many_files
from hub.election.election import Rules
from hub.identity import hub_id
from hub.legacy.call import Legacy
from hub.legacy.home import Home
from hub.legacy.serving import keep_counts, open_legacy, store_the_rest
from hub.listening import ServerError, listen
from hub.migration.application import SERVING_LOCK
from hub.migration.status import status
from hub.networks import Networks
from hub.recognition.choice import load_pair, load_recogniser
from hub.recognition.desk import RecognitionDesk
from hub.recognition.desks import Desks
from hub.recognition.recogniser import Recogniser
from hub.reminders import keep_reminders
from hub.retention import keep_no_trace, keep_retention
from hub.speakers.desk import SpeakersDesk
from hub.speakers.teacher import Teacher
from hub.store.accounts import Accounts
from hub.store.archive import Archive
from hub.store.database import Database
from hub.store.event_log import EventLogs
from hub.store.household import Household
from hub.store.legacy_rows import LegacyRows
from hub.store.moves import Moves
from hub.store.pairing import PairingCodes
from hub.store.reminders import DueReminders
from hub.store.retention import Retention
from hub.store.store import Store
from hub.store.voice_deeds import VoiceDeeds
from models import scorer
from shared.clock import steady_clock
from shared.discovery import (
    Announcer,
    Browser,
    DeviceRecord,
    HubRecord,
    MdnsUnavailableError,
    Sighting,
    open_mdns,
    own_addresses,
)
from shared.errors import StoreError
from shared.logs import Trouble
from shared.service import Notifier, Watchdog, watchdog_interval
from shared.tasks import until_first_ends
from shared.tls import client_context, server_name

log = logging.getLogger(__name__)

ROUND_TRIP_S = 5.0
"""How often the hub asks itself whether it still answers."""
RENEW_S = 3600.0
"""How often the hub looks whether its certificate is good for long enough."""
DRAIN_S = 8.0
"""How long what had begun may take to be recognised and stored when the hub stops. With all that
follows it is to be within 15 s."""


async def run(config: HubConfig, notifier: Notifier) -> None:
    """Runs the hub until SIGTERM or SIGINT; a second one of them has it finish nothing first.

    Raises:
        MiraError: it cannot start; says why and what to do.
    """
    stop, at_once = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    for signum in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signum, lambda: (at_once if stop.is_set() else stop).set())
    async with AsyncExitStack() as stack:
        clock = steady_clock()
        stack.enter_context(_alone(config.paths.state_dir))
        database = await Database.open(config.store.where, config.store.owner_url)
        stack.push_async_callback(database.close)
        store = Store(database, clock)
        await store.all_clients_offline()
        scorer.load()
        desks = await _open_desks(config, stack)
        speakers = SpeakersDesk()
        if space := await speakers.prepare():
            log.info("telling people apart in the space %s", space)
        extractor = await open_extractor(config.actions, stack)
        networks = Networks(store, desks, clock, _rules(config), speakers, extractor)
        own_id = hub_id(config.paths.state_dir)
        authority = context = None
        if config.server.tls == "own":
            authority = Authority.open(config.paths.state_dir, own_id)
            context = authority.server_context(own_addresses(), datetime.now(UTC))
        public_url = config.server.public_url
        home = Home(Moves(database, clock), config.legacy, clock)
        household, voices = Household(database, clock), VoiceDeeds(database, clock)
        services = Services(
            store,
            Accounts(database, clock),
            Archive(database, clock),
            household,
            networks,
            PairingCodes(database, clock),
            own_id,
            ca=authority.ca if authority and public_url is None else None,
            public_url=public_url,
            voices=voices,
            speakers=speakers,
            teach=Teacher(household, voices, networks.publish, speakers),
            legacy=home,
            migrations=lambda: status(database, clock, config.paths.state_dir / "migration"),
        )
        server = config.server
        legacy = None
        if config.legacy.access != "off":
            rows = LegacyRows(database)
            legacy = Legacy.of(services, rows, home, config.api, server.proxies)
            stack.push_async_callback(store_the_rest, legacy.tally)
        allow_many_files()
        doorkeeper = Doorkeeper(server.proxies)
        app = make_app(services, config.api, server.proxies, doorkeeper, legacy)
        port = await listen(app, doorkeeper, (server.host, server.port), stack, context)
        if legacy is not None:
            await open_legacy(legacy, config, port, stack)
        # After the server in the stack, so before it at the end: sessions end, then the server.
        # So does recognition, whose callers are told then; closed twice, it takes no notice.
        stack.push_async_callback(desks.close)
        stack.push_async_callback(networks.close)
        if config.discovery.mdns:
            await _show_by_mdns(config, own_id, port, authority, stack)
        log.info("hub %s listens on %s port %d", own_id, config.server.host, port)
        notifier.ready(f"listening on port {port}")
        watchdog = Watchdog(notifier, watchdog_interval())
        ca = authority.ca if authority else None
        jobs = [
            keep_retention(
                Retention(database),
                EventLogs(database),
                timedelta(days=config.store.events_days),
                networks,
                clock,
            ),
            keep_no_trace(database, store),
            keep_reminders(DueReminders(database), networks, clock),
            _until_drained(stop, at_once, networks, notifier),
            networks.poll(),
            _watch(config.server.host, port, watchdog, ca),
        ]
        if authority and context:
            jobs.append(_renew(authority, context))
        if legacy is not None:
            jobs.append(keep_counts(legacy.tally))
        await until_first_ends(*jobs)


async def _until_drained(
    stop: asyncio.Event, at_once: asyncio.Event, networks: Networks, notifier: Notifier
) -> None:
    """Waits for `stop`, then until what had begun is done; all else goes on meanwhile."""
    await stop.wait()
    notifier.stopping()
    log.info("stopping: what has begun is finished first")
    await until_first_ends(networks.drain(DRAIN_S), at_once.wait())
    log.info("stopping%s", " at once, as asked for" if at_once.is_set() else "")


@contextmanager
def _alone(state_dir: Path) -> Iterator[None]:
    """Keeps a second hub from the same state: both would elect, and each only half of a home."""
    try:
        state_dir.mkdir(parents=True, exist_ok=True)
        lock = (state_dir / SERVING_LOCK).open("a")
    except OSError as error:
        raise StoreError(
            f"The folder {state_dir} cannot be used: {error.strerror}.",
            "Check [paths] state_dir, and that the hub's user may write there.",
        ) from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ServerError(
                f"Another hub runs with the state in {state_dir}.",
                "Stop it first, or give this one a [paths] state_dir of its own.",
            ) from None
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        yield


async def _open_desks(config: HubConfig, stack: AsyncExitStack) -> Desks:
    recognition = config.recognition
    final, partial = await asyncio.to_thread(
        load_pair,
        recognition.engine,
        recognition.partial_engine,
        recognition.decode_budget_ms / 1000,
    )

    def desk(final: Recogniser, partial: Recogniser | None) -> RecognitionDesk:
        return RecognitionDesk(
            final,
            partial,
            load_recogniser,
            queue=recognition.queue,
            timeout_s=recognition.timeout_s,
        )

    desks = [desk(final, partial)]
    for engine in recognition.more_engines:
        own = await asyncio.to_thread(load_recogniser, engine)
        desks.append(desk(own, None if partial is None else own))
    opened = Desks(*desks)
    await opened.start()
    stack.push_async_callback(opened.close)
    log.info("recognising with %s", opened.state.engine)
    return opened


async def _renew(authority: Authority, context: ssl.SSLContext) -> None:
    """Keeps the certificate fresh, and good for the machine's addresses; for ever."""
    trouble = Trouble(log, "renewing the certificate")
    loop = asyncio.get_running_loop()
    while True:
        await asyncio.sleep(RENEW_S)
        try:
            authority.renew(context, own_addresses(), datetime.now(UTC))
        except StoreError as error:  # there are months left to mend it
            trouble.failed(error, loop.time())
        else:
            trouble.recovered(loop.time())


async def _show_by_mdns(
    config: HubConfig,
    own_id: str,
    port: int,
    authority: Authority | None,
    stack: AsyncExitStack,
) -> None:
    """Announces the hub, and sees the devices that announce themselves, paired or not."""

    def heard(sighting: Sighting[DeviceRecord]) -> None:
        if sighting.change in ("appeared", "vanished"):
            record = sighting.record
            log.info("device %s (%s) %s by mDNS", record.name, record.network, sighting.change)

    try:
        mdns = await stack.enter_async_context(open_mdns(config.discovery.interfaces))
        tls = authority.fingerprint if authority else None
        record = HubRecord(id=own_id, name=config.identity.name, tls=tls)
        await stack.enter_async_context(Announcer(mdns, record, port, config.server.host))
        await stack.enter_async_context(Browser(mdns, DeviceRecord, heard))
    except MdnsUnavailableError as error:
        log.warning("%s Devices need the hub's address by configuration.", error)


async def _watch(host: str, port: int, watchdog: Watchdog, ca: str | None = None) -> None:
    """A round trip through socket and store, again and again; each is a sign of life."""
    trouble = Trouble(log, "the hub's own health check")
    loop = asyncio.get_running_loop()
    # "::" is all of IPv6 and nothing else: asyncio's servers take no IPv4 there.
    own = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared, not bound
    scheme = "https" if ca else "http"
    url = f"{scheme}://{f'[{own}]' if ':' in own else own}:{port}/api/v1/health"
    context, name = client_context(ca), server_name(ca)
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(ROUND_TRIP_S)) as http:
        while True:
            try:
                async with http.get(url, ssl=context, server_hostname=name) as answer:
                    answer.raise_for_status()
            except (aiohttp.ClientError, TimeoutError) as error:
                trouble.failed(str(error) or "no answer in time", loop.time())
            else:
                trouble.recovered(loop.time())
                watchdog.pulse()
            await asyncio.sleep(ROUND_TRIP_S)


def _rules(config: HubConfig) -> Rules:
    election = config.election
    return Rules(
        window_us=election.window_ms * 1000,
        settle_us=election.settle_ms * 1000,
        stall_us=election.stall_ms * 1000,
        reoffer_window_us=election.reoffer_window_ms * 1000,
        companions=election.companions,
        company_us=election.company_ms * 1000,
    )
