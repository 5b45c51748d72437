"""How recognisers write Mira's name. Pure.

They know no such name, and write words that sound like it: of forty sentences with it, said by
five synthetic voices, Moonshine base wrote "Mira" in one. Names of people that sound like it (Mary,
Meera) are not taken for it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TypeVar

T = TypeVar("T")

HEY_HEARD_AS = ("hamir", "hemir", "himir", "hameer", "hamier", "himera")
"""What is written for "hey Mira"."""
NAME = (
    r"(?:(?:(?:hey|hi|hello|ok|okay|yo) )?(?:mira|mirror|mirah|mirra|mirech|mirac)"
    rf"|hey mir|{'|'.join(HEY_HEARD_AS)})"
)
"""Calls Mira at the beginning of a sentence: lower case, single spaces."""
_CALLED = re.compile(rf"{NAME}\b|.*\bmira\b", re.DOTALL)
_GREETING = re.compile(r"(?:hey|hi|hello|ok|okay|yo)(?= )")
_PEOPLE = re.compile(r"(?:mar|meer|myr)[aiey]+[ah]?\b|mario\b|mariah\b|mariam\b|miriam\b")
_SPELLINGS = (
    (r"ck|q+u?|c(?![eiy])", "k"),
    (r"[cz]", "s"),
    (r"x", "ks"),
    (r"d", "t"),
    (r"h", ""),
    (r"(\D)\1+", r"\1"),  # cancelled
    (r"[aeiouyw]+", "a"),  # any vowel
    (r"(?<=a)r(?![a]|$)", ""),  # mirrors top
    (r"rar(?=a)", "r"),  # mirror exit
)


def called(text: str) -> bool:
    """Whether Mira is called by her name: anywhere, or at the beginning by what sounds like it.

    Args:
        text: in whatever case.
    """
    return _CALLED.match(" ".join(re.findall(r"[^\W_]+", text.lower()))) is not None


def phrase_in(text: str, phrases: Mapping[str, T]) -> T | None:
    """What a control phrase stands for, where the text is one of them and nothing else.

    Of phrases that begin with "mira", what sounds like them counts too: "Maristop", "Mirrors top",
    "Hey Mirror, cancelled", but no name of people ("Mary, stop").

    Args:
        text: what was said.
        phrases: in lower case, without punctuation, and what they stand for.
    """
    plain = " ".join(re.findall(r"[^\W_]+", text.lower()))
    if plain in phrases:
        return phrases[plain]
    plain = _GREETING.sub("", plain, count=1).strip()
    if not re.match(r"m[aeiy]", plain) or _PEOPLE.match(plain):
        return None
    sound = _sound(plain)
    for phrase, meaning in phrases.items():
        if phrase.startswith("mira ") and _sound(phrase) == sound:
            return meaning
    return None


def _sound(plain: str) -> str:
    """A key that is the same for words that sound alike, roughly: `marastap`."""
    sound = re.sub(r"(?:l?l|p?p|t?t)ed$", lambda found: found[0][0], plain).replace(" ", "")
    for spelling, letter in _SPELLINGS:
        sound = re.sub(spelling, letter, sound)
    return sound
