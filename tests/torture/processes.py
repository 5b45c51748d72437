"""Hub and devices as processes that somebody watches, as systemd would."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from edge.simulation.process import Process
from tests.torture.clock import SteppableClock

ROOT = Path(__file__).parents[2]
RESTART_S = 0.3
"""From a process's end to its next start."""
START_TIMEOUT_S = 60.0


class _Ours(Process):
    def send(self, signum: signal.Signals) -> None:
        """Sends it a signal."""
        self._signal(signum)


class Watched:
    """A process that is started again whenever it ends, until it is stopped.

    Args:
        module: of ours, run by this Python.
        arguments: its own.
        log: what it prints is added to this file.
    """

    def __init__(self, module: str, arguments: Sequence[str], log: Path) -> None:
        path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
        self._process = _Ours([sys.executable, "-m", module, *arguments], log, {"PYTHONPATH": path})
        self._task: asyncio.Task[None] | None = None
        self._wanted_end = False
        self.starts = 0
        self.deaths = 0  # ends that nobody here caused
        self.on_start: Callable[[], None] = lambda: None
        self.before_next_start: Callable[[], None] = lambda: None

    async def start(self) -> None:
        """Starts it; it is watched from now on."""
        await self._start()
        self._task = asyncio.create_task(self._watch())

    async def _start(self) -> None:
        self.on_start()
        self.before_next_start()
        self.before_next_start = lambda: None
        self._wanted_end = False
        self.starts += 1
        await self._process.start()

    async def _watch(self) -> None:
        while True:
            await self._process.wait()
            if not self._wanted_end:
                self.deaths += 1
            await asyncio.sleep(RESTART_S)
            await self._start()

    def kill(self) -> None:
        """SIGKILL; it will be started again."""
        self._wanted_end = True
        self._process.send(signal.SIGKILL)

    def halt(self) -> None:
        """SIGSTOP."""
        self._process.send(signal.SIGSTOP)

    def go_on(self) -> None:
        """SIGCONT."""
        self._process.send(signal.SIGCONT)

    async def stop(self) -> None:
        """Ends it for good, as a service manager would."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        self.go_on()
        await self._process.stop()

    async def end_at_once(self) -> None:
        """Kills it for good."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self._process.kill()


class Hub:
    """A hub on a port of this machine.

    Args:
        folder: where it keeps everything.
        logs: the folder for what it prints.
        port: a free one.
        store: lines for its configuration's table of that name.
    """

    def __init__(self, folder: Path, logs: Path, port: int, store: str) -> None:
        self.folder, self.port, self.logs = folder, port, logs
        self.clock = SteppableClock(logs / "hub.clock")
        config = folder / "hub.toml"
        config.write_text(
            f'[server]\nhost = "127.0.0.1"\nport = {port}\n'
            '[recognition]\nengine = "fake"\npartial_engine = "none"\n'
            "[election]\ncompanions = 0\n"  # cleaning would change the syllables' tones
            "[api]\nrequests_per_s = 10000\nburst = 100000\n"
            "[discovery]\nmdns = false\n"
            f"[store]\n{store}\n"
            f"[paths]\nstate_dir = {json.dumps(str(folder))}\n"
        )
        self.process = Watched(
            "tests.torture.hub_main",
            [str(logs / "hub.clock"), "serve", "--config", str(config)],
            logs / "hub.log",
        )

    @property
    def ca(self) -> str:
        """Its CA, in PEM; known once it was started."""
        return (self.folder / "tls" / "ca.pem").read_text()

    async def ready(self) -> None:
        """Waits until it takes connections."""
        async with asyncio.timeout(START_TIMEOUT_S):
            while True:
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", self.port)
                except OSError:
                    await asyncio.sleep(0.05)
                else:
                    writer.transport.abort()
                    return


class Device:
    """One device of a network.

    Args:
        folder: where it keeps everything.
        logs: the folder for what it prints.
        hub: lines for its configuration's table of that name.
        name: its client id.
        network: its network's public id.
        told: is given what it reports: heard, kept, released, dropped.
    """

    def __init__(
        self,
        folder: Path,
        logs: Path,
        hub: str,
        name: str,
        network: str,
        told: Callable[[dict[str, Any]], None],
    ) -> None:
        self.name, self.network, self.folder = name, network, folder
        self.clock = SteppableClock(logs / f"{name}.clock")
        self.control = folder / "control.sock"
        self._told = told
        self._voice = logs / f"{name}.sock"
        self._writer: asyncio.StreamWriter | None = None
        self._server: asyncio.Server | None = None
        folder.mkdir(parents=True, exist_ok=True)
        config = folder / "edge.toml"
        config.touch(mode=0o600)
        config.write_text(
            f"[hub]\n{hub}\n[device]\nname = {json.dumps(name)}\n"
            "[activity]\nhangover_ms = 300\n"
            "[discovery]\nmdns = false\n"
            f"[paths]\nstate_dir = {json.dumps(str(folder))}\n"
        )
        self.process = Watched(
            "tests.torture.device_main",
            [str(logs / f"{name}.clock"), str(self._voice), "run", "--config", str(config)],
            logs / f"{name}.log",
        )

    async def start(self) -> None:
        """Switches it on."""
        self._server = await asyncio.start_unix_server(self._hear, self._voice)
        await self.process.start()

    async def close(self) -> None:
        """Forgets its line; the process has ended."""
        if self._server is not None:
            self._server.close()
        if self._writer is not None:
            self._writer.close()

    def say(self, text: str, gain: float, at_us: int) -> bool:
        """Says something to it at a true time; False where it is not there to hear."""
        if self._writer is None or self._writer.is_closing():
            return False
        line = json.dumps({"text": text, "gain": gain, "at_us": at_us})
        self._writer.write(line.encode() + b"\n")
        return True

    async def _hear(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        with contextlib.suppress(OSError):
            while (line := await reader.readline()).endswith(b"\n"):
                self._told({"device": self.name, "network": self.network, **json.loads(line)})
        writer.close()
        if self._writer is writer:
            self._writer = None
