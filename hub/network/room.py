"""A network at work: takes what its devices say, carries out what the election decides."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Coroutine, Iterable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

from hub import metrics
from hub.election.candidate import (
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
from hub.election.election import Timing
from hub.election.elections import Elections
from hub.network.assembly import Assembly
from hub.network.clerk import Clerk
from hub.network.members import Members
from hub.network.outcome import (
    Outcome,
    stored_candidates,
    surest,
)
from hub.network.session import (
    CLOSE_GOING_AWAY,
    CLOSE_POLICY,
    CLOSE_REPLACED,
    CLOSE_REVOKED,
    Session,
)
from hub.network.streams import Streams
from hub.network.uploads import Uploads, Verdict, uploaded
from hub.recognition.desk import RecognitionDesk
from hub.store.errors import NotFoundError
from hub.store.records import ClientInfo
from hub.store.settings import NetworkSettings
from hub.store.store import Store
from shared.audio import SAMPLE_RATE, Pcm
from shared.clock import Clock
from shared.errors import (
    MiraError,
    UnexpectedAudioError,
    WireError,
)
from shared.ids import new_id
from shared.quality.meter import QualityMeter
from shared.wire import utterance as wire
from shared.wire.audio import AudioFrame
from shared.wire.codec import DeviceMessage, Event
from shared.wire.events import Ack, InteractionCreated
from shared.wire.fields import PROTOCOL_VERSION
from shared.wire.network import Change, ChangeApplied, ChangeRefused, ClientJoined, ClientLeft
from shared.wire.session import ClientStatus, ConnectionEstablished, Error, Hello, Settings

log = logging.getLogger(__name__)

PARTIAL_EVERY_SAMPLES = SAMPLE_RATE // 2
CLOCK_TOLERANCE_US = 120_000_000
"""A live utterance that claims to be further from now than this has a broken capture time."""


AROUND_US = 60_000_000
"""Elections of the same speech as an old claim began at most this much earlier or later."""


class NotAllowedError(MiraError):
    """The token does not allow it."""

    code = "FORBIDDEN"


class Room:
    """One network's devices, elections and audio.

    Args:
        network_id: the network's UUID.
        public_id: the id that devices know it by.
        store: where interactions go.
        desk: where audio is recognised.
        clock: the hub's clock.
        timing: the election's delays.
    """

    def __init__(
        self,
        network_id: str,
        public_id: str,
        store: Store,
        desk: RecognitionDesk,
        clock: Clock,
        timing: Timing | None = None,
    ) -> None:
        self.network_id = network_id
        self._public_id = public_id
        self.members = Members(network_id, store)
        self._store = store
        self._clerk = Clerk(network_id, store, desk)
        self._clock = clock
        self._elections = Elections(new_id, timing)
        self.streams = Streams()
        self._uploads = Uploads(self._elections)
        self._audio: dict[str, Assembly] = {}
        self._outcomes: dict[str, dict[str, Outcome]] = {}  # by election and utterance
        self._partial_at: dict[str, int] = {}  # samples at the last partial decode
        self._tasks: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._dropped: dict[str, int] = {}  # utterances given up, by client, as they said last
        self._closed = False
        self._settings = NetworkSettings()
        self.active = True  # whether it takes audio

    # Life

    async def open(self) -> None:
        """Remembers what was decided lately, so that what is offered again is not stored twice."""
        await self._remember(self._clock() - self._elections.timing.remember_us)
        self._reschedule()

    async def _remember(self, since_us: int, until_us: int | None = None) -> None:
        records = await self._store.recent_elections(self.network_id, since_us, until_us)
        for record in records:
            self._elections.remember(
                record.election_id,
                stored_candidates(record),
                record.winner_utterance_id,
                self._clock(),
            )

    async def check_access(self) -> bool:
        """Ends sessions whose token is not in force any more, whoever revoked it.

        Returns:
            Whether the network is still there.
        """
        sessions = list(self.members.sessions.values())
        held = {session.token_id for session in sessions}
        in_force: frozenset[str] = frozenset()
        try:
            network = await self._store.network(self.network_id)
            self.active = network.status == "active"
            self._settings = network.settings
            if held:
                in_force = await self._store.tokens_in_force(self.network_id, held)
        except NotFoundError:
            network = None
        for session in sessions:
            if session.token_id not in in_force:
                session.close(CLOSE_REVOKED, "the token is not in force any more")
        return network is not None

    async def close(self, reason: str = "the hub stops") -> None:
        """Ends all sessions and tasks; what is not committed stays with the devices."""
        self._closed = True
        for session in list(self.members.sessions.values()):
            session.close(CLOSE_GOING_AWAY, reason)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._uploads.close()
        if self._timer:
            self._timer.cancel()

    @asynccontextmanager
    async def present(self, session: Session, hello: Hello) -> AsyncIterator[None]:
        """A device is here, for as long as the context lasts."""
        network = await self._store.network(self.network_id)
        self.active = network.status == "active"
        self._settings = network.settings
        name, client_listens = "observer", True
        if not session.observer:
            client = await self._store.client(self.network_id, session.client_id)
            name, client_listens = client.name, client.listening
        before = self.members.sessions.get(session.client_id)
        if before is not None:
            self._drop(before)
            before.close(CLOSE_REPLACED, "replaced by a newer connection")
        self.members.sessions[session.client_id] = session
        session.send(
            ConnectionEstablished(
                version=PROTOCOL_VERSION,
                client_id=session.client_id,
                network_id=self._public_id,
                cursor=network.last_seq,
                server_time=self._now(),
                settings=Settings(
                    listening=network.settings.listening and network.status == "active",
                    client_listening=client_listens,
                    language=network.settings.language,
                ),
                # Of the others a part may be wanted still; what, they are told when they offer.
                released=[held for held in hello.held if self._elections.won(held)],
            )
        )
        log.info("%s connected (%r)", session.client_id, hello.software)
        joined = ClientJoined(client_id=session.client_id, name=name, timestamp=self._now())
        self.members.broadcast(joined, leave_out=session)
        self._elections.device_listens(session.client_id, session.hears and session.listening)
        try:
            if not session.observer:
                await self._store.touch_client(self.network_id, session.client_id, "online")
            yield
        finally:
            if self.members.sessions.get(session.client_id) is session:
                self._drop(session)
                left = ClientLeft(client_id=session.client_id, timestamp=self._now())
                self.members.broadcast(left)
                if not session.observer:
                    # It may be back already, on a connection that was noted before this one's end.
                    back = session.client_id in self.members.sessions
                    await self._store.touch_client(
                        self.network_id, session.client_id, "online" if back else "offline"
                    )
            log.info("%s disconnected, has events up to %d", session.client_id, session.acked)

    def _drop(self, session: Session) -> None:
        del self.members.sessions[session.client_id]
        self._carry_out(self._elections.link_lost(session.client_id, self._clock()))

    # What devices say

    async def take(self, session: Session, message: DeviceMessage | AudioFrame) -> None:
        """One message of a device.

        Raises:
            MiraError: it cannot be used; to be told to the device.
        """
        now = self._clock()
        match message:
            case wire.UtteranceStarted():
                claim = self._claim(session, message, now)
                if now - claim.started_us > self._elections.timing.remember_us:
                    # Somebody was away for long: was this speech decided meanwhile?
                    around = claim.started_us - AROUND_US, claim.started_us + AROUND_US
                    await self._remember(*around)
                self._carry_out(self._elections.claimed(claim, now))
            case wire.Quality():
                self._own(session, message.utterance_id)
                decisions = self._elections.heard(
                    message.utterance_id,
                    message.score,
                    message.features,
                    message.envelope_start,
                    message.envelope,
                    message.samples,
                    now,
                )
                if heard := self._elections.candidate(message.utterance_id):
                    self.streams.heard(heard, now)
                self._carry_out(decisions)
                self._tell_monitors(session, message)
            case wire.UtteranceEnded():
                self._own(session, message.utterance_id)
                ended = self._elections.ended(message.utterance_id, message.samples, now)
                self._carry_out([*ended, *self._audio_progress(message.utterance_id, now)])
            case AudioFrame():
                self._take_audio(session, message, now)
            case Change():
                await self._change(session, message)
            case ClientStatus():
                session.listening = message.microphone == "open"
                self._elections.device_listens(
                    session.client_id, session.hears and session.listening
                )
                if message.utterances_dropped:
                    self._count_dropped(session.client_id, message.utterances_dropped)
                    log.warning(
                        "%s gave up %d utterances for want of room",
                        session.client_id,
                        message.utterances_dropped,
                    )
            case Error():
                # A newer hub may say what an older device does not know; the device goes on.
                log.debug("%s could not use a message: %r", session.client_id, message)
            case Ack():
                session.acked = message.cursor
            case _:
                raise WireError("This message is not expected here.")

    async def upload(
        self, utterance_id: str, client: ClientInfo, pcm: Pcm, started_us: int | None
    ) -> tuple[float, asyncio.Future[Verdict]]:
        """An utterance that came as a whole competes with what devices hear at that time.

        Args:
            utterance_id: a new one, or that of before for what is sent again.
            client: who heard it.
            pcm: shape (n,), int16, 16 kHz, of whole frames.
            started_us: the hub's time of the first sample; None: it has just ended.

        Returns:
            Its score, and what will become of it.

        Raises:
            MiraError: the network takes no audio, too many wait, or the id is somebody else's.
        """
        network = await self._store.network(self.network_id)
        self._settings = network.settings
        if network.status != "active":
            raise NotAllowedError("The network is not active: it takes no audio.")
        if not (network.settings.listening and client.listening):
            raise NotAllowedError("Listening is switched off.")
        meter = QualityMeter()
        await asyncio.to_thread(meter.push, pcm)
        now = self._clock()
        candidate = uploaded(utterance_id, client.client_id, pcm, meter, started_us, now)
        known = self._elections.candidate(utterance_id)
        if known is not None and known.client_id != client.client_id:
            raise self._elections.unknown()
        waiting = self._uploads.wait_for(utterance_id)
        if known is None:
            self._audio[utterance_id] = Assembly.whole(pcm)
        elections = self._elections
        decisions = elections.claimed(candidate, now)
        decisions += elections.heard(
            utterance_id, meter.score, meter.features, 0, meter.envelope, len(pcm), now
        )
        decisions += elections.ended(utterance_id, len(pcm), now)
        self.streams.heard(candidate, now)
        self._carry_out(decisions)
        return meter.score, waiting

    def live_utterance(self, client_id: str) -> str | None:
        """The utterance that a device is hearing now."""
        hearing = self.streams.hearings.get(client_id)
        candidate = self._elections.candidate(hearing.utterance_id) if hearing else None
        live = candidate is not None and candidate.linked and candidate.ended_at_us is None
        return candidate.utterance_id if candidate and live else None

    def _count_dropped(self, client_id: str, said: int) -> None:
        """A device says how many it has given up since its start."""
        before = self._dropped.get(client_id, 0)
        metrics.UTTERANCES_DROPPED.inc(said - before if said >= before else said)
        self._dropped[client_id] = said

    def _claim(self, session: Session, message: wire.UtteranceStarted, now: int) -> Candidate:
        if not session.hears:
            raise NotAllowedError("Only a device with a microphone offers utterances.")
        if not self.active:
            raise NotAllowedError("The network is not active: it takes no audio.")
        mapping = session.mapping
        started, uncertainty = mapping.to_hub(message.captured_at_us), mapping.uncertainty_us
        if not message.reoffered and abs(now - started) > CLOCK_TOLERANCE_US:
            # Its clock jumped since the last probe; it said so just now, so it heard it just now.
            started, uncertainty = now - 700_000, 500_000
        return Candidate(
            utterance_id=message.utterance_id,
            client_id=session.client_id,
            started_us=started,
            uncertainty_us=uncertainty,
            onset_sample=message.onset_sample,
            reoffered=message.reoffered,
        )

    def _own(self, session: Session, utterance_id: str) -> Candidate | None:
        """The candidate, if it is this device's; a foreign one looks like an unknown one."""
        candidate = self._elections.candidate(utterance_id)
        if candidate is not None and candidate.client_id != session.client_id:
            raise self._elections.unknown()
        return candidate

    def _take_audio(self, session: Session, frame: AudioFrame, now: int) -> None:
        candidate = self._own(session, frame.utterance_id)
        assembly = self._audio.get(frame.utterance_id)
        if candidate is None:
            raise self._elections.unknown()
        if assembly is None:
            if self._elections.finished(frame.utterance_id):
                return  # was on its way when the release was
            raise UnexpectedAudioError("Nobody asked for this utterance's audio.")
        try:
            assembly.add(frame)
        except UnexpectedAudioError:
            session.send(
                wire.SendAudio(utterance_id=frame.utterance_id, from_sample=assembly.received)
            )
            raise
        self._carry_out(self._audio_progress(frame.utterance_id, now))
        self._want_partial(frame.utterance_id, assembly)

    def _audio_progress(self, utterance_id: str, now: int) -> list[Decision]:
        """Tells the election how much audio there is."""
        candidate = self._elections.candidate(utterance_id)
        assembly = self._audio.get(utterance_id)
        if candidate is None or assembly is None or candidate.complete:
            return []
        received = assembly.received
        complete = candidate.ended_at_us is not None and received >= candidate.samples
        return self._elections.audio(utterance_id, received, complete, now)

    def _tell_monitors(self, session: Session, message: wire.Quality) -> None:
        election = self._elections.election_of(message.utterance_id)
        if election is not None and message.envelope:
            self.members.tell_monitors(
                wire.StreamQuality(
                    client_id=session.client_id,
                    utterance_id=message.utterance_id,
                    election_id=election.election_id,
                    quality_score=message.score,
                    level=message.envelope[-1],
                )
            )

    async def _change(self, session: Session, change: Change) -> None:
        try:
            event: Event
            if change.scope == "network":
                event = await self._store.set_network_listening(self.network_id, change.listening)
            else:
                event = await self._store.set_client_listening(
                    self.network_id, change.client_id or session.client_id, change.listening
                )
        except MiraError as error:
            session.send(
                ChangeRefused(client_seq=change.client_seq, code=error.code, message=error.message)
            )
            return
        session.send(ChangeApplied(client_seq=change.client_seq))
        self.members.publish([event])

    # What the election decides

    def _carry_out(self, decisions: Iterable[Decision]) -> None:
        if self._closed:
            return  # sessions that end now decide nothing any more
        for decision in decisions:
            match decision:
                case SendAudio(candidate, from_sample):
                    self._audio.setdefault(candidate.utterance_id, Assembly())
                    self.members.send(
                        candidate.client_id,
                        wire.SendAudio(
                            utterance_id=candidate.utterance_id, from_sample=from_sample
                        ),
                    )
                case StopAudio(candidate):
                    self.members.send(
                        candidate.client_id, wire.StopAudio(utterance_id=candidate.utterance_id)
                    )
                case Release(client_id, utterance_id, until_sample):
                    self._uploads.released(utterance_id)
                    self.members.send(
                        client_id,
                        wire.Release(utterance_id=utterance_id, until_sample=until_sample),
                    )
                case Select():
                    self._announce(decision)
                case Decode(election_id, candidate):
                    self._start(self._decode(election_id, candidate), election_id)
                case Record(election_id):
                    self._start(self._record(election_id), election_id)
                case Disconnect(client_id, reason):
                    if client_id in self.members.sessions:
                        self.members.sessions[client_id].close(CLOSE_POLICY, reason)
        self._forget_audio()
        self._reschedule()

    def _forget_audio(self) -> None:
        """Drops the audio of elections that are over or were given up."""
        for utterance_id in list(self._audio):
            known = self._elections.candidate(utterance_id) is not None
            if not known or self._elections.finished(utterance_id):
                del self._audio[utterance_id]
                self._partial_at.pop(utterance_id, None)
        self._uploads.look_for_lost()

    def _announce(self, select: Select) -> None:
        candidate = select.candidate
        self.streams.selected(select, self._clock())
        log.info("election %s: %s", select.election_id, select.reason)
        self.members.broadcast(
            wire.AudioStreamSelected(
                election_id=select.election_id,
                utterance_id=candidate.utterance_id,
                selected_client_id=candidate.client_id,
                quality_score=candidate.score,
                reason=select.reason,
                final=select.final,
                timestamp=self._now(),
            )
        )

    async def _decode(self, election_id: str, candidate: Candidate) -> None:
        pcm = self._audio[candidate.utterance_id].pcm(candidate.samples)
        outcome = await self._clerk.understand(pcm)
        self._outcomes.setdefault(election_id, {})[candidate.utterance_id] = outcome
        self._carry_out(self._elections.decoded(election_id, outcome.confidence, self._clock()))

    async def _record(self, election_id: str) -> None:
        """Stores what came of an election; only then may the devices forget the audio."""
        election = self._elections.elections[election_id]
        outcome = surest(election, self._outcomes.pop(election_id))
        event = await self._clerk.file(election, outcome, self._settings)
        _count(outcome, event)
        if event is not None:
            self.members.publish([event])
        self._carry_out(self._elections.committed(election_id, self._clock()))

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
        text = await self._clerk.partial(utterance_id, assembly.pcm())
        election = self._elections.election_of(utterance_id)
        if text and election is not None and election.streams(utterance_id):
            self.members.broadcast(wire.PartialText(election_id=election_id, text=text[:4096]))

    # Small parts

    def _start(self, job: Coroutine[Any, Any, None], election_id: str | None = None) -> None:
        """Runs a part of an election's work; one that fails is begun anew by the devices."""

        def ended(task: asyncio.Task[None]) -> None:
            self._tasks.discard(task)
            if task.cancelled() or (error := task.exception()) is None:
                return
            log.error("a task of network %s failed", self._public_id, exc_info=error)
            if election_id is not None:
                self._outcomes.pop(election_id, None)
                metrics.ELECTIONS.labels("given_up").inc()
                self._carry_out(self._elections.give_up(election_id))

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
        self._carry_out(self._elections.tick(self._clock()))

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock() / 1e6, UTC)


def _count(outcome: Outcome, event: InteractionCreated | None) -> None:
    kind = "nothing" if event is None else "failed" if outcome.error else "interaction"
    metrics.ELECTIONS.labels(kind).inc()
    metrics.DECODE_SECONDS.observe(outcome.decode_s)
    metrics.QUEUE_SECONDS.observe(outcome.queued_s)
