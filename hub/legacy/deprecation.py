"""How long the legacy API lasts, and what every answer says of it. Pure.

All of it counts from the recorded start of the move, so that no restart puts the end off.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Literal

WARNED_FROM = 30
"""Whole days since the start from which answers carry a warning."""
LAST_DAY = 90
"""The last whole day since the start on which calls are served; the promise ends with its begin."""

Stage = Literal["served", "warned", "gone"]
NETWORK = "{network_id}"
"""Stands for the network's id where whoever asks has no business to know it."""


@dataclass(frozen=True)
class Deprecation:
    """Of the legacy API, which counts as deprecated since the start of the move.

    Args:
        started_at: as it was recorded, aware.
    """

    started_at: datetime

    @property
    def sunset(self) -> datetime:
        """Until when it is promised, in UTC."""
        return self.started_at.astimezone(UTC) + timedelta(days=LAST_DAY)

    def stage(self, now: datetime) -> Stage:
        """How far it is at an aware time."""
        days = (now - self.started_at) // timedelta(days=1)
        if days > LAST_DAY:
            return "gone"
        return "warned" if days >= WARNED_FROM else "served"

    def headers(self, guide: str) -> dict[str, str]:
        """What every answer carries: RFC 9745 (Deprecation), RFC 8594 (Sunset), and where to read.

        Args:
            guide: the URL of the migration guide.
        """
        return {
            "Deprecation": f"@{int(self.started_at.timestamp())}",
            "Sunset": format_datetime(self.sunset, usegmt=True),
            "Link": f'<{guide}>; rel="deprecation", <{guide}>; rel="sunset"',
        }

    def notice(self, now: datetime, guide: str, network: str = NETWORK) -> dict[str, object]:
        """The object that says so in a body.

        Args:
            now: an aware time.
            guide: the URL of the migration guide.
            network: the public id of the network that the data moved into.
        """
        until = self.sunset.date().isoformat()
        end = "ended" if self.stage(now) == "gone" else "ends"
        return {
            "warning": f"The legacy API is deprecated and {end} on {until}: use the new endpoints.",
            "deprecation_date": self.sunset.isoformat(timespec="seconds"),
            "migration_guide": guide,
            "new_endpoints": new_endpoints(network),
        }


def new_endpoints(network: str) -> dict[str, object]:
    """Where the legacy calls went, in the network of this public id."""
    return {
        "interactions": f"/api/v1/networks/{network}/interactions",
        "audio": f"/api/v1/networks/{network}/audio",
    }
