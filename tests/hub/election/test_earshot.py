"""Who usually hears whom, and what follows from it for the first choice."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hub.election.candidate import Select
from hub.election.earshot import FEWEST, MOST, Earshot
from tests.hub.election.household import Driver, heard, speech

HOME = frozenset("abcd")
TALK = speech(1)


def known(rounds: int = FEWEST, heard_by: str = "ab", listening: frozenset[str] = HOME) -> Earshot:
    earshot = Earshot()
    for _ in range(rounds):
        earshot.note(set(heard_by), listening)
    return earshot


def test_who_never_hears_what_another_hears_is_beyond_its_earshot() -> None:
    assert known().beyond({"a"}, {"b", "c", "d"}) == {"c", "d"}


def test_nobody_is_beyond_earshot_before_there_is_reason_to_say_so() -> None:
    assert known(FEWEST - 1).beyond({"a"}, {"b", "c", "d"}) == set()


def test_who_did_not_listen_missed_nothing() -> None:
    earshot = known(100, listening=frozenset("abc"))
    assert earshot.beyond({"a"}, {"c", "d"}) == {"c"}


def test_who_hears_now_and_then_is_within_earshot() -> None:
    earshot = known()
    earshot.note({"a", "c"}, HOME)
    earshot.note({"a", "c"}, HOME)
    assert earshot.beyond({"a"}, {"c", "d"}) == {"d"}


def test_a_device_that_was_moved_is_soon_known_for_where_it_is() -> None:
    earshot = known(10 * MOST)
    needed = 0
    while earshot.beyond({"a"}, {"c"}):
        earshot.note({"a", "c"}, HOME)
        needed += 1
    assert needed <= MOST // 10


@given(
    st.lists(st.tuples(st.sets(st.sampled_from("abcd")), st.sets(st.sampled_from("abcd")))),
    st.sets(st.sampled_from("abcd")),
)
def test_only_who_is_asked_about_is_beyond(
    utterances: list[tuple[set[str], set[str]]], others: set[str]
) -> None:
    earshot = Earshot()
    for who, listening in utterances:
        earshot.note(who, listening)
    assert earshot.beyond({"a"}, others) <= others
    assert earshot.beyond(set(), others) == set()


def say(home: Driver, number: int) -> None:
    """A sentence that `a` and `b` hear, to its end; `c` listens and does not hear it."""
    for client in "ab":
        home.claim(client, heard(TALK), utterance=f"{client}{number}", score=60)
    home.wait(0.3)
    for client in "ab":
        home.end(f"{client}{number}")
    home.deliver(f"a{number}")
    home.decode_and_commit(f"election-{number}")
    home.wait(30)


def test_the_first_choice_does_not_wait_for_who_is_out_of_earshot() -> None:
    home = Driver("abc")
    for number in range(1, FEWEST + 1):
        say(home, number)
    home.claim("a", heard(TALK), utterance="a-last", score=60)
    assert home.selected()[-1][0] != "a-last"  # b may hear it
    home.claim("b", heard(TALK), utterance="b-last", score=50)
    assert home.selected()[-1] == ("a-last", False)  # at once, although c listens
    assert home.of(Select)[-1].reason.endswith("; out of earshot: c")


def test_who_is_out_of_earshot_and_hears_it_all_the_same_takes_part() -> None:
    home = Driver("abc")
    for number in range(1, FEWEST + 1):
        say(home, number)
    for client, score in (("a", 60), ("b", 50), ("c", 90)):
        home.claim(client, heard(TALK), utterance=f"{client}-last", score=score)
    for client in "abc":
        home.end(f"{client}-last")
    home.wait(0.1)
    assert home.selected()[-1] == ("c-last", True)
    assert "out of earshot" not in home.of(Select)[-1].reason
