"""Several hosts on this machine: network namespaces on one switch, with cables that can be bad."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import random
import shutil
import struct
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Protocol

import pytest

BITS = 24
_TUNSETIFF = 0x400454CA
_TAP_WITHOUT_HEADER = 0x0002 | 0x1000


class CommandError(Exception):
    """A command of iproute2 failed; says what it printed."""


class Cable(Protocol):
    """What is between a host and the switch."""

    async def impair(self, delay_ms: int = 0, loss_percent: int = 0) -> None:
        """From now on frames take longer, and some are lost; in both directions alike."""


class Host:
    """A machine with one network interface; `ip`, `tc` and programs run in it."""

    def __init__(self, namespace: str) -> None:
        self.namespace = namespace
        self.address = ""
        self.cable: Cable

    def command(self, *command: str) -> list[str]:
        """The command that runs a command there."""
        return [shutil.which("ip") or "ip", "netns", "exec", self.namespace, *command]

    async def run(self, *command: str) -> None:
        """Runs a command there."""
        await _run(*self.command(*command))

    async def move(self, address: str) -> None:
        """Gives it an IPv4 address in the place of the one it has."""
        await self.run("ip", "address", "flush", "dev", "lan")
        await self.run("ip", "address", "add", f"{address}/{BITS}", "dev", "lan")
        self.address = address


class _Veth:
    """A pair of virtual interfaces, and the kernel's netem at both ends."""

    def __init__(self, host: Host, switch: Host, name: str) -> None:
        self._ends = (host, "lan"), (switch, name)

    @classmethod
    async def make(cls, host: Host, switch: Host, name: str) -> _Veth:
        """Raises CommandError where the machine allows none."""
        inner = ["peer", "name", "lan", "netns", host.namespace]
        await switch.run("ip", "link", "add", name, "type", "veth", *inner)
        return cls(host, switch, name)

    async def impair(self, delay_ms: int = 0, loss_percent: int = 0) -> None:
        netem = ["netem", "delay", f"{delay_ms}ms", "loss", f"{loss_percent}%"]
        for host, interface in self._ends:
            await host.run("tc", "qdisc", "replace", "dev", interface, "root", *netem)


class _Wire:
    """The same for a kernel without netem: two interfaces, and our own hands between them."""

    def __init__(self, *ends: int) -> None:
        self._delay_s = 0.0
        self._loss = 0.0
        self._chance = random.Random(0)  # noqa: S311 - not a secret
        self._loop = asyncio.get_running_loop()
        self._ends = ends
        for source, target in (ends, ends[::-1]):
            self._loop.add_reader(source, self._pass, source, target)

    @classmethod
    async def make(cls, host: Host, switch: Host, name: str) -> _Wire:
        """Raises OSError or CommandError where the machine allows none."""
        wire = cls(_open_tap(name), _open_tap(f"{name}h"))
        try:
            await _run("ip", "link", "set", name, "netns", switch.namespace)
            await _run("ip", "link", "set", f"{name}h", "netns", host.namespace)
            await host.run("ip", "link", "set", f"{name}h", "name", "lan")
        except BaseException:
            wire.close()
            raise
        return wire

    async def impair(self, delay_ms: int = 0, loss_percent: int = 0) -> None:
        self._delay_s, self._loss = delay_ms / 1000, loss_percent / 100

    def close(self) -> None:
        """Both interfaces are gone afterwards."""
        for end in self._ends:
            self._loop.remove_reader(end)
            os.close(end)
        self._ends = ()

    def _pass(self, source: int, target: int) -> None:
        frame = os.read(source, 65536)
        if self._chance.random() >= self._loss:
            self._loop.call_later(self._delay_s, self._arrive, target, frame)

    def _arrive(self, target: int, frame: bytes) -> None:
        with contextlib.suppress(OSError):  # the interface is down, or there is no room: lost
            if self._ends:
                os.write(target, frame)


class Lan:
    """A switch and what is plugged in."""

    def __init__(self, prefix: str, stack: AsyncExitStack) -> None:
        self._prefix = prefix
        self._stack = stack
        self._switch = Host("")
        self._netem = True
        self._count = 0

    async def start(self) -> None:
        """Raises CommandError where the machine allows no namespaces."""
        self._switch = await self._namespace("switch")
        await self._switch.run("ip", "link", "add", "bridge", "type", "bridge")
        # Multicast goes everywhere at once, without waiting for anybody to ask for it.
        await self._switch.run(
            *("ip", "link", "set", "bridge", "type", "bridge", "mcast_snooping", "0")
        )
        await self._switch.run("ip", "link", "set", "bridge", "up")
        try:
            await self._switch.run("tc", "qdisc", "add", "dev", "lo", "root", "netem")
        except CommandError:
            self._netem = False  # not in this kernel

    async def host(self, name: str, address: str) -> Host:
        """A new host, plugged in."""
        host = await self._namespace(name)
        self._count += 1
        port = f"m{os.getpid()}p{self._count}"
        if self._netem:
            host.cable = await _Veth.make(host, self._switch, port)
        else:
            wire = host.cable = await _Wire.make(host, self._switch, port)
            self._stack.callback(wire.close)
        await self._switch.run("ip", "link", "set", port, "master", "bridge", "up")
        for interface in ("lo", "lan"):
            await host.run("ip", "link", "set", interface, "up")
        await host.move(address)
        return host

    async def _namespace(self, name: str) -> Host:
        host = Host(f"{self._prefix}-{name}")
        await _run("ip", "netns", "add", host.namespace)
        self._stack.push_async_callback(_run, "ip", "netns", "delete", host.namespace)
        return host


@asynccontextmanager
async def lan() -> AsyncIterator[Lan]:
    """A switch; all that belongs to it is gone afterwards. Skips the test where none can be."""
    for program in ("ip", "tc"):
        if shutil.which(program) is None:
            pytest.skip(f"there is no program {program}; it comes with iproute2")
    if os.geteuid() != 0:
        pytest.skip("only root may make network namespaces")
    async with AsyncExitStack() as stack:
        made = Lan(f"mira-{os.getpid()}", stack)
        try:
            await made.start()
            await made.host("probe", "10.77.0.254")
        except (CommandError, OSError) as error:
            pytest.skip(f"this machine allows no hosts of its own: {error}")
        yield made


async def _run(*command: str) -> None:
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    said, _ = await process.communicate()
    if process.returncode:
        raise CommandError(f"{' '.join(command)}: {said.decode().strip()}")


def _open_tap(name: str) -> int:
    """A new network interface, whose frames this process sends and receives."""
    tap = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        fcntl.ioctl(tap, _TUNSETIFF, struct.pack("16sH22x", name.encode(), _TAP_WITHOUT_HEADER))
    except OSError:
        os.close(tap)
        raise
    return tap
