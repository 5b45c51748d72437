"""How full the hub's queues are now, over all its networks."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from hub.network.room import Room


@dataclass(frozen=True)
class Load:
    """The fullest of each kind, or the sum where memory is shared."""

    outbox_bytes: int = 0  # of the device that takes most slowly: not sent yet
    events_behind: int = 0  # of the device whose copy of the log lags most
    audio_bytes: int = 0  # recordings held for elections
    elections_queued: int = 0  # utterances whose audio is not asked for yet, for want of room


def load_of(rooms: Iterable[Room]) -> Load:
    """How full the queues of these networks are."""
    rooms = list(rooms)
    sessions = [session for room in rooms for session in room.members.sessions.values()]
    return Load(
        outbox_bytes=max((session.outbox.size for session in sessions), default=0),
        events_behind=max(
            (s.cursor.newest - s.acked for s in sessions if not s.observer), default=0
        ),
        audio_bytes=sum(room.audio_bytes for room in rooms),
        elections_queued=sum(room.elections_queued for room in rooms),
    )
