"""What people say before and after a request without asking for anything by it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

from hub.actions.called import NAME, called
from hub.actions.words import Words, split

_SENTENCE = re.compile(r"[.!?]+(?=\s|$)|\n+")
_ABBREVIATED = re.compile(
    r"(?:\b[ap]\.?\s?m|\d\.\d{1,2}|\b(?:mr|mrs|ms|dr|st|prof|a|p|no))$", re.IGNORECASE
)
LONGEST = 60
"""Words in a sentence; nobody asks for anything in more."""
_OPENING = re.compile(
    rf"(?:{NAME}|hey|hi|hello|ok|okay|alright|all right|right|so|well|oh|and|also|then|now|yes"
    r"|yeah|great|thanks|thank you|actually|just|kindly|quickly|go ahead and|no|wait|sorry|listen"
    r"|maybe|(?:don't|do not) forget to(?= remind)|remember to(?= remind)"
    r"|do me a favou?r and|be so kind as to|be so kind and|if you could|next|good morning"
    r"|would you mind|(?:can|could|would|will) you(?: maybe| just| also| kindly)?"
    r"|(?:i (?:want|need|would like)|i'd like) you to|you (?:need to|should|have to|must)"
    r"|make sure to|be sure to|i want to ask you to|it would be great if you could"
    r"|i'd be happy if you could|is it possible to) "
)
_SOFT = re.compile(
    r"(?:i'd like to|i would like to|i'd love to|i want to|i wanna|i need to|i have to|let's|let us"
    r"|can we|could we|can i|could i|may i|we need to|we should|we have to) "
)
_CLOSING = re.compile(
    r"(?: (?:thanks|thank you|thank you very much|thanks a lot|okay|ok|will you|would you|could you"
    r"|can you|for me|mira|right|alright|if you can|if possible|if you don't mind|cheers))+$"
)


@dataclass(frozen=True)
class Request:
    """A sentence without what surrounds the request.

    Args:
        text: the whole text that it stands in.
        words: of the request.
        addressed: whether Mira is called by her name.
        soft: whether it may as well be said to another person: "can we move the dentist".
    """

    text: str
    words: Words
    addressed: bool = False
    soft: bool = False

    @cached_property
    def plain(self) -> str:
        """The words with single spaces between them."""
        return " ".join(word.text for word in self.words)

    def index(self, offset: int) -> int:
        """How many words end before an offset of `plain`."""
        return self.plain[:offset].count(" ") + (self.plain[offset - 1 : offset] not in ("", " "))

    def title(self, kept: list[bool]) -> str:
        """The words that are kept, as they were written."""
        pieces: list[str] = []
        last = None
        for number, (word, keep) in enumerate(zip(self.words, kept, strict=True)):
            if not keep:
                continue
            if last is not None:
                between = self.text[self.words[last].end : word.start]
                joined = last == number - 1 and not re.search(r"\w", between)
                pieces.append(between if joined and len(between) <= 3 else " ")
            pieces.append(self.text[word.start : word.end])
            last = number
        return "".join(pieces).strip(" ,;:-\u2013\u2014.!?")


def requests(text: str, longest_text: int) -> list[Request]:
    """What may be requests in a text, in their order."""
    text = text[:longest_text]
    found, begin = [], 0
    bounds = [
        match.span()
        for match in _SENTENCE.finditer(text)
        if not _ABBREVIATED.search(text, max(0, match.start() - 6), match.start())
        or match.end() == len(text)
    ]
    for end, following in [*bounds, (len(text), len(text))]:
        words = split(text, begin, end)
        if 0 < len(words) <= LONGEST:
            found.append(without_opening(Request(text, words)))
        begin = following
    return found


def without_opening(request: Request) -> Request:
    """A request without what surrounds it."""
    words, plain = request.words, request.plain
    addressed = request.addressed or called(plain)
    soft = request.soft
    while True:
        if match := _OPENING.match(plain):
            pass
        elif match := _SOFT.match(plain):
            soft = True
        else:
            break
        words = words[match[0].count(" ") :]
        plain = plain[match.end() :]
    if match := _CLOSING.search(plain):
        words = words[: len(words) - match[0].count(" ")]
    return Request(request.text, words, addressed, soft and not addressed)
