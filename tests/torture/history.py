"""Everything that is done and happens, in the order in which it does; on disk as JSON lines."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.torture.operations import Choice, Outcome, Record, Step, Utterance, Write


class History:
    """Notes what happens, for the checker and for whoever looks for the cause afterwards.

    Args:
        path: the file; it is added to.
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("a", buffering=1)
        self._began = time.monotonic()
        self.record = Record()
        self.faults: Counter[str] = Counter()
        self._saying: dict[str, str] = {}  # the sentence that each device was told last
        self.dropped = 0  # utterances that a device gave up for want of room
        self.last_fault_s = 0.0  # when the last one was over

    def now_s(self) -> float:
        """Seconds since the beginning."""
        return time.monotonic() - self._began

    def close(self) -> None:
        """Closes the file."""
        self._file.close()

    def note(self, what: str, **facts: object) -> None:
        """One line."""
        self._file.write(json.dumps({"s": round(self.now_s(), 4), "what": what, **facts}) + "\n")

    # Operations

    def told(self, report: dict[str, Any]) -> None:
        """A device says what became of an utterance."""
        self.note("utterance", **report)
        utterances, utterance_id = self.record.utterances, report["utterance_id"]
        if report["became"] == "heard":
            device, parent = report["device"], utterances.get(report["parent"])
            utterances[utterance_id] = Utterance(
                utterance_id,
                report["network"],
                device,
                report["text"],
                parent.sentence if parent else self._saying.get(device, ""),
                report["captured_at_us"],
                self.now_s(),
            )
        elif report["became"] == "dropped":
            self.dropped += 1
        elif utterance := utterances.get(utterance_id):
            utterance.acked_s = utterance.acked_s or self.now_s()
            if report["became"] == "released":
                utterance.released_s = utterance.released_s or self.now_s()

    def said(self, network: str, device: str, text: str) -> None:
        """A sentence is said to a device."""
        self.record.said.setdefault(network, []).append(text)
        self._saying[device] = text
        self.note("said", device=device, text=text)

    def begin(self, operation: Write | Choice) -> None:
        """A request is about to be made."""
        if isinstance(operation, Write):
            self.record.writes.append(operation)
        else:
            self.record.choices.append(operation)
        self.note("begun", **vars(operation))

    def end(self, operation: Write | Choice, outcome: Outcome, why: str = "") -> None:
        """Its outcome."""
        operation.outcome = outcome
        self.note("ended", op=operation.op, outcome=outcome, why=why)

    # Faults

    @contextmanager
    def fault(self, kind: str, target: str) -> Iterator[None]:
        """Something is wrong as long as the context lasts."""
        self.faults[kind] += 1
        self.note("fault", kind=kind, target=target)
        try:
            yield
        finally:
            self.last_fault_s = self.now_s()
            self.note("fault over", kind=kind, target=target)

    def hub_starts(self) -> None:
        """The hub is started."""
        self.record.hub_starts.append(self.now_s())
        self.note("hub starts")

    def step(self, whose: str, offset_us: int) -> None:
        """A clock is stepped."""
        self.record.steps.append(Step(whose, self.now_s()))
        self.note("step", whose=whose, offset_s=offset_us / 1e6)
