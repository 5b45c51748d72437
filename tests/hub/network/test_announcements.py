"""What a device says itself is told from what people say."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from hub.network.announcements import LATEST, MOST, Announcements

LONG = "take the blue folder with the tax return to the office"
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("title", "heard", "said"),
    [
        ("Call Ann", "Call Ann.", True),
        ("Call Ann", "call and", True),
        ("Call Ann", "Reminder: call Ann.", True),
        ("remind Ann to take the bins out", "Remind Anne to take the bins out.", True),
        ("Hand in the tax return; the blue folder", "The blue folder.", True),
        ("Call Ann", "Mira, mark call Ann as done.", False),
        ("Call Ann", "Remind me to call Ann in ten minutes.", False),
        ("Call Ann", "Snooze that.", False),
        ("Call Ann", "I called Ann.", False),
        ("Call Ann", "Call Ann, done.", False),
        ("Call Ann", "What is for dinner?", False),
        (LONG, f"Remind me to {LONG} at 5.", False),
        (LONG, f"Set a reminder to {LONG} at five.", False),
        (LONG, f"{LONG}, done.", False),
        (LONG, f"Cancel {LONG}.", False),
        (LONG, f"Reminder: {LONG}", True),
        ("Call Ann", "Remind her call Ann.", True),
        ("reminder for Ann", "Reminder for Anne.", True),
        ("remind me to call Ann", "Remind me to call Anne.", True),
        ("Hand in the tax return; the blue folder", "the", False),
        ("?!", "...", False),
        ("?!", "Call Ann", False),
    ],
)
def test_what_was_to_be_said_is_known_again(title: str, heard: str, said: bool) -> None:
    announcements = Announcements()
    announcements.asked("Water the plants", NOW)
    announcements.asked(title, NOW)
    assert announcements.said(heard, NOW + timedelta(seconds=5)) is said


def test_only_for_a_while_and_not_before() -> None:
    announcements = Announcements()
    announcements.asked("Call Ann", NOW)
    for after_s, said in ((-60, False), (-1, True), (LATEST.total_seconds() + 1, False)):
        assert announcements.said("Call Ann", NOW + timedelta(seconds=after_s)) is said


def test_nothing_grows_without_end() -> None:
    announcements = Announcements()
    for number in range(2 * MOST):
        announcements.asked(f"number {number}", NOW)
    assert len(announcements._asked) == MOST
