"""The demo: a home on this machine, with a real hub, real devices and real speech.

    python -m edge.simulation.demo --help

The hub and each device are processes of their own, which find each other by mDNS and speak over
real sockets. Each device hears, in real time, what a microphone at its place in a simulated home
would hear. The last line of the output is one line of JSON.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from edge.simulation.demo_options import parser

STOPPED = 130
"""What a shell says of a command that Ctrl-C ended."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the demo; returns the process's exit code."""
    args = parser().parse_args(arguments)
    try:
        # What this loads takes seconds: whoever stops it then sees no traceback either.
        from edge.simulation.demo_run import run

        done = run(args)
    except KeyboardInterrupt:
        done = None
    if done is None:
        print("demo: stopped before it was done.", file=sys.stderr)
        return STOPPED
    return done


if __name__ == "__main__":
    sys.exit(main())
