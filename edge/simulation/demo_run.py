"""One run of the demo, until it is done or somebody stops it."""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

from edge.microphone.sound_card import list_microphones
from edge.simulation.demo_display import Display, make_display
from edge.simulation.demo_result import summary
from edge.simulation.demo_session import Outcome, microphone_session, simulated_session
from shared.errors import ConfigError, MicrophoneError, MiraError
from shared.tasks import until_first_ends


def run(args: argparse.Namespace) -> int | None:
    """Runs it; gives the process's exit code, None where somebody stopped it."""
    display = make_display(Console(highlight=False))
    started = time.monotonic()
    try:
        outcome = asyncio.run(_run(args, display))
    # OSError: the disk is full, or there is no folder for temporary files.
    except (MiraError, OSError) as error:
        display.close()
        print(f"demo: {error}", file=sys.stderr)
        return 1
    if outcome is None:
        return None
    line = summary(outcome.results, outcome.received_by, time.monotonic() - started)
    print(json.dumps(line, ensure_ascii=False), flush=True)
    return 0


async def _run(args: argparse.Namespace, display: Display) -> Outcome | None:
    """What came of it; None where somebody stopped it before."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(signum, stop.set)
    with tempfile.TemporaryDirectory(prefix="mira-demo-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        with _quiet():
            try:
                if args.microphone:
                    return await microphone_session(
                        folder, display, stop, card=_sound_card(), engine=args.engine
                    )
                return await _simulated(args, folder, display, stop)
            finally:
                display.close()


@contextmanager
def _quiet() -> Iterator[None]:
    """What our own parts log would tear the picture on the terminal, and nobody else wants it."""
    nowhere = logging.NullHandler()
    logging.getLogger().addHandler(nowhere)
    try:
        yield
    finally:
        logging.getLogger().removeHandler(nowhere)


async def _simulated(
    args: argparse.Namespace, folder: Path, display: Display, stop: asyncio.Event
) -> Outcome | None:
    outcome: Outcome | None = None

    async def session() -> None:
        nonlocal outcome
        outcome = await simulated_session(
            folder,
            display,
            seed=args.seed,
            devices=args.devices,
            engine=args.engine,
            out=_writable(args.out),
        )

    await until_first_ends(session(), stop.wait())
    return outcome


def _writable(out: Path) -> Path:
    """The folder, made where it is missing; better an error now than at the end."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        (out / "session.png").touch()
    except OSError as error:
        raise ConfigError(
            f"Pictures cannot be written to {out}: {error.strerror}.", "Choose another --out."
        ) from error
    return out


def _sound_card() -> str:
    """The name of one that can record."""
    cards = list_microphones()
    if not cards:
        raise MicrophoneError(
            "This machine has no microphone.",
            "Plug one in (`mira-edge microphones` lists them), or leave out --microphone.",
        )
    return "the default microphone" if len(cards) > 1 else cards[0].name
