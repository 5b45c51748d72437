"""What is said around a request changes nothing of it, or means that there is none."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from hub.actions.parser import parse

NOW = datetime(2026, 3, 11, 9, tzinfo=UTC)
REQUESTS = (
    "remind me at five to call ann",
    "set a timer for ten minutes",
    "put dentist in the calendar on friday at nine",
    "move the dentist to friday at ten",
    "cancel the dentist appointment",
    "mark call ann as done",
)
BEFORE = (
    "mira",
    "hey mira could you please",
    "mira love",
    "would you be able to",
    "i was wondering if you could",
    "i'd really appreciate it if you could",
    "do you think you could",
    "is there any way you could",
    "do me a favour and",
    "be a dear and",
    "oh before i forget",
    "one more thing",
    "when you get a chance",
    "no wait",
    "you know what",
    "next",
    "good evening mira",
)
AFTER = (
    "please mira",
    "thank you so much",
    "many thanks",
    "if you could",
    "if that's okay",
    "when you can",
    "can you do that for me",
    "that would be great",
    "as well",
    "love",
)
NOT_ASKED = (
    "he said",
    "they told me to",
    "tom asked me to",
    "please don't",
    "you don't have to",
    "there's no need to",
    "i don't want you to",
    "did you",
    "why didn't you",
    "how do i",
    "i forgot to",
    "i'll",
    "she will",
    "we used to",
    "you always",
    "i was going to",
    "i should",
    "what if you",
    "it would be silly to",
    "this song is called",
    "the kids next door",
    "instead of",
    "i wish you would",
)


@pytest.mark.parametrize("asked", REQUESTS)
def test_politeness_and_fillers_change_nothing(asked: str) -> None:
    meant = parse(asked, NOW, UTC)
    assert meant is not None
    for frame in BEFORE:
        assert parse(f"{frame} {asked}", NOW, UTC) == meant, frame
    for frame in AFTER:
        assert parse(f"{asked} {frame}", NOW, UTC) == meant, frame


def test_the_time_may_come_first_behind_the_name() -> None:
    meant = parse("remind me tomorrow at five to call ann", NOW, UTC)
    assert meant is not None
    assert parse("mira tomorrow at five remind me to call ann", NOW, UTC) == meant


@pytest.mark.parametrize("asked", REQUESTS)
def test_what_is_told_forbidden_or_wondered_about_is_not_asked(asked: str) -> None:
    for frame in NOT_ASKED:
        assert parse(f"{frame} {asked}", NOW, UTC) is None, frame


@pytest.mark.parametrize(
    "text",
    [
        "remind me to call ann at lunchtime",
        "put dentist in the calendar at lunchtime",
        "remind me to call ann after work",
        "remind me to call ann first thing",
    ],
)
def test_an_occasion_may_be_the_last_word(text: str) -> None:
    found = parse(text, NOW, UTC)
    assert found is not None
    assert getattr(found, "title", "") in ("call ann", "dentist")
