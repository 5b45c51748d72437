"""Carries out what a network's elections decide: asks for audio, recognises, stores, releases."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from hub import metrics
from hub.election.candidate import (
    Abandon,
    Candidate,
    Decision,
    Decode,
    Disconnect,
    Record,
    Release,
    Select,
    SendAudio,
    StopAudio,
)
from hub.election.elections import Elections
from hub.enhancement.enhance import Piece
from hub.network.assembly import Assembly
from hub.network.clerk import Clerk
from hub.network.members import Members
from hub.network.outcome import Outcome, surest
from hub.network.session import CLOSE_POLICY, Session
from hub.network.streams import Streams
from hub.network.uploads import Uploads
from hub.store.settings import NetworkSettings
from shared.audio import SAMPLE_RATE, Pcm
from shared.clock import Clock
from shared.errors import UnexpectedAudioError
from shared.wire import utterance as wire
from shared.wire.audio import AudioFrame
from shared.wire.events import Event

log = logging.getLogger(__name__)

PARTIAL_EVERY_SAMPLES = SAMPLE_RATE // 2


class Executor:
    """Works for one network.

    Args:
        public_id: the network's.
        elections: what decides; whoever tells it something hands the decisions to `carry_out`.
        members: the devices.
        clerk: has audio recognised and stored.
        clock: the hub's clock.
    """

    def __init__(
        self, public_id: str, elections: Elections, members: Members, clerk: Clerk, clock: Clock
    ) -> None:
        self._public_id = public_id
        self._elections = elections
        self._members = members
        self._clerk = clerk
        self._clock = clock
        self.settings = NetworkSettings()  # in force now
        self.streams = Streams()
        self.uploads = Uploads(elections)
        self.audio: dict[str, Assembly] = {}  # by utterance
        self._outcomes: dict[str, dict[str, Outcome]] = {}  # by election and utterance
        self._partial_at: dict[str, int] = {}  # samples at the last partial decode
        self._tasks: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._moved = asyncio.Event()
        self._closed = False

    async def finish(self) -> None:
        """Returns when no utterance is being recognised or stored, and no upload waits."""
        while self._elections.under_way or self.uploads.waiting:
            self._moved.clear()
            await self._moved.wait()

    async def close(self) -> None:
        """Ends all tasks; what is not committed stays with the devices."""
        self._closed = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.uploads.close()
        if self._timer:
            self._timer.cancel()

    @property
    def waiting(self) -> int:
        """Utterances that wait for others of the network to be decoded."""
        return self._clerk.waiting

    def take_audio(self, session: Session, frame: AudioFrame) -> None:
        """Audio of an utterance that is the session's own.

        When samples before it are missing, they are asked for once again. A device that then
        begins its answer later has lost them.

        Raises:
            UnexpectedAudioError: nobody asked for it, or samples before it are missing.
            UnknownUtteranceError: no such utterance.
        """
        if self._elections.candidate(frame.utterance_id) is None:
            raise self._elections.unknown()
        assembly = self.audio.get(frame.utterance_id)
        if assembly is None:
            if self._elections.finished(frame.utterance_id):
                return  # was on its way when the release was
            raise UnexpectedAudioError("Nobody asked for this utterance's audio.")
        wanted = assembly.received
        assembly.add(frame)
        if frame.first_sample > wanted:
            if assembly.asked_from != wanted:
                assembly.asked_from = wanted
                session.send(wire.SendAudio(utterance_id=frame.utterance_id, from_sample=wanted))
                raise UnexpectedAudioError(
                    f"{frame.first_sample - wanted} samples are missing before this frame.",
                    expected=wanted,
                )
            if frame.sequence == 0:
                assembly.skip()
                self.carry_out(self._elections.lacks(frame.utterance_id, self._clock()))
        self.carry_out(self.audio_progress(frame.utterance_id))
        self._want_partial(frame.utterance_id, assembly)

    def audio_progress(self, utterance_id: str) -> list[Decision]:
        """Tells the election how much audio there is."""
        candidate = self._elections.candidate(utterance_id)
        assembly = self.audio.get(utterance_id)
        if candidate is None or assembly is None or candidate.complete:
            return []
        received, now = assembly.received, self._clock()
        ended = candidate.ended_at_us is not None
        complete = ended and received >= candidate.samples
        decisions = self._elections.audio(
            utterance_id, received, complete, now, assembly.reach, assembly.holes
        )
        if ended and not complete and received == assembly.last:
            decisions += self._elections.exhausted(utterance_id, now)
        return decisions

    def carry_out(self, decisions: Iterable[Decision]) -> None:
        """Carries out decisions, and looks when the next are due."""
        if self._closed:
            return  # sessions that end now decide nothing any more
        for decision in decisions:
            match decision:
                case SendAudio(candidate, from_sample):
                    self.audio.setdefault(candidate.utterance_id, Assembly())
                    self._members.send(
                        candidate.client_id,
                        wire.SendAudio(
                            utterance_id=candidate.utterance_id, from_sample=from_sample
                        ),
                    )
                case StopAudio(candidate):
                    self._members.send(
                        candidate.client_id, wire.StopAudio(utterance_id=candidate.utterance_id)
                    )
                case Release(client_id, utterance_id, until_sample):
                    self.uploads.released(utterance_id)
                    self._members.send(
                        client_id,
                        wire.Release(utterance_id=utterance_id, until_sample=until_sample),
                    )
                case Select():
                    self._announce(decision)
                case Decode():
                    self._start(self._decode(decision), decision.election_id)
                case Record(election_id):
                    self._start(self._record(election_id), election_id)
                case Abandon(election_id, why):
                    self._outcomes.pop(election_id, None)
                    metrics.ELECTIONS.labels("given_up").inc()
                    log.info("election %s is given up: %s", election_id, why)
                case Disconnect(client_id, reason):
                    if client_id in self._members.sessions:
                        self._members.sessions[client_id].close(CLOSE_POLICY, reason)
        self._forget_audio()
        self._reschedule()
        self._moved.set()

    def _forget_audio(self) -> None:
        """Drops the audio of elections that are over or were given up."""
        for utterance_id in list(self.audio):
            known = self._elections.candidate(utterance_id) is not None
            if not known or self._elections.finished(utterance_id):
                del self.audio[utterance_id]
                self._partial_at.pop(utterance_id, None)
        self.uploads.look_for_lost()

    def _announce(self, select: Select) -> None:
        candidate = select.candidate
        self.streams.selected(select, self._clock())
        # Of every utterance at least twice: while it goes on, and on the whole of it.
        log.debug("election %s: %s", select.election_id, select.reason)
        self._members.broadcast(
            wire.AudioStreamSelected(
                election_id=select.election_id,
                utterance_id=candidate.utterance_id,
                selected_client_id=candidate.client_id,
                quality_score=candidate.standing,
                reason=select.reason,
                final=select.final,
                timestamp=self._now(),
            )
        )

    async def _decode(self, decode: Decode) -> None:
        chosen = decode.candidate
        outcome = await self._clerk.understand(
            self._pcm(chosen),
            [
                [Piece(self._pcm(c), c.started_us - chosen.started_us) for c in pieces]
                for pieces in decode.devices
            ],
            self.settings.language,
        )
        outcomes = self._outcomes.setdefault(decode.election_id, {})
        outcomes[chosen.utterance_id] = outcome
        self.carry_out(
            self._elections.decoded(decode.election_id, outcome.confidence, self._clock())
        )

    def _pcm(self, candidate: Candidate) -> Pcm:
        return self.audio[candidate.utterance_id].pcm(candidate.length)

    async def _record(self, election_id: str) -> None:
        """Stores what came of an election; only then may the devices forget the audio."""
        election = self._elections.elections[election_id]
        log.info("election %s: %s", election_id, election.reason)
        outcome = surest(election, self._outcomes.pop(election_id))
        events = await self._clerk.file(election, outcome, self.settings)
        _count(outcome, events)
        if outcome.error:
            self.uploads.not_recognised(election.candidates)
        self._members.publish(events)
        self.carry_out(self._elections.committed(election_id, self._clock()))

    def _want_partial(self, utterance_id: str, assembly: Assembly) -> None:
        """Has the stream that is being received recognised so far, every half second of it."""
        election = self._elections.election_of(utterance_id)
        if election is None or not election.streams(utterance_id):
            return
        if assembly.received - self._partial_at.get(utterance_id, 0) < PARTIAL_EVERY_SAMPLES:
            return
        self._partial_at[utterance_id] = assembly.received
        self._start(self._partial(election.election_id, utterance_id, assembly))

    async def _partial(self, election_id: str, utterance_id: str, assembly: Assembly) -> None:
        text = await self._clerk.partial(utterance_id, assembly.pcm(), self.settings.language)
        if text is None:
            metrics.PARTIALS_SKIPPED.inc()
        election = self._elections.election_of(utterance_id)
        if text and election is not None and election.streams(utterance_id):
            self._members.broadcast(wire.PartialText(election_id=election_id, text=text[:4096]))

    def _start(self, job: Coroutine[Any, Any, None], election_id: str | None = None) -> None:
        """Runs a part of an election's work; one that fails is begun anew by the devices."""

        def ended(task: asyncio.Task[None]) -> None:
            self._tasks.discard(task)
            if task.cancelled() or (error := task.exception()) is None:
                return
            log.error("a task of network %s failed", self._public_id, exc_info=error)
            if election_id is not None:
                self.carry_out(self._elections.give_up(election_id, self._clock()))

        task = asyncio.ensure_future(job)
        self._tasks.add(task)
        task.add_done_callback(ended)

    def _reschedule(self) -> None:
        due = self._elections.next_deadline_us()
        if due is None:
            return
        loop = asyncio.get_running_loop()
        at = loop.time() + max(0, due - self._clock()) / 1e6
        if self._timer:
            # Each message moves deadlines away; a tick too many costs less than a timer for each.
            if self._timer.when() <= at:
                return
            self._timer.cancel()
        self._timer = loop.call_at(at, self._tick)

    def _tick(self) -> None:
        self._timer = None
        self.carry_out(self._elections.tick(self._clock()))

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock() / 1e6, UTC)


def _count(outcome: Outcome, events: Sequence[Event]) -> None:
    kind = "nothing" if not events else "failed" if outcome.error else "interaction"
    metrics.ELECTIONS.labels(kind).inc()
    metrics.DECODE_SECONDS.observe(outcome.decode_s)
    metrics.QUEUE_SECONDS.observe(outcome.queued_s)
