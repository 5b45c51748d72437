"""Which conversation something said belongs to. Pure: no clock, no store.

Two things said *belong together* if the silence between them is short enough; how short, their
speakers, rooms and topics say. A conversation is whatever hangs together so, link by link. Since
a link depends on its two ends alone, the conversations come out the same in whatever order things
arrive: what a device held back for hours finds its place by its own time, and where it fills the
silence between two conversations, they were one. Only what is *settled* is not changed by
what is said later: see `place`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

OTHERS_SHARE = 0.5
"""Of the silence that one person's words may be apart, two people's may be apart this much: whoever
answers does not wait for minutes."""
TOPIC_SHARE = 0.25
"""And this much, where topics count and the two have not one word in common."""
MIN_WORD = 4
"""Shorter words tell no topic, in whatever language."""
_WORD = re.compile(r"[^\W\d_]+")
STOP_WORDS = frozenset(
    _WORD.findall(
        """
        about above after again against because been before being below between both could does
        doing down during each from further have having here hers herself himself into itself just
        might more most must myself only other ours ourselves over please same shall should some
        such than thank thanks that their theirs them themselves then there these they thing things
        this those through under until very want wants well were what when where which while whom
        will with would your yours yourself yourselves
        """
    )
)
"""English words of at least `MIN_WORD` letters that stand in sentences about anything."""


@dataclass(frozen=True)
class Rules:
    """What a network goes by.

    Args:
        silence: how long one person may be silent within a conversation.
        topics: whether it takes a word in common to go on after a longer pause.
    """

    silence: timedelta
    topics: bool = False


@dataclass(frozen=True)
class Speech:
    """Something said, as far as it matters here."""

    began: datetime
    ended: datetime
    speaker_id: str | None = None  # None: nobody knows
    room: str | None = None  # of the device that heard it best; None: nobody said
    words: frozenset[str] = frozenset()  # that tell its topic


@dataclass(frozen=True)
class Neighbour:
    """Something that was said around the same time, and its conversation."""

    speech: Speech
    conversation_id: str


@dataclass(frozen=True)
class Conversation:
    """A conversation that something said belongs to.

    Args:
        conversation_id: which.
        settled: a person has named it, or a legacy system made it: it may grow, and is not joined
            to another.
        size: of how many interactions it consists.
        last: when something was last said in it.
    """

    conversation_id: str
    settled: bool
    size: int
    last: datetime


@dataclass(frozen=True)
class Placement:
    """Where something said belongs.

    Args:
        conversation_id: the conversation; None: a new one.
        absorbed: conversations that turn out to be parts of that one, and end.
    """

    conversation_id: str | None
    absorbed: tuple[str, ...] = ()


def topic_words(text: str) -> frozenset[str]:
    """The words of a text that tell what it is about, in lower case."""
    words = _WORD.findall(text.casefold())
    return frozenset(word for word in words if len(word) >= MIN_WORD) - STOP_WORDS


def belong_together(one: Speech, other: Speech, rules: Rules) -> bool:
    """Whether two things said are of one conversation; never mind which came first."""
    silence = max(one.began - other.ended, other.began - one.ended, timedelta())
    longest = rules.silence
    if one.speaker_id and other.speaker_id and one.speaker_id != other.speaker_id:
        if one.room and other.room and one.room != other.room:
            return False  # two people in two rooms
        longest *= OTHERS_SHARE
    if rules.topics and one.words and other.words and not one.words & other.words:
        longest *= TOPIC_SHARE
    return silence <= longest


def linked(speech: Speech, near: Iterable[Neighbour], rules: Rules) -> tuple[str, ...]:
    """The conversations that something said belongs to, the nearest in time first.

    Args:
        speech: what was said.
        near: all that was said within `rules.silence` of it.
        rules: the network's.
    """
    distance: dict[str, timedelta] = {}
    for neighbour in near:
        if belong_together(speech, neighbour.speech, rules):
            apart = abs(neighbour.speech.began - speech.began)
            known = distance.get(neighbour.conversation_id, apart)
            distance[neighbour.conversation_id] = min(known, apart)
    return tuple(sorted(distance, key=lambda conversation: (distance[conversation], conversation)))


def place(conversations: Sequence[Conversation]) -> Placement:
    """Where something said belongs that is linked with these conversations, the nearest first.

    Where it links several, they become one: the largest takes the others in, so that few
    interactions change their conversation. What is settled takes in the rest; of two that are
    settled, what was said goes to the nearest, and the other stays as it is.
    """
    if not conversations:
        return Placement(None)
    settled = [each for each in conversations if each.settled]
    if settled:
        chosen = settled[0]
    else:
        chosen = max(conversations, key=lambda each: (each.size, each.last, each.conversation_id))
    return Placement(
        chosen.conversation_id,
        tuple(
            each.conversation_id
            for each in conversations
            if each is not chosen and not each.settled
        ),
    )
