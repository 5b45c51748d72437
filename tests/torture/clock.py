"""A clock that the torture steps from outside, while its process runs or is off."""

from __future__ import annotations

import mmap
from pathlib import Path

from shared.clock import steady_clock

_BYTES = 8


class SteppableClock:
    """A `Clock`: the steady one, plus what the file `path` says, which all its readers share.

    The real clock of a daemon never jumps while it runs, but it does while the machine sleeps, and
    a board without a battery starts with any time.
    """

    def __init__(self, path: Path) -> None:
        if not path.exists():
            path.write_bytes(bytes(_BYTES))
        with path.open("r+b") as file:
            self._shared = mmap.mmap(file.fileno(), _BYTES)
        self._steady = steady_clock()

    @property
    def offset_us(self) -> int:
        """How far it is ahead of the true time, in microseconds."""
        return int.from_bytes(self._shared[:_BYTES], "little", signed=True)

    def __call__(self) -> int:
        """Microseconds since the Unix epoch."""
        return self._steady() + self.offset_us

    def step(self, offset_us: int) -> None:
        """From now on it is so far ahead, whoever reads it."""
        self._shared[:_BYTES] = offset_us.to_bytes(_BYTES, "little", signed=True)

    def close(self) -> None:
        """Lets go of the file."""
        self._shared.close()
