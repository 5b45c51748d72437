"""What was said in the network, read from this device's own copy: no hub and no daemon is asked."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from datetime import datetime
from pathlib import Path

from msgspec import Struct

from shared.errors import Fault, MiraError


class HistoryError(MiraError):
    """The copy cannot be read."""

    code = "HISTORY_UNREADABLE"
    fault = Fault.PERSON


class Said(Struct, frozen=True, kw_only=True):
    """One interaction."""

    interaction_id: str
    timestamp: datetime
    device: str  # its name; its id where the name is not known
    text: str
    status: str  # pending, processing, completed, failed


def read_history(path: Path, limit: int, words: Sequence[str] = ()) -> list[Said]:
    """The newest interactions that hold all of `words`, the oldest of them first.

    Args:
        path: the replica's file; a daemon may be writing it.
        limit: how many at most.
        words: parts of the text, in whatever case.

    Raises:
        HistoryError: there is none, or this person may not read it.
    """
    if not path.exists():
        raise HistoryError(
            f"{path} is not there: this device has never been connected to its network.",
            "Is it another user's? Then ask as that user: sudo -u mira-edge mira-edge history.",
        )
    folded = [word.casefold() for word in words]
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as db:
            db.create_function(
                "wanted", 1, lambda text: all(word in text.casefold() for word in folded)
            )
            rows = db.execute(
                "SELECT interaction_id, timestamp, coalesce(name, interactions.client_id, ''),"
                " text, processing_status FROM interactions"
                " LEFT JOIN clients ON clients.client_id = interactions.client_id"
                " WHERE wanted(text) ORDER BY timestamp DESC, seq DESC LIMIT ?",
                (limit,),
            ).fetchall()
    except sqlite3.Error as error:
        raise HistoryError(
            f"{path} cannot be read: {error}.",
            "Ask as the user that the daemon runs as: sudo -u mira-edge mira-edge history.",
        ) from error
    return [
        Said(
            interaction_id=interaction_id,
            timestamp=datetime.fromisoformat(timestamp),
            device=device,
            text=text,
            status=status,
        )
        for interaction_id, timestamp, device, text, status in reversed(rows)
    ]
