"""One election: an utterance, the candidates that heard it, and how far it is.

It goes through these phases:

| phase      | entered when                          | left when                                |
|------------|---------------------------------------|------------------------------------------|
| GATHERING  | the first claim                       | the window closed: provisional winner    |
| STREAMING  | a provisional winner streams          | the best one ended and the others had    |
|            |                                       | their moment: final winner               |
| COLLECTING | the final winner is chosen            | the hub has its whole audio (or all that |
|            |                                       | can be had), and that of its companions  |
|            |                                       | or no time for them                      |
| DECODING   | the audio is with the recogniser      | a sure text or a failure; else back to   |
|            |                                       | COLLECTING for a second opinion          |
| RECORDING  | the outcome is being stored           | it is committed: buffers are released    |
| DONE       | remembered for late offers            | forgotten after a while                  |
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import Enum, auto
from statistics import median

from hub.election.candidate import (
    Candidate,
    Decision,
    Decode,
    Record,
    Release,
    Select,
    SendAudio,
    StopAudio,
)
from shared.audio import FRAME_SAMPLES, samples_to_us


class Phase(Enum):
    """How far an election is."""

    GATHERING = auto()
    STREAMING = auto()
    COLLECTING = auto()
    DECODING = auto()
    RECORDING = auto()
    DONE = auto()


MISSED_US = 400_000
"""Who misses more of an utterance's beginning or end than this did not hear all of it."""
SURE = 0.68
"""A text of at least this confidence needs no second opinion. In 1,300 simulated scenes of five
microphones, with Moonshine tiny and the surer of two texts taken, a second decode below it raised
the recovered share from 0.44 to 0.55 at 1.6 decodes an utterance (docs/election.md); always a
second one gave 0.58 at 2.0, a third where both were unsure no more than that."""
SECOND_MARGIN = 20.0
"""Points below the first at which a device is not worth a second decode."""
THIN_MARGIN = 8.0
"""Points above the others that make a device worth waiting for."""
RECENT_US = 200_000
"""A syllable was heard within this: speech goes on."""
WORD_US = 1_000_000
"""A syllable was heard within this: the device hears speech, and no noise."""
SWITCH_MARGIN = 2.0
"""The final winner replaces the one that streams only if it is better by this many points."""
TAIL_US = 1_000_000
"""What a device holds this long beyond the elected utterance's end is another utterance."""
OPEN = (Phase.GATHERING, Phase.STREAMING)


@dataclass(frozen=True)
class Rules:
    """What an election goes by; delays in microseconds."""

    window_us: int = 250_000  # from the first claim to the provisional winner, at most
    settle_us: int = 60_000  # after the best one ended, for the others to end
    straggler_us: int = 1_000_000  # after most have ended, for a better one that has not
    unending_us: int = 5_000_000  # the same after the first has ended: it may have ended too early
    longest_us: int = 30_000_000  # the same for one that is worth any wait; the device cuts then
    stall_us: int = 1_000_000  # a chosen device that gives nothing for this long is replaced
    reoffer_window_us: int = 2_000_000  # devices reconnect at different moments
    orphan_us: int = 10_000_000  # with nobody left to ask, until who stalls has to connect anew
    unfilled_us: int = 120_000_000  # with nothing new, until what came is taken for all of it
    remember_us: int = 600_000_000  # a late offer of a finished utterance is recognised so long
    at_work: int = 32  # elections of a network whose audio is asked for at once, at most
    old_at_work: int = 8  # the same, where there are elections of what was held for a while
    parked: int = 8  # elections of which a part came and whose devices are gone
    companions: int = 4  # recordings that are asked for beside the elected one, at most
    company_us: int = 500_000  # from the final choice until it goes on without the missing ones


@dataclass
class Election:
    """One utterance and the candidates that heard it."""

    election_id: str
    opened_us: int
    window_at_us: int
    candidates: dict[str, Candidate] = field(default_factory=dict)  # by utterance id
    phase: Phase = Phase.GATHERING
    chosen: Candidate | None = None  # whose audio is taken
    provisional: Candidate | None = None  # the first one chosen
    beyond: set[str] = field(default_factory=set)  # clients that were not waited for
    companions: list[Candidate] = field(default_factory=list)  # whose recordings help
    company_due_us: int = 0  # when nobody waits for the companions any longer
    confidences: dict[str, float] = field(default_factory=dict)  # of decodes, by utterance id
    asked_us: int = 0  # when the chosen one was asked for audio
    orphaned_us: int | None = None  # since when nobody can be asked
    starved_us: int | None = None  # the same, and no audio came since
    parked: bool = False  # nobody is left that a new connection would help
    queued: bool = False  # others are at work: nobody is asked for audio yet
    reason: str = ""
    done_us: int = 0
    remembered: bool = False  # an earlier run of the hub held it

    def ranked(self) -> list[Candidate]:
        """Candidates, the best first; equal scores in order of utterance id."""
        return sorted(self.candidates.values(), key=lambda c: (-c.standing, c.utterance_id))

    @property
    def margin(self) -> float | None:
        """How far the chosen one's score is above the best other's."""
        others = [c.standing for c in self.candidates.values() if c is not self.chosen]
        return None if self.chosen is None or not others else self.chosen.standing - max(others)

    @property
    def old(self) -> bool:
        """Whether all of it was held for a while before the hub could be told."""
        return all(c.reoffered for c in self.candidates.values())

    @property
    def anchors(self) -> Iterable[Candidate]:
        """Whom a newcomer is held against: the chosen one where there is one, else all."""
        if self.phase is Phase.DONE or self.chosen is None:
            return self.candidates.values()
        return (self.chosen,)

    def streams(self, utterance_id: str) -> bool:
        """Whether this utterance is the one that is being streamed live."""
        return (
            self.phase is Phase.STREAMING
            and self.chosen is not None
            and self.chosen.utterance_id == utterance_id
        )

    def contenders(self) -> list[Candidate]:
        """Usable candidates that heard all of it, the best first.

        A device may hear a piece only: it found speech late, or took a pause for the end. What
        begins later or ends earlier than half of the others is out, unless everything is.
        """
        usable = [c for c in self.ranked() if c.usable]
        if not usable:
            return []
        onset = median(c.onset_us for c in usable) + MISSED_US
        end = median(c.end_us for c in usable) - MISSED_US
        whole = [c for c in usable if c.onset_us <= onset and c.end_us >= end]
        return whole or usable

    def finalists(self) -> list[Candidate]:
        """Of whom the final winner is taken: contenders that have ended, the best first."""
        ended = [c for c in self.contenders() if c.ended_at_us is not None]
        return ended or [c for c in self.ranked() if c.usable and c.ended_at_us is not None]

    def company(self, most: int) -> list[Candidate]:
        """Whom to ask for their recordings too: all of the best so many other devices.

        Who still hears something has as much to tell of the room, and so have the pieces of one
        that took each pause for the end.
        """
        own = "" if self.chosen is None else self.chosen.client_id
        usable = [c for c in self.ranked() if c.usable and c.client_id != own]
        devices = list(dict.fromkeys(c.client_id for c in usable))[:most]
        return [c for c in usable if c.client_id in devices]

    def came(self, companion: Candidate) -> bool:
        """Whether its recording is here, up to the chosen one's end."""
        end_us = companion.started_us + samples_to_us(companion.received)
        return companion.complete or (self.chosen is not None and end_us >= self.chosen.end_us)

    def company_came(self, now: int) -> bool:
        """Whether every companion's recording is here, as far as it can be waited for."""
        missing = any(c.usable and not self.came(c) for c in self.companions)
        return not missing or now >= self.company_due_us

    def second_opinion(self) -> Candidate | None:
        """Whom to decode too, when the first decode was unsure and the choice was a close one."""
        if self.chosen is None or len(self.confidences) != 1:
            return None
        if self.confidences[self.chosen.utterance_id] >= SURE:
            return None
        others = (
            c
            for c in self.contenders()
            if c.ended_at_us is not None and c.utterance_id not in self.confidences
        )
        other = next(others, None)
        return other if other and other.standing >= self.chosen.standing - SECOND_MARGIN else None

    def settles_at(self, rules: Rules) -> int | None:
        """When the final winner can be chosen, as far as is known by now; None: not yet."""
        ended = self.finalists()
        if not ended:
            return None
        first_end = min(c.ended_at_us for c in self.ranked() if c.usable and c.ended_at_us)
        contenders = self.contenders()
        best, ends = contenders[0], sorted(c.ended_at_us for c in contenders if c.ended_at_us)
        if len(ends) == len(contenders):
            return ends[-1]
        # Somebody still hears something.
        if best.standing > ended[0].standing + THIN_MARGIN and best.speaking(WORD_US):
            # Words that the others hear badly or not at all: theirs would not be worth having.
            return first_end + rules.longest_us
        moments = [first_end + rules.unending_us]
        # If most do, who has ended took a pause for the end; if not, it is noise, and only a
        # better one is waited for.
        if 2 * len(ends) > len(contenders):
            moments.append(ends[len(contenders) // 2] + rules.straggler_us)
        speaking = sum(c.speaking(RECENT_US) for c in contenders)
        if best.ended_at_us is not None and 2 * speaking <= len(contenders):
            moments.append(best.ended_at_us + rules.settle_us)
        return min(moments)

    def stalls_at(self, chosen: Candidate, rules: Rules) -> int:
        """When the chosen device counts as stalled, unless audio comes."""
        return max(self.asked_us, chosen.audio_us) + rules.stall_us

    def deadlines(self, rules: Rules) -> Iterator[int]:
        """When something has to be decided although nothing happens."""
        chosen = self.chosen
        if self.phase is Phase.DONE:
            yield self.done_us + rules.remember_us
        elif self.phase in (Phase.DECODING, Phase.RECORDING):
            return
        elif self.orphaned_us is not None:
            yield from (c.due_us for c in self.candidates.values() if c.due_us is not None)
            if self.parked and self.starved_us is not None:
                yield self.starved_us + rules.unfilled_us
            else:
                yield self.orphaned_us + rules.orphan_us
        elif self.phase is Phase.GATHERING:
            if not self.queued:
                yield self.window_at_us
        elif chosen is not None and chosen.usable and not chosen.complete:
            yield self.stalls_at(chosen, rules)
        elif self.phase is Phase.COLLECTING:
            yield self.company_due_us
        if self.phase is Phase.STREAMING and (due := self.settles_at(rules)) is not None:
            yield due

    def explain(self, why: str) -> str:
        """Why the chosen one was chosen, for people."""
        if self.chosen is None:
            return ""
        others = [c for c in self.ranked() if c is not self.chosen]
        missing = sorted(self.beyond - {c.client_id for c in self.candidates.values()})
        beyond = f"; out of earshot: {', '.join(missing)}" if missing else ""
        if not others:
            return f"{self.chosen.client_id} alone heard it ({self.chosen.standing:.0f}){beyond}"
        return (
            f"{self.chosen.client_id} hears best {why}: {self.chosen.standing:.0f} "
            f"against {others[0].standing:.0f} ({others[0].client_id}){beyond}"
        )

    # Steps

    def choose(self, now: int, why: str) -> list[Decision]:
        """Takes the best usable candidate as the one that streams."""
        best = next((c for c in self.ranked() if c.usable), None)
        if best is None:
            self.orphaned_us = now if self.orphaned_us is None else self.orphaned_us
            self.starved_us = now if self.starved_us is None else self.starved_us
            return []
        self.chosen, self.asked_us = best, now
        self.found()
        self.provisional = self.provisional or best
        self.phase = Phase.STREAMING
        self.reason = self.explain(why)
        select = Select(self.election_id, best, self.reason, final=False)
        return [select] if best.complete else [select, SendAudio(best, best.received)]

    def found(self) -> None:
        """Somebody can be asked again."""
        self.orphaned_us, self.parked = None, False

    def settle(self, best: Candidate, now: int) -> list[Decision]:
        """Takes what came of a recording for all of it: nobody can give more."""
        best.taken = best.reach // FRAME_SAMPLES * FRAME_SAMPLES  # its device goes on at a frame
        best.short = max(0, best.samples - best.taken)
        best.cut_off, best.complete = best.ended_at_us is None, True
        best.ended_at_us = now if best.ended_at_us is None else best.ended_at_us
        self.chosen, self.phase = best, Phase.COLLECTING
        self.found()
        others = (c for c in self.ranked() if c.client_id != best.client_id)
        self.companions, self.company_due_us = [c for c in others if self.came(c)], now
        self.reason = self.explain("of those whose recording came")
        return [Select(self.election_id, best, self.reason, final=True)]

    def fullest(self) -> Candidate | None:
        """Of whose speech most came; None: nothing came of anybody's."""
        heard = [c for c in self.ranked() if c.reach - c.holes > c.onset_sample]
        return max(heard, key=lambda c: c.reach - c.holes, default=None)

    def finish(self, now: int, rules: Rules) -> list[Decision]:
        """Chooses the final winner on the whole utterance, and its companions."""
        ended = self.finalists()
        if not ended:
            return []  # it joined an older election
        best, streaming = ended[0], self.chosen
        if streaming in ended and streaming is not None:
            best = best if best.standing > streaming.standing + SWITCH_MARGIN else streaming
        if best is not streaming:
            self.asked_us = now
        self.chosen, self.phase = best, Phase.COLLECTING
        self.companions = self.company(rules.companions)
        self.company_due_us = now + rules.company_us
        self.reason = self.explain("on the whole utterance")
        wanted = [best, *self.companions]
        decisions: list[Decision] = [
            SendAudio(c, c.received) for c in wanted if c is not streaming and not self.came(c)
        ]
        if streaming and streaming not in wanted and not streaming.complete and streaming.linked:
            decisions.insert(0, StopAudio(streaming))
        return [*decisions, Select(self.election_id, best, self.reason, final=True)]

    def decode(self, chosen: Candidate) -> list[Decision]:
        """Has the chosen recording recognised, with the help of whose recordings came."""
        self.phase = Phase.DECODING
        together = [c for c in self.companions if self.came(c)]
        unfinished = [c for c in self.companions if c.linked and not c.complete]
        if together:
            devices = dict.fromkeys(c.client_id for c in together)
            self.reason += f"; put together with {', '.join(devices)}"
        if chosen.missing or chosen.cut_off:
            unheard = " and its end" if chosen.cut_off else ""
            self.reason += f"; {samples_to_us(chosen.missing) // 1000} ms of it{unheard} never came"
        return [
            *(StopAudio(c) for c in unfinished),
            Decode(self.election_id, chosen, tuple(together)),
        ]

    def conclude(self) -> list[Decision]:
        """Takes the surest of the texts and has it stored."""
        self.phase, self.orphaned_us = Phase.RECORDING, None
        first, *_ = self.confidences
        surest = max(self.confidences, key=lambda utterance: self.confidences[utterance])
        self.chosen = best = self.candidates[surest]
        decisions: list[Decision] = []
        if len(self.confidences) > 1:
            self.reason += f"; after a second decode, {best.client_id} is surest"
        if surest != first:
            decisions.append(Select(self.election_id, best, self.reason, final=True))
        return [*decisions, Record(self.election_id)]

    def release(self, candidate: Candidate) -> Release:
        """What the device may forget: all, or what lies before the elected utterance's end."""
        until = None
        chosen = self.chosen
        if chosen is candidate:
            until = candidate.taken  # with more of it, the device offers the rest
        elif chosen is not None:
            live = candidate.ended_at_us is None
            tail_us = TAIL_US if chosen.taken is None else 0
            if live or candidate.end_us > chosen.end_us + tail_us:
                until = candidate.quietest_after(chosen.speech_end_us)
                until = None if until >= candidate.samples and not live else until
        return Release(candidate.client_id, candidate.utterance_id, until)
