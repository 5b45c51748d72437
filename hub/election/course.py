"""How the elections of one network go on: grouped, watched over, and moved by what is known by now.

`hub.election.elections` is told what happens; `hub.election.election` has the phases.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from hub.election.candidate import Abandon, Candidate, Decision, Disconnect
from hub.election.earshot import Earshot
from hub.election.election import OPEN, Election, Phase, Rules
from hub.election.grouping import affinity
from hub.election.register import Register

CUT_US = 20_000
"""Devices cut at whole frames."""

Compare = Callable[[Sequence[Candidate]], Sequence[float]]


class Course(Register):
    """What moves elections.

    Args:
        new_id: gives a fresh election id.
        rules: delays, and how many recordings are asked for.
        compare: points by which each of some candidates of one utterance is better or worse than
            their mean; None: the scores that devices give themselves decide.
    """

    def __init__(
        self,
        new_id: Callable[[], str],
        rules: Rules | None = None,
        compare: Compare | None = None,
    ) -> None:
        super().__init__()
        self._new_id = new_id
        self._compare = compare
        self.rules = rules or Rules()
        self._listening: set[str] = set()  # clients that are connected and listen
        self._earshot = Earshot()

    def _progress(self, election: Election, now: int) -> list[Decision]:
        """Moves an election as far as it can go by now."""
        decisions: list[Decision] = []
        strangers: list[Candidate] = []
        if (
            election.phase is Phase.GATHERING
            and election.orphaned_us is None
            and self._window_closed(election, now)
            and self._has_turn(election)
        ):
            anchor = next(iter(election.contenders()), None)
            strangers += self._regroup(election, anchor, decisions, now)
            if election.candidates:
                decisions += election.choose(now, "on the first moments of speech")
        if (
            election.phase in (Phase.STREAMING, Phase.COLLECTING)
            or election.orphaned_us is not None
        ):
            decisions += self._watch(election, now)
        settles_at = election.settles_at(self.rules)
        if election.phase is Phase.STREAMING and settles_at is not None and now >= settles_at:
            anchor = next(iter(election.finalists()), None)
            strangers += self._regroup(election, anchor, decisions, now)
            self._weigh(election)
            decisions += election.finish(now, self.rules)
        if (
            election.phase is Phase.COLLECTING
            and election.chosen is not None
            and election.chosen.complete
            and election.company_came(now)
        ):
            decisions += election.decode(election.chosen)
        if election.phase is Phase.DONE and now >= election.done_us + self.rules.remember_us:
            self._forget(election)
        for candidate in strangers:
            decisions += self._place(candidate, now)
        return decisions

    def _window_closed(self, election: Election, now: int) -> bool:
        if now >= election.window_at_us:
            return True
        if any(c.reoffered for c in election.candidates.values()):
            return False  # others may not have reconnected yet
        missing = self._listening - {c.client_id for c in self._candidates()}
        heard = {c.client_id for c in election.candidates.values()}
        election.beyond = self._earshot.beyond(heard, missing)
        return missing <= election.beyond

    def _has_turn(self, election: Election) -> bool:
        """Whether its audio may be asked for: what is asked for is held in memory until it is done.

        The devices hold it until then. What was just said goes before what waited for days.
        """
        working = [
            e.old
            for e in self.elections.values()
            if e.phase not in (Phase.GATHERING, Phase.DONE) and e.orphaned_us is None
        ]
        most = self.rules.old_at_work if election.old else self.rules.at_work
        counted = [old for old in working if old or not election.old]
        election.queued = len(counted) >= most
        return not election.queued

    def _next_turns(self, now: int) -> list[Decision]:
        """An election is done with: others may have their turn, the oldest first."""
        decisions: list[Decision] = []
        queued = [e for e in self.elections.values() if e.queued]
        for election in sorted(queued, key=lambda e: e.old):
            if election.election_id in self.elections and self._has_turn(election):
                decisions += self._progress(election, now)
        return decisions

    def _weigh(self, election: Election) -> None:
        """Holds what the candidates heard against each other, once they have heard all of it.

        The first moments are too short for that: there each one's own score tells more.
        """
        heard = election.contenders()
        if self._compare is None or len(heard) < 2:
            return
        mean = sum(c.score for c in heard) / len(heard)
        for candidate, points in zip(heard, self._compare(heard), strict=True):
            candidate.advantage = mean + points - candidate.score

    def _watch(self, election: Election, now: int) -> list[Decision]:
        """Replaces a chosen device that is gone or gives nothing; gives up when nobody is left."""
        chosen, why = election.chosen, "since the others are gone"
        if chosen is not None:
            if chosen.usable:
                election.found()
                if chosen.complete or now < election.stalls_at(chosen, self.rules):
                    return []
                chosen.failure = "stalls"
            if election.confidences:
                return election.conclude()  # it was for a second opinion only
            why = f"since {chosen.client_id} {_why_unusable(chosen)}"
        decisions = election.choose(now, why)
        if decisions or election.orphaned_us is None:
            return decisions
        return self._wait_for_more(election, election.orphaned_us, now)

    def _wait_for_more(self, election: Election, since: int, now: int) -> list[Decision]:
        """Nobody can be asked since then: waits for who may be back, then takes what there is."""
        for candidate in election.candidates.values():
            if candidate.due_us is not None and now >= candidate.due_us:
                candidate.gone, candidate.due_us = True, None
        hope = any(not c.gone for c in election.candidates.values())
        fullest, starved = election.fullest(), election.starved_us or since
        if fullest and (not hope or now >= starved + self.rules.unfilled_us):
            return election.settle(fullest, now)
        if election.parked or (hope and now < since + self.rules.orphan_us):
            return []
        why = "an utterance was asked for and never came"
        if fullest is None:
            return self._abandon(election, why) + self._next_turns(now)
        parked = [e for e in self.elections.values() if e.parked]
        if len(parked) >= self.rules.parked:  # the one that waits longest waits no longer
            first = min(parked, key=lambda e: e.starved_us or 0)
            first.starved_us = now - self.rules.unfilled_us
        election.parked = True
        return self._reconnect(election, why) + self._next_turns(now)

    def _place(self, candidate: Candidate, now: int) -> list[Decision]:
        """Puts a new candidate into the election of the same utterance, or into a new one.

        Never into one that cast it out: likeness is not transitive, and a microphone in the hall
        that hears two people alike would bring their rooms' together again, over and over.
        """
        best: tuple[float, Election] | None = None
        for election in self.elections.values():
            if election.election_id in candidate.cast_out_of or _comes_after(candidate, election):
                continue
            if election.remembered and self._set_back:
                continue
            for anchor in election.anchors:
                alike = affinity(candidate, anchor)
                if alike is not None and (best is None or alike > best[0]):
                    best = alike, election
        if best is None:
            window = self.rules.reoffer_window_us if candidate.reoffered else self.rules.window_us
            election = Election(self._new_id(), now, now + window)
            self.elections[election.election_id] = election
        else:
            election = best[1]
        self._put(election, candidate)
        if election.phase is Phase.DONE:
            late = candidate.reoffered and candidate.ended_at_us is None
            return [] if late else [election.release(candidate)]
        return self._progress(election, now)

    def _regroup(
        self, election: Election, anchor: Candidate | None, decisions: list[Decision], now: int
    ) -> list[Candidate]:
        """Holds every candidate against the one to be chosen: kin join from other elections.

        Where two elections turn out to be one utterance, the newer joins the older and is left
        empty. Returns those who hear something else, taken out, to be placed anew.
        """
        if anchor is None:
            return []
        for other in [e for e in self.elections.values() if e.phase in OPEN and e is not election]:
            rival = other.chosen or other.ranked()[0]
            older = other.opened_us <= election.opened_us
            parted = any(other.election_id in c.cast_out_of for c in election.ranked())
            if older and not parted and affinity(anchor, rival) is not None:
                for candidate in election.ranked():
                    self._take_out(candidate, election, decisions)
                    self._put(other, candidate)
                self._forget(election)
                decisions += self._progress(other, now)
                return []
            for candidate in other.ranked():
                alike = affinity(anchor, candidate)
                theirs = None if candidate is rival else affinity(rival, candidate)
                if alike is None or (theirs is not None and theirs >= alike):
                    continue
                self._take_out(candidate, other, decisions)
                self._put(election, candidate)
            if not other.candidates:
                self._forget(other)
            elif other.phase is Phase.STREAMING and other.chosen is None:
                decisions += self._watch(other, now)  # those that are left may all be gone
        strangers = [
            c for c in election.ranked() if c is not anchor and affinity(anchor, c) is None
        ]
        for candidate in strangers:
            self._take_out(candidate, election, decisions)
            candidate.cast_out_of.add(election.election_id)
        return strangers

    def _abandon(self, election: Election, why: str) -> list[Decision]:
        """Nothing is lost: the devices hold the audio and offer it on their next connection."""
        self._forget(election)
        return [Abandon(election.election_id, why), *self._reconnect(election, why)]

    @staticmethod
    def _reconnect(election: Election, why: str) -> list[Decision]:
        """Has the devices that are connected and give nothing say anew what they hold."""
        stuck = {c.client_id for c in election.candidates.values() if c.linked and not c.gone}
        return [Disconnect(client, why) for client in sorted(stuck)]


def _why_unusable(candidate: Candidate) -> str:
    """What became of a device whose recording is wanted, for people."""
    if candidate.gone:
        return "has no more of it"
    return candidate.failure or "lost its link"


def _comes_after(candidate: Candidate, election: Election) -> bool:
    """Whether it begins where the speech of a finished election's utterance ended.

    It is what a device held beyond that end, and so like what others held beyond it.
    """
    chosen = election.chosen
    return (
        election.phase is Phase.DONE
        and chosen is not None
        and candidate.started_us >= chosen.speech_end_us - CUT_US - candidate.uncertainty_us
    )
