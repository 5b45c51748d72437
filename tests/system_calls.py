"""What a process asks the kernel to write, and in which order: told by strace."""

from __future__ import annotations

import ast
import asyncio
import re
import shutil
import subprocess
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from edge.simulation.process import program
from tests.processes import PATIENCE_S, Daemon

_CALLS = "fsync,fdatasync,rename,renameat,renameat2,write,writev,sendto,sendmsg"
_LINE = re.compile(r"(\d+)\s+(?:<\.\.\. )?(\w+)(?: resumed>)?(.*)")
_FILE = re.compile(r"\(\d+<(.*?)>")
_STRING = re.compile(r'"((?:[^"\\]|\\.)*)"')


@dataclass(frozen=True)
class Call:
    """One call. A write stands where it began, all else where it was done."""

    name: str
    file: str  # the path, or both ends of a connection; empty for what has none
    data: tuple[bytes, ...]  # its strings: what was written, or the paths

    @property
    def syncs(self) -> str:
        """The name of the file or folder that it brought to the disk; empty: it did not."""
        return Path(self.file).name if self.name in ("fsync", "fdatasync") else ""

    @property
    def said(self) -> bytes:
        """What was sent over a connection; a client's WebSocket frame is unmasked."""
        sent = b"".join(self.data) if self.file.startswith("TCP") else b""
        return _unmasked(sent) if sent[:1] in (b"\x81", b"\x82") else sent


@asynccontextmanager
async def traced(
    command: Sequence[str], folder: Path, environ: dict[str, str] | None = None
) -> AsyncIterator[tuple[Daemon, Path]]:
    """Runs a command of ours (the program's name first) under strace; gives its trace, too.

    Skips the test where there is no strace, or it may trace nothing.
    """
    strace = shutil.which("strace")
    if strace is None:
        pytest.skip("strace is not installed")
    if subprocess.run([strace, "-qq", "-o", "/dev/null", "true"], capture_output=True).returncode:  # noqa: S603, ASYNC221 - some milliseconds
        pytest.skip("strace may trace nothing here")
    name, *arguments = command
    trace = folder / f"{name}.trace"
    # -D: the program is our own child, and gets our signals.
    tracing = [strace, "-D", "-f", "-q", "-yy", "-s", "4096", "-e", f"trace={_CALLS}"]
    running = Daemon(
        [*tracing, "-o", str(trace), program(name), *arguments], folder / f"{name}.log", environ
    )
    await running.start()
    try:
        yield running, trace
    finally:
        await running.kill()


async def calls(trace: Path, pid: int) -> list[Call]:
    """All that a process did, which has ended."""
    ended = re.compile(rf"^{pid} +\+\+\+ ", re.MULTILINE)
    async with asyncio.timeout(PATIENCE_S):
        while not ended.search(trace.read_text()):  # noqa: ASYNC110 - strace tells nobody
            await asyncio.sleep(0.01)
    return parsed(trace.read_text())


def parsed(trace: str) -> list[Call]:
    """The calls of a trace, in their order."""
    found: list[Call] = []
    begun: dict[str, str] = {}  # by thread, the call that was interrupted by another thread's
    for line in trace.splitlines():
        match = _LINE.fullmatch(line)
        if match is None:
            continue
        thread, name, rest = match.groups()
        written = name.startswith(("write", "send"))
        if "resumed>" in line:
            rest = begun.pop(thread, "") + rest
            if written:
                continue  # it stands where it began
        elif line.endswith("<unfinished ...>"):
            begun[thread] = rest
            if not written:
                continue
        file = _FILE.match(rest)
        data = tuple(ast.literal_eval(f'b"{piece}"') for piece in _STRING.findall(rest))
        found.append(Call(name, file[1] if file else "", data))
    return found


def _unmasked(frame: bytes) -> bytes:
    """The payload of a WebSocket frame; a server's is not masked."""
    if len(frame) < 2 or not frame[1] & 0x80:
        return frame
    start = {126: 4, 127: 10}.get(frame[1] & 0x7F, 2)
    mask, payload = frame[start : start + 4], frame[start + 4 :]
    return bytes(byte ^ mask[n % 4] for n, byte in enumerate(payload))
