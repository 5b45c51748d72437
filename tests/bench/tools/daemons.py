"""Real daemons as processes."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.bench.tools.store import Device

READY_TIMEOUT_S = 120.0
"""The hub times its recognisers before it is ready."""
STOP_TIMEOUT_S = 10.0


@dataclass(frozen=True)
class Running:
    """A daemon that has said that it is ready."""

    process: psutil.Process
    status: str  # what it says that it does

    @property
    def port(self) -> int:
        """The port that a hub listens on."""
        return int(self.status.rpartition(" ")[2])

    def cpu_s(self) -> float:
        """Processor time so far, user's and system's, in seconds."""
        times = self.process.cpu_times()
        return float(times.user + times.system)

    def pss_mb(self) -> float:
        """Memory: its own, and its share of what it shares with others (PSS), in 10^6 bytes."""
        return float(self.process.memory_full_info().pss / 1e6)

    def maps(self, part: str) -> bool:
        """Whether a file with `part` in its name is in its memory."""
        return any(part in mapped.path for mapped in self.process.memory_maps())


@contextlib.contextmanager
def running(
    command: str, folder: Path, config: str, environ: Mapping[str, str] | None = None
) -> Iterator[Running]:
    """Runs `mira-hub serve` or `mira-edge run` with a configuration, until the context ends.

    Raises:
        RuntimeError: it did not become ready; its last words are in the message.
    """
    program = command.split()[0]
    config_path = folder / f"{program}.toml"
    config_path.touch(mode=0o600)
    config_path.write_text(config)
    log_path = folder / f"{program}.log"
    address = str(folder / f"{program}.notify")
    with (
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify,
        log_path.open("w") as log,
    ):
        notify.bind(address)
        notify.settimeout(READY_TIMEOUT_S)
        name, *arguments = command.split()
        process = psutil.Popen(
            [str(Path(sys.executable).with_name(name)), *arguments, "--config", str(config_path)],
            stdout=log,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(environ or {}), "NOTIFY_SOCKET": address},
        )
        try:
            yield Running(psutil.Process(process.pid), _ready(notify, log_path))
        finally:
            process.terminate()
            try:
                process.wait(STOP_TIMEOUT_S)
            except psutil.TimeoutExpired:
                process.kill()
                process.wait()


def _ready(notify: socket.socket, log: Path) -> str:
    """Waits until the daemon says that it is ready; gives the status that it says."""
    try:
        while True:
            lines = notify.recv(4096).decode().splitlines()
            if "READY=1" in lines:
                return next((line[7:] for line in lines if line.startswith("STATUS=")), "")
    except TimeoutError:
        raise RuntimeError(f"{log.stem} is not ready:\n{log.read_text()[-2000:]}") from None


def hub_config(folder: Path, engine: str, partial_engine: str) -> str:
    """A hub that keeps its files in `folder`, on a port of its own."""
    return f"""
[server]
host = "127.0.0.1"
port = 0
[paths]
state_dir = {_toml(folder)}
[recognition]
engine = {_toml(engine)}
partial_engine = {_toml(partial_engine)}
"""


def edge_config(folder: Path, device: Device, port: int, source: str) -> str:
    """A device that listens to the microphone `source`; a file is played again and again."""
    return f"""
[hub]
addresses = ["https://127.0.0.1:{port}"]
ca = {_toml(ca_of(folder))}
network_id = {_toml(device.network_id)}
client_id = {_toml(device.client_id)}
token = {_toml(device.token)}
[device]
name = "bench"
[microphone]
source = {_toml(source)}
loop = true
[paths]
state_dir = {_toml(folder / "edge")}
"""


def ca_of(folder: Path) -> str:
    """The CA, in PEM, of the hub that keeps its files in `folder` and has been started."""
    return (folder / "tls" / "ca.pem").read_text()


def _toml(text: object) -> str:
    """A TOML string: a JSON string is one."""
    return json.dumps(str(text))
