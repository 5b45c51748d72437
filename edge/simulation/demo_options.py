"""The demo's options: `python -m edge.simulation.demo_options ...` says whether they are right."""

from __future__ import annotations

import argparse
from pathlib import Path

DEFAULT_SEED = 0


def parser() -> argparse.ArgumentParser:
    """What the command line says."""
    options = argparse.ArgumentParser(
        prog="script/demo",
        description="A home on this machine: a real hub, real devices in a simulated room, real "
        "speech. Shows live who hears how well, who is elected and what is understood; the last "
        "line is JSON. Everything ends with it; it shows itself to this machine only.",
    )
    options.add_argument(
        "--seed", type=_seed, default=DEFAULT_SEED, help="which home (default: %(default)s)"
    )
    options.add_argument(
        "--devices", type=int, choices=range(4, 9), default=5, help="how many (default: 5)"
    )
    options.add_argument(
        "--engine",
        default="auto",
        help="the recogniser, as `mira-hub models list` names it (default: the best that this "
        "machine decodes fast enough)",
    )
    options.add_argument(
        "--out",
        type=Path,
        default=Path("demo-out"),
        metavar="DIR",
        help="where the pictures go (default: demo-out)",
    )
    options.add_argument(
        "--microphone",
        action="store_true",
        help="use this machine's microphone and nothing simulated, until Ctrl-C",
    )
    return options


def _seed(text: str) -> int:
    try:
        seed = int(text)
    except ValueError:
        seed = -1
    if seed < 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number of at least 0")
    return seed


if __name__ == "__main__":
    parser().parse_args()
