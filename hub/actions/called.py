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

HEARD_AS = ("mira", "mirror", "mirrors", "mirah", "mirra", "mere", "mir")
"""The name, and what is written for it."""
HEY_HEARD_AS = ("hamir", "hemir", "himir", "hameer", "hamier", "himera")
"""What is written for "hey Mira"."""
NAME = (
    r"(?:(?:(?:hey|hi|hello|ok|okay|yo) )?(?:mira|mirror|mirah|mirra|mirech|mirac)"
    rf"|hey mir|{'|'.join(HEY_HEARD_AS)})"
)
"""Calls Mira at the beginning of a sentence: lower case, single spaces."""
_CALLED = re.compile(rf"{NAME}\b|.*\bmira\b", re.DOTALL)


def called(text: str) -> bool:
    """Whether Mira is called by her name: anywhere, or at the beginning by what sounds like it.

    Args:
        text: in whatever case.
    """
    return _CALLED.match(" ".join(re.findall(r"[^\W_]+", text.lower()))) is not None


def phrase_in(text: str, phrases: Mapping[str, T]) -> T | None:
    """What a control phrase stands for, where the text is one of them and nothing else.

    Of phrases that begin with "mira", what is written for the name counts too; where its words
    are divided does not, nor whether the verb is in the past ("Mirror canceled", "Maristop").

    Args:
        text: what was said.
        phrases: in lower case, without punctuation, and what they stand for.
    """
    words = re.findall(r"[^\W_]+", text.lower())
    exact = phrases.get(" ".join(words))
    if exact is not None:
        return exact
    joined = "".join(words)
    for phrase, meaning in phrases.items():
        name, _, rest = phrase.partition(" ")
        if name != "mira" or not rest:
            continue
        # "Mari, stop" may be said to somebody of that name: in one word only.
        names = "|".join((*HEARD_AS, "mari") if len(words) == 1 else HEARD_AS)
        if re.fullmatch(rf"(?:{names}){rest.replace(' ', '')}(?:l?ed)?", joined):
            return meaning
    return None
