"""How much of what was said was understood: word error rate on normalised words."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

import jiwer

_APOSTROPHES = str.maketrans({"\u2019": "'", "\u02bc": "'", "\u2018": "'", "`": "'"})
_NOT_A_WORD = re.compile(r"(?<!\w)'|'(?!\w)|[^\w']|_")
"""All but letters, digits and the apostrophes within words."""


def normalise(text: str) -> str:
    """Lower-case words with single spaces: no punctuation, hyphens split, numbers as they come."""
    folded = unicodedata.normalize("NFKC", text).translate(_APOSTROPHES).casefold()
    return " ".join(_NOT_A_WORD.sub(" ", folded).split())


def word_errors(reference: str, hypothesis: str) -> tuple[int, int]:
    """Words substituted, deleted or inserted, and the number of words in the reference."""
    wanted, got = normalise(reference), normalise(hypothesis)
    if not wanted:  # nothing was said, so all that was understood is too much
        return len(got.split()), 0
    counts = jiwer.process_words(wanted, got)
    return counts.substitutions + counts.deletions + counts.insertions, len(wanted.split())


def wer(reference: str, hypothesis: str) -> float:
    """Word error rate: 0 is perfect, nothing understood is 1, inventions can exceed 1.

    Where nothing was said, every word understood counts as one error of one.
    """
    return overall_wer([(reference, hypothesis)])


def overall_wer(pairs: Iterable[tuple[str, str]]) -> float:
    """Word error rate over all (reference, hypothesis) pairs: a long one weighs more; 0 if none."""
    counts = [word_errors(reference, hypothesis) for reference, hypothesis in pairs]
    errors, words = sum(e for e, _ in counts), sum(w for _, w in counts)
    return errors / max(words, 1)
