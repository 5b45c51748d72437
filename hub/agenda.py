"""When something is to be told next in which network: what a hub has to look up, and when. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime


class Agenda:
    """What was looked up of each network, and up to which event it holds."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[int, datetime | None]] = {}

    def wanted(self, seqs: Mapping[str, int], now: datetime) -> tuple[str, ...]:
        """The networks to be looked at now: of which nothing is known, in which something happened
        since it was looked up, or whose time has come.

        Args:
            seqs: the newest event of each network that may be looked at.
            now: the hub's time, UTC.
        """
        return tuple(
            network_id for network_id, seq in seqs.items() if self._is(network_id, seq, now)
        )

    def _is(self, network_id: str, seq: int, now: datetime) -> bool:
        known = self._known.get(network_id)
        return known is None or known[0] != seq or (known[1] is not None and known[1] <= now)

    def note(self, network_id: str, seq: int, next_at: datetime | None) -> None:
        """Until more happens than event `seq`, nothing is to be told before `next_at`; None: at
        all."""
        self._known[network_id] = seq, next_at

    def keep(self, seqs: Mapping[str, int]) -> None:
        """Forgets all networks but these."""
        self._known = {key: self._known[key] for key in self._known.keys() & seqs.keys()}
