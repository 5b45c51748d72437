"""Column types keep what the legacy system kept, and give what the wire speaks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Column, MetaData, StaticPool, Table, create_engine, text

from hub.store.types import JsonDocument, UtcDateTime, UuidText

METADATA = MetaData()
KEPT = Table(
    "kept",
    METADATA,
    Column("time", UtcDateTime),
    Column("key", UuidText),
    Column("document", JsonDocument),
)
ENGINE = create_engine("sqlite://", poolclass=StaticPool)
METADATA.create_all(ENGINE)
UUID = "0123abcd-4567-89ef-0123-456789abcdef"


def _kept_as(**values: object) -> tuple[object, ...]:
    """What the database holds and what it gives back."""
    with ENGINE.connect() as connection:
        connection.execute(KEPT.insert().values(**values))
        (name,) = values
        raw = connection.execute(text(f"SELECT {name} FROM kept")).scalar_one()  # noqa: S608  # ours
        return raw, connection.execute(KEPT.select().with_only_columns(KEPT.c[name])).scalar_one()


def test_a_time_is_kept_as_naive_utc_text_and_comes_back_aware() -> None:
    paris = timezone(timedelta(hours=2))
    assert _kept_as(time=datetime(2024, 5, 6, 9, 8, 7, tzinfo=paris)) == (
        "2024-05-06 07:08:07.000000",
        datetime(2024, 5, 6, 7, 8, 7, tzinfo=UTC),
    )


def test_a_naive_time_is_refused() -> None:
    with pytest.raises(Exception, match="has no time zone"):
        _kept_as(time=datetime(2024, 5, 6))  # noqa: DTZ001  # that is the point


@given(st.datetimes(timezones=st.timezones()))
def test_every_time_comes_back_as_the_same_moment(time: datetime) -> None:
    try:
        time.astimezone(UTC)
    except OverflowError:
        return  # beyond the first or last day that Python knows
    _, back = _kept_as(time=time)
    assert back == time.astimezone(UTC)


def test_a_uuid_is_kept_as_hex_without_dashes_and_comes_back_with_them() -> None:
    assert _kept_as(key=UUID) == (UUID.replace("-", ""), UUID)


def test_no_document_is_null() -> None:
    assert _kept_as(document=None) == (None, None)


def test_a_document_is_kept_as_json_text() -> None:
    assert _kept_as(document={"room": "kitchen"}) == ('{"room": "kitchen"}', {"room": "kitchen"})
