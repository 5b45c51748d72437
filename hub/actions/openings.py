"""What people say before and after a request without asking for anything by it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from dataclasses import replace as dataclass_replace
from functools import cached_property

from hub.actions.called import NAME, called
from hub.actions.words import Words, split

_SENTENCE = re.compile(r"[.!?]+(?=\s|$)|\n+")
_ABBREVIATED = re.compile(
    r"(?:\b[ap]\.?\s?m|\d\.\d{1,2}|\b(?:mr|mrs|ms|dr|st|prof|a|p|no))$", re.IGNORECASE
)
LONGEST = 60
"""Words in a sentence; nobody asks for anything in more."""
_POLITE = (
    r"(?=(?:\S+ )*?(?:can|could|would|will|want|need|i'd|mind|possible) )"
    r"(?:(?:can|could|would|will|you|you'd|i|i'd|we|we'd|it|it'd|is|be|that|to|for|if|do|like|want"
    r"|need|kindly|possible|able|mind|wondering|was|grateful|appreciate|just|also|maybe|so|very"
    r"|much|really|glad|happy|great|nice|lovely|good|kind|helpful|ask|get|love|possibly|quickly) )*"
    r"(?:to|do|you|you'd|just|also|maybe|possibly|quickly|kindly)"
    r" (?=(?:remind|wake|alert|notify) (?:me|us)\b)"
)
"""`i would be really grateful if you could`: nothing of it asks for anything."""
_OPENING = re.compile(
    rf"{_POLITE}|(?:{NAME}(?: dear| love| darling| sweetheart| honey)?"
    r"|(?:my )?(?:dear|darling|lovely) mira|(?:hey|hi)(?: there)?|hello|ok|okay|alright|all right"
    r"|right|so|well|oh|ah|yo|and|also|then|now|yes|yeah|great|thanks|thank you|actually|just"
    r"|do(?= remind| wake)"
    r"|kindly|quickly|go ahead and|no(?! need)(?! \w+ (?:on|today|tomorrow|this|next) )"
    r"|wait|oops|whoops|hang on|hold on|sorry|listen|maybe"
    r"|next(?! (?:\w+day|week|weekend|month|year)\b)"
    r"|by the way|excuse me|ooh|one more thing|quick question|pretty|you know what"
    r"|let me (?:see|think)"
    r"|when you (?:have a (?:moment|minute|second)|get a chance|can)|before i forget"
    r"|never ?mind(?= (?:cancel|delete|undo|remove|scrap|make|move|set|remind) )"
    r"|while (?:you're at it|i think of it)|are you (?:there|listening|able to)"
    r"|is there any (?:way|chance) you (?:can|could)"
    r"|good (?:morning|afternoon|evening)|(?:i've|i) changed my mind|change of plans?"
    r"|(?:don't|do not) forget to(?= remind)|remember to(?= remind)"
    r"|do me a favou?r and|be so (?:kind|good) (?:as to|and)|be an? \w+ and"
    r"|(?:would|do) you mind|(?:can|could|would|will) you(?: maybe| just| also| \w+ly)?"
    r"(?: be able to)?"
    r"|(?:i (?:want|need|would like|should like)|i'd like) you to"
    r"|you (?:need to|should|have to|must)"
    r"|make sure (?:to|you)|be sure to|i want to ask you to|(?:can|could|may) i (?:ask|get) you to"
    r"|(?:i'd|i would|it'd|it would) (?:be (?:\w+ )?\w+|(?:really )?appreciate it)"
    r" if you(?: could| would|'d)?"
    r"|i (?:was wondering|wonder) (?:if|whether) you (?:could|would|can|might)"
    r"|if you (?:could|wouldn't mind|don't mind)|(?:do you think|any chance) you (?:could|can)"
    r"|(?:is|would) it (?:be )?possible (?:for you )?to"
    r"|you can(?= (?:mark|tick|check|cross|cancel|delete|remove|scrap) )) "
)
_SOFT = re.compile(
    r"(?:(?:i|we) (?:need to|have to|gotta|got to)|i (?:want to|wanna|would like to)"
    r"|i'd (?:like|love) to|(?:i've|we've) (?:got )?to|let's|let us|(?:can|could|may) (?:we|i)) "
)
_CLOSING = re.compile(
    r"(?: (?:and )?(?:(?:many )?thanks(?: a lot)?|thank you(?: (?:so|very) much)?|okay|ok|right"
    r"|alright|yeah|yes|cheers|(?:will|would|could|can) you(?: do that)?|for me|for us"
    r"|(?<!from )now|mira"
    r"|if (?:you (?:can|could|don't mind|like)|possible|(?:that|it)(?:'s| is) (?:okay|ok|possible))"
    r"|that(?:'d| would) be (?:great|nice|lovely|perfect|good|helpful)|that's (?:all|it)|got it"
    r"|when you (?:can|have (?:a moment|time)|get a chance)|as well|too|dear|darling|mate"
    r"|(?<!my )(?<!in )(?<!with )(?<!of )(?<!i )love))+$"
)


@dataclass(frozen=True)
class Request:
    """A sentence without what surrounds the request.

    Args:
        text: the whole text that it stands in.
        words: of the request.
        addressed: whether Mira is called by her name.
        soft: whether it may as well be said to another person: "can we move the dentist".
        vocative: whether one word before it may call somebody else: "Anna, set the alarm".
    """

    text: str
    words: Words
    addressed: bool = False
    soft: bool = False
    vocative: bool = False

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
                joined = last == number - 1 and self.words[last].end <= word.start
                joined = joined and not re.search(r"\w", between)
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
        if plain.startswith("reminded me") and match[0].endswith("if you "):
            words, plain = (
                [dataclass_replace(words[0], text="remind"), *words[1:]],
                plain.replace("ed", "", 1),
            )
    if match := _CLOSING.search(plain):
        words = words[: len(words) - match[0].count(" ")]
    return Request(
        request.text, words, addressed, soft and not addressed, request.vocative and not addressed
    )
