"""The tree of errors."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from shared import errors
from shared.errors import ConfigError, Fault, MiraError, UnknownUtteranceError, WireError


def _tree(kind: type[MiraError]) -> Iterator[type[MiraError]]:
    yield kind
    for child in kind.__subclasses__():
        if child.__module__ == errors.__name__:
            yield from _tree(child)


KINDS = list(_tree(MiraError))


def test_every_error_of_the_module_is_in_the_tree() -> None:
    raised = {kind for kind in vars(errors).values() if isinstance(kind, type)}
    assert {kind for kind in raised if issubclass(kind, Exception)} == set(KINDS)


def test_every_error_has_a_code_of_its_own() -> None:
    codes = [kind.code for kind in KINDS]
    assert len(set(codes)) == len(codes)
    assert all(re.fullmatch("[A-Z]+(_[A-Z]+)*", code) for code in codes)


@pytest.mark.parametrize("kind", KINDS)
def test_every_error_says_whose_fault_it_is(kind: type[MiraError]) -> None:
    assert isinstance(kind.fault, Fault)
    assert kind("It broke.").fault is kind.fault


def test_whatever_breaks_the_protocol_is_the_devices_fault() -> None:
    assert {kind.fault for kind in _tree(WireError)} == {Fault.DEVICE}


def test_the_text_is_the_message_and_then_the_hint() -> None:
    assert str(ConfigError("The key is unknown.", "Remove it.")) == "The key is unknown. Remove it."
    assert str(ConfigError("The key is unknown.")) == "The key is unknown."


def test_an_error_carries_its_facts() -> None:
    error = UnknownUtteranceError("Unknown.", "Offer it again.", utterance_id="u", count=3)
    assert (error.message, error.hint) == ("Unknown.", "Offer it again.")
    assert error.details == {"utterance_id": "u", "count": 3}
