"""What belongs together, whatever the order in which it arrives."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.conversations.grouping import (
    Conversation,
    Neighbour,
    Placement,
    Rules,
    Speech,
    belong_together,
    linked,
    place,
    topic_words,
)

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
RULES = Rules(timedelta(seconds=300))
BY_TOPIC = Rules(timedelta(seconds=300), topics=True)


def said(
    at_s: float,
    speaker: str | None = None,
    room: str | None = None,
    text: str = "",
    lasting_s: float = 2.0,
) -> Speech:
    began = NOON + timedelta(seconds=at_s)
    ended = began + timedelta(seconds=lasting_s)
    return Speech(began, ended, speaker, room, topic_words(text))


@pytest.mark.parametrize(
    ("later", "together"),
    [
        pytest.param(said(302, "ann"), True, id="silence"),
        pytest.param(said(303, "ann"), False, id="too-long-a-silence"),
        pytest.param(said(302), True, id="who-knows-who"),
        pytest.param(said(152, "bob"), True, id="somebody-answers"),
        pytest.param(said(153, "bob"), False, id="somebody-begins-anew"),
        pytest.param(said(10, "bob", "hall"), False, id="two-people-in-two-rooms"),
        pytest.param(said(10, "ann", "hall"), True, id="walks-to-another-room"),
        pytest.param(said(10, None, "hall"), True, id="who-knows-who-in-another-room"),
        pytest.param(said(1, "ann"), True, id="at-the-same-time"),
    ],
)
def test_silence_and_speakers_tell_what_belongs_together(later: Speech, together: bool) -> None:
    first = said(0, "ann", "kitchen")
    assert belong_together(first, later, RULES) is together
    assert belong_together(later, first, RULES) is together


def test_silence_is_counted_from_the_end_of_what_was_said_before() -> None:
    assert belong_together(said(0, lasting_s=30), said(329), RULES)
    assert not belong_together(said(0, lasting_s=30), said(331), RULES)


def test_where_topics_count_a_longer_pause_takes_a_word_in_common() -> None:
    light = said(0, text="Turn on the light in the kitchen")
    assert belong_together(light, said(300, text="and dim the LIGHT, please"), BY_TOPIC)
    assert belong_together(light, said(60, text="what about tomorrow's weather"), BY_TOPIC)
    assert not belong_together(light, said(90, text="what about tomorrow's weather"), BY_TOPIC)
    assert belong_together(light, said(300, text="no, off"), BY_TOPIC)  # it tells no topic
    assert belong_together(light, said(300, text="what about tomorrow's weather"), RULES)


def test_words_that_stand_anywhere_and_short_ones_tell_no_topic() -> None:
    assert topic_words("What would you want with 4000 of these? Käse!") == {"käse"}


def test_the_nearest_conversation_comes_first() -> None:
    near = [
        Neighbour(said(-200), "before"),
        Neighbour(said(100), "after"),
        Neighbour(said(900), "later"),
        Neighbour(said(-290), "before"),
    ]
    assert linked(said(0), near, RULES) == ("after", "before")


def conversation(name: str, size: int = 1, *, settled: bool = False) -> Conversation:
    return Conversation(name, settled, size, NOON)


@pytest.mark.parametrize(
    ("conversations", "expected"),
    [
        pytest.param([], Placement(None), id="none"),
        pytest.param([conversation("a")], Placement("a"), id="one"),
        pytest.param(
            [conversation("a", 2), conversation("b", 9), conversation("c", 3)],
            Placement("b", ("a", "c")),
            id="the-largest-takes-the-others-in",
        ),
        pytest.param(
            [conversation("a", 9), conversation("b", settled=True)],
            Placement("b", ("a",)),
            id="what-is-settled-stays",
        ),
        pytest.param(
            [conversation("a", settled=True), conversation("b", 9, settled=True)],
            Placement("a"),
            id="two-that-are-settled-stay-two",
        ),
    ],
)
def test_what_links_conversations_makes_them_one(
    conversations: list[Conversation], expected: Placement
) -> None:
    assert place(conversations) == expected


class Grouped:
    """What the store does with placements, in memory."""

    def __init__(self) -> None:
        self.of: dict[int, str] = {}  # what was said, by its number: its conversation

    def arrive(self, number: int, speeches: Sequence[Speech], rules: Rules) -> None:
        near = [Neighbour(speeches[other], where) for other, where in self.of.items()]
        members = list(self.of.values())
        placement = place(
            [
                Conversation(each, False, members.count(each), NOON)
                for each in linked(speeches[number], near, rules)
            ]
        )
        into = placement.conversation_id or f"begun by {number}"
        for other, where in self.of.items():
            if where in placement.absorbed:
                self.of[other] = into
        self.of[number] = into

    def groups(self) -> set[frozenset[int]]:
        return {
            frozenset(number for number, other in self.of.items() if other == each)
            for each in self.of.values()
        }


speeches = st.lists(
    st.builds(
        said,
        st.integers(0, 3000),
        st.sampled_from([None, "ann", "bob"]),
        st.sampled_from([None, "kitchen", "hall"]),
        st.sampled_from(["", "turn on the light", "light off", "rain tomorrow"]),
        st.sampled_from([0.0, 2.0, 40.0]),
    ),
    max_size=9,
)


@settings(max_examples=150, deadline=None)
@given(speeches=speeches, topics=st.booleans(), data=st.data())
def test_the_conversations_are_the_same_in_whatever_order_things_arrive(
    speeches: list[Speech], topics: bool, data: st.DataObject
) -> None:
    rules = Rules(timedelta(seconds=300), topics)
    in_order, late = Grouped(), Grouped()
    for number in range(len(speeches)):
        in_order.arrive(number, speeches, rules)
    for number in data.draw(st.permutations(range(len(speeches)))):
        late.arrive(number, speeches, rules)
    assert in_order.groups() == late.groups()


@settings(max_examples=50, deadline=None)
@given(speeches=speeches)
def test_within_a_conversation_nobody_is_silent_for_longer_than_allowed(
    speeches: list[Speech],
) -> None:
    grouped = Grouped()
    for number in range(len(speeches)):
        grouped.arrive(number, speeches, RULES)
    for group in grouped.groups():
        spoken = sorted((speeches[number] for number in group), key=lambda each: each.began)
        heard_until = spoken[0].ended if spoken else NOON
        for each in spoken:
            assert each.began - heard_until <= RULES.silence
            heard_until = max(heard_until, each.ended)
    # Where nobody is known, nothing else matters: whoever is within reach is in.
    anonymous = [Speech(each.began, each.ended) for each in speeches]
    alone = Grouped()
    for number in range(len(anonymous)):
        alone.arrive(number, anonymous, RULES)
    for number, other in ((a, b) for a in alone.of for b in alone.of):
        if belong_together(anonymous[number], anonymous[other], RULES):
            assert alone.of[number] == alone.of[other]
