"""Clocks: one that never jumps, and the mapping of another machine's clock to it.

Times on the wire are integer microseconds since the Unix epoch by the sender's clock.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from shared.errors import MalformedMessageError

Clock = Callable[[], int]
"""Returns the present time in microseconds since the Unix epoch."""


def steady_clock() -> Clock:
    """Wall time at the call, then monotonic: correct to the eye, and it never jumps."""
    origin = time.time_ns() - time.monotonic_ns()
    return lambda: (time.monotonic_ns() + origin) // 1000


DRIFT_US = 50_000
"""Clocks drift apart by less than this over the probes that count."""


@dataclass(frozen=True)
class ClockMapping:
    """A device's time plus `offset_us` is the hub's time, give or take `uncertainty_us`."""

    offset_us: int
    uncertainty_us: int

    def to_hub(self, device_us: int) -> int:
        """The hub's time at the device's time `device_us`, in microseconds."""
        return device_us + self.offset_us


class ClockEstimator:
    """Estimates a device's clock from probe round trips: the quickest of the recent ones wins.

    The true offset lies within half the round trip of the midpoint estimate (Cristian 1989), so
    the shortest round trip bounds the error best. Only the last `window` probes count, for clocks
    drift. Where two contradict each other, the clock was stepped (a laptop slept): only the newest
    counts then.
    """

    def __init__(self, window: int = 16) -> None:
        self._probes: deque[ClockMapping] = deque(maxlen=window)
        self.mapping: ClockMapping | None = None

    def hello(self, device_us: int, since_us: int, now_us: int) -> ClockMapping:
        """A first mapping from the device's time in `hello`, which counts as the probes do.

        It said so some time after `since_us`, when it was let in: a link may have held it up.
        """
        if self.mapping is None:
            offset_us = (since_us + now_us) // 2 - device_us
            self.mapping = ClockMapping(offset_us, (now_us - since_us) // 2 + 1)
            self._probes.append(self.mapping)
        return self.mapping

    def reply(
        self, probe_sent_us: int, device_received_us: int, device_sent_us: int, now_us: int
    ) -> ClockMapping:
        """Takes one answered probe: when it was sent, received, answered and came back.

        Raises:
            MalformedMessageError: the device claims to have held the probe longer than it was away.
        """
        round_trip = (now_us - probe_sent_us) - (device_sent_us - device_received_us)
        if round_trip < 0 or device_sent_us < device_received_us:
            raise MalformedMessageError("The clock reply's times contradict each other.")
        offset = ((probe_sent_us - device_received_us) + (now_us - device_sent_us)) // 2
        probe = ClockMapping(offset, round_trip // 2 + 1)
        if any(_contradict(probe, before) for before in self._probes):
            self._probes.clear()
        self._probes.append(probe)
        self.mapping = min(self._probes, key=lambda probe: probe.uncertainty_us)
        return self.mapping


def _contradict(one: ClockMapping, other: ClockMapping) -> bool:
    """Whether no offset is within both their uncertainties, with some drift in between."""
    apart_us = abs(one.offset_us - other.offset_us)
    return apart_us > one.uncertainty_us + other.uncertainty_us + DRIFT_US
