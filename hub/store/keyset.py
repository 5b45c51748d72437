"""Lists in parts: where one ended, in a word that the next one begins with."""

from __future__ import annotations

import base64
import binascii
from datetime import datetime

import msgspec

from hub.store.errors import InvalidCursorError
from shared.wire.fields import Uuid


class Position(msgspec.Struct, frozen=True, array_like=True):
    """The last row of a part: the time that the list is ordered by, and the row's id."""

    time: datetime | None
    row_id: Uuid


def cursor_of(position: Position) -> str:
    """The word."""
    return base64.urlsafe_b64encode(msgspec.json.encode(position)).decode().rstrip("=")


def position_of(cursor: str | None) -> Position | None:
    """Where the part before ended; None for the first part.

    Raises:
        InvalidCursorError: not a cursor that a part gave.
    """
    if cursor is None:
        return None
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        position = msgspec.json.decode(text, type=Position)
    except (binascii.Error, ValueError, msgspec.DecodeError) as error:
        raise InvalidCursorError(
            "This is no cursor.", "Take `next_cursor` of the part before as it is."
        ) from error
    if position.time is not None and position.time.tzinfo is None:
        raise InvalidCursorError("This is no cursor.", "Take `next_cursor` as it is.")
    return position
