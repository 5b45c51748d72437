"""What the readers of times share: parts of the day, and whether a time describes a word."""

from __future__ import annotations

from hub.actions.days import WEEKDAYS
from hub.actions.words import Words, at, listed

PARTS = {"morning": 9, "afternoon": 15, "evening": 18, "night": 20, "tonight": 20}
"""When a part of the day is, where nobody said it more exactly."""
OWNERS = listed("the my our his her their a that your")
_FOLLOWING = listed(
    "to that at by in on for with about from around and or but before after because so if when"
    " until till then the my our a an i we they he she you called named titled as into instead"
    " of every each starting is are am pm this remind wake"
)
_TIMES = listed("today tomorrow tonight noon")


def said(words: Words, start: int, end: int) -> str:
    """Words with single spaces between them."""
    return " ".join(word.text for word in words[start:end])


def noun(words: Words, index: int) -> bool:
    """Whether a word stands there that what is before it may only describe."""
    word = at(words, index)
    if not word or words[index].pause or word in _FOLLOWING or word in PARTS or word in WEEKDAYS:
        return False
    return not (word[0].isdigit() or word in _TIMES)
