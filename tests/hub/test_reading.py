"""What somebody sent, read as a type, and why it cannot be."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

import msgspec
import pytest
from msgspec import Meta, Struct

from hub.reading import A_TIME, A_UUID, LONGEST, from_texts, why
from shared.wire.fields import Timestamp, Uuid


class Inner(Struct, forbid_unknown_fields=True):
    size: Literal["small", "large"] = "small"


class Asked(Struct, forbid_unknown_fields=True):
    limit: Annotated[int, Meta(ge=1)] = 1
    anew: bool = False
    share: float | None = None
    since: Timestamp | None = None
    who: Uuid | None = None
    status: Literal["open", "done"] | None = None
    text: str | None = None
    inner: list[Inner] = []
    named: dict[str, Inner] = {}


def refused(given: dict[str, Any]) -> tuple[str, str]:
    texts = all(isinstance(value, str) for value in given.values())
    with pytest.raises(msgspec.ValidationError) as failure:
        (from_texts if texts else msgspec.convert)(given, Asked)
    return why(failure.value, Asked)


def test_numbers_and_truths_are_read_from_their_texts_and_words_stay_words() -> None:
    given = {"limit": "5", "anew": "true", "share": "0.5", "since": "2026-03-01T12:00:00Z"}
    noon = datetime(2026, 3, 1, 12, tzinfo=UTC)
    assert from_texts(given, Asked) == Asked(5, True, 0.5, noon)
    for text in ("null", "5", "true", ""):
        assert from_texts({"text": text}, Asked).text == text


@pytest.mark.parametrize(
    "time", ["2020", "-5", "1e9", "1700000000.5", "null", "", "2020-01-01", "2020-01-01T00:00:00"]
)
def test_nothing_but_a_time_with_its_zone_is_a_time(time: str) -> None:
    said, help_ = refused({"since": time})
    assert said.endswith("(at since).")
    assert help_ == A_TIME


@pytest.mark.parametrize(
    ("given", "said", "help_"),
    [
        ({"status": "x"}, "Invalid enum value 'x' (at status).", "Allowed: done, open."),
        ({"limit": "0"}, "Expected `int` >= 1 (at limit).", ""),
        ({"limit": "x"}, "Expected `int`, got `str` (at limit).", ""),
        ({"inner": [{"size": "x"}]}, "Invalid enum value 'x' (at inner[0].size).", "Allowed: "),
        ({"named": {"a": {"size": "x"}}}, "Invalid enum value 'x' (at named[...].size).", "Allow"),
        ({"inner": [{"y": 1}]}, "Object contains unknown field `y` (at inner[0]).", "Known: size."),
        ({"named": {"a": 1}}, "Expected `object`, got `int` (at named[...]).", ""),
    ],
    ids=range(7),
)
def test_why_something_cannot_be_read_is_a_sentence_with_what_helps(
    given: dict[str, Any], said: str, help_: str
) -> None:
    found = refused(given)
    assert found[0] == said
    assert found[1].startswith(help_)
    assert bool(found[1]) == bool(help_)


def test_what_was_sent_makes_no_long_answer() -> None:
    said, help_ = refused({"status": "x" * 5000})
    assert len(said) < LONGEST + 50
    assert help_ == "Allowed: done, open."
    assert refused({"colour": "red"})[1].startswith("Known: limit, anew, ")
    assert refused({"who": "Ann"})[1] == A_UUID


def test_other_errors_are_sentences_too() -> None:
    assert why(ValueError("It is odd."), Asked) == ("It is odd.", "")
    assert why(RecursionError("too deep"), Asked) == ("too deep.", "")
