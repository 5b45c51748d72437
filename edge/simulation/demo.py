"""The demo: a home on this machine, with a real hub, real devices and real speech.

    python -m edge.simulation.demo --help

The hub and each device are processes of their own, which find each other by mDNS and speak over
real sockets. Each device hears, in real time, what a microphone at its place in a simulated home
would hear. The last line of the output is one line of JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

from edge.microphone.sound_card import list_microphones
from edge.simulation.demo_display import Display, make_display
from edge.simulation.demo_result import summary
from edge.simulation.demo_session import Outcome, microphone_session, simulated_session
from shared.errors import ConfigError, MicrophoneError, MiraError
from shared.tasks import until_first_ends

DEFAULT_SEED = 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the demo; returns the process's exit code."""
    args = _parser().parse_args(arguments)
    console = Console(highlight=False)
    display = make_display(console)
    started = time.monotonic()
    try:
        outcome = asyncio.run(_run(args, display))
    except (
        MiraError,
        OSError,
    ) as error:  # OSError: the disk is full, no folder for temporary files
        display.close()
        print(f"demo: {error}", file=sys.stderr)
        return 1
    if outcome is None:
        print("demo: stopped before it was done.", file=sys.stderr)
        return 1
    line = summary(outcome.results, outcome.received_by, time.monotonic() - started)
    print(json.dumps(line, ensure_ascii=False), flush=True)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="script/demo",
        description="A home on this machine: a real hub, real devices in a simulated room, real "
        "speech. Shows live who hears how well, who is elected and what is understood; the last "
        "line is JSON. Everything ends with it; it shows itself to this machine only.",
    )
    parser.add_argument(
        "--seed", type=_seed, default=DEFAULT_SEED, help="which home (default: %(default)s)"
    )
    parser.add_argument(
        "--devices", type=int, choices=range(4, 9), default=5, help="how many (default: 5)"
    )
    parser.add_argument(
        "--engine",
        default="auto",
        help="the recogniser, as `mira-hub models list` names it (default: the best that this "
        "machine decodes fast enough)",
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("demo-out"),
        metavar="DIR",
        help="where the pictures go (default: demo-out)",
    )
    parser.add_argument(
        "--microphone",
        action="store_true",
        help="use this machine's microphone and nothing simulated, until Ctrl-C",
    )
    return parser


def _seed(text: str) -> int:
    seed = int(text)
    if seed < 0:
        raise ValueError
    return seed


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


if __name__ == "__main__":
    sys.exit(main())
