"""The demo's home: a real hub process, a real daemon process for each device, and a monitor."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import aiohttp

from edge.config import Access
from edge.control import Ask, DaemonUnreachableError, Status, ask
from edge.replica import Replica
from edge.simulation.hub_process import HubProcess
from edge.simulation.observation import Observer
from edge.simulation.process import Process, ProcessError, program
from shared.discovery import Browser, HubRecord, MdnsUnavailableError, Sighting, open_mdns
from shared.wire.events import InteractionCreated

LOOPBACK = ("127.0.0.1",)
"""The demo shows itself to this machine only: its devices are nobody else's."""
HANGOVER_MS = 1000
MDNS_TIMEOUT_S = 5.0
READY_TIMEOUT_S = 60.0
SYNC_TIMEOUT_S = 5.0
_POLL_S = 0.1


@dataclass(frozen=True)
class DeviceSpec:
    """A device of the demo."""

    name: str
    room: str
    source: str  # as `[microphone] source` in its configuration
    start_at_us: int = 0  # likewise


class DemoDevice:
    """One `mira-edge run`."""

    def __init__(self, spec: DeviceSpec, access: Access, folder: Path, hub_table: str) -> None:
        self.spec = spec
        self.access = access
        self._state_dir = folder / spec.name
        self._state_dir.mkdir()
        self._socket = folder / f"{spec.name}.sock"  # Linux takes 107 bytes
        self._config = folder / f"{spec.name}.toml"
        self._config.touch(mode=0o600)  # it holds a token
        self._config.write_text(
            f"[hub]\n{hub_table}"
            f"network_id = {json.dumps(access.network_id)}\n"
            f"client_id = {json.dumps(access.client_id)}\n"
            f"token = {json.dumps(access.token)}\n"
            f"ca = {json.dumps(access.ca)}\n"
            f"[device]\nname = {json.dumps(spec.name)}\nroom = {json.dumps(spec.room)}\n"
            f"[microphone]\nsource = {json.dumps(spec.source)}\n"
            f"start_at_us = {spec.start_at_us}\n"
            # Nobody listens before everybody is there: it is switched on when all are.
            "listening = false\n"
            # The readers pause for longer than people do who want something.
            f"[activity]\nhangover_ms = {HANGOVER_MS}\n"
            f'[discovery]\ninterfaces = ["{LOOPBACK[0]}"]\n'
            f"[paths]\nstate_dir = {json.dumps(str(self._state_dir))}\n"
            f"control_socket = {json.dumps(str(self._socket))}\n"
        )
        self.process = Process(
            [program("mira-edge"), "run", "--config", str(self._config)],
            folder / f"{spec.name}.log",
        )

    async def status(self) -> Status | None:
        """What it says on its control socket; None where it does not answer yet."""
        try:
            return await asyncio.to_thread(ask, self._socket, Ask())
        except DaemonUnreachableError:
            return None

    def replica(self) -> list[InteractionCreated]:
        """What its own copy of the log holds, now that its daemon has ended."""
        replica = Replica(self._state_dir / "replica.db", self.access.network_id)
        try:
            return replica.interactions(10_000)
        finally:
            replica.close()


class DemoHome:
    """Hub, devices and monitor; to be entered as a context, which ends all of them.

    Args:
        folder: for their files.
        engine: as `[recognition] engine` in the hub's configuration.
    """

    def __init__(self, folder: Path, engine: str) -> None:
        self.hub = HubProcess(folder / "hub", engine=engine, mdns=True)
        self.devices: list[DemoDevice] = []
        self.found_by_mdns = False
        self._folder = folder
        self._http: aiohttp.ClientSession | None = None
        self._observing: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._observing is not None:
            self._observing.cancel()
            await asyncio.gather(self._observing, return_exceptions=True)
        await self.stop_devices()
        await self.hub.stop()
        if self._http is not None:
            await self._http.close()

    @property
    def about(self) -> str:
        """The hub in one line."""
        how = "found by mDNS" if self.found_by_mdns else "by its address, for want of mDNS"
        return f"hub {self.hub.url} ({how}), recogniser {self.hub.recogniser}"

    async def enrol(self, names: list[str]) -> list[Access]:
        """Makes the network, and its devices."""
        self.network = await self.hub.create_network("demo")
        return await self.hub.add_clients(self.network.network_id, names)

    async def start_hub(self) -> None:
        """Starts the hub, looks for it by mDNS as devices do, and watches it."""
        await self.hub.start()
        self.found_by_mdns = await _shows_itself(self.hub)
        self._http = aiohttp.ClientSession()
        self.observer = Observer(self._http, self.network, self.hub)
        self._observing = asyncio.ensure_future(self.observer.run())
        await self._until(lambda: self.observer.connected, "the hub does not let its monitor in")

    async def start_devices(self, specs: list[DeviceSpec], accesses: list[Access]) -> None:
        """Starts the daemons and waits until all are connected. None listens yet."""
        hub_table = f"hub_id = {json.dumps(self.hub.hub_id)}\n"
        if not self.found_by_mdns:
            hub_table += f"addresses = {json.dumps([self.hub.url])}\n"
        for spec, access in zip(specs, accesses, strict=True):
            device = DemoDevice(spec, access, self._folder, hub_table)
            self.devices.append(device)
            await device.process.start()
        await self._all(lambda status: status.hub is not None, "does not find the hub")
        listening = self.observer.seen.listening
        await self._until(
            lambda: not any(listening[access.client_id] for access in accesses),
            "not every device has said that it does not listen",
        )

    async def listen(self) -> None:
        """Switches every device's listening on, and waits for its microphone."""
        for device in self.devices:
            await self.observer.set_listening(True, device.access.client_id)
        await self._all(lambda s: s.microphone == "open", "does not open its microphone")

    async def stop_devices(self) -> None:
        """Stops all daemons."""
        await asyncio.gather(*(device.process.stop() for device in self.devices))

    def check(self) -> None:
        """Raises ProcessError where hub or a daemon has ended."""
        for process in [self.hub.process, *(device.process for device in self.devices)]:
            if not process.running:
                raise process.failure("ended")

    async def in_sync(self, seq: int) -> None:
        """Waits until every device has applied the log up to `seq`; raises ProcessError."""
        await self._all(lambda s: s.cursor >= seq, "does not get what was stored", SYNC_TIMEOUT_S)

    async def _all(
        self,
        condition: Callable[[Status], bool],
        otherwise: str,
        timeout_s: float = READY_TIMEOUT_S,
    ) -> None:
        """Waits until each device's status fulfils the condition."""
        deadline = asyncio.get_running_loop().time() + timeout_s
        for device in self.devices:
            while True:
                status = await device.status()
                if status is not None and condition(status):
                    break
                if status is not None and status.microphone == "lost":
                    raise device.process.failure(f"on {device.spec.name} has no microphone")
                self.check()
                if asyncio.get_running_loop().time() > deadline:
                    raise device.process.failure(f"on {device.spec.name} {otherwise}")
                await asyncio.sleep(_POLL_S)

    async def _until(self, condition: Callable[[], bool], otherwise: str) -> None:
        deadline = asyncio.get_running_loop().time() + READY_TIMEOUT_S
        while not condition():
            self.check()
            if asyncio.get_running_loop().time() > deadline:
                raise ProcessError(f"After {READY_TIMEOUT_S:.0f} s {otherwise}.")
            await asyncio.sleep(_POLL_S)


async def _shows_itself(hub: HubProcess) -> bool:
    """Whether the hub's announcement is heard in another process: in this one."""
    heard = asyncio.Event()

    def sighted(sighting: Sighting[HubRecord]) -> None:
        if sighting.record.id == hub.hub_id:
            heard.set()

    try:
        async with open_mdns(LOOPBACK) as mdns, Browser(mdns, HubRecord, sighted):
            async with asyncio.timeout(MDNS_TIMEOUT_S):
                await heard.wait()
    except (MdnsUnavailableError, TimeoutError):
        return False
    return True
