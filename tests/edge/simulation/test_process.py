"""Child processes end when they are told to, and when we do."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from edge.simulation.process import Process, ProcessError, output_of, program
from shared.errors import ConfigError

pytestmark = pytest.mark.process

SLEEP = "import time; print('ready', flush=True); time.sleep(600)"
STUBBORN = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {SLEEP}"
# Starts a child, says its process id, and never ends it.
NEGLIGENT = f"""
import asyncio, sys
from pathlib import Path
from edge.simulation.process import Process

async def main():
    process = Process([sys.executable, "-c", {SLEEP!r}], Path(sys.argv[1]))
    await process.start()
    while "ready" not in Path(sys.argv[1]).read_text():
        await asyncio.sleep(0.01)
    print(process.pid, flush=True)
    await asyncio.sleep(600)

asyncio.run(main())
"""


async def until_it_says(log: Path, word: str) -> None:
    async with asyncio.timeout(20):
        while not log.exists() or word not in log.read_text():  # noqa: ASYNC110 - files do not call
            await asyncio.sleep(0.01)


async def test_a_program_runs_until_it_is_stopped(tmp_path: Path) -> None:
    process = Process([sys.executable, "-c", SLEEP], tmp_path / "log")
    assert process.pid is None
    await process.start()
    await until_it_says(tmp_path / "log", "ready")
    assert process.running
    await process.stop()
    assert process.pid is None
    assert await process.wait() == -signal.SIGTERM


async def test_one_that_does_not_stop_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge.simulation.process.STOP_PATIENCE_S", 0.2)
    process = Process([sys.executable, "-c", STUBBORN], tmp_path / "log")
    await process.start()
    await until_it_says(tmp_path / "log", "ready")
    await process.stop()
    assert await process.wait() == -signal.SIGKILL


async def test_stopping_what_has_ended_or_was_never_started_does_nothing(tmp_path: Path) -> None:
    process = Process([sys.executable, "-c", ""], tmp_path / "log")
    await process.stop()
    await process.start()
    assert await process.wait() == 0
    await process.stop()
    await process.kill()


async def test_what_a_program_said_last_is_in_its_failure(tmp_path: Path) -> None:
    process = Process([sys.executable, "-c", "raise SystemExit('no room')"], tmp_path / "log")
    await process.start()
    assert await process.wait() == 1
    assert "ended early.\n  no room" in str(process.failure("ended early"))


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a dead parent's children")
def test_a_program_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    command = [sys.executable, "-c", NEGLIGENT, str(tmp_path / "log")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:  # noqa: S603 - ours
        assert parent.stdout is not None
        child = psutil.Process(int(parent.stdout.readline()))
        assert child.is_running()
        parent.kill()
    child.wait(10)
    assert not child.is_running()


async def test_our_settings_do_not_reach_a_program_but_what_it_is_given_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MIRA_HUB_SERVER_PORT", "1")
    monkeypatch.setenv("MIRA_WEIGHTS", "/weights")
    show = "import os; print(*sorted(k for k in os.environ if k.startswith(('MIRA', 'NOTIFY'))))"
    process = Process([sys.executable, "-c", show], tmp_path / "log", {"NOTIFY_SOCKET": "here"})
    await process.start()
    await process.wait()
    assert (tmp_path / "log").read_text().split() == ["MIRA_WEIGHTS", "NOTIFY_SOCKET"]


async def test_the_output_of_a_command_is_what_it_printed(tmp_path: Path) -> None:
    assert await output_of([sys.executable, "-c", "print('yes')"]) == "yes\n"
    with pytest.raises(ProcessError, match="out of paper"):
        await output_of([sys.executable, "-c", "raise SystemExit('out of paper')"])


async def test_a_command_ends_when_nobody_waits_for_it_any_more(tmp_path: Path) -> None:
    log = tmp_path / "pid"
    tell = f"import os; open({str(log)!r}, 'w').write(f'{{os.getpid()}} ready'); {SLEEP}"
    waiting = asyncio.ensure_future(output_of([sys.executable, "-c", tell]))
    await until_it_says(log, "ready")
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    with pytest.raises(ProcessLookupError):
        os.kill(int(log.read_text().split()[0]), 0)


def test_a_program_that_is_not_installed_is_named_with_what_to_do() -> None:
    assert Path(program("mira-hub")).exists()
    with pytest.raises(ConfigError, match=r"mira-nothing is not installed.*mira-voice\["):
        program("mira-nothing")
