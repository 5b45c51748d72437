"""Stops and starts the legacy application and the hub: by name through systemd, or by process.

Never by a pattern: a process is one that wrote down its id, or one that was started here.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from hub.config import Migration
from hub.migration.errors import ApplicationError

STOP_S = 30.0
"""An application that takes longer to stop is left to whoever runs it."""
LOOK_EVERY_S = 0.1
ALIVE_S = 1.0
"""An application that lives for so long has started."""
SYSTEMD = Path("/run/systemd/system")
"""Is there where systemd runs."""
SERVING_LOCK = "serving.lock"
"""In the hub's state folder: held by a hub that serves, which wrote its process id into it."""
STARTED = "legacy-process.json"


class Applications:
    """The legacy application and the hub.

    Args:
        config: what the operator says of them.
        state_dir: the hub's.
        say: tells a person what is done.
    """

    def __init__(self, config: Migration, state_dir: Path, say: Callable[[str], None]) -> None:
        self._config = config
        self._state_dir = state_dir
        self._say = say
        self.started: subprocess.Popen[bytes] | None = None  # the legacy application, by us

    def stop_legacy(self) -> None:
        """Stops the legacy application; raises ApplicationError where it cannot be."""
        config = self._config
        if config.legacy_unit:
            self._systemctl("stop", config.legacy_unit)
            return
        process = _started(self._state_dir / "migration" / STARTED)
        if process is None and config.legacy_pid_file is not None:
            process = _written(config.legacy_pid_file)
        if process is None and config.legacy_pid_file is None and not config.legacy_command:
            raise ApplicationError(
                "How the legacy application is stopped is not configured.",
                "Set legacy_unit, or legacy_pid_file, under [migration].",
            )
        if process is None:
            self._say("The legacy application does not run.")
            return
        self._stop(process, "the legacy application")

    def start_legacy(self) -> None:
        """Puts the legacy application's folder back and starts it.

        Raises:
            ApplicationError: it cannot be started.
        """
        config = self._config
        folder, aside = config.legacy_folder, config.legacy_folder_aside
        if folder is not None and aside is not None and aside.exists() and not folder.exists():
            self._say(f"{aside} goes back to {folder}.")
            shutil.move(aside, folder)
        if config.legacy_unit:
            self._systemctl("start", config.legacy_unit)
            return
        if not config.legacy_command:
            self._say("How the legacy application is started is not configured: start it now.")
            return
        record = self._state_dir / "migration" / STARTED
        pid_file = config.legacy_pid_file
        if _started(record) is not None or (pid_file and _written(pid_file) is not None):
            self._say("The legacy application runs.")
            return
        log = self._state_dir / "migration" / "legacy.log"
        try:
            log.touch(mode=0o600)  # it may hold what is said
            with log.open("ab") as output:
                process = self.started = subprocess.Popen(  # noqa: S603 - what the operator configured
                    config.legacy_command,
                    cwd=folder,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    start_new_session=True,
                )
        except OSError as error:
            raise ApplicationError(
                f"The legacy application cannot be started: {error}.",
                "Check [migration] legacy_command and legacy_folder, and start it by hand.",
            ) from error
        try:
            process.wait(ALIVE_S)
        except subprocess.TimeoutExpired:
            pass
        else:
            raise ApplicationError(
                f"The legacy application ended at once, with {process.returncode}.",
                f"What it said is in {log}.",
            )
        record.write_text(json.dumps({"pid": process.pid, "born": _born(process.pid)}))
        self._say(f"The legacy application runs as process {process.pid}; its output: {log}")

    @property
    def hub_runs(self) -> bool:
        """Whether a hub serves from this state folder."""
        return _serving(self._state_dir / SERVING_LOCK) is not None

    def stop_hub(self) -> None:
        """Stops the hub of this state folder; raises ApplicationError where it cannot be."""
        lock = self._state_dir / SERVING_LOCK
        process = _serving(lock)
        if process is None:
            self._say("The hub does not run.")
            return
        if self._config.hub_unit and SYSTEMD.exists() and self._is_active(self._config.hub_unit):
            self._systemctl("stop", self._config.hub_unit)  # or it would be started again
        if _serving(lock) is not None:
            self._stop(process, "the hub")

    def _stop(self, process: int, name: str) -> None:
        self._say(f"Stopping {name}, process {process}.")
        try:
            os.kill(process, signal.SIGTERM)
        except PermissionError as error:
            raise ApplicationError(
                f"Process {process}, {name}, is somebody else's.", "Do this as its user or as root."
            ) from error
        deadline = time.monotonic() + STOP_S
        while _born(process) is not None:
            if time.monotonic() > deadline:
                raise ApplicationError(
                    f"Process {process}, {name}, does not stop.", "Stop it by hand, then go on."
                )
            time.sleep(LOOK_EVERY_S)

    def _systemctl(self, verb: str, unit: str) -> None:
        if not SYSTEMD.exists():
            raise ApplicationError(
                f"{unit} cannot be asked to {verb}: systemd does not run here.",
                "Configure legacy_command and legacy_pid_file instead of a unit.",
            )
        self._say(f"systemctl {verb} {unit}")
        done = _run_systemctl(verb, unit)
        if done.returncode != 0:
            raise ApplicationError(
                f"`systemctl {verb} {unit}` failed: {done.stderr.strip()}",
                "Do this as root, and check the unit's name.",
            )

    @staticmethod
    def _is_active(unit: str) -> bool:
        return _run_systemctl("is-active", unit).returncode == 0


def _run_systemctl(verb: str, unit: str) -> subprocess.CompletedProcess[str]:
    program = shutil.which("systemctl") or "/usr/bin/systemctl"
    return subprocess.run(  # noqa: S603 - a unit that the operator configured
        [program, verb, "--", unit], capture_output=True, text=True, check=False
    )


def _serving(lock: Path) -> int | None:
    """The process of the hub that holds a lock; None: there is none."""
    try:
        with lock.open() as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                text = file.read().strip()
                return int(text) if text.isdigit() else None
    except FileNotFoundError:
        pass
    return None


def _started(record: Path) -> int | None:
    """A process that was started here and still runs."""
    try:
        known = json.loads(record.read_text())
        process, born = int(known["pid"]), known["born"]
    except (OSError, ValueError, KeyError):
        return None
    return process if born is not None and _born(process) == born else None


def _written(pid_file: Path) -> int | None:
    """A process that wrote its id into a file and still runs."""
    try:
        text, at_s = pid_file.read_text().strip(), pid_file.stat().st_mtime
    except OSError:
        return None
    if not text.isdigit() or (born := _born(int(text))) is None:
        return None
    # One that began after that is another, which has got the id of one that is gone.
    return int(text) if _boot_s() + int(born) / os.sysconf("SC_CLK_TCK") <= at_s + 1 else None


def _boot_s() -> float:
    """When the machine began, in seconds since the Unix epoch."""
    lines = Path("/proc/stat").read_text().splitlines()
    return float(next(line.split()[1] for line in lines if line.startswith("btime ")))


def _born(process: int) -> str | None:
    """When a process began, in ticks since the machine did; None: it is gone.

    Its id alone says little, for ids are used again.
    """
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in ("Z", "X") else fields[19]
