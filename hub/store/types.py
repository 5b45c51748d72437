"""Column types that mean the same on every database.

SQLite keeps them as the legacy system did: a time is naive UTC text
`YYYY-MM-DD HH:MM:SS.ffffff`, a UUID is 32 hex digits without dashes, a document is JSON text.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, DateTime, Dialect, TypeDecorator, Uuid

from hub.store.errors import InvalidValueError

_FIRST, _LAST = datetime(1, 1, 2, tzinfo=UTC), datetime(9999, 12, 30, tzinfo=UTC)
"""A day from the ends of the calendar, so that a time can be told in every zone."""


def in_utc(value: datetime) -> datetime:
    """An aware time in UTC.

    Raises:
        InvalidValueError: it is so early or late that not every zone has a date for it.
        ValueError: it is naive, and could mean any zone.
    """
    if value.utcoffset() is None:
        raise ValueError(f"{value!r} has no time zone")
    if not _FIRST <= value <= _LAST:
        raise InvalidValueError("A time is too early or too late.")
    return value.astimezone(UTC)


class UtcDateTime(TypeDecorator[datetime]):
    """An aware time in UTC, to the microsecond.

    Raises:
        InvalidValueError, ValueError: see `in_utc`.
    """

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else in_utc(value)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class UuidText(TypeDecorator[str]):
    """A UUID that Python and the wire write with dashes, in lower case."""

    impl = Uuid(as_uuid=False)
    cache_ok = True


class JsonDocument(TypeDecorator[Any]):
    """Any JSON value; None is NULL, never the JSON text `null`."""

    impl = JSON(none_as_null=True)
    cache_ok = True
