"""The calendar's file, as a program that knows RFC 5545 reads it."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

import icalendar
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.calendar_feed import calendar
from hub.store.household_details import EventDetails, ReminderDetails
from shared.ids import new_id

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
CHANGED = datetime(2026, 2, 1, tzinfo=UTC)
MADE = datetime(2026, 1, 1, tzinfo=UTC)


def event(**given: Any) -> EventDetails:
    values: dict[str, Any] = {
        "event_id": new_id(),
        "title": "Dentist",
        "description": None,
        "start_time": NOON,
        "end_time": NOON + timedelta(hours=1),
        "location": "Main Street 1, Rivertown",
        "attendees": ["Ann", "Bob; Jr."],
        "reminder_settings": {},
        "created_at": MADE,
        "updated_at": CHANGED,
        "version": 3,
    }
    return EventDetails(**(values | given))


def reminder(**given: Any) -> ReminderDetails:
    values: dict[str, Any] = {
        "reminder_id": new_id(),
        "title": "Call Ann",
        "description": None,
        "due_time": NOON,
        "priority": "urgent",
        "status": "pending",
        "person_id": None,
        "created_at": MADE,
        "updated_at": MADE,
        "version": 1,
    }
    return ReminderDetails(**(values | given))


def entries(data: bytes) -> list[Any]:
    return icalendar.Calendar.from_ical(data).walk("VEVENT")


def test_an_event_is_told_with_all_that_programs_show() -> None:
    row = event(description="bring\nthe papers")
    (shown,) = entries(calendar("Home", [row], []))
    assert shown["UID"] == row.event_id
    assert (shown["SUMMARY"], shown["LOCATION"]) == ("Dentist", "Main Street 1, Rivertown")
    assert shown["DESCRIPTION"] == "bring\nthe papers\n\nAnn, Bob; Jr."
    assert (shown["DTSTART"].dt, shown["DTEND"].dt) == (NOON, NOON + timedelta(hours=1))
    assert (shown["DTSTAMP"].dt, shown["LAST-MODIFIED"].dt) == (CHANGED, CHANGED)
    assert (shown["CREATED"].dt, shown["SEQUENCE"]) == (MADE, 2)
    assert "ATTENDEE" not in shown  # which is for addresses
    assert shown.walk("VALARM") == []


def test_a_reminder_is_an_event_that_rings_and_takes_no_time() -> None:
    row = reminder()
    (shown,) = entries(calendar("Home", [], [row]))
    assert (shown["UID"], shown["SUMMARY"]) == (row.reminder_id, "Call Ann")
    assert (shown["DTSTART"].dt, "DTEND" in shown) == (NOON, False)
    assert (shown["TRANSP"], shown["PRIORITY"], shown["SEQUENCE"]) == ("TRANSPARENT", 1, 0)
    (alarm,) = shown.walk("VALARM")
    assert (alarm["ACTION"], alarm["TRIGGER"].dt) == ("DISPLAY", timedelta())
    assert alarm["DESCRIPTION"] == "Call Ann"


@pytest.mark.parametrize(
    ("minutes", "rings"),
    [(0, True), (30, True), (-1, False), (10**9, False), (True, False), ("30", False)],
    ids=str,
)
def test_an_event_rings_as_it_is_set(minutes: object, rings: bool) -> None:
    row = event(reminder_settings={"minutes_before": minutes})
    (shown,) = entries(calendar("Home", [row], []))
    alarms = [alarm["TRIGGER"].dt for alarm in shown.walk("VALARM")]
    assert alarms == ([timedelta(minutes=-int(str(minutes)))] if rings else [])


def test_the_file_is_the_same_for_the_same_rows_and_names_the_network() -> None:
    rows = [event(), event()]
    assert calendar("Home", rows, []) == calendar("Home", rows, [])
    data = calendar("Ann, Bob & Co", [], [])
    for key in (b"NAME", b"X-WR-CALNAME"):
        assert key + b":Ann\\, Bob & Co" in data.split(b"\r\n")
    read: Any = icalendar.Calendar.from_ical(data)
    assert read["VERSION"] == "2.0"
    assert "METHOD" not in read  # which would ask for an ORGANIZER (RFC 5546), and another DTSTAMP
    assert read["REFRESH-INTERVAL"].dt == timedelta(minutes=15)


@settings(max_examples=60, deadline=None)
@given(text=st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=300))
def test_no_text_breaks_the_file(text: str) -> None:
    data = calendar(text, [event(title=text, location=text)], [reminder(title=text)])
    lines = data.split(b"\r\n")
    assert all(len(line) <= 75 for line in lines)
    assert lines[-1] == b""
    assert not any(b"\r" in line or b"\n" in line for line in lines)
    # What is read is what was written, but for characters that the format has no place for.
    shown = [str(one["SUMMARY"]) for one in entries(data)]
    assert len(shown) == 2
    if text.isprintable() and "\\" not in text:
        assert [one.strip() for one in shown] == [text.strip()] * 2
    assert data.count(b"BEGIN:VEVENT") == 2 or b"BEGIN:VEVENT" in text.encode()


BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("start", "end", "zone", "shown"),
    [
        ("2026-03-14T23:00Z", "2026-03-15T23:00Z", BERLIN, ("20260315", "20260316")),
        # Days of 23 and 25 hours.
        ("2026-03-28T23:00Z", "2026-03-29T22:00Z", BERLIN, ("20260329", "20260330")),
        ("2026-10-24T22:00Z", "2026-10-25T23:00Z", BERLIN, ("20261025", "20261026")),
        ("2026-06-30T22:00Z", "2026-07-14T22:00Z", BERLIN, ("20260701", "20260715")),
        # Where a day begins at one o'clock, for clocks skip midnight.
        (
            "2024-04-25T22:00Z",
            "2024-04-26T21:00Z",
            ZoneInfo("Africa/Cairo"),
            ("20240426", "20240427"),
        ),
        ("2026-03-15T00:00Z", "2026-03-16T00:00Z", UTC, ("20260315", "20260316")),
        ("2026-03-15T00:00Z", "2026-03-16T00:00Z", BERLIN, None),
        ("2026-03-14T23:00Z", "2026-03-15T22:00Z", BERLIN, None),
        ("2026-03-14T23:00Z", None, BERLIN, None),
    ],
    ids=range(9),
)
def test_whole_days_in_the_networks_zone_are_dates(
    start: str, end: str | None, zone: tzinfo, shown: tuple[str, str] | None
) -> None:
    row = event(
        start_time=datetime.fromisoformat(start),
        end_time=datetime.fromisoformat(end) if end else None,
    )
    data = calendar("Home", [row], [], zone)
    if shown:
        lines = data.split(b"\r\n")
        assert f"DTSTART;VALUE=DATE:{shown[0]}".encode() in lines
        assert f"DTEND;VALUE=DATE:{shown[1]}".encode() in lines
        (read,) = entries(data)
        assert type(read["DTSTART"].dt) is date
    else:
        assert b"VALUE=DATE:" not in data
        assert re.search(rb"\r\nDTSTART:\d{8}T\d{6}Z\r\n", data)


def test_a_reminder_at_midnight_is_no_day() -> None:
    (shown,) = entries(calendar("Home", [], [reminder(due_time=datetime(2026, 3, 15, tzinfo=UTC))]))
    assert shown["DTSTART"].dt == datetime(2026, 3, 15, tzinfo=UTC)


def test_an_event_that_takes_no_time_has_no_end() -> None:
    file = calendar("Home", [event(end_time=NOON)], [])
    (found,) = icalendar.Calendar.from_ical(file).walk("VEVENT")
    assert "dtstart" in found
    assert "dtend" not in found
