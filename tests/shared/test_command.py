"""How commands end: what is printed, and with which exit code."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from shared.command import run_command
from shared.errors import ConfigError, MiraError, StoreError

ROOT = Path(__file__).parents[2]
READER_IS_GONE = 128 + signal.SIGPIPE


def failing(error: BaseException) -> Callable[[], int]:
    def command() -> int:
        raise error

    return command


@pytest.mark.parametrize(
    ("command", "code", "told"),
    [
        (lambda: 3, 3, ""),
        (failing(StoreError("The disk is full.", "Make room.")), 1, "The disk is full. Make room."),
        (failing(ConfigError("It is empty.")), os.EX_CONFIG, "It is empty."),
        (failing(KeyboardInterrupt()), 130, ""),
    ],
    ids=["done", "failed", "configured wrongly", "interrupted"],
)
def test_a_command_ends_with_a_code_and_says_why(
    command: Callable[[], int], code: int, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command("mira", command) == code
    assert capsys.readouterr() == ("", f"mira: {told}\n" if told else "")


def test_a_fault_of_the_program_is_no_message() -> None:
    with pytest.raises(ZeroDivisionError):
        run_command("mira", failing(ZeroDivisionError()))
    assert issubclass(StoreError, MiraError)


@pytest.mark.parametrize(
    "program",
    [
        "from shared.command import run_command; run_command('x', lambda: print('x' * 9**6) or 0)",
        "from shared.command import run_command; run_command('x', lambda: print('x') or 0)",
        "import edge.cli as c; c.list_microphones = lambda: ['x']; c.main(['microphones'])",
        "import hub.cli as c; c._devices = lambda _: print('x') or 0; c.main(['devices'])",
    ],
    ids=["much", "little", "mira-edge", "mira-hub"],
)
def test_who_has_seen_enough_gets_no_traceback(program: str) -> None:
    """As with `mira-edge reminders | head -1`."""
    read, write = os.pipe()
    os.close(read)
    first, _, call = program.rpartition("; ")
    buffered = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    with os.fdopen(write, "wb") as closed:
        done = subprocess.run(  # noqa: S603 - this Python
            [sys.executable, "-c", f"import sys; {first}; sys.exit({call})"],
            stdout=closed,
            stderr=subprocess.PIPE,
            cwd=ROOT,
            env=buffered,
            check=False,
        )
    assert (done.returncode, done.stderr) == (READER_IS_GONE, b"")
