"""What a daemon tells systemd: that it is ready, what it does, that its work still moves.

The protocol is sd_notify(3): datagrams of VARIABLE=VALUE lines to the socket $NOTIFY_SOCKET.
"""

from __future__ import annotations

import logging
import os
import socket
import time
from collections.abc import Callable, Mapping

log = logging.getLogger(__name__)

SEND_TIMEOUT_S = 1.0
"""A manager that does not read must not hold up the work for longer."""


class Notifier:
    """Sends state to the service manager; without one, it does nothing."""

    def __init__(self, address: str | None) -> None:
        """`address` is a path, or an abstract socket's name with `@` before it."""
        self._address = f"\0{address[1:]}" if address and address.startswith("@") else address

    def ready(self, status: str) -> None:
        """The daemon does its work from now on; `status` is shown by `systemctl status`."""
        self._send("READY=1", f"STATUS={_line(status)}")

    def status(self, status: str) -> None:
        """What the daemon does now, in one line."""
        self._send(f"STATUS={_line(status)}")

    def stopping(self) -> None:
        """The daemon has begun to stop."""
        self._send("STOPPING=1")

    def alive(self) -> None:
        """The work still moves: restarts the manager's watchdog."""
        self._send("WATCHDOG=1")

    def _send(self, *lines: str) -> None:
        if not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock:
                sock.settimeout(SEND_TIMEOUT_S)
                sock.sendto("\n".join(lines).encode(), self._address)
        except OSError as error:
            log.debug("the service manager cannot be told %s: %s", lines[0], error)


class Watchdog:
    """Passes on signs of life of the work itself, no more of them than systemd needs.

    It has no timer: when the work is stuck nobody calls `pulse`, and systemd restarts the daemon.
    """

    def __init__(
        self,
        notifier: Notifier,
        interval_s: float | None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`interval_s` is what `watchdog_interval` says; None: nobody watches."""
        self._notifier = notifier
        self._every_s = None if interval_s is None else interval_s / 2
        self._clock = clock
        self._last_s: float | None = None

    def pulse(self) -> None:
        """The work got once round; cheap enough for each audio frame."""
        if self._every_s is None:
            return
        now_s = self._clock()
        if self._last_s is None or now_s - self._last_s >= self._every_s:
            self._last_s = now_s
            self._notifier.alive()


def notifier_from(environ: Mapping[str, str] = os.environ) -> Notifier:
    """The notifier for $NOTIFY_SOCKET."""
    return Notifier(environ.get("NOTIFY_SOCKET"))


def watchdog_interval(environ: Mapping[str, str] = os.environ) -> float | None:
    """Within how many seconds systemd wants a sign of life; None when it watches nobody, or not us.

    Reads WATCHDOG_USEC and WATCHDOG_PID as sd_watchdog_enabled(3) does.
    """
    try:
        usec = int(environ.get("WATCHDOG_USEC", "0"))
        pid = int(environ.get("WATCHDOG_PID") or os.getpid())
    except ValueError:
        log.warning("WATCHDOG_USEC or WATCHDOG_PID is not a number: no signs of life are sent")
        return None
    return usec / 1_000_000 if usec > 0 and pid == os.getpid() else None


def _line(status: str) -> str:
    return " ".join(status.split())
