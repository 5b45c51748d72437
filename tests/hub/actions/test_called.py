"""Mira's name, as recognisers write it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from hub.actions.called import called, phrase_in
from hub.actions.intents import Move
from hub.actions.parser import parse
from hub.store.settings import LEGACY_PHRASES

PHRASES = {phrase: phrase for phrase in LEGACY_PHRASES}


@pytest.mark.parametrize(
    ("text", "phrase"),
    [
        # What Moonshine base and tiny wrote for them.
        ("Maristop", "mira stop"),
        ("Mirror's stop.", "mira stop"),
        ("Mirrors top.", "mira stop"),
        ("Mirror, cancel.", "mira cancel"),
        ("Mirror canceled.", "mira cancel"),
        ("Mirror cancelled", "mira cancel"),
        ("Mirror exit", "mira exit"),
        ("Mere quit.", "mira quit"),
        ("Miraquid.", "mira quit"),
        ("Miraxed.", "mira exit"),
        ("Merry cancel.", "mira cancel"),
        ("Hey, Mirror, stop!", "mira stop"),
        # To people, and of mirrors.
        ("Mary, stop!", None),
        ("Mari, stop!", None),
        ("Meera, stop.", None),
        ("Maria, stop.", None),
        ("Hey Mary, stop!", None),
        ("More, stop.", None),
        ("Mark it.", None),
        ("Market.", None),
        ("Mirror stop the music", None),
        ("Stop the mirror", None),
        ("Mirror", None),
        ("", None),
    ],
)
def test_a_control_phrase_is_known_by_what_is_written_for_it(text: str, phrase: str | None) -> None:
    assert phrase_in(text, PHRASES) == phrase


def test_phrases_without_the_name_are_what_they_are() -> None:
    assert phrase_in("Ruhe, bitte!", {"ruhe bitte": 1}) == 1
    assert phrase_in("Ruhebitte", {"ruhe bitte": 1}) is None
    assert phrase_in("mirror", {"mira": 1}) is None


@pytest.mark.parametrize(
    ("text", "is_called"),
    [
        ("what do you think, Mira?", True),
        ("Mirror, can we go home?", True),
        ('"Hey Mirror, good morning.', True),
        ("Hamir, good morning", True),
        ("clean the mirror", False),
        ("admiral nelson", False),
        ("mirrored walls", False),
        ("Miracles happen", False),
    ],
)
def test_the_name_is_heard(text: str, is_called: bool) -> None:
    assert called(text) == is_called


def test_what_is_asked_by_what_sounds_like_the_name_is_found() -> None:
    now = datetime(2026, 3, 4, 12, tzinfo=UTC)
    found = parse("Mirror, can we move the dentist to Friday?", now, UTC)
    assert isinstance(found, Move)
    assert found.target == "dentist"
