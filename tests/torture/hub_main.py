"""`mira-hub serve` as it is, but for a recogniser that answers at once and a clock that steps.

The first argument is the clock's file, the others are those of `mira-hub`.
"""

from __future__ import annotations

import sys
from pathlib import Path
from unittest import mock

from hub import cli, daemon
from hub.recognition.fake import FakeRecogniser
from tests.torture.clock import SteppableClock
from tests.voice import understand


def main() -> int:
    """Runs the hub; its exit code."""
    clock = SteppableClock(Path(sys.argv[1]))
    with mock.patch.multiple(
        daemon,
        steady_clock=lambda: clock,
        load_pair=lambda *_: (FakeRecogniser(understand), None),
        load_recogniser=lambda _: FakeRecogniser(understand),
    ):
        return cli.main(sys.argv[2:])


if __name__ == "__main__":
    sys.exit(main())
