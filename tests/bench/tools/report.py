"""What a bench prints: progress on stderr, one JSON line last on stdout."""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
from collections.abc import Sequence


def parser(name: str, description: str) -> argparse.ArgumentParser:
    """A bench's command line; add its options to it."""
    return argparse.ArgumentParser(
        prog=f"script/bench {name}",
        description=description,
        epilog="Progress goes to stderr; the last line on stdout is JSON.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )


def positive_seconds(text: str) -> float:
    """A duration for the command line; argparse shows why another is refused."""
    seconds = float(text)
    if not 0 < seconds < math.inf:
        raise argparse.ArgumentTypeError(f"{text} is no time; give a number of seconds above 0")
    return seconds


def say(text: str) -> None:
    """One line of progress."""
    print(text, file=sys.stderr, flush=True)


def result(**figures: object) -> None:
    """The last line, with what else ran on the machine: `load_1m` per core."""
    load = round(os.getloadavg()[0] / (os.cpu_count() or 1), 2)
    print(json.dumps({**figures, "load_1m": load}), flush=True)


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest of `values` that `percent` of them do not exceed (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(percent / 100 * len(ordered)) - 1)]
