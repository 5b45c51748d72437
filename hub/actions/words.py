"""Text as words, the way a recogniser writes it, and the numbers among them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

_WORD = re.compile(
    r"\d{4}-\d{1,2}-\d{1,2}"  # 2026-04-02
    r"|\d{1,2}/\d{1,2}(?:/\d{2,4})?"
    r"|\d{1,2}\.\d{1,2}\.(?:\d{4})?(?!\d)"
    r"|\d{1,2}[:.]\d{2}(?!\d)"
    r"|\d+(?:st|nd|rd|th)\b"
    r"|\d+(?:\.\d+)?"
    r"|[ap]\.\s?m\b\.?"
    r"|[^\W\d_]+(?:['\u2019][^\W\d_]+)*['\u2019]?",
    re.IGNORECASE,
)
_UNITS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen"
    " sixteen seventeen eighteen nineteen"
)
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
_ORDINAL_UNITS = (
    "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth"
    " fourteenth fifteenth sixteenth seventeenth eighteenth nineteenth"
)
SMALL = {word: value for value, word in enumerate(_UNITS.split())}
TENS = {word: 10 * value for value, word in enumerate(_TENS.split(), 2)}
ORDINALS = {word: value for value, word in enumerate(_ORDINAL_UNITS.split(), 1)} | {
    "twentieth": 20,
    "thirtieth": 30,
}


def listed(text: str) -> frozenset[str]:
    """The words of a list."""
    return frozenset(text.split())


_SPOKEN = listed("um uh erm er uhm hmm hm mm ah eh please")
_MEANT = {
    "arvo": "afternoon",
    "tonite": "tonight",
    "tmrw": "tomorrow",
    # What recognisers write without an apostrophe.
    "dont": "don't",
    "cant": "can't",
    "wont": "won't",
    "didnt": "didn't",
    "doesnt": "doesn't",
    "isnt": "isn't",
    "wasnt": "wasn't",
    "im": "i'm",
    "ive": "i've",
    "lets": "let's",
    "thats": "that's",
    "whats": "what's",
}
_LETS_SAY = ("let's", "say")
_WISHED = listed("like love be appreciate")
_BEHIND_HOURS = listed("am pm o'clock")
_STUTTERED = listed("to the a at on in for me my and remind i")


@dataclass(frozen=True)
class Word:
    """A word of a text."""

    text: str  # lower case, straight apostrophes
    start: int  # where it begins in the text
    end: int
    pause: bool  # whether punctuation stands before it


def split(text: str, start: int, end: int) -> list[Word]:
    """The words of a part of a text, without hesitations, stutters and "please"."""
    found: list[Word] = []
    last = start
    for match in _WORD.finditer(text, start, end):
        word = match[0].lower().replace("\u2019", "'")
        word = _MEANT.get(word, word)
        if re.fullmatch(r"[ap]\.\s?m\.?", word):
            word = f"{word[0]}m"
        pause = any(mark in text[last : match.start()] for mark in ",:;.!?-\u2013\u2014")
        # "check-in" is one thing, and "twenty-first" is a number of two words.
        pause = pause and text[last : match.start()] != "-"
        last = match.end()
        if word in _SPOKEN:
            continue
        if found and found[-1].text == word and word in _STUTTERED:
            continue
        if found and found[-1].text == "id" and word in _WISHED:
            found[-1] = replace(found[-1], text="i'd")
        if found and found[-1].text == "for" and re.fullmatch(r"[ap]m", word):
            found[-1] = replace(found[-1], text="four")  # as recognisers hear it
        if word in ("an", "half") and not pause and _heard_four(found):
            found[-1] = replace(found[-1], text="for")
        if word == "too" and found and found[-1].text == "at":
            word = "two"
        found.append(Word(word.rstrip("'") if len(word) > 1 else word, *match.span(), pause))
    return [
        word
        for index, word in enumerate(found)
        if not (word.text in _LETS_SAY and _lets_say(found, index))
    ]


def _heard_four(words: list[Word]) -> bool:
    """Whether the last word is a `for` behind a time, before a length: `nine thirty four an hour`
    is no minute."""
    if at(words, len(words) - 1) != "four" or words[-1].pause:
        return False
    before = at(words, len(words) - 2)
    hour = before in TENS or before in SMALL or re.fullmatch(r"\d{1,2}(?:[:.]\d{2})?", before)
    return bool(hour) or before in _BEHIND_HOURS


def _lets_say(words: list[Word], index: int) -> bool:
    """Whether a word is of the hesitation `let's say`; what begins a sentence is none."""
    first = index - (words[index].text == "say")
    return first > 0 and [word.text for word in words[first : first + 2]] == ["let's", "say"]


Words = Sequence[Word]


def at(words: Words, index: int) -> str:
    """The word there; empty behind the last."""
    return words[index].text if 0 <= index < len(words) else ""


def number(words: Words, index: int) -> tuple[int, int] | None:
    """A whole number from 0 to 9999 in words or digits, and behind which word it ends."""
    word = at(words, index)
    if re.fullmatch(r"\d{1,4}", word, re.ASCII):
        return int(word), index + 1
    if word in TENS:
        value, index = TENS[word], index + 1
        if 0 < SMALL.get(at(words, index), 0) < 10:
            value, index = value + SMALL[at(words, index)], index + 1
    elif word in SMALL:
        value, index = SMALL[word], index + 1
    elif word == "a" and at(words, index + 1) == "hundred":
        value, index = 1, index + 1
    else:
        return None
    if at(words, index) == "hundred" and value < 10:
        index += 1
        more = number(words, index + (at(words, index) == "and"))
        if more and more[0] < 100:
            return 100 * value + more[0], more[1]
        return 100 * value, index
    return value, index


def ordinal(words: Words, index: int) -> tuple[int, int] | None:
    """A day of a month as an ordinal (`third`, `3rd`), and behind which word it ends."""
    word = at(words, index)
    if match := re.fullmatch(r"(\d{1,2})(st|nd|rd|th)", word, re.ASCII):
        return int(match[1]), index + 1
    if word in ORDINALS:
        return ORDINALS[word], index + 1
    if word in TENS and 0 < ORDINALS.get(at(words, index + 1), 0) < 10:
        return TENS[word] + ORDINALS[at(words, index + 1)], index + 2
    return None


def year(words: Words, index: int) -> tuple[int, int] | None:
    """A year of this century, and behind which word it ends."""
    word = at(words, index)
    if re.fullmatch(r"20\d\d", word, re.ASCII):
        return int(word), index + 1
    if word == "two" and at(words, index + 1) == "thousand":
        index += 2
        more = number(words, index + (at(words, index) == "and"))
        return (2000 + more[0], more[1]) if more and more[0] < 100 else None
    if word == "twenty":
        more = number(words, index + 1)
        return (2000 + more[0], more[1]) if more and 20 <= more[0] < 100 else None
    return None
