"""How many requests somebody may make: a bucket of tokens that fills again. Pure."""

from __future__ import annotations

from collections import OrderedDict

MAX_BUCKETS = 10_000
"""Callers remembered; whoever was quiet longest is forgotten, and begins with a full bucket."""


class RateLimits:
    """One bucket for each caller.

    Args:
        rate_per_s: requests a second, in the long run.
        burst: requests at once.
    """

    def __init__(self, rate_per_s: float, burst: int) -> None:
        self._rate_per_s = rate_per_s
        self._burst = burst
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()  # level, when

    def take(self, caller: str, now_s: float) -> float:
        """Takes one request of `caller`; 0 if it may go on, else the seconds until it may."""
        level, before = self._buckets.pop(caller, (float(self._burst), now_s))
        level = min(self._burst, level + (now_s - before) * self._rate_per_s)
        wait = 0.0 if level >= 1 else (1 - level) / self._rate_per_s
        self._buckets[caller] = (level - 1 if not wait else level, now_s)
        if len(self._buckets) > MAX_BUCKETS:
            self._buckets.popitem(last=False)
        return wait
