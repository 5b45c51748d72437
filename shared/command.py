"""How a command ends: errors as people read them, exit codes, readers that have seen enough."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable

from shared.errors import ConfigError, MiraError


def run_command(name: str, command: Callable[[], int]) -> int:
    """Runs it; returns the process's exit code.

    Args:
        name: of the program, which stands before what goes wrong.
        command: does what was asked, and returns its exit code.
    """
    try:
        try:
            return _told(name, command)
        finally:
            # Here, and not when Python ends, where nobody can catch what goes wrong.
            sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read the output has seen enough (`| head`): it ends as any program does that
        # SIGPIPE ends. What is still to be written goes nowhere.
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for stream in (sys.stdout, sys.stderr):
            os.dup2(nowhere, stream.fileno())
        return 128 + signal.SIGPIPE


def _told(name: str, command: Callable[[], int]) -> int:
    try:
        return command()
    except MiraError as error:
        print(f"{name}: {error}", file=sys.stderr)
        # systemd restarts a daemon that failed, but not one that is configured wrongly.
        return os.EX_CONFIG if isinstance(error, ConfigError) else 1
    except KeyboardInterrupt:
        return 130
