"""What is said of keys, to people who configure: in messages and in docs/configuration.md."""

from __future__ import annotations

from typing import Annotated

import pytest
from msgspec import Meta, Struct

from shared.config_keys import Secret, keys
from tests.shared.test_config import Kitchen


class Odd(Struct, frozen=True):
    """A table with a key of a type that keys are not made of."""

    pairs: Annotated[dict[str, int], Meta(description="?")] = {}


class OddConfig(Struct, frozen=True):
    """A configuration with that table."""

    odd: Odd = Odd()


def test_keys_tell_unit_default_and_what_is_allowed() -> None:
    found = {key.name: key for key in keys(Kitchen)}
    heat = found["heat_c"]
    assert (heat.table, heat.kind, heat.unit, heat.default) == (
        "oven",
        "whole number",
        "°C",
        "180",
    )
    assert heat.allowed == "a whole number from 30 to 300"
    assert heat.variable("KITCHEN_") == "KITCHEN_OVEN_HEAT_C"
    assert found["label"].default == "the maker's name"
    assert found["dishes"].default == "[]"
    assert found["code"].default == "none"


def test_every_kind_of_key_tells_what_it_allows() -> None:
    allowed = {key.name: key.allowed for key in keys(Kitchen)}
    assert allowed["fan"] == "true or false"
    assert allowed["mode"] == 'one of "bake", "grill"'
    assert allowed["dishes"] == "a list of texts in [brackets]"
    assert allowed["log_file"] == "a path in quotes; ~ is the home folder"
    assert allowed["share"] == "a number from 0 to 1"


def test_a_type_that_no_file_can_hold_is_refused_when_it_is_declared() -> None:
    with pytest.raises(TypeError, match="not made of"):
        keys(OddConfig)


def test_a_secret_is_a_text_that_does_not_show_itself() -> None:
    secret = Secret("4711")
    assert secret == "4711"
    assert "4711" not in repr([secret])
