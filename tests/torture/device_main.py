"""`mira-edge run` as it is, but that it hears what it is told to, and says what it keeps.

Arguments: the clock's file, the Unix socket of whoever tells it, then those of `mira-edge`. On the
socket, JSON lines: in come sentences, out go utterances: heard, on disk, released.
"""

from __future__ import annotations

import asyncio
import json
import socket
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np

from edge import cli, startup
from edge.candidate import Candidate, EndReason
from edge.candidates import Candidates
from edge.microphone.microphone import Frame
from edge.microphone.simulated import SimulatedMicrophone
from edge.spool import About, Spool
from shared.audio import Pcm
from shared.clock import steady_clock
from shared.wire.fields import Message
from tests.torture.clock import SteppableClock
from tests.torture.voice import say
from tests.voice import understand

NOISE_DBFS = -70.0
Report = Callable[..., None]
"""Says what became of an utterance (its id), and more about it."""


class Wire:
    """The way to the torture."""

    def __init__(self, path: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.connect(path)
        self._lock = threading.Lock()

    def report(self, became: str, utterance_id: str, **more: object) -> None:
        """It has been said once this returns, even if the process is killed at once."""
        line = json.dumps({"became": became, "utterance_id": utterance_id, **more})
        with self._lock:
            self._socket.sendall(line.encode() + b"\n")

    def listen(self, take: Callable[[dict[str, Any]], None]) -> None:
        """Gives what comes to `take`, on a thread of its own."""

        def read() -> None:
            with self._socket.makefile("r") as lines:
                for line in lines:
                    take(json.loads(line))

        threading.Thread(target=read, daemon=True).start()


class Microphone(SimulatedMicrophone):
    """Hears in true time; says that it did in the device's."""

    def __init__(self, clock: SteppableClock, wire: Wire, seed: int) -> None:
        super().__init__(steady_clock(), noise_dbfs=NOISE_DBFS, seed=seed)
        self._device_clock = clock
        self._wire = wire
        self._loop: asyncio.AbstractEventLoop | None = None

    async def open(self) -> None:
        """The first time, it begins to take sentences, too."""
        await super().open()
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
            self._wire.listen(self._take)

    async def __anext__(self) -> Frame:
        frame = await super().__anext__()
        return Frame(frame.pcm, frame.captured_at_us + self._device_clock.offset_us)

    def _take(self, told: dict[str, Any]) -> None:
        if self._loop is not None:
            pcm = say(told["text"], told["gain"])
            self._loop.call_soon_threadsafe(self.play_at, pcm, told["at_us"])


def candidates_that(report: Report) -> type[Candidates]:
    """Candidates that say what was heard and what was released."""

    class Telling(Candidates):
        _parent = ""  # while one is released, of which a rest may be left

        def end(self, reason: EndReason = "endpoint") -> list[Message]:
            if self.live is not None:
                _tell(self.live, "")
            return super().end(reason)

        def _release(self, candidate: Candidate, until: int | None) -> list[Message]:
            self._parent = candidate.utterance_id
            messages = super()._release(candidate, until)
            self._parent = ""
            if candidate.utterance_id not in self._held:
                report("released", candidate.utterance_id)
            return messages

        def _announce(self, candidate: Candidate, ended: EndReason | None = None) -> list[Message]:
            if ended is not None:
                _tell(candidate, self._parent)
            return super()._announce(candidate, ended)

    def _tell(candidate: Candidate, parent: str) -> None:
        report(
            "heard",
            candidate.utterance_id,
            text=understand(np.concatenate(candidate.chunks)),
            captured_at_us=candidate.captured_at_us,
            parent=parent,  # of which it is the rest
        )

    return Telling


def spool_that(report: Report) -> type[Spool]:
    """A spool that says what is on disk, and what had to go."""

    class Telling(Spool):
        def keep(self, about: About, pcm: Pcm) -> list[str]:
            gone = super().keep(about, pcm)
            report("kept", about.utterance_id)
            for utterance_id in gone:
                report("dropped", utterance_id)
            return gone

    return Telling


def main() -> int:
    """Runs the device; its exit code."""
    clock, wire = SteppableClock(Path(sys.argv[1])), Wire(sys.argv[2])
    seed = sum(sys.argv[2].encode())
    with mock.patch.multiple(
        startup,
        steady_clock=lambda: clock,
        open_microphone=lambda *_, **__: Microphone(clock, wire, seed),
        Candidates=candidates_that(wire.report),
        Spool=spool_that(wire.report),
    ):
        return cli.main(sys.argv[3:])


if __name__ == "__main__":
    sys.exit(main())
