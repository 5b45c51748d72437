"""The life of what a device heard: begun, scored, ended, sent, held until the hub releases it.

Pure: it takes frames, the voice detector's word on them and the hub's wishes, and gives the
messages to send. Nothing is forgotten before the hub says so, but for want of room, and then the
oldest goes first and is counted.

What no hub takes, or takes too slowly, is put on disk (`edge.spool`) and its samples leave memory;
`wanted` says whose are needed again.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from edge.candidate import Candidate, EndReason
from shared.audio import FRAME_MS, FRAME_SAMPLES, SAMPLE_RATE, Pcm, samples_to_us
from shared.wire.audio import AudioFrame
from shared.wire.fields import Message
from shared.wire.utterance import Release, SendAudio, StopAudio

QUALITY_EVERY_FRAMES = 100 // FRAME_MS
"""The hub is told every 100 ms."""
CUT_WITHIN_S = 10
"""An utterance that is too long is cut at the quietest point of its last seconds."""
QUIET_STEPS = 5
"""How quiet a point is, is its mean level over 100 ms."""
WORD_FRAMES = 8
"""Less voice than this after the released part is its reverberation, or a knock."""
OLD_EVERY = 4
"""What was said just now is offered first, and one of so many is the oldest there is."""
OFFERED_AT_ONCE = 128
"""A hub takes only so many open utterances of one device."""
LIVE_PAYLOAD_SAMPLES = QUALITY_EVERY_FRAMES * FRAME_SAMPLES
"""A live one is sent as it comes, 100 ms at a time."""


class Candidates:
    """All utterances that this device holds; at most one of them is still being heard.

    Args:
        new_id: gives a fresh utterance id.
        longest_s: where an utterance is cut, in seconds.
        held_s: how much audio is held at most, in seconds.
    """

    def __init__(self, new_id: Callable[[], str], longest_s: int = 30, held_s: int = 600) -> None:
        self._new_id = new_id
        self._longest_frames = longest_s * 1000 // FRAME_MS
        self._held_samples = held_s * SAMPLE_RATE
        self._held: dict[str, Candidate] = {}  # oldest first
        self._waiting: list[str] = []  # held, and not yet offered on this connection
        self._asked: dict[str, None] = {}  # whose audio the hub asked for, in that order
        self.live: Candidate | None = None
        self.dropped = 0  # utterances given up for want of room
        self._tail: list[tuple[int, Pcm]] = []

    @property
    def held(self) -> list[str]:
        """Ids of what is not released, the oldest first."""
        return list(self._held)

    # What is heard

    def begin(self, chunks: list[Pcm], onset_sample: int, captured_at_us: int) -> list[Message]:
        """Speech began; `chunks` are the frames since the pre-roll's beginning."""
        candidate = Candidate(self._new_id(), captured_at_us, onset_sample)
        for index, pcm in enumerate(chunks):
            candidate.add(pcm, index * FRAME_SAMPLES >= onset_sample)
        return self._announce(candidate)

    def extend(self, pcm: Pcm, *, voiced: bool) -> list[Message]:
        """One more frame while speech goes on."""
        live = self.live
        if live is None:
            return []
        live.add(pcm, voiced)
        messages: list[Message] = []
        if len(live.chunks) >= self._longest_frames:
            messages += self._cut(live)
        elif len(live.chunks) % QUALITY_EVERY_FRAMES == 0:
            messages.append(live.quality())
            self._make_room()
        return messages

    def end(self, reason: EndReason = "endpoint") -> list[Message]:
        """Speech ended, or the microphone was closed."""
        live, self.live = self.live, None
        return [] if live is None else live.end(reason)

    # What the hub wants

    def take(self, wish: SendAudio | StopAudio | Release) -> list[Message]:
        """Carries out what the hub asked for; what is not held any more is passed over."""
        candidate = self._held.get(wish.utterance_id)
        if candidate is None:
            return []
        match wish:
            case SendAudio(from_sample=from_sample):
                self._asked.pop(candidate.utterance_id, None)
                self._asked[candidate.utterance_id] = None
                candidate.sending = True
                candidate.sent = min(from_sample, candidate.samples)
                candidate.sequence = 0
            case StopAudio():
                candidate.sending = False
            case Release(until_sample=until):
                return self._release(candidate, until)
        return []

    def audio(self) -> AudioFrame | None:
        """The next piece of audio to send; None: nothing to send.

        What was never on disk comes first, then what the hub asked for first.
        """
        asked = [self._held[held] for held in self._asked]
        for candidate in sorted(asked, key=lambda c: c.spooled):
            short = candidate.samples - candidate.sent < LIVE_PAYLOAD_SAMPLES
            if candidate.ended is None and short:
                continue  # a little later, in one piece
            frame = candidate.audio()
            if frame is not None:
                return frame
            if candidate.utterance_id == self.wanted:
                return None  # its samples are on their way
        return None

    # What is on disk

    def to_spool(self) -> list[Candidate]:
        """What has ended and is not on disk yet, the oldest first."""
        return [c for c in self._held.values() if c.ended and not c.spooled]

    @property
    def crowded(self) -> bool:
        """Whether memory is more than half full: a hub is there and is slow."""
        return self._in_memory() > self._held_samples // 2

    def restore(self, candidate: Candidate) -> None:
        """What an earlier run of the device left on disk, scored anew; the oldest come first."""
        self._held[candidate.utterance_id] = candidate

    @property
    def wanted(self) -> str | None:
        """Whose samples have to come back from the disk next; None: nobody's."""
        for held in self._held.values():
            if held.until is not None:
                return held.utterance_id
        for asked in self._asked:
            candidate = self._held[asked]
            if candidate.owes_audio and not candidate.here:
                return asked
        return None

    def come_back(self, utterance_id: str, pcm: Pcm) -> list[Message]:
        """The samples of the one that was wanted, shape (n,)."""
        candidate = self._held.get(utterance_id)
        if candidate is None:
            return []
        candidate.come_back(pcm)
        until, candidate.until = candidate.until, None
        return [] if until is None else self._release(candidate, until)

    def drop(self, utterance_id: str) -> None:
        """There is no room for it, or it cannot be read."""
        if utterance_id in self._held:
            self._remove(utterance_id)
            self.dropped += 1

    def forget(self, released: list[str]) -> None:
        """The hub needs these no more, it said on connecting."""
        for utterance_id in released:
            candidate = self._held.get(utterance_id)
            if candidate is not None:
                self._release(candidate, None)

    def forget_all(self) -> None:
        """Nobody wants any of them, ever; what is on disk is removed with what is released."""
        self.live = None
        self._held.clear()
        self._asked.clear()
        self._waiting.clear()

    def take_tail(self) -> list[tuple[int, Pcm]]:
        """Frames since the end of what was released while it was live, each with its capture time.

        Nobody spoke in them, but the next sentence may begin in their middle. Given once.
        """
        tail, self._tail = self._tail, []
        return tail

    def offer_all(self) -> list[Message]:
        """What is held, offered (again) to a hub that was just connected.

        What is being heard comes first, then the newest, now and then the oldest; so many at
        once, and the next when one of them is released.
        """
        self._asked.clear()
        self._waiting = _newest_first([held for held in self._held if self._held[held].ended])
        if self.live is not None:
            self._waiting.insert(0, self.live.utterance_id)
        messages: list[Message] = []
        for _ in range(OFFERED_AT_ONCE):
            messages += self._offer_next()
        return messages

    def _offer_next(self) -> list[Message]:
        while self._waiting:
            candidate = self._held.get(self._waiting.pop(0))
            if candidate is not None:
                offer = candidate.started(reoffered=True)
                return [*offer, candidate.ended_message()] if candidate.ended else offer
        return []

    # Parts

    def _announce(self, candidate: Candidate, ended: EndReason | None = None) -> list[Message]:
        self._held[candidate.utterance_id] = candidate
        if ended is None:
            self.live = candidate
            return candidate.started(reoffered=False)
        # It may be old: its parent was, perhaps, and the hub is not to wonder about its clock.
        return [*candidate.started(reoffered=True), *candidate.end(ended)[-1:]]

    def _split(self, candidate: Candidate, frame: int) -> Candidate:
        """Takes what is heard from `frame` on out of a candidate, as a new one."""
        rest = Candidate(
            self._new_id(),
            candidate.captured_at_us + samples_to_us(frame * FRAME_SAMPLES),
            onset_sample=0,
        )
        for pcm, voiced in zip(candidate.chunks[frame:], candidate.voiced[frame:], strict=True):
            rest.add(pcm, bool(voiced))
        return rest

    def _cut(self, live: Candidate) -> list[Message]:
        """Ends the live utterance at its quietest late point and goes on with the rest."""
        quality = live.quality()
        # Never in its first half: the rest would soon be too long again, and be cut to crumbs.
        late = min(CUT_WITHIN_S * 1000 // FRAME_MS, len(live.chunks) // 2)
        levels = np.asarray(live.meter.envelope[-late:], dtype=np.float32)
        loudness = np.convolve(levels, np.ones(QUIET_STEPS), mode="valid")
        quietest = int(loudness.argmin()) + QUIET_STEPS // 2
        frame = len(live.chunks) - len(levels) + max(1, quietest)
        rest = self._split(live, frame)
        del live.chunks[frame:], live.voiced[frame:]
        live.sent = min(live.sent, live.samples)
        live.ended = "longest"
        # The score has seen some of what is cut off; at most ten seconds of thirty, once.
        return [quality, live.ended_message(), *self._announce(rest)]

    def _release(self, candidate: Candidate, until: int | None) -> list[Message]:
        goes_on = until is not None and (
            sum(candidate.voiced[until // FRAME_SAMPLES :]) >= WORD_FRAMES
        )
        if goes_on and not candidate.here:
            candidate.until = until
            return []
        self._remove(candidate.utterance_id)
        was_live = candidate is self.live
        if was_live:
            self.live = None
        messages = self._offer_next()
        if until is not None and goes_on:
            rest = self._split(candidate, until // FRAME_SAMPLES)
            messages += self._announce(rest, candidate.ended)
        elif was_live and until is not None:
            rest = self._split(candidate, until // FRAME_SAMPLES)
            self._tail = [
                (rest.captured_at_us + samples_to_us(number * FRAME_SAMPLES), pcm)
                for number, pcm in enumerate(rest.chunks)
            ]
        return messages

    def _make_room(self) -> None:
        """Gives up the oldest utterances beyond the limit, never the one being heard."""
        total = self._in_memory()
        for utterance_id in list(self._held):
            if total <= self._held_samples:
                break
            candidate = self._held[utterance_id]
            if candidate is not self.live and candidate.here:
                total -= candidate.samples
                self.drop(utterance_id)

    def _in_memory(self) -> int:
        return sum(len(c.chunks) * FRAME_SAMPLES for c in self._held.values())

    def _remove(self, utterance_id: str) -> None:
        del self._held[utterance_id]
        self._asked.pop(utterance_id, None)


def _newest_first(held: list[str]) -> list[str]:
    """Of ids from the oldest to the newest: the newest first, but each fourth the oldest left."""
    left, ordered = list(held), list[str]()
    while left:
        ordered.append(left.pop(0 if len(ordered) % OLD_EVERY == OLD_EVERY - 1 else -1))
    return ordered
