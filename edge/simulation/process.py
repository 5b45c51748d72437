"""Mira's programs as child processes that end when we do, whatever ends us."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import sys
import sysconfig
from collections.abc import Mapping, Sequence
from pathlib import Path

from shared.errors import ConfigError, Fault, MiraError

STOP_PATIENCE_S = 10.0
"""How long a program may take to stop before it is killed."""
_TAIL_LINES = 12
# Has the kernel kill the program when its parent dies, however that happens, then becomes it.
# A child could do this itself after a fork, but not safely in a process that has threads.
_TIE = """
import ctypes, os, signal, sys
ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
if os.getppid() != int(sys.argv[1]):
    sys.exit("the parent is gone")
os.execv(sys.argv[2], sys.argv[2:])
"""
_OURS = ("MIRA_HUB_", "MIRA_EDGE_", "NOTIFY_SOCKET", "WATCHDOG_")
"""Variables that would change a program that is to do as its configuration file says."""


class ProcessError(MiraError):
    """A program did not start, failed, or ended too early."""

    code = "PROCESS_FAILED"
    fault = Fault.ENVIRONMENT


def program(name: str) -> str:
    """The path of `mira-hub` or `mira-edge`, beside this Python or in the PATH.

    Raises:
        ConfigError: it is not installed.
    """
    beside = Path(sysconfig.get_path("scripts")) / name
    found = str(beside) if beside.exists() else shutil.which(name)
    if found is None:
        raise ConfigError(
            f"The program {name} is not installed.", 'Install "mira-voice[edge,hub,simulation]".'
        )
    return found


class Process:
    """One program, what it prints going to a file.

    The kernel kills it when the thread that started it ends, so start it in a thread that stays.

    Args:
        command: program (see `program`) and arguments.
        log: what it prints is added to this file.
        environ: variables on top of our own.
    """

    def __init__(
        self, command: Sequence[str], log: Path, environ: Mapping[str, str] | None = None
    ) -> None:
        self._command = list(command)
        self._log = log
        self._environ = _environ() | dict(environ or {})
        self._process: asyncio.subprocess.Process | None = None

    @property
    def name(self) -> str:
        """The program's."""
        return Path(self._command[0]).name

    @property
    def running(self) -> bool:
        """Whether it was started and has not ended."""
        return self._process is not None and self._process.returncode is None

    @property
    def pid(self) -> int | None:
        """Its process id, while it runs."""
        return self._process.pid if self._process is not None and self.running else None

    async def start(self) -> None:
        """Starts it; it has its own process group, so Ctrl-C is ours to deal with."""
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *_tied(self._command),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self._environ,
                start_new_session=True,
            )

    async def wait(self) -> int:
        """Waits for its end; its exit code, or minus the signal that ended it."""
        if self._process is None:
            raise RuntimeError("it was not started")
        return await self._process.wait()

    async def stop(self) -> None:
        """Asks it to stop, and kills it where it takes longer than `STOP_PATIENCE_S`."""
        self._signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(STOP_PATIENCE_S):
                if self._process is not None:
                    await self._process.wait()
        except TimeoutError:
            await self.kill()

    async def kill(self) -> None:
        """Ends it at once (SIGKILL)."""
        self._signal(signal.SIGKILL)
        if self._process is not None:
            await self._process.wait()

    def failure(self, what: str) -> ProcessError:
        """An error that says `what` happened to it, with the end of what it printed."""
        return ProcessError(f"{self.name} {what}.\n{self.tail()}".rstrip())

    def tail(self) -> str:
        """The last lines that it printed."""
        try:
            lines = self._log.read_text(errors="replace").splitlines()
        except OSError:
            lines = []
        return "\n".join(f"  {line}" for line in lines[-_TAIL_LINES:])

    def _signal(self, signum: signal.Signals) -> None:
        if self._process is not None and self.running:
            with contextlib.suppress(ProcessLookupError):  # it ended just now
                self._process.send_signal(signum)


async def output_of(command: Sequence[str]) -> str:
    """Runs a command to its end; what it printed on stdout.

    Args:
        command: program (see `program`) and arguments.

    Raises:
        ProcessError: it failed; says what it printed on stderr.
    """
    process = await asyncio.create_subprocess_exec(
        *_tied(command),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=_environ(),
        start_new_session=True,
    )
    try:
        output, complaint = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        said = complaint.decode(errors="replace").strip()
        raise ProcessError(said or f"{Path(command[0]).name} failed ({process.returncode}).")
    return output.decode()


def _environ() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(_OURS)}


def _tied(command: Sequence[str]) -> list[str]:
    if sys.platform != "linux":
        return list(command)
    return [sys.executable, "-ISc", _TIE, str(os.getpid()), *command]
