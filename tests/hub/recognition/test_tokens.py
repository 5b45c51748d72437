"""Moonshine's vocabulary and the decoder that goes in circles."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.recognition.tokens import loop_length, read_vocabulary, text_of


def stored(token: bytes) -> bytes:
    """`token` behind its length, as the file has it."""
    n = len(token)
    return (bytes([n]) if n < 128 else bytes([128 + n % 128, n // 128])) + token


@given(st.lists(st.binary(max_size=1000), max_size=30))
def test_a_vocabulary_is_read_as_it_was_stored(tokens: list[bytes]) -> None:
    assert read_vocabulary(b"".join(map(stored, tokens))) == tokens


@given(st.binary(min_size=1, max_size=300), st.data())
def test_a_vocabulary_that_ends_within_a_token_is_refused(
    token: bytes, data: st.DataObject
) -> None:
    whole = stored(token)
    cut = data.draw(st.integers(1, len(whole) - 1))
    with pytest.raises(ValueError, match="ends within"):
        read_vocabulary(whole[:cut])


def test_tokens_spell_text_with_spaces_and_without_half_characters() -> None:
    vocabulary = ["▁caf".encode(), "é".encode(), "▁au".encode(), b"\xc3"]
    assert text_of(vocabulary, [0, 1, 2]) == "café au"
    assert text_of(vocabulary, [0, 1, 3]) == "café"


@given(st.lists(st.integers(0, 30_000), unique=True, max_size=200))
def test_what_never_repeats_is_no_circle(tokens: list[int]) -> None:
    assert loop_length(tokens) == 0


@given(
    st.lists(st.integers(0, 50), max_size=20),
    st.lists(st.integers(100, 30_000), unique=True, min_size=1, max_size=24),
)
def test_a_circle_is_cut_back_to_its_first_round(start: list[int], block: list[int]) -> None:
    rounds = max(4, -(-12 // len(block)))
    tokens = start + block * rounds
    assert tokens[: -loop_length(tokens)] == start + block
    assert loop_length(tokens[:-1]) == 0


def test_people_may_repeat_themselves() -> None:
    assert loop_length([7] * 11) == 0
    assert loop_length([7, 8] * 5) == 0
    assert loop_length([1, 2, 3, 4, 5] * 3) == 0
