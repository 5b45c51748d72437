"""Logging of both daemons: plain lines on stderr, with systemd's priorities under the journal."""

from __future__ import annotations

import logging
import os
import re
import sys
from collections.abc import Mapping
from typing import Annotated, Literal, TextIO

from msgspec import Meta, Struct


class Log(Struct, frozen=True, kw_only=True):
    """What is logged."""

    level: Annotated[
        Literal["DEBUG", "INFO", "WARNING", "ERROR"],
        Meta(description="The least severe lines that are logged. Nothing spoken is in INFO."),
    ] = "INFO"


_TOKEN = re.compile(r"(mira_(?:net|client|reg|feed)_)[\w-]+")


class DiscreetFormatter(logging.Formatter):
    """Shows of a token its kind only: what others send is quoted in errors, and may hold one."""

    def format(self, record: logging.LogRecord) -> str:
        return _TOKEN.sub(r"\1***", super().format(record))


class JournalFormatter(DiscreetFormatter):
    """`<priority>` before each line, as sd-daemon(3) has it; the journal adds time and name."""

    def format(self, record: logging.LogRecord) -> str:
        mark = f"<{_priority(record.levelno)}>"
        return mark + super().format(record).replace("\n", f"\n{mark}")


def set_up_logging(
    level: str, environ: Mapping[str, str] = os.environ, stream: TextIO | None = None
) -> None:
    """Sends everything of `level` and above to `stream` (stderr), replacing earlier handlers."""
    stream = stream or sys.stderr
    handler = logging.StreamHandler(stream)
    if _is_journal(stream, environ):
        handler.setFormatter(JournalFormatter("%(name)s: %(message)s"))
    else:
        handler.setFormatter(DiscreetFormatter("%(asctime)s %(levelname)-7s %(name)s: %(message)s"))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    # One line for each request says nothing that a household wants to read.
    logging.getLogger("aiohttp.access").setLevel(logging.WARNING)
    # At DEBUG it logs each statement with its values: voices, what was said, hashes of tokens.
    logging.getLogger("aiosqlite").setLevel(logging.WARNING)


MAX_REASONS = 8
"""Reasons that differ each time are not worth a line each."""


class Trouble:
    """Loud once, then quiet: one thing that may fail again and again, and comes back.

    Its first failure is a WARNING, and so is the first for another reason; repeats are DEBUG, its
    recovery is INFO with the duration.
    """

    def __init__(self, log: logging.Logger, subject: str) -> None:
        """`subject` begins the lines: "the hub at http://..."."""
        self._log = log
        self._subject = subject
        self._since: float | None = None
        self._told: set[str] = set()  # reasons

    def failed(self, reason: object, now_s: float) -> None:
        """It failed; `now_s` is the present on any clock in seconds that never jumps."""
        if self._since is None:
            self._since = now_s
        news = str(reason) not in self._told and len(self._told) < MAX_REASONS
        if news:
            self._told.add(str(reason))
        self._log.log(logging.WARNING if news else logging.DEBUG, "%s: %s", self._subject, reason)

    def recovered(self, now_s: float) -> None:
        """It works; says so where it had failed before."""
        if self._since is not None:
            self._log.info("%s: works again, after %.1f s", self._subject, now_s - self._since)
            self._since = None
            self._told.clear()


def _priority(level: int) -> int:
    """The syslog priority of a logging level."""
    for least, priority in (
        (logging.CRITICAL, 2),
        (logging.ERROR, 3),
        (logging.WARNING, 4),
        (logging.INFO, 6),
    ):
        if level >= least:
            return priority
    return 7


def _is_journal(stream: TextIO, environ: Mapping[str, str]) -> bool:
    """Whether `stream` is the very one that systemd connected to the journal."""
    try:
        status = os.fstat(stream.fileno())
    except (OSError, ValueError):  # no file behind it
        return False
    return environ.get("JOURNAL_STREAM") == f"{status.st_dev}:{status.st_ino}"
