"""Counts the calls of each legacy client, so that an operator sees who still has to move."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime

from hub.store.legacy_rows import Calls, LegacyRows
from shared.errors import StoreError

NOTED_EVERY_S = 60.0
"""How often what was counted is stored."""


class Tally:
    """What was counted and is not stored yet.

    Args:
        rows: where it is stored.
    """

    def __init__(self, rows: LegacyRows) -> None:
        self._rows = rows
        self._counted: defaultdict[str, dict[str, Calls]] = defaultdict(dict)

    def count(self, network_id: str, client_id: str, address: str, now: datetime) -> None:
        """A client (its public id) called."""
        before = self._counted[network_id].get(client_id)
        calls = 1 + (before.calls if before else 0)
        self._counted[network_id][client_id] = Calls(calls, now, address)

    async def store(self) -> None:
        """Stores what was counted; raises StoreError, and keeps it then."""
        while self._counted:
            network_id, calls = self._counted.popitem()
            try:
                await self._rows.note_calls(network_id, calls)
            except StoreError:
                for client_id, failed in calls.items():
                    since = self._counted[network_id].get(client_id)
                    self._counted[network_id][client_id] = failed.followed_by(since)
                raise
