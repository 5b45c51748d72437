"""What people did a while ago, on a device without a hub, against what others did since."""

from __future__ import annotations

from datetime import datetime


def overtaken(made_at: datetime | None, changed_at: datetime | None, now: datetime) -> bool:
    """Whether somebody changed it after a person wanted this.

    A change of the future says nothing: the hub's clock was set back since.

    Args:
        made_at: when they wanted it; None: now.
        changed_at: when the row was changed last; None: nobody knows.
        now: the hub's clock.
    """
    if made_at is None or changed_at is None:
        return False
    return made_at < changed_at <= now


def later(made_at: datetime | None, changed_at: datetime | None, now: datetime) -> datetime:
    """When the row counts as changed after this; see `overtaken`."""
    made_at = made_at or now
    return made_at if changed_at is None or changed_at > now else max(made_at, changed_at)
