"""A real hub in a process of its own, for households that are simulated around it."""

from __future__ import annotations

import asyncio
import json
import re
import socket
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edge.config import Access
from edge.simulation.process import Process, output_of, program
from shared.config_keys import Secret
from shared.discovery import HubRecord, Sighting
from shared.tasks import until_first_ends
from shared.tls import fingerprint

START_TIMEOUT_S = 120.0
"""Weights may have to come from a slow disk, and recognisers are timed."""


@dataclass(frozen=True)
class NetworkAccess:
    """A network and its token."""

    network_id: str
    token: Secret


class HubProcess:
    """`mira-hub serve` on this machine only; can be stopped, killed and started again.

    Args:
        folder: where it keeps everything; what is there already is kept.
        engine: as `[recognition] engine` in the hub's configuration.
        port: 0 takes a free one at the first start and keeps it.
        mdns: whether it shows itself by mDNS, to this machine only.
    """

    def __init__(
        self, folder: Path, *, engine: str = "auto", port: int = 0, mdns: bool = False
    ) -> None:
        self.engine = engine
        self.port = port
        self._folder = folder
        self._mdns = mdns
        self._config = folder / "hub.toml"
        self._log = folder / "hub.log"
        self._process: Process | None = None
        folder.mkdir(parents=True, exist_ok=True)
        self._configure()

    @property
    def url(self) -> str:
        """Its base URL; known once it was started."""
        return f"https://127.0.0.1:{self.port}"

    @property
    def hub_id(self) -> str:
        """The id that it shows by mDNS; known once it was started."""
        return (self._folder / "hub_id").read_text().strip()

    @property
    def ca(self) -> str:
        """Its CA, in PEM; known once it was started."""
        return (self._folder / "tls" / "ca.pem").read_text()

    @property
    def sighting(self) -> Sighting[HubRecord]:
        """What whoever looks for hubs by mDNS would hear of it."""
        record = HubRecord(id=self.hub_id, name="simulated hub", tls=fingerprint(self.ca))
        return Sighting("heard", "simulated hub", record, ("127.0.0.1",), self.port)

    @property
    def recogniser(self) -> str:
        """The engine that it chose where it was left to it; known once it was started."""
        chosen = re.findall(r"recognising with (\S+)", self._log.read_text())
        return chosen[-1] if chosen else self.engine

    @property
    def process(self) -> Process:
        """The running process; RuntimeError before the first start."""
        if self._process is None:
            raise RuntimeError("the hub was not started")
        return self._process

    async def start(self) -> None:
        """Starts it and waits until it listens.

        Raises:
            ProcessError: it ended, or took longer than `START_TIMEOUT_S`; with what it printed.
        """
        self._configure()
        with (
            tempfile.TemporaryDirectory(prefix="mira-") as folder,
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notified,
        ):
            # The same word that tells systemd (sd_notify(3)); a short path, for Linux takes 107.
            address = str(Path(folder) / "notify")
            notified.bind(address)
            notified.setblocking(False)
            self._process = Process(
                [program("mira-hub"), "serve", "--config", str(self._config)],
                self._log,
                {"NOTIFY_SOCKET": address},
            )
            await self._process.start()
            try:
                self.port = await self._until_ready(self._process, notified)
            except BaseException:
                await self._process.kill()
                raise

    async def stop(self) -> None:
        """Stops it as a service manager would."""
        if self._process is not None:
            await self._process.stop()

    async def kill(self) -> None:
        """Ends it in the middle of whatever it does (SIGKILL)."""
        if self._process is not None:
            await self._process.kill()

    async def create_network(self, name: str) -> NetworkAccess:
        """Makes a network; works whether the hub runs or not."""
        network = json.loads(await self._command("network", "create", name))
        return NetworkAccess(network["network_id"], Secret(network["token"]))

    async def add_clients(self, network_id: str, names: Sequence[str]) -> list[Access]:
        """Adds devices to a network, in one go; works whether the hub runs or not."""
        clients = json.loads(await self._command("client", "add", *names, "--network", network_id))
        return [
            Access(network_id, client["client_id"], Secret(client["token"]), client["ca"])
            for client in clients
        ]

    async def transcribe(self, recordings: Sequence[Path]) -> list[str]:
        """What its recogniser understands of WAV files, in a process of its own."""
        arguments = [*map(str, recordings), "--engine", self.recogniser]
        return [
            result["text"] for result in json.loads(await self._command("transcribe", *arguments))
        ]

    async def _command(self, *arguments: str) -> str:
        command = [program("mira-hub"), *arguments, "--json", "--config", str(self._config)]
        return await output_of(command)

    def _configure(self) -> None:
        self._config.write_text(
            f'[server]\nhost = "127.0.0.1"\nport = {self.port}\n'
            f"[recognition]\nengine = {json.dumps(self.engine)}\n"
            f'[discovery]\nmdns = {json.dumps(self._mdns)}\ninterfaces = ["127.0.0.1"]\n'
            f"[paths]\nstate_dir = {json.dumps(str(self._folder))}\n"
        )

    @staticmethod
    async def _until_ready(process: Process, notified: socket.socket) -> int:
        """The port that it says it listens on."""
        port: int | None = None

        async def ready() -> None:
            nonlocal port
            while port is None:
                word = await asyncio.get_running_loop().sock_recv(notified, 4096)
                if found := re.search(rb"READY=1\nSTATUS=.*port (\d+)", word):
                    port = int(found[1])

        try:
            async with asyncio.timeout(START_TIMEOUT_S):
                await until_first_ends(ready(), process.wait())
        except TimeoutError:
            raise process.failure(f"was not ready within {START_TIMEOUT_S:.0f} s") from None
        if port is None:
            raise process.failure("ended while it started")
        return port
