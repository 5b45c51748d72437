"""How well people are told apart by their voices, and what that costs.

The corpus is DIR/SPEAKER/CLIP (see tests/bench/tools/speaker_clips.py). Each figure is of clean
clips, and of the same clips after a room of script/bench scenes and the product's own election.

Enrolled: everybody gives three clean clips, and the rest is told in turn, as the hub does it, with
voices that learn. `identified` is the share that was nearest to the right person, `assigned` what
the hub then dared to say, `wrong` what it said wrongly. `stranger_taken` is how often somebody who
is not enrolled is taken for one who is: everybody is left out once. Nobody enrolled: all speak in
turn; `persons` are those that came of them, `false_persons` those beyond one for each speaker.
Enrolling: two clips of somebody are given, then another of theirs (`own_refused` is how often it is
not taken) and one of somebody else (`others_taken`), all heard in the same way. With `--moved`,
`known_before`: everybody's three clips were given in another space (`ge2e`, or a legacy system's)
before the hub told people in this one; `first` is how many are told by their first sentence.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hub.speakers.assignment import Stranger, decide
from hub.speakers.book import Heard, Voice, VoiceBook, unit
from hub.speakers.calibration import household_thresholds
from hub.speakers.encoder import SpeakerEncoder, TooLittleSpeechError, speech_of
from hub.speakers.enrolment import unlike
from hub.speakers.learning import enrolled, founded, learned
from hub.speakers.spaces import GE2E, GE2E_LEGACY, MAIN, SPACES, Embedding
from hub.speakers.thresholds import Thresholds
from shared.audio import SAMPLE_RATE
from shared.errors import ConfigError, MiraError
from tests.bench.tools.report import parser, result, say
from tests.bench.tools.speaker_clips import Clip, read_clips
from tests.bench.tools.voice_rooms import in_rooms
from tests.bench.tools.voice_times import times

ENROLMENT = 3
"""Clips that everybody gives."""
QUICK = 8
"""Clips of a speaker in a quick run."""


@dataclass(frozen=True)
class Spoken:
    """What the hub heard of a clip."""

    speaker: str
    heard: Heard
    quality: float

    @property
    def vector(self) -> Embedding:
        """The voice, in the space in which people are told apart."""
        return self.heard.vectors[self.heard.space]


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the bench; returns the process's exit code."""
    options = parser("speakers", (__doc__ or "").splitlines()[0])
    options.add_argument("--corpus", type=Path, required=True, help="DIR/SPEAKER/CLIP")
    options.add_argument("--quick", action="store_true", help=f"{QUICK} clips of each, no rooms")
    options.add_argument("--rooms", type=int, default=20, help="clips of each through a room")
    options.add_argument("--seed", type=int, default=1, help="of rooms and of who speaks when")
    options.add_argument("--jobs", type=int, default=2, help="processes that make rooms")
    options.add_argument("--moved", action="store_true", help="who was known before the space")
    options.add_argument("--space", choices=MAIN, help="else the best whose weights are here")
    args = options.parse_args(arguments)
    try:
        encoder = SpeakerEncoder.load()
        space: str = args.space or encoder.space
        spaces = SPACES if args.moved else (space,)
        clips = read_clips(args.corpus)
        if args.quick:
            clips = {speaker: some[:QUICK] for speaker, some in clips.items()}
        figures: dict[str, object] = {}
        clean, too_short = _heard(
            encoder, space, spaces, (clip for some in clips.values() for clip in some)
        )
        figures["clean"] = judged(clean, clean, args.seed) | {"too_short": too_short}
        say(f"clean: {figures['clean']}")
        if not args.quick and args.rooms:
            chosen = [clip for some in clips.values() for clip in some[: args.rooms]]
            through = list(in_rooms(chosen, args.seed, args.jobs))
            rooms, too_short = _heard(encoder, space, spaces, (clip for clip in through if clip))
            unheard = sum(clip is None for clip in through)
            figures["rooms"] = judged(clean, rooms, args.seed) | {
                "too_short": too_short,
                "unheard": unheard,
            }
            say(f"rooms: {figures['rooms']}")
    except MiraError as error:
        print(f"bench speakers: {error}", file=sys.stderr)
        return 1
    result(space=space, speakers=len(clips), **figures, **times(encoder, space, clips))
    return 0


def judged(clean: Sequence[Spoken], spoken: Sequence[Spoken], seed: int) -> dict[str, object]:
    """All figures of some speech, with an enrolment of clean clips."""
    order = np.random.default_rng(seed).permutation(len(spoken))
    turns = [spoken[n] for n in order]
    given = _enrolment(clean)
    if not given:
        raise ConfigError(f"Nobody has {ENROLMENT} clips with enough speech.", "Add some.")
    if spoken is clean:
        taken = {id(one) for some in given.values() for one in some}
        turns = [one for one in turns if id(one) not in taken]
    turns = [one for one in turns if one.speaker in given]
    return (
        {"clips": len(spoken), "equal_error_rate": equal_error_rate(given, turns)}
        | told(given, turns)
        | {"stranger_taken": strangers_taken(given, turns)}
        | nobody_enrolled([spoken[n] for n in order])
        | enrolling([spoken[n] for n in order])
        | known_before(given, turns)
    )


def equal_error_rate(given: dict[str, list[Spoken]], turns: Sequence[Spoken]) -> float:
    """Where as many are refused by their own enrolment as are let in by another's."""
    places = {speaker: _mean(some) for speaker, some in given.items()}
    own, other = list[float](), list[float]()
    for one in turns:
        for speaker, place in places.items():
            similarity = float(one.vector @ place)
            (own if speaker == one.speaker else other).append(similarity)
    cuts = np.sort(own + other)
    refused = np.searchsorted(np.sort(own), cuts) / max(1, len(own))
    let_in = 1 - np.searchsorted(np.sort(other), cuts) / max(1, len(other))
    best = int(np.abs(refused - let_in).argmin())
    return round(float(refused[best] + let_in[best]) / 2, 4)


def told(given: dict[str, list[Spoken]], turns: Sequence[Spoken]) -> dict[str, object]:
    """What the hub says of everybody's speech when all are enrolled."""
    space = turns[0].heard.space
    book = VoiceBook({speaker: _voice(some) for speaker, some in given.items()}, space)
    thresholds = household_thresholds(book.voices, space)
    nearest = right = wrong = 0
    for one in turns:
        nearest += book.nearest(one.heard.vectors, count=1)[0][0] == one.speaker
        decision = decide(one.heard, book, (), thresholds, one.quality)
        if decision.person_id is not None:
            right += decision.person_id == one.speaker
            wrong += decision.person_id != one.speaker
        _teach(book, decision.person_id if decision.teaches else None, one)
    count = max(1, len(turns))
    return {
        "identified": round(nearest / count, 4),
        "assigned": round(right / count, 4),
        "wrong": round(wrong / count, 4),
        "threshold": round(thresholds.known, 3),
    }


def known_before(
    given: dict[str, list[Spoken]], turns: Sequence[Spoken]
) -> dict[str, dict[str, object]]:
    """What the hub says when people were known in another space before, by that space."""
    space = turns[0].heard.space
    found: dict[str, object] = {}
    for before in (GE2E, GE2E_LEGACY):
        if before == space or before not in turns[0].heard.vectors:
            continue
        voices = {speaker: _voice_before(some, before) for speaker, some in given.items()}
        book = VoiceBook(voices, space)
        right = wrong = 0
        first: dict[str, bool] = {}
        for one in turns:
            wanted = {each: one.heard.vectors[each] for each in book.spaces}
            heard = Heard(wanted, one.heard.speech_s, space)
            decision = decide(heard, book, (), None, one.quality)
            right += decision.person_id == one.speaker
            wrong += decision.person_id not in (None, one.speaker)
            first.setdefault(one.speaker, decision.person_id == one.speaker)
            _teach(book, decision.person_id if decision.teaches else None, one)
        found[before] = {
            "assigned": round(right / max(1, len(turns)), 4),
            "wrong": round(wrong / max(1, len(turns)), 4),
            "first": f"{sum(first.values())} of {len(first)}",
            "still_behind": sum(book.voice(who).before(space) is not None for who in given),
        }
    return {"known_before": found} if found else {}


def _voice_before(some: Sequence[Spoken], space: str) -> Voice:
    vectors = [one.heard.vectors[space] for one in some]
    if space == GE2E_LEGACY:
        return Voice((), unit(np.mean(vectors, axis=0)))
    pairs = zip(vectors, (one.heard.speech_s for one in some), strict=True)
    return enrolled(Voice(), pairs, space)


def strangers_taken(given: dict[str, list[Spoken]], turns: Sequence[Spoken]) -> float:
    """How often somebody who is not enrolled is taken for one who is."""
    taken = asked = 0
    for absent in given:
        space = turns[0].heard.space
        book = VoiceBook({who: _voice(some) for who, some in given.items() if who != absent}, space)
        thresholds = household_thresholds(book.voices, space)
        for one in turns:
            if one.speaker == absent:
                asked += 1
                taken += decide(one.heard, book, (), thresholds, one.quality).person_id is not None
    return round(taken / max(1, asked), 4)


def nobody_enrolled(
    turns: Sequence[Spoken], thresholds: Thresholds | None = None
) -> dict[str, object]:
    """Who comes of it when everybody just speaks: persons, and what was said by them."""
    space = turns[0].heard.space
    book, waiting = VoiceBook(space=space), dict[str, Stranger]()
    said: dict[str, Spoken] = {}
    owner: dict[str, str] = {}  # of what was said
    for number, one in enumerate(turns):
        key = f"{number:05}"
        said[key] = one
        decision = decide(one.heard, book, tuple(waiting.values()), thresholds, one.quality)
        person = decision.person_id
        if decision.outcome == "new":
            person = f"person {len(book.voices) + 1}"
            pieces = [one, *(said[earlier] for earlier in decision.earlier)]
            book.put(person, founded([(p.vector, p.heard.speech_s) for p in pieces], space))
        elif person is None:
            waiting[key] = Stranger(key, one.vector, one.heard.speech_s)
        _teach(book, person if decision.teaches and decision.outcome == "known" else None, one)
        for each in (key, *decision.earlier) if person else ():
            owner[each] = person or ""
            waiting.pop(each, None)
    speakers = {one.speaker for one in turns}
    whose = {
        person: Counter(said[key].speaker for key, by in owner.items() if by == person)
        for person in book.voices
    }
    mainly = {person: counted.most_common(1)[0][0] for person, counted in whose.items() if counted}
    right = sum(said[key].speaker == mainly[person] for key, person in owner.items())
    return {
        "speakers": len(speakers),
        "persons": len(mainly),
        "false_persons": len(mainly) - len(set(mainly.values())),
        "not_found": len(speakers - set(mainly.values())),
        "unenrolled_assigned": round(len(owner) / max(1, len(turns)), 4),
        "unenrolled_right": round(right / max(1, len(owner)), 4),
    }


def _teach(book: VoiceBook, person: str | None, one: Spoken) -> None:
    if person is not None:
        voice = learned(book.voice(person), one.vector, one.heard.speech_s, book.space)
        book.put(person, voice)


def enrolling(turns: Sequence[Spoken]) -> dict[str, object]:
    """How often somebody's own sentence is refused, and that of somebody else is taken."""
    by_speaker: dict[str, list[Spoken]] = {}
    for one in turns:
        by_speaker.setdefault(one.speaker, []).append(one)
    own, others = list[bool](), list[bool]()
    for speaker, clips in by_speaker.items():
        foreign = [one for one in turns if one.speaker != speaker]
        for number in range(len(clips) - 2):
            first, second, third = clips[number : number + 3]
            voice = _voice([first, second])
            if unlike(_voice([first]), second.vector, second.heard.space):
                own.append(True)
                continue
            own.append(unlike(voice, third.vector, third.heard.space))
            other = foreign[number * len(by_speaker) % len(foreign)] if foreign else None
            if other is not None:
                others.append(not unlike(voice, other.vector, other.heard.space))
    return {
        "own_refused": round(sum(own) / max(1, len(own)), 4),
        "others_taken": round(sum(others) / max(1, len(others)), 4),
    }


def _enrolment(clean: Iterable[Spoken]) -> dict[str, list[Spoken]]:
    given: dict[str, list[Spoken]] = {}
    for one in clean:
        some = given.setdefault(one.speaker, [])
        if len(some) < ENROLMENT:
            some.append(one)
    return {speaker: some for speaker, some in given.items() if len(some) == ENROLMENT}


def _voice(some: Sequence[Spoken]) -> Voice:
    sentences = [(one.vector, one.heard.speech_s) for one in some]
    return enrolled(Voice(), sentences, some[0].heard.space)


def _mean(some: Sequence[Spoken]) -> Embedding:
    return unit(np.mean([one.vector for one in some], axis=0))


def _heard(
    encoder: SpeakerEncoder, space: str, spaces: Sequence[str], clips: Iterable[Clip]
) -> tuple[list[Spoken], int]:
    """What there is enough speech in, and how many had too little."""
    found, too_short = list[Spoken](), 0
    for clip in clips:
        try:
            vectors = {each: encoder.embed(clip.pcm, each) for each in spaces}
        except TooLittleSpeechError:
            too_short += 1
            continue
        seconds = len(speech_of(clip.pcm)) / SAMPLE_RATE
        found.append(Spoken(clip.speaker, Heard(vectors, seconds, space), clip.quality))
    return found, too_short


if __name__ == "__main__":
    sys.exit(main())
