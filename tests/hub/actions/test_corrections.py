"""People who correct themselves."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from hub.actions.intents import CreateEvent, CreateReminder, Move
from hub.actions.parser import parse

ZONE = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 3, 11, 10, tzinfo=ZONE)  # a Wednesday


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("remind me at five, no, at six to eat", "2026-03-11T18:00"),
        ("remind me at five no six to eat", "2026-03-11T18:00"),
        ("remind me tomorrow, I mean on Friday, at eleven to eat", "2026-03-13T11:00"),
        ("remind me tomorrow at five, sorry, Saturday at six to eat", "2026-03-14T18:00"),
        ("remind me in ten minutes, no, make that fifteen minutes, to eat", "2026-03-11T10:15"),
        ("remind me at eleven, no, in twenty minutes, to eat", "2026-03-11T10:20"),
        ("remind me in twenty minutes, no, tomorrow at nine, to eat", "2026-03-12T09:00"),
        # Of two that are as good, the first.
        ("remind me at five or six to eat", "2026-03-11T17:00"),
        ("remind me on Friday or Saturday at six to eat", "2026-03-13T18:00"),
        ("remind me in ten or fifteen minutes to eat", "2026-03-11T10:10"),
        ("remind me at five or so to eat", "2026-03-11T17:00"),
    ],
)
def test_what_was_taken_back_does_not_count(text: str, at: str) -> None:
    found = parse(text, NOW, ZONE)
    assert isinstance(found, CreateReminder)
    assert found.title == "eat"
    assert found.at == datetime.fromisoformat(at).replace(tzinfo=ZONE)


def test_events_and_moves_are_corrected_too() -> None:
    event = parse("put the haircut in my calendar for Monday, sorry, Tuesday at ten", NOW, ZONE)
    assert isinstance(event, CreateEvent)
    assert (event.title, event.at) == ("the haircut", datetime(2026, 3, 17, 10, tzinfo=ZONE))
    move = parse("move the dentist to Friday at nine, no, ten", NOW, ZONE)
    assert isinstance(move, Move)
    assert (str(move.date), str(move.time)) == ("2026-03-13", "10:00:00")


@pytest.mark.parametrize(
    ("text", "day", "time"),
    [
        ("move the dentist appointment to Friday, no, Saturday", "2026-03-14", "None"),
        ("move the meeting to three, no, four", "None", "16:00:00"),
        ("snooze it for ten, no, twenty minutes", "2026-03-11", "10:20:00"),
        ("snooze it for ten or twenty minutes", "2026-03-11", "10:10:00"),
    ],
)
def test_where_to_something_moves_is_corrected(text: str, day: str, time: str) -> None:
    move = parse(text, NOW, ZONE)
    assert isinstance(move, Move)
    assert (str(move.date), str(move.time)) == (day, time)


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("remind me at six to tell Tom I mean it", "tell Tom I mean it"),
        ("remind me at six to say sorry", "say sorry"),
        ("remind me at six to choose the red or the blue one", "choose the red or the blue one"),
    ],
)
def test_the_same_words_elsewhere_are_no_correction(text: str, title: str) -> None:
    found = parse(text, NOW, ZONE)
    assert isinstance(found, CreateReminder)
    assert found.title == title
    assert found.at == datetime(2026, 3, 11, 18, tzinfo=ZONE)
