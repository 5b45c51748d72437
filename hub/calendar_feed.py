"""A network's calendar as a file that calendar programs subscribe to (RFC 5545). Pure.

Nothing is invited to or answered, so there is no METHOD; then DTSTAMP says when something was last
changed (RFC 5545, 3.8.7.2). Times are UTC, whole days are dates: no VTIMEZONE is needed.

Subscriptions of the big calendars show events and pass over tasks (VTODO). So a reminder is an
event too, without an end, that takes up nobody's time and rings when it is due.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, date, timedelta, tzinfo

from icalendar import Alarm, Calendar, Event, vText

from hub.actions.moments import day_that_begins
from hub.store.household_details import EventDetails, Priority, ReminderDetails

PRODUCT = "-//Mira//Mira hub//EN"
REFRESH = timedelta(minutes=15)
"""How often programs are asked to look again; they do as they like."""
ALARM_KEY = "minutes_before"
"""Of an event's `reminder_settings`: how long before its beginning it rings, in minutes."""
LONGEST_NOTICE = 4 * 7 * 24 * 60
PRIORITIES: dict[Priority, int] = {"urgent": 1, "high": 3, "medium": 5, "low": 9}
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
"""What a text of the format may not hold."""


def calendar(
    name: str,
    events: Iterable[EventDetails],
    reminders: Iterable[ReminderDetails],
    zone: tzinfo = UTC,
) -> bytes:
    """The file; the same for the same rows, to the byte.

    Args:
        name: the network's, which programs show as the calendar's.
        events: of the calendar.
        reminders: those that are open.
        zone: where the network's days begin.
    """
    made = Calendar()
    made.add("prodid", PRODUCT)
    made.add("version", "2.0")
    for key in ("name", "x-wr-calname"):
        made.add(key, vText(_text(name)))  # the library does not know that they are texts
    made.add("refresh-interval", REFRESH, parameters={"VALUE": "DURATION"})
    made.add("x-published-ttl", "PT15M")
    for event in events:
        made.add_component(_of_event(event, zone))
    for reminder in reminders:
        made.add_component(_of_reminder(reminder))
    ical: bytes = made.to_ical()
    return ical


def _of_event(row: EventDetails, zone: tzinfo) -> Event:
    start, end = _when(row, zone)
    event = _entry(row.event_id, row.title, start, row)
    if end is not None:
        event.add("dtend", end)
    if row.location:
        event.add("location", _text(row.location))
    # ATTENDEE takes addresses, and is not for calendars that are published: these are names.
    parts = [row.description or "", ", ".join(row.attendees)]
    if description := "\n\n".join(part for part in parts if part):
        event.add("description", _text(description))
    before = row.reminder_settings.get(ALARM_KEY)
    if type(before) is int and 0 <= before <= LONGEST_NOTICE:
        event.add_component(_alarm(row.title, timedelta(minutes=before)))
    return event


def _of_reminder(row: ReminderDetails) -> Event:
    event = _entry(row.reminder_id, row.title, row.due_time, row)
    event.add("transp", "TRANSPARENT")
    event.add("priority", PRIORITIES[row.priority])
    if row.description:
        event.add("description", _text(row.description))
    event.add_component(_alarm(row.title, timedelta()))
    return event


def _when(row: EventDetails, zone: tzinfo) -> tuple[date, date | None]:
    """When an event begins and ends: times, or days where it takes whole ones.

    Of days, the end is the first that it does not take.
    """
    if row.end_time is None or row.end_time <= row.start_time:
        return row.start_time, None  # an end at the beginning is none (RFC 5545, 3.8.2.2)
    first, behind = day_that_begins(row.start_time, zone), day_that_begins(row.end_time, zone)
    if first is None or behind is None:
        return row.start_time, row.end_time
    return first, behind


def _entry(uid: str, title: str, start: date, row: EventDetails | ReminderDetails) -> Event:
    event = Event()
    event.add("uid", uid)  # a random UUID, which stays the row's
    event.add("sequence", row.version - 1)
    event.add("dtstamp", row.updated_at)
    event.add("created", row.created_at)
    event.add("last-modified", row.updated_at)
    event.add("dtstart", start)
    event.add("summary", _text(title))
    return event


def _alarm(title: str, before: timedelta) -> Alarm:
    alarm = Alarm()
    alarm.add("action", "DISPLAY")
    alarm.add("description", _text(title))
    alarm.add("trigger", -before)
    return alarm


def _text(text: str) -> str:
    return _UNPRINTABLE.sub(" ", text.replace("\r\n", "\n"))
