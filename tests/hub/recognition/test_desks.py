"""Each language has its desk."""

from __future__ import annotations

import pytest

from hub.recognition.desks import Desks, UnknownLanguageError
from tests.fakes import VirtualDesk
from tests.voice import understand


def desk(language: str) -> VirtualDesk:
    made = VirtualDesk(understand)
    made.recogniser.language = language
    return made


FIRST, KOREAN, BRAZILIAN = desk("en"), desk("ko"), desk("pt-BR")
DESKS = Desks(FIRST, KOREAN, BRAZILIAN, desk("ko"))


@pytest.mark.parametrize(
    ("language", "found"),
    [
        ("en", FIRST),
        ("EN-gb", FIRST),
        ("ko-KR", KOREAN),
        ("pt", BRAZILIAN),
        ("kok", FIRST),  # another language, whose tag begins like Korean's
        ("fr", FIRST),
    ],
)
def test_a_language_goes_to_the_desk_that_knows_it(language: str, found: VirtualDesk) -> None:
    assert DESKS.of(language) is found


def test_only_what_somebody_recognises_is_available() -> None:
    for language in ("en", "en-US", "ko", "pt-PT"):
        DESKS.check(language)
    with pytest.raises(UnknownLanguageError, match="It recognises en, ko, pt;"):
        DESKS.check("fr")


def test_of_a_model_whose_language_nobody_told_nothing_is_ruled_out() -> None:
    Desks(desk("und")).check("fr")


def test_one_that_fails_shows() -> None:
    failing = desk("ko")
    assert not Desks(FIRST, failing).state.failing
    failing.hangs = True
    state = Desks(FIRST, failing).state
    assert (state.failing, state.engine) == (True, "fake, fake")
