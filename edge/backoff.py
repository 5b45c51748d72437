"""How long to wait before the next attempt: exponential backoff with full jitter.

The formula is "full jitter" of M. Brooker, "Exponential Backoff And Jitter" (2015): a delay drawn
evenly from zero to a ceiling that doubles with each failure. Devices that lost the same hub thus
come back spread out.
"""

from __future__ import annotations


class Backoff:
    """The delays of one thing that is tried again and again.

    Args:
        base_s: ceiling of the first delay, in seconds.
        cap_s: the highest ceiling, in seconds.
    """

    def __init__(self, base_s: float = 1.0, cap_s: float = 10.0) -> None:
        self._base_s = base_s
        self._cap_s = cap_s
        self._ceiling_s = min(base_s, cap_s)

    def next_delay(self, random_value: float) -> float:
        """Seconds to wait after one more failure; `random_value` is drawn from [0, 1)."""
        delay = self._ceiling_s * random_value
        self._ceiling_s = min(self._ceiling_s * 2, self._cap_s)
        return delay

    def reset(self) -> None:
        """It worked: the next failure is the first again."""
        self._ceiling_s = min(self._base_s, self._cap_s)
