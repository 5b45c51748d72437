"""What the election decides, on made-up time."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.election.candidate import Abandon, Candidate, Decode, Disconnect, Record
from hub.election.election import Election, Rules
from hub.election.elections import Elections
from shared.errors import LimitExceededError, MalformedMessageError, UnknownUtteranceError
from shared.quality.comparison import BANDS
from tests.hub.election.household import SECOND, START, STEP_US, Driver, heard, speech

TALK = speech(1)
HEAD = 40  # steps: half a second of pre-roll and some speech


def test_a_lone_device_is_elected_at_once() -> None:
    home = Driver("a")
    utterance = home.claim("a", TALK[:HEAD])
    assert home.selected() == [(utterance, False)]
    assert home.asked() == [(utterance, 0)]


def test_the_window_stays_open_for_devices_that_have_not_claimed() -> None:
    home = Driver("ab")
    home.claim("a", heard(TALK[:HEAD]), score=40)
    home.wait(0.2)
    assert home.selected() == []
    better = home.claim("b", heard(TALK[: HEAD + 10], seed=1), score=80)
    assert home.selected() == [(better, False)]


def test_the_window_closes_after_a_quarter_second() -> None:
    home = Driver("ab")
    utterance = home.claim("a", TALK[:HEAD])
    home.wait(0.249)
    assert home.selected() == []
    home.wait(0.001)
    assert home.selected() == [(utterance, False)]


def test_the_better_microphone_wins_whoever_comes_first_and_whatever_its_gain() -> None:
    for order in ("ab", "ba"):
        home = Driver("ab")
        scores = {"a": 80.0, "b": 60.0}
        gains = {"a": -15.0, "b": 5.0}
        for client in order:
            home.claim(
                client, heard(TALK[:HEAD], gains[client]), utterance=client, score=scores[client]
            )
        assert home.selected() == [("a", False)]


def test_what_they_heard_beside_each_other_decides_and_not_what_each_thinks_of_itself() -> None:
    asked: list[set[str]] = []

    def compare(candidates: Sequence[Candidate]) -> list[float]:
        asked.append({c.client_id for c in candidates})
        points = {"a": -12.0, "b": 12.0}
        return [points[c.client_id] for c in candidates]

    home = Driver("ab", compare)
    home.claim("a", heard(TALK[:HEAD]), utterance="a1", score=80)
    home.claim("b", heard(TALK[:HEAD], seed=1), utterance="b1", score=60)
    assert home.selected() == [("a1", False)]
    assert asked == []  # a first moment is not compared
    home.hear("a1", heard(TALK)[HEAD:], score=90, start=HEAD)
    home.hear("b1", heard(TALK, seed=1)[HEAD:], score=50, start=HEAD)
    home.end("a1")
    home.end("b1")
    assert asked == [{"a", "b"}]
    assert home.selected()[-1] == ("b1", True)
    election = home.elections.election_of("b1")
    assert election is not None
    assert [c.standing for c in election.ranked()] == [82, 58]  # around the mean of 70
    assert election.margin == 24


def test_one_that_is_alone_is_compared_with_nobody() -> None:
    def compare(_: Sequence[Candidate]) -> list[float]:
        raise AssertionError

    home = Driver("a", compare)
    utterance = home.claim("a", TALK[:HEAD])
    assert home.selected() == [(utterance, False)]


@pytest.mark.parametrize(("steps", "fits"), [(0, True), (40, True), (39, False), (41, False)])
def test_bands_are_those_of_the_envelope_or_none(steps: int, fits: bool) -> None:
    home = Driver("a")
    claim = Candidate("a1", "a", START, 0, 0, False)
    home.elections.claimed(claim, START)
    bands = bytes(steps * BANDS)
    if not fits:
        with pytest.raises(MalformedMessageError):
            home.elections.heard("a1", 50, {}, 0, [-40] * 40, 12_800, START, bands)
        return
    home.elections.heard("a1", 50, {}, 0, [-40] * 40, 12_800, START, bands)
    assert claim.levels.shape == (steps, BANDS)
    home.elections.ended("a1", 6_400, START)
    assert claim.levels.shape == (min(steps, 20), BANDS)


def test_the_final_winner_is_chosen_on_the_whole_utterance() -> None:
    home = Driver("ab")
    home.claim("a", heard(TALK[:HEAD]), utterance="a1", score=70)
    home.claim("b", heard(TALK[:HEAD], seed=1), utterance="b1", score=60)
    home.hear("a1", heard(TALK)[HEAD:], score=50, start=HEAD)
    home.hear("b1", heard(TALK, seed=1)[HEAD:], score=75, start=HEAD)
    home.end("a1")
    assert home.decoded() == []
    home.end("b1")
    assert home.selected() == [("a1", False), ("b1", True)]
    assert home.stopped() == ["a1"]
    assert home.asked() == [("a1", 0), ("b1", 0)]
    home.deliver("b1")
    assert home.decoded() == ["b1"]


def test_a_hair_better_does_not_change_the_stream() -> None:
    home = Driver("ab")
    home.claim("a", heard(TALK[:HEAD]), utterance="a1", score=70)
    home.claim("b", heard(TALK[:HEAD], seed=1), utterance="b1", score=60)
    home.hear("a1", heard(TALK)[HEAD:], score=70, start=HEAD)
    home.hear("b1", heard(TALK, seed=1)[HEAD:], score=71, start=HEAD)
    home.end("a1")
    home.end("b1")
    assert home.selected()[-1] == ("a1", True)


def close_call(margin: float = 5) -> Driver:
    """Two devices heard it whole, one a little better; its audio is with the recogniser."""
    home = Driver("ab")
    home.claim("a", heard(TALK), utterance="a1", score=60)
    home.claim("b", heard(TALK, seed=1), utterance="b1", score=60 - margin)
    home.end("a1")
    home.end("b1")
    home.deliver("a1")
    assert home.decoded() == ["a1"]
    return home


def test_an_unsure_text_after_a_close_call_gets_a_second_opinion_and_the_surer_wins() -> None:
    home = close_call()
    election = home.of(Decode)[0].election_id
    home.decode(election, 0.5)
    assert home.of(Record) == []
    home.deliver("b1")
    assert home.decoded() == ["a1", "b1"]
    home.decode(election, 0.7)
    assert home.selected()[-1] == ("b1", True)
    assert [r.election_id for r in home.of(Record)] == [election]
    home.commit(election)
    assert set(home.released()) == {"a1", "b1"}


@pytest.mark.parametrize(
    ("margin", "confidence"), [(5, 0.9), (30, 0.5), (5, None)], ids=["sure", "clear", "failed"]
)
def test_a_sure_text_a_clear_choice_or_a_failure_needs_no_second_opinion(
    margin: float, confidence: float | None
) -> None:
    home = close_call(margin)
    home.decode(home.of(Decode)[0].election_id, confidence)
    assert home.decoded() == ["a1"]
    assert len(home.of(Record)) == 1


@pytest.mark.parametrize("how", ["lost", "stalled"])
def test_a_second_opinion_that_cannot_be_had_is_done_without(how: str) -> None:
    home = close_call()
    home.decode(home.of(Decode)[0].election_id, 0.5)
    if how == "lost":
        home.lose("b")
    else:
        home.wait(1.1)
    assert len(home.of(Record)) == 1
    assert home.selected()[-1] == ("a1", True)


def test_buffers_are_released_only_after_the_commit() -> None:
    home = Driver("ab")
    home.claim("a", heard(TALK), utterance="a1", score=70)
    home.claim("b", heard(TALK, seed=1), utterance="b1", score=60)
    home.end("a1")
    home.end("b1")
    home.deliver("a1")
    election = home.of(Decode)[0].election_id
    assert home.released() == {}
    home.decode(election)
    assert home.released() == {}
    home.commit(election)
    assert home.released() == {"a1": None, "b1": None}


def test_a_device_that_never_ends_delays_nobody_and_keeps_what_came_later() -> None:
    home = Driver("ab")
    home.claim("a", heard(TALK), utterance="a1", score=70)
    home.claim("b", heard(TALK, seed=1), utterance="b1", score=60)
    home.end("a1")
    home.deliver("a1")
    assert home.decoded() == []
    home.wait(0.06)
    assert home.decoded() == ["a1"]
    home.hear("b1", heard(speech(9), seed=3), start=len(TALK))
    home.decode_and_commit(home.of(Decode)[0].election_id)
    samples = len(TALK) * STEP_US * 16 // 1000
    assert home.released()["a1"] is None
    assert home.released()["b1"] == pytest.approx(samples, abs=320)


@pytest.mark.parametrize(("others", "seconds"), [("ac", 1.0), ("a", 5.0)])
def test_a_better_one_that_does_not_end_is_waited_for_only_so_long(
    others: str, seconds: float
) -> None:
    home = Driver("abc"[: len(others) + 1])
    for number, client in enumerate(others):
        home.claim(client, heard(TALK, seed=number), utterance=client, score=60 - number)
    home.claim("b", heard(TALK, seed=5), utterance="b", score=66)
    for client in others:
        home.end(client)
    for _ in range(round(seconds * 10) - 1):
        home.wait(0.1)
        home.receive("b", 100)
    assert not any(final for _, final in home.selected())
    home.wait(0.1)
    assert home.selected()[-1] == ("a", True)
    home.deliver("a")
    assert home.decoded() == ["a"]


@pytest.mark.parametrize("others", ["ac", "a"])
def test_a_far_better_one_is_waited_for_while_it_hears_words(others: str) -> None:
    """What the others hear is hardly worth having, and the sentence may not be over."""
    home = Driver("abc"[: len(others) + 1])
    sentence = speech(1, seconds=14)
    for number, client in enumerate(others):
        home.claim(client, heard(sentence[:80], seed=number), utterance=client, score=15)
    home.claim("b", heard(sentence[:80], seed=5), utterance="b", score=68)
    for client in others:
        home.end(client)  # they took a pause for the end, or hear no more of it
        home.deliver(client)
    for step in range(80, len(sentence), 5):
        home.wait(0.1)
        home.hear("b", heard(sentence[step : step + 5], seed=step), score=68, start=step)
        home.receive("b", step * 320)
        assert not any(final for _, final in home.selected())
    home.end("b")
    home.deliver("b")
    assert home.selected()[-1] == ("b", True)
    assert home.decoded() == ["b"]


@pytest.mark.parametrize(("level", "seconds"), [(-70, 5.0), (-20, 30.0)])
def test_a_far_better_one_is_not_waited_for_when_it_hears_noise_and_never_for_ever(
    level: int, seconds: float
) -> None:
    home = Driver("ab")
    home.claim("a", heard(TALK), utterance="a", score=15)
    home.claim("b", heard(TALK, seed=5), utterance="b", score=68)
    home.end("a")
    home.deliver("a")
    start = len(TALK)
    for _ in range(round(seconds * 10) - 1):
        home.wait(0.1)
        home.hear("b", [level] * 5, score=68, start=start)
        home.receive("b", start)
        start += 5
    assert not any(final for _, final in home.selected())
    home.wait(0.1)
    assert home.selected()[-1] == ("a", True)


def test_a_device_that_heard_a_piece_only_is_not_elected_however_well_it_heard_that() -> None:
    home = Driver("abc")
    home.claim("a", heard(TALK[:60]), utterance="a1", score=90)
    home.claim("b", heard(TALK[:60], seed=1), utterance="b1", score=50)
    home.claim("c", heard(TALK[:60], seed=2), utterance="c1", score=40)
    home.end("a1")  # took a pause for the end
    home.deliver("a1")
    home.wait(0.5)
    assert not any(final for _, final in home.selected())
    home.hear("b1", heard(TALK, seed=1)[60:], start=60, score=50)
    home.hear("c1", heard(TALK, seed=2)[60:], start=60, score=40)
    home.end("b1")
    home.end("c1")
    assert home.selected()[-1] == ("b1", True)


def test_what_two_devices_held_beyond_the_end_is_not_taken_for_the_finished_utterance() -> None:
    """The rest that both announce anew is like what the other's finished candidate held, too."""
    home = Driver("abc")
    first, more = speech(1), speech(2, seconds=3, onset_s=0)
    for client in "abc":
        home.claim(client, heard(first, seed=ord(client)), utterance=f"{client}1", score=50)
    home.hear("a1", [], score=80, start=len(first))
    home.end("a1")
    home.wait(6)
    home.deliver("a1")
    for client in "bc":
        home.hear(f"{client}1", heard(more, seed=ord(client)), start=len(first))
    home.decode_and_commit("election-1")
    released = home.released()
    assert released.pop("a1") is None
    for client in "bc":  # cut between the two, or in the first's reverberation
        until = released[f"{client}1"]
        assert until is not None
        steps = until // 320 - len(first)
        assert 0 <= steps < 15
        # Devices cut at whole frames.
        home.claim(
            client,
            heard(more, seed=ord(client))[steps:],
            utterance=f"{client}2",
            started=START + steps * STEP_US - 15_000,
        )
    assert not {"b2", "c2"} & set(home.released())
    home.wait(1)
    assert home.selected()[-1] in [("b2", False), ("c2", False)]
    assert len(home.elections.elections) == 2


def test_two_people_in_two_rooms_are_two_utterances() -> None:
    home = Driver("abcd")
    one, other = speech(1), speech(2)
    home.claim("a", heard(one), utterance="a1", score=70)
    home.claim("b", heard(other), utterance="b1", score=60)
    home.claim("c", heard(one, -10, seed=3), utterance="c1", score=40)
    home.claim("d", heard(other, -10, seed=4), utterance="d1", score=30)
    for utterance in ("a1", "b1", "c1", "d1"):
        home.end(utterance)
        home.deliver(utterance)
    assert sorted(home.decoded()) == ["a1", "b1"]


def test_devices_taken_for_one_at_the_onset_are_told_apart_on_the_whole() -> None:
    home = Driver("ab")
    one, other = speech(1, 3.0), speech(2, 3.0)
    home.claim("a", heard(one[:28]), utterance="a1", score=70)
    home.claim("b", heard(other[:28]), utterance="b1", score=60)
    assert home.elections.election_of("a1") is home.elections.election_of("b1")
    home.hear("a1", heard(one)[28:], start=28, score=70)
    home.hear("b1", heard(other)[28:], start=28, score=60)
    for utterance in ("a1", "b1"):
        home.end(utterance)
        home.deliver(utterance)
    home.wait(1)
    for utterance in ("a1", "b1"):
        home.deliver(utterance)
    assert sorted(home.decoded()) == ["a1", "b1"]


@pytest.mark.parametrize("scores", [(70, 60, 40), (45, 44, 40), (40, 60, 70)])
def test_a_hall_between_two_talkers_does_not_make_them_one(scores: tuple[int, int, int]) -> None:
    """It hears both alike, so it is like either of them, and they are not like each other."""
    one, two = speech(1, 9.0), speech(2, 9.0)
    both = [round((a + b) / 2) for a, b in zip(one, two, strict=True)]
    home = Driver("abc")
    home.claim("a", heard(one[:HEAD]), utterance="a1", score=50)
    home.claim("b", heard(both[:HEAD], seed=1), utterance="hall", score=60)
    home.claim("c", heard(two[:HEAD], seed=2), utterance="c1", score=40)
    assert home.selected() == [("hall", False)]
    home.hear("a1", heard(one)[HEAD:], score=scores[0], start=HEAD)
    home.hear("hall", heard(both, seed=1)[HEAD:], score=scores[1], start=HEAD)
    home.hear("c1", heard(two, seed=2)[HEAD:150], score=scores[2], start=HEAD)
    home.end("c1")
    delivered: set[str] = set()
    for piece in range(1, 26):  # whoever is asked streams, and two of them go on until 9 s
        home.wait(0.5)
        for utterance in ("a1", "hall"):
            if (utterance, 0) in home.asked() and utterance not in delivered:
                home.receive(utterance, 1_000 * piece)
        if piece == 18:
            home.end("a1")
            home.end("hall")
        for utterance, final in home.selected():
            if final and utterance not in delivered:
                delivered.add(utterance)
                home.deliver(utterance)
                home.decode_and_commit(home.of(Decode)[-1].election_id)
    assert sorted(home.decoded()) == ["a1", "c1"]


@pytest.mark.parametrize("error_ms", [-80, 0, 80])
def test_a_clock_error_changes_nothing(error_ms: int) -> None:
    home = Driver("ab")
    started = home.now - len(TALK) * STEP_US
    home.claim("a", heard(TALK), utterance="a1", started=started)
    home.claim("b", heard(TALK, seed=1), utterance="b1", started=started + error_ms * 1000)
    assert home.elections.election_of("a1") is home.elections.election_of("b1")


def test_the_runner_up_gives_its_whole_utterance_when_the_winner_vanishes() -> None:
    home = Driver("ab")
    home.claim("a", heard(TALK[:HEAD]), utterance="a1", score=70)
    home.claim("b", heard(TALK[:HEAD], seed=1), utterance="b1", score=60)
    home.receive("a1", 5_000)
    home.lose("a")
    assert home.asked()[-1] == ("b1", 0)
    home.hear("b1", heard(TALK, seed=1)[HEAD:], start=HEAD)
    home.end("b1")
    home.deliver("b1")
    assert home.decoded() == ["b1"]


def test_a_winner_lost_after_its_end_is_replaced_too() -> None:
    home = Driver("ab")
    home.claim("a", heard(TALK), utterance="a1", score=70)
    home.claim("b", heard(TALK, seed=1), utterance="b1", score=60)
    home.end("a1")
    home.end("b1")
    home.lose("a")
    home.deliver("b1")
    assert home.decoded() == ["b1"]


def test_a_winner_that_stalls_is_replaced_after_a_second() -> None:
    home = Driver("ab")
    home.claim("a", heard(TALK[:HEAD]), utterance="a1", score=70)
    home.claim("b", heard(TALK[:HEAD], seed=1), utterance="b1", score=60)
    home.wait(0.9)
    assert home.asked() == [("a1", 0)]
    home.wait(0.2)
    assert home.asked() == [("a1", 0), ("b1", 0)]
    assert "stalls" in home.elections.election_of("b1").reason  # type: ignore[union-attr]


def test_a_winner_that_comes_back_goes_on_where_it_was() -> None:
    home = Driver("a")
    home.claim("a", heard(TALK[:HEAD]), utterance="a1")
    home.receive("a1", 5_000)
    home.lose("a")
    home.wait(2)
    home.claim("a", heard(TALK), utterance="a1", reoffered=True)
    assert home.asked() == [("a1", 0), ("a1", 5_000)]


def test_a_slow_uplink_that_sends_one_utterance_after_the_other_is_no_stall() -> None:
    home = Driver("a")
    for number in (1, 2):
        started = START - 100 * SECOND * number
        home.claim("a", speech(number), utterance=f"u{number}", reoffered=True, started=started)
        home.end(f"u{number}")
    home.wait(2)
    for received in range(1, 150):
        home.receive("u1", received * 100)
        home.wait(0.1)
    home.deliver("u1")
    home.deliver("u2")
    assert home.of(Disconnect) == []
    assert sorted(home.decoded()) == ["u1", "u2"]


def test_when_nobody_can_be_asked_the_election_is_given_up_and_a_new_offer_starts_anew() -> None:
    home = Driver("a")
    home.claim("a", heard(TALK[:HEAD]), utterance="a1")
    home.lose("a")
    home.wait(11)
    assert home.elections.elections == {}
    assert [d.election_id for d in home.of(Abandon)] == ["election-1"]
    home.claim("a", heard(TALK), utterance="a1", reoffered=True, started=START)
    home.end("a1")
    home.wait(2)
    home.deliver("a1")
    assert home.decoded() == ["a1"]


def lone_and_lost(received: int = 16_000, *, ended: bool = True) -> Driver:
    """A device has given a part of what it heard, and its link is lost."""
    home = Driver("a")
    home.claim("a", heard(TALK), utterance="a1")
    if ended:
        home.end("a1")
    home.receive("a1", received)
    home.lose("a")
    return home


def test_what_came_of_a_lost_device_is_taken_when_it_was_waited_for_long_enough() -> None:
    home = lone_and_lost(16_100)
    home.wait(119)
    assert home.decoded() == []
    home.wait(2)
    assert home.decoded() == ["a1"]
    chosen = home.elections.candidate("a1")
    assert chosen is not None
    assert (chosen.length, chosen.missing) == (16_000, len(TALK) * 320 - 16_000)  # whole frames
    assert home.selected()[-1] == ("a1", True)
    home.decode_and_commit("election-1")
    assert home.elections.elections["election-1"].reason.endswith("ms of it never came")
    assert not home.elections.won("a1")


def test_a_moment_before_anybody_spoke_is_nothing_to_take() -> None:
    home = lone_and_lost(7_000)
    home.wait(11)
    assert home.elections.elections == {}
    assert home.decoded() == []


def test_a_device_that_is_back_and_does_not_name_it_has_a_moment_to_offer_it() -> None:
    home = lone_and_lost()
    home.wait(1)
    home.elections.connected("a", ["another"], home.now)
    home.wait(1.9)
    assert home.decoded() == []
    home.claim("a", heard(TALK), utterance="a1", reoffered=True)
    assert home.asked()[-1] == ("a1", 16_000)
    home.lose("a")
    home.elections.connected("a", ["a1"], home.now)
    home.wait(60)
    assert home.decoded() == []
    home.lose("a")
    home.elections.connected("a", [], home.now)
    home.wait(2)
    assert home.decoded() == ["a1"]


def test_a_device_that_may_be_back_is_waited_for_though_another_has_lost_it() -> None:
    home = Driver("ab")
    for client, score in (("a", 70), ("b", 60)):
        home.claim(client, heard(TALK, seed=score), utterance=f"{client}1", score=score)
    home.end("a1")
    home.end("b1")
    home.receive("a1", 16_000)
    home.lose("b")
    home.lose("a")
    home.elections.connected("a", [], home.now)
    home.wait(30)
    assert home.decoded() == []
    home.claim("b", heard(TALK, seed=60), utterance="b1", reoffered=True, score=60)
    assert home.asked()[-1] == ("b1", 0)
    home.deliver("b1")
    assert home.decoded() == ["b1"]


def test_new_audio_is_a_reason_to_wait_again() -> None:
    home = lone_and_lost()
    for received in (20_000, 24_000, 28_000):
        home.wait(100)
        home.claim("a", heard(TALK), utterance="a1", reoffered=True)
        home.receive("a1", received)
        home.lose("a")
    home.wait(119)
    assert home.decoded() == []
    home.wait(2)
    assert home.decoded() == ["a1"]


def test_what_is_offered_while_a_part_of_it_is_being_decoded_keeps_the_rest() -> None:
    home = lone_and_lost(16_000, ended=False)
    home.wait(121)
    assert home.decoded() == ["a1"]
    home.claim("a", heard(TALK), utterance="a1", reoffered=True)
    home.decode_and_commit("election-1")
    assert home.released() == {"a1": 16_000}


def test_what_others_held_beyond_the_part_that_was_taken_is_theirs_to_offer() -> None:
    home = Driver("ab")
    for client, score in (("a", 70), ("b", 60)):
        home.claim(client, heard(TALK, seed=score), utterance=f"{client}1", score=score)
        home.end(f"{client}1")
    home.receive("a1", 24_000)
    home.lose("a")
    home.lose("b")
    home.wait(121)
    home.decode_and_commit("election-1")
    for client, score in (("a", 70), ("b", 60)):
        home.claim(
            client, heard(TALK, seed=score), utterance=f"{client}1", reoffered=True, started=START
        )
        home.end(f"{client}1")
    assert home.released()["a1"] == 24_000
    rest = home.released()["b1"]
    assert rest is not None
    assert abs(rest - 24_000) < 8_000


def test_a_lone_device_that_stalls_is_told_to_connect_anew() -> None:
    home = Driver("a")
    home.claim("a", heard(TALK[:HEAD]), utterance="a1")
    home.wait(12)
    assert [d.client_id for d in home.of(Disconnect)] == ["a"]


def test_a_finished_utterance_offered_again_is_released_and_not_decoded() -> None:
    home = Driver("ab")
    home.claim("a", heard(TALK), utterance="a1")
    home.wait(0.3)
    home.end("a1")
    home.deliver("a1")
    home.decode_and_commit(home.of(Decode)[0].election_id)
    home.claim("a", heard(TALK), utterance="a1", reoffered=True)
    home.end("a1")
    # The other device had no link; it heard the same, under another id.
    started = home.elections.candidate("a1").started_us  # type: ignore[union-attr]
    home.wait(30)
    home.claim("b", heard(TALK, -9, seed=2), utterance="b1", reoffered=True, started=started)
    assert home.released() == {"a1": None}  # how long it is, it has yet to say
    home.end("b1")
    home.wait(10)
    assert home.decoded() == ["a1"]
    assert set(home.released()) == {"a1", "b1"}


def test_after_a_restart_stored_elections_are_remembered() -> None:
    home = Driver("b")
    stored = Candidate("a1", "a", START, 0, 0, False, envelope=bytearray(x + 120 for x in TALK))
    stored.samples = len(TALK) * 320
    home.elections.remember("stored", [stored], "a1", home.now)
    home.claim("b", heard(TALK, seed=2), utterance="b1", reoffered=True, started=START)
    home.end("b1")
    home.claim("a", heard(TALK), utterance="a1", reoffered=True, started=START)
    home.end("a1")
    assert home.released() == {"b1": None, "a1": None}
    assert home.decoded() == []


@pytest.mark.parametrize("ahead_s", [0, 2])
def test_speech_is_not_taken_for_what_was_remembered_by_another_clock(ahead_s: int) -> None:
    home = Driver("b")
    for number, began in enumerate((START, home.now + ahead_s * 1_000_000)):
        stored = Candidate(f"a{number}", "a", began, 0, 0, False)
        stored.envelope = bytearray(x + 120 for x in TALK)
        stored.samples = len(TALK) * 320
        home.elections.remember(f"stored {number}", [stored], f"a{number}", home.now)
    home.claim("b", heard(TALK, seed=2), utterance="b1", reoffered=True, started=START)
    home.end("b1")
    home.wait(3)
    assert bool(home.asked()) == (ahead_s > 0)
    # What was elected then is known by its id all the same.
    home.claim("a", heard(TALK), utterance="a0", reoffered=True, started=START)
    home.end("a0")
    assert "a0" in home.released()


@pytest.mark.parametrize("late", [False, True])
def test_a_loser_is_released_alike_whether_it_offers_at_once_or_late(late: bool) -> None:
    """A word's length of noise after the end is no utterance of its own."""
    quiet = [-80] * 35
    whole = [*TALK, *quiet]
    knock = [*TALK, *quiet[:20], *([-30] * 10), *quiet]
    home = Driver("ac")
    started = home.now - len(TALK) * STEP_US
    home.claim("a", heard(whole), score=80, started=started, utterance="a1")
    if late:
        home.lose("c")
    else:
        home.claim("c", heard(knock, -5), score=40, started=started, utterance="c1")
    home.end("a1")
    if not late:
        home.end("c1")
    home.wait(0.1)
    home.deliver("a1")
    home.decode_and_commit("election-1")
    if late:
        home.wait(5)
        home.claim("c", heard(knock, -5), score=40, started=started, utterance="c1", reoffered=True)
        home.end("c1")
    assert home.released() == {"a1": None, "c1": None}


def test_reoffered_utterances_wait_for_the_other_devices_to_reconnect() -> None:
    home = Driver("a")
    home.claim("a", heard(TALK), utterance="a1", score=30, reoffered=True, started=START)
    home.end("a1")
    home.wait(1)
    home.elections.device_listens("b", True)
    home.claim("b", heard(TALK, seed=1), utterance="b1", score=70, reoffered=True, started=START)
    home.end("b1")
    home.wait(1.1)
    assert home.selected()[-1] == ("b1", True)


def test_finished_elections_are_forgotten_after_a_while() -> None:
    home = Driver("a")
    home.claim("a", heard(TALK), utterance="a1")
    home.end("a1")
    home.deliver("a1")
    home.decode_and_commit(home.of(Decode)[0].election_id)
    home.wait(601)
    assert home.elections.elections == {}
    assert home.elections.candidate("a1") is None


def test_what_is_not_known_or_too_much_is_refused() -> None:
    home = Driver("a")
    with pytest.raises(UnknownUtteranceError):
        home.hear("nobody", TALK)
    utterance = home.claim("a", TALK)
    with pytest.raises(MalformedMessageError):
        home.hear(utterance, TALK, start=len(TALK) + 1)
    with pytest.raises(LimitExceededError):
        home.elections.heard(utterance, 1, {}, 0, [], 10_000_000, home.now)
    with pytest.raises(UnknownUtteranceError):
        home.elections.claimed(Candidate(utterance, "b", 0, 0, 0, False), home.now)


def test_an_election_whose_chosen_one_goes_elsewhere_is_not_left_without_an_end() -> None:
    one, two = speech(1, 6.0), speech(2, 6.0)
    home = Driver("abcd")
    home.claim("b", heard(one, seed=ord("b"))[:HEAD], utterance="b0", score=0)
    home.claim("d", heard(one, seed=ord("d"))[:HEAD], utterance="d0", score=0)
    home.wait(1.16)
    home.claim("a", heard(one, seed=ord("a"))[:HEAD], utterance="a0", score=0)
    home.claim("c", heard(two, seed=ord("c"))[:HEAD], utterance="c0", score=0)
    home.hear("b0", heard(one, seed=ord("b")), score=0)
    home.lose("a")
    home.end("b0")  # and c turns out to hear the same
    left = home.elections.election_of("a0")
    assert left is not None
    assert list(left.candidates) == ["a0"]
    home.wait(700)
    assert home.elections.election_of("a0") is None


ONE, TWO = speech(1, 6.0), speech(2, 6.0)
TALKS = (ONE, TWO, [round((a + b) / 2) for a, b in zip(ONE, TWO, strict=True)])
"""Two talkers, and what is heard half-way between them."""


KINDS = "claim hear end receive deliver lose forget lack exhaust wait commit"


class Life:
    """Random but possible lives of several devices' utterances."""

    steps = st.lists(
        st.tuples(
            st.sampled_from(KINDS.split(" ")),
            st.sampled_from("abcd"),
            st.sampled_from(TALKS),
            st.floats(0, 100),
        ),
        max_size=60,
    )


@settings(max_examples=200, deadline=None)
@given(Life.steps, st.booleans())
def test_no_utterance_is_decoded_twice_and_every_one_comes_to_an_end(
    steps: list[tuple[str, str, list[int], float]], busy: bool
) -> None:
    home = Driver("abcd")
    if busy:
        home.elections.rules = Rules(companions=0, at_work=1, old_at_work=1, parked=1)
    open_by_client: dict[str, str] = {}
    for number, (kind, client, talk, value) in enumerate(steps):
        envelope = heard(talk, seed=ord(client))
        current = open_by_client.get(client)
        if kind == "claim" and current is None:
            home.elections.device_listens(client, True)
            utterance = f"{client}{number}"
            home.claim(client, envelope[:HEAD], utterance=utterance, score=value)
            open_by_client[client] = utterance
        elif kind == "hear" and current and home.elections.candidate(current):
            home.hear(current, envelope, score=value)
        elif kind == "end" and current and home.elections.candidate(current):
            home.end(open_by_client.pop(client))
        elif kind == "receive":
            _deliver_what_was_asked(home, value / 100)
        elif kind == "deliver":
            _deliver_what_was_asked(home)
        elif kind == "lose":
            home.lose(client)
            open_by_client.pop(client, None)
        elif kind == "forget":  # its device starts anew
            home.lose(client)
            home.elections.connected(client, [], home.now)
            open_by_client.pop(client, None)
        elif kind in ("lack", "exhaust"):
            _tell_what_is_lost(home, client, kind)
        elif kind == "wait":
            home.wait(value / 25)
        elif kind == "commit":
            _commit_what_is_decoded(home)
    for utterance in open_by_client.values():
        if home.elections.candidate(utterance):
            home.end(utterance)
    for _ in range(50):
        _deliver_what_was_asked(home)
        _commit_what_is_decoded(home)
        home.wait(3)
    assert len(home.decoded()) == len(set(home.decoded()))
    home.wait(700)
    assert home.elections.elections == {}


def _deliver_what_was_asked(home: Driver, share: float = 1.0) -> None:
    for utterance, _ in home.asked():
        candidate = home.elections.candidate(utterance)
        if not candidate or candidate.complete or not candidate.linked or candidate.gone:
            continue
        if share < 1:
            home.receive(utterance, max(candidate.received, round(candidate.samples * share)))
        elif candidate.ended_at_us:
            home.deliver(utterance)


def _tell_what_is_lost(home: Driver, client: str, kind: str) -> None:
    for utterance, _ in home.asked():
        candidate = home.elections.candidate(utterance)
        if candidate and candidate.client_id == client and not candidate.complete:
            home.tell(
                home.elections.lacks if kind == "lack" else home.elections.exhausted, utterance
            )


def _commit_what_is_decoded(home: Driver) -> None:
    recorded = {d.election_id for d in home.of(Record)}
    for decode in home.of(Decode):
        if decode.election_id not in recorded:
            home.decode_and_commit(decode.election_id)


def test_the_record_tells_the_margin_and_the_reason() -> None:
    elections = Elections(lambda: "e")
    for client in "abc":
        elections.device_listens(client, True)
    for client, score in (("a", 10.0), ("b", 90.0), ("c", 50.0)):
        elections.claimed(Candidate(client, client, START, 0, 0, False), START)
        elections.heard(client, score, {}, 0, TALK, len(TALK) * 320, START)
    election = elections.elections["e"]
    assert election.chosen is election.candidates["b"]
    assert election.margin == 40
    assert election.reason == "b hears best on the first moments of speech: 90 against 50 (c)"


def company(companions: int = 4, *scores: float) -> Driver:
    """Several devices have heard a sentence to its end; the first one streams."""
    home = Driver("abc", companions=companions)
    for seed, (client, score) in enumerate(zip("abc", scores or (70, 60, 50), strict=True)):
        home.claim(client, heard(TALK, seed=seed), utterance=f"{client}1", score=score)
    for client in "abc":
        assert home.asked() == [("a1", 0)]
        home.end(f"{client}1")
    return home


def test_companions_are_asked_for_when_the_utterance_has_ended() -> None:
    home = company()
    assert home.asked() == [("a1", 0), ("b1", 0), ("c1", 0)]
    home.deliver("a1")
    home.deliver("b1")
    assert home.decoded() == []
    home.deliver("c1")
    (decode,) = home.of(Decode)
    assert decode.candidate.client_id == "a"
    assert [c.client_id for c in decode.companions] == ["b", "c"]
    assert "put together with b, c" in home.elections.elections["election-1"].reason
    home.decode_and_commit("election-1")
    assert home.released() == {"a1": None, "b1": None, "c1": None}


def test_the_best_companions_are_asked_for_and_no_more() -> None:
    home = company(1, 70, 50, 60)
    assert home.asked() == [("a1", 0), ("c1", 0)]


def test_a_companion_that_is_late_is_left_out_and_stopped() -> None:
    home = company()
    home.deliver("a1")
    home.deliver("c1")
    home.receive("b1", 320)
    home.wait(0.49)
    assert home.decoded() == []
    home.wait(0.02)
    (decode,) = home.of(Decode)
    assert [c.client_id for c in decode.companions] == ["c"]
    assert home.stopped() == ["b1"]


def test_a_companion_whose_link_is_lost_is_not_waited_for() -> None:
    home = company()
    home.deliver("a1")
    home.deliver("c1")
    home.lose("b")
    assert home.decoded() == ["a1"]
    assert home.stopped() == []


def test_no_companion_is_waited_for_longer_than_the_elected_one() -> None:
    home = company()
    home.deliver("b1")
    home.wait(0.8)
    assert home.decoded() == []
    home.deliver("a1")
    (decode,) = home.of(Decode)
    assert [c.client_id for c in decode.companions] == ["b"]


def test_a_companion_takes_over_when_the_elected_one_is_lost() -> None:
    home = company()
    home.deliver("b1")
    home.deliver("c1")
    home.lose("a")
    (decode,) = home.of(Decode)
    assert decode.candidate.client_id == "b"
    assert [c.client_id for c in decode.companions] == ["c"]


def test_a_second_opinion_is_put_together_with_the_first_ones_recording() -> None:
    home = company()
    for client in "abc":
        home.deliver(f"{client}1")
    home.decode("election-1", 0.1)
    _, second = home.of(Decode)
    assert second.candidate.client_id == "b"
    assert {c.client_id for c in second.companions} == {"a", "c"}


def test_one_that_streamed_goes_on_as_a_companion() -> None:
    home = Driver("ab", companions=4)
    home.claim("a", heard(TALK[:HEAD]), utterance="a1", score=70)
    home.claim("b", heard(TALK[:HEAD], seed=1), utterance="b1", score=60)
    home.hear("a1", heard(TALK)[HEAD:], score=50, start=HEAD)
    home.hear("b1", heard(TALK, seed=1)[HEAD:], score=75, start=HEAD)
    home.end("a1")
    home.end("b1")
    assert home.asked() == [("a1", 0), ("b1", 0)]
    assert home.stopped() == []


def test_all_pieces_of_a_companion_are_asked_for() -> None:
    def candidate(name: str, score: float) -> Candidate:
        return Candidate(name, name[0], START, 0, 0, False, score, samples=320, complete=True)

    every = [candidate(*one) for one in (("a1", 70), ("b1", 50), ("c1", 45), ("b2", 40))]
    election = Election("e", START, START, {c.utterance_id: c for c in every}, chosen=every[0])
    assert [c.utterance_id for c in election.company(1)] == ["b1", "b2"]
    election.companions = election.company(4)
    (decode,) = election.decode(every[0])
    assert isinstance(decode, Decode)
    assert [[c.utterance_id for c in one] for one in decode.devices] == [["b1", "b2"], ["c1"]]
    assert election.reason.endswith("; put together with b, c")


# How much is at work at once


def offers(home: Driver, number: int, *, old: bool, client: str = "a") -> list[str]:
    """So many different utterances of one device, whole."""
    made = []
    for n in range(number):
        seed, ago = 100 * ord(client) + n, 10 * n + (3600 if old else 0)
        utterance = f"{client}-{'old' if old else 'new'}-{n}"
        home.claim(
            client,
            speech(seed),
            utterance=utterance,
            reoffered=old,
            started=home.now - ago * SECOND,
        )
        home.end(utterance)
        made.append(utterance)
    return made


@pytest.mark.parametrize(("old", "most"), [(True, Rules().old_at_work), (False, Rules().at_work)])
def test_only_so_much_is_asked_for_at_once_and_the_devices_hold_the_rest(
    old: bool, most: int
) -> None:
    home = Driver("a")
    held = offers(home, most + 5, old=old)
    home.wait(2.1 if old else 0)
    assert [u for u, _ in home.asked()] == held[:most]
    for number, utterance in enumerate(held):
        home.deliver(utterance)
        assert home.decoded() == held[: number + 1]
        decode = home.of(Decode)[-1]
        home.decode_and_commit(decode.election_id)
        assert [u for u, _ in home.asked()] == held[: most + number + 1]


def test_what_is_said_now_does_not_wait_for_what_was_held_for_days() -> None:
    home = Driver("a")
    offers(home, 20, old=True)
    home.wait(2.1)
    before = len(home.asked())
    (new,) = offers(home, 1, old=False)
    assert [u for u, _ in home.asked()[before:]] == [new]


def test_what_waits_for_its_turn_is_not_forgotten_when_the_others_are_lost() -> None:
    home = Driver("ab")
    offers(home, Rules().old_at_work, old=True)
    home.now += 10_000
    other = offers(home, 1, old=True, client="b")
    home.wait(2.1)
    assert other[0] not in [u for u, _ in home.asked()]
    home.lose("a")
    home.wait(11)
    assert home.asked()[-1] == (other[0], 0)


def test_of_many_devices_that_are_gone_in_the_middle_the_first_is_waited_for_no_longer() -> None:
    most = Rules().parked
    home = Driver("abcdefghijkl"[: most + 1])
    for n, client in enumerate("abcdefghijkl"[: most + 1]):
        home.claim(client, speech(n), utterance=client, reoffered=True, started=START - n * 10**7)
        home.end(client)
        home.wait(3)
        home.receive(client, 16_000)
        home.lose(client)
    home.wait(10.5)
    assert home.decoded() == ["a"]
    home.wait(120)
    assert sorted(home.decoded()) == list("abcdefghijkl"[: most + 1])
