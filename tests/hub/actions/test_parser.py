"""The parser under whatever is said: it never fails, never looks back, never takes long."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from hub.actions.intents import CreateEvent, CreateReminder, Intent, Move
from hub.actions.parser import LONGEST_TEXT, parse
from hub.actions.words import listed

ZONES = [
    ZoneInfo(name)
    for name in (
        "UTC",
        "Europe/Berlin",
        "America/New_York",
        "Australia/Lord_Howe",
        "Asia/Kathmandu",
    )
]
MOMENTS = st.integers(946_684_800, 3_786_912_000).map(lambda s: datetime.fromtimestamp(s, UTC))
WORDS = st.sampled_from(
    sorted(
        listed(
            "remind me to call ann at three thirty pm am on the fifth of may friday next week"
            " tomorrow in two hours and a half cancel that move it put dentist in the calendar for"
            " an hour every day night morning quarter past half 9:30 31 2026 24.12. 12/24 mira"
            " 2026-02-30 please set alarm timer wake up mark done urgent from until not , . ?"
            " schedule a meeting with weeks from now oh zero noon midnight tonight february"
            " thirtieth last monday snooze 0 99999"
        )
    )
)
PHRASES = st.lists(WORDS, max_size=25).map(" ".join)
TIMES = st.sampled_from(
    [
        "at {h}", "at {h}:{m:02}", "at {h}:{m:02} pm", "at {h} am", "tomorrow at {h}",
        "on friday at {h}", "on the {d}th at {h}", "next week", "this evening", "tonight at {h}",
        "in {h} hours", "in {d} days at {h}", "at midnight", "at noon", "on monday night at {h}",
        "every day at {h}", "every sunday", "in the morning", "today", "today at {h}", "on may {d}",
        "at the end of the month", "this weekend at {h}", "at half past {h}", "by {h} tonight", "",
    ]
)  # fmt: skip


def made(intent: Intent | None) -> CreateReminder | CreateEvent:
    assert isinstance(intent, CreateReminder | CreateEvent)
    return intent


@given(st.text(max_size=300) | PHRASES, MOMENTS, st.sampled_from(ZONES))
@settings(max_examples=400, deadline=None)
@example("remind me on the 31st of june to", datetime(2026, 1, 31, tzinfo=UTC), ZONES[1])
@example("remind me in 9999 years at 3", datetime(2026, 1, 31, tzinfo=UTC), ZONES[1])
def test_no_text_is_too_much(text: str, now: datetime, zone: ZoneInfo) -> None:
    intent = parse(text, now, zone)
    if intent is None:
        return
    assert msgspec.convert(msgspec.to_builtins(intent), Intent) == intent
    if isinstance(intent, CreateReminder | CreateEvent):
        assert (intent.at is None) == (intent.problem is not None)
        assert intent.title.strip()


@given(
    TIMES,
    st.integers(1, 12),
    st.integers(0, 59),
    st.integers(4, 20),
    MOMENTS,
    st.sampled_from(ZONES),
    st.booleans(),
)
@settings(max_examples=600, deadline=None)
def test_nothing_that_is_made_lies_in_the_past(
    when: str, hour: int, minute: int, day: int, now: datetime, zone: ZoneInfo, event: bool
) -> None:
    said = when.format(h=hour, m=minute, d=day)
    text = f"put lunch in the calendar {said}" if event else f"remind me {said} to call ann"
    intent = made(parse(text, now, zone))
    if intent.at is None:
        assert intent.problem == ("no_time" if event and not said else "past")
        return
    begins_today = isinstance(intent, CreateEvent) and intent.all_day
    assert intent.at > (now - timedelta(days=2) if begins_today else now)
    if begins_today:
        assert intent.at.astimezone(zone).date() >= now.astimezone(zone).date()
    if isinstance(intent, CreateEvent):
        assert intent.end is not None
        assert intent.end > intent.at


@given(st.integers(0, 9) | st.integers(13, 23), st.integers(0, 59), MOMENTS, st.sampled_from(ZONES))
@settings(max_examples=300, deadline=None)
def test_a_time_of_day_is_that_of_the_clocks_on_the_wall(
    hour: int, minute: int, now: datetime, zone: ZoneInfo
) -> None:
    intent = made(parse(f"remind me at {hour:02}:{minute:02} to x", now, zone))
    assert intent.at is not None
    local = intent.at.astimezone(zone)
    exists = local.astimezone(UTC).astimezone(zone).time() == local.time()
    assert exists
    if (local.hour, local.minute) != (hour, minute):  # the clock skips it
        before = local.replace(hour=0, minute=0)
        assert before.utcoffset() != local.utcoffset()
    assert timedelta(0) < intent.at - now <= timedelta(days=1, hours=2)


@pytest.mark.parametrize(
    ("now", "text", "due"),
    [
        # The hour that comes twice: the first that is not over.
        ("2026-10-24T22:00+02:00", "remind me at 2:30 am to x", "2026-10-25T00:30+00:00"),
        ("2026-10-25T00:45+00:00", "remind me at 2:30 am to x", "2026-10-25T01:30+00:00"),
        ("2026-10-25T01:45+00:00", "remind me at 2:30 am to x", "2026-10-26T01:30+00:00"),
        # The hour that is skipped: as much later.
        ("2026-03-28T12:00+01:00", "remind me tomorrow at 2:30 am to x", "2026-03-29T01:30+00:00"),
        # An hour is an hour, a day is a day.
        ("2026-03-28T12:00+01:00", "remind me in 24 hours to x", "2026-03-29T11:00+00:00"),
        ("2026-03-28T12:00+01:00", "remind me in one day to x", "2026-03-29T10:00+00:00"),
        ("2026-01-31T12:00+01:00", "remind me in a month to x", "2026-02-28T11:00+00:00"),
        ("2026-02-10T12:00+01:00", "remind me on february 29th to x", "2028-02-29T08:00+00:00"),
        ("2026-02-10T12:00+01:00", "remind me on the 31st to x", "2026-03-31T07:00+00:00"),
    ],
)
def test_clocks_that_are_put_forward_and_back(now: str, text: str, due: str) -> None:
    intent = made(parse(text, datetime.fromisoformat(now), ZoneInfo("Europe/Berlin")))
    assert intent.at == datetime.fromisoformat(due)


@pytest.mark.parametrize(
    ("said_at", "text", "local"),
    [
        ("10:00", "at three", "15:00"),
        ("16:00", "at three", "15:00 +1"),
        ("16:00", "at nine", "21:00"),
        ("20:00", "at seven", "07:00 +1"),
        ("23:30", "at eleven", "11:00 +1"),
        ("02:00", "at six", "18:00"),
        ("02:00", "at seven", "07:00"),
        ("10:00", "at twelve", "12:00"),
        ("13:00", "at twelve", "12:00 +1"),
        ("10:00", "tomorrow at seven", "07:00 +1"),
        ("10:00", "tomorrow at six", "18:00 +1"),
        ("10:00", "today at nine", "21:00"),
        ("10:00", "tonight at twelve", "00:00 +1"),
        ("10:00", "tonight", "20:00"),
        ("21:30", "tonight", "22:30"),
        ("10:00", "", "11:00"),
        ("22:30", "", "09:00 +1"),
        ("04:00", "", "09:00"),
        ("10:00", "this afternoon", "15:00"),
        ("16:30", "this afternoon", "17:30"),
        ("10:00", "in the morning", "09:00 +1"),
        ("06:00", "in the morning", "09:00"),
    ],
)
def test_which_half_of_the_day_is_meant(said_at: str, text: str, local: str) -> None:
    zone = ZoneInfo("America/New_York")
    now = datetime.fromisoformat(f"2026-05-06T{said_at}").replace(tzinfo=zone)
    intent = made(parse(f"remind me {text} to eat", now, zone))
    wanted, _, ahead = local.partition(" ")
    day = now.date() + timedelta(days=int(ahead or 0))
    assert intent.at is not None
    assert intent.at.astimezone(zone).isoformat()[:16] == f"{day}T{wanted}"


@pytest.mark.parametrize("text", ["this morning", "today at 9 am"])
def test_what_is_over_is_said_plainly(text: str) -> None:
    now = datetime(2026, 5, 6, 13, tzinfo=UTC)
    intent = made(parse(f"remind me {text} to eat", now, ZoneInfo("UTC")))
    assert (intent.at, intent.problem) == (None, "past")


def test_the_next_friday_is_that_of_next_week() -> None:
    now = datetime(2026, 3, 11, 10, tzinfo=UTC)  # a wednesday
    found = {
        said: made(parse(f"remind me {said} to eat", now, ZoneInfo("UTC"))).at
        for said in ("on friday", "this friday", "next friday", "on wednesday", "friday week")
    }
    assert {said: at.day for said, at in found.items() if at} == {
        "on friday": 13,
        "this friday": 13,
        "next friday": 20,
        "on wednesday": 18,
        "friday week": 20,
    }


def test_a_time_to_move_to_may_be_a_day_a_time_of_day_or_both() -> None:
    now, zone = datetime(2026, 3, 11, 10, tzinfo=UTC), ZoneInfo("UTC")
    both = parse("move the dentist to friday at ten", now, zone)
    assert isinstance(both, Move)
    assert (str(both.date), str(both.time)) == ("2026-03-13", "10:00:00")
    back = parse("move tomorrow's lunch from noon to one pm", now, zone)
    assert isinstance(back, Move)
    assert (str(back.on), back.date, str(back.time)) == ("2026-03-12", None, "13:00:00")


@pytest.mark.parametrize(
    "text",
    [
        "remind me " + "to call ann at three " * 500,
        "at " * 5000,
        "remind me at three to ," * 500,
        "five to " * 1250,
        "set a " + "a b " * 2500 + "timer",
        "9" * 10_000,
        "mark " + "x " * 5000 + "as",
        "\N{SNOWMAN}é" * 5000,
        "put " + "in the " * 1000 + "calendar " * 300,
        ", remind me ," * 800,
    ],
    ids=range(10),
)
def test_a_long_text_takes_no_long_time(text: str) -> None:
    now = datetime(2026, 3, 11, 10, tzinfo=UTC)
    # A pattern that tries everything in all ways would take longer than a test may.
    parse(text, now, ZoneInfo("UTC"))
    parse(text[:LONGEST_TEXT], now, ZoneInfo("UTC"))


@pytest.mark.parametrize(
    ("said", "at", "minutes"),
    [
        ("nine thirty four an hour", "09:30", 60),
        ("nine thirty four half an hour", "09:30", 30),
        ("9:30 four an hour", "09:30", 60),
        ("10 am four an hour", "10:00", 60),
        ("four an hour", "16:00", 60),
        ("nine thirty four", "09:34", 60),
    ],
)
def test_a_for_before_a_length_is_not_the_minute_that_recognisers_write(
    said: str, at: str, minutes: int
) -> None:
    now = datetime(2026, 11, 28, 3, 30, tzinfo=UTC)
    event = made(parse(f"Put dentist in the calendar on Friday at {said}.", now, ZONES[0]))
    assert isinstance(event, CreateEvent)
    assert event.at is not None
    assert event.end is not None
    assert (event.title, f"{event.at:%a %H:%M}") == ("dentist", f"Fri {at}")
    assert event.end - event.at == timedelta(minutes=minutes)
