"""Moonshine's tokens: the vocabulary's file format, text, and a decoder that goes in circles."""

from __future__ import annotations

from collections.abc import Sequence

_SPACE = "▁"
_LONGEST_CIRCLE = 24
_ROUNDS = 4
_LEAST_TOKENS = 12


def read_vocabulary(data: bytes) -> list[bytes]:
    """The bytes of each token, in the order of their numbers.

    Each is stored behind its length: one byte below 128, else two (seven bits each, low first).

    Raises:
        ValueError: the file ends within a token.
    """
    tokens = []
    at = 0
    while at < len(data):
        length = data[at]
        at += 1
        if length >= 128:
            if at == len(data):
                raise ValueError("the vocabulary ends within a token")
            length = length - 128 + data[at] * 128
            at += 1
        if at + length > len(data):
            raise ValueError("the vocabulary ends within a token")
        tokens.append(data[at : at + length])
        at += length
    return tokens


def text_of(vocabulary: Sequence[bytes], tokens: Sequence[int]) -> str:
    """The text that `tokens` spell; a character that was cut off at the end is left out."""
    spelled = b"".join(vocabulary[token] for token in tokens)
    return spelled.decode("utf-8", errors="ignore").replace(_SPACE, " ").strip()


def loop_length(tokens: Sequence[int]) -> int:
    """How many tokens at the end repeat those before them, if the decoder goes in circles; else 0.

    It does when the last tokens are one block, at least four times over and twelve tokens long:
    people say "no no no", but not for so long.
    """
    for size in range(1, _LONGEST_CIRCLE + 1):
        rounds = max(_ROUNDS, -(-_LEAST_TOKENS // size))
        span = rounds * size
        if len(tokens) < span:
            continue
        tail = tokens[-span:]
        if all(tail[i] == tail[i % size] for i in range(span)):
            return span - size
    return 0
