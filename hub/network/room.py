"""A network at work: who is here, and what its devices say."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime

from hub import metrics
from hub.actions.extractor import Extractor
from hub.election.candidate import Candidate
from hub.election.comparison import compare
from hub.election.election import Rules
from hub.election.elections import Elections
from hub.network.announcements import Announcements
from hub.network.assembly import Assembly
from hub.network.clerk import Clerk
from hub.network.executor import Executor
from hub.network.members import Members
from hub.network.outcome import stored_candidates
from hub.network.session import CLOSE_GOING_AWAY, CLOSE_REPLACED, CLOSE_REVOKED, Session
from hub.network.uploads import HubStoppingError, Verdict, uploaded
from hub.recognition.desks import Desks
from hub.speakers.desk import SpeakersDesk
from hub.store.errors import NotFoundError
from hub.store.records import ChangeOutcome, ClientInfo
from hub.store.store import Store
from shared.audio import Pcm
from shared.clock import Clock
from shared.errors import Fault, MiraError, StoreError, WireError
from shared.ids import new_id
from shared.quality.meter import QualityMeter
from shared.wire import utterance as wire
from shared.wire.audio import AudioFrame
from shared.wire.codec import DeviceMessage
from shared.wire.events import Ack, Event
from shared.wire.fields import PROTOCOL_VERSION
from shared.wire.network import (
    Change,
    ChangeApplied,
    ChangeRefused,
    ClientJoined,
    ClientLeft,
    SetListening,
)
from shared.wire.session import (
    MAX_HELD,
    ClientStatus,
    ConnectionEstablished,
    Error,
    Hello,
    Settings,
)

log = logging.getLogger(__name__)

CLOCK_TOLERANCE_US = 120_000_000
"""A live utterance that claims to be further from now than this has a broken capture time."""

AROUND_US = 60_000_000
"""Elections of the same speech as an old claim began at most this much earlier or later."""

TELL_S = 1.0
"""So long, when the hub stops, a device may take to take what it is owed; then it resumes later."""


class NotAllowedError(MiraError):
    """The token does not allow it."""

    code = "FORBIDDEN"


class Room:
    """One network's devices, elections and audio.

    Args:
        network_id: the network's UUID.
        public_id: the id that devices know it by.
        store: where interactions go.
        desks: where audio is recognised.
        clock: the hub's clock.
        rules: what its elections go by.
        speakers: where it is told who speaks; None: nobody is.
        extractor: finds out what is asked for; None: the built-in one.
    """

    def __init__(
        self,
        network_id: str,
        public_id: str,
        store: Store,
        desks: Desks,
        clock: Clock,
        rules: Rules | None = None,
        speakers: SpeakersDesk | None = None,
        extractor: Extractor | None = None,
    ) -> None:
        self.network_id = network_id
        self._public_id = public_id
        announcements = Announcements()
        self.members = Members(
            network_id, store, lambda due: announcements.asked(due.title, self._now())
        )
        self._store = store
        self._clock = clock
        self._elections = Elections(new_id, rules, compare)
        clerk = Clerk(network_id, store, desks, speakers, extractor, announcements)
        self._executor = Executor(public_id, self._elections, self.members, clerk, clock)
        self.streams = self._executor.streams
        self._dropped: dict[str, int] = {}  # utterances given up, by client, as they said last
        self.active = True  # whether it takes audio
        self._draining = False  # takes no new utterances

    # Life

    async def open(self) -> None:
        """Remembers what was decided lately, so that what is offered again is not stored twice."""
        await self._remember(self._clock() - self._elections.rules.remember_us)
        self._executor.carry_out([])

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
            self._executor.settings = network.settings
            if held:
                in_force = await self._store.tokens_in_force(self.network_id, held)
        except NotFoundError:
            network = None
        for session in sessions:
            if session.token_id not in in_force:
                session.close(CLOSE_REVOKED, "the token is not in force any more")
        return network is not None

    async def drain(self) -> None:
        """Takes no new utterances; returns when what had begun is stored and the devices told."""
        self._draining = True
        await self._executor.finish()
        with suppress(TimeoutError):
            async with asyncio.timeout(TELL_S):
                await asyncio.gather(
                    *(session.outbox.wait_sent() for session in self.members.sessions.values())
                )

    async def close(self, reason: str = "the hub stops") -> None:
        """Ends all sessions and tasks; what is not committed stays with the devices."""
        for session in list(self.members.sessions.values()):
            session.close(CLOSE_GOING_AWAY, reason)
        await self._executor.close()

    @asynccontextmanager
    async def present(self, session: Session, hello: Hello) -> AsyncIterator[None]:
        """A device is here, for as long as the context lasts."""
        network = await self._store.network(self.network_id)
        self.active = network.status == "active"
        self._executor.settings = network.settings
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
        stored = None  # the id of its session
        if len(hello.held) < MAX_HELD:
            self._elections.connected(session.client_id, hello.held, self._clock())
            self._executor.carry_out([])
        try:
            if not session.observer:
                stored = await self._store.client_connected(
                    self.network_id, session.client_id, hello.software, hello.cursor
                )
                session.stored_id = stored
            yield
        finally:
            if self.members.sessions.get(session.client_id) is session:
                self._drop(session)
                left = ClientLeft(client_id=session.client_id, timestamp=self._now())
                self.members.broadcast(left)
            if stored:
                # It may be back already, on a connection that was noted before this one's end.
                back = session.client_id in self.members.sessions
                await self._store.client_disconnected(
                    self.network_id,
                    session.client_id,
                    stored,
                    session.acked,
                    "online" if back else "offline",
                )
            log.info("%s disconnected, has events up to %d", session.client_id, session.acked)

    def _drop(self, session: Session) -> None:
        del self.members.sessions[session.client_id]
        self._executor.carry_out(self._elections.link_lost(session.client_id, self._clock()))

    # What devices say

    async def take(self, session: Session, message: DeviceMessage | AudioFrame) -> None:
        """One message of a device.

        Raises:
            MiraError: it cannot be used; to be told to the device.
        """
        now = self._clock()
        if self._draining and self._is_new(message):
            return  # the device holds it, and offers it to the hub that comes next
        match message:
            case wire.UtteranceStarted():
                claim = self._claim(session, message, now)
                if now - claim.started_us > self._elections.rules.remember_us:
                    # Somebody was away for long: was this speech decided meanwhile?
                    around = claim.started_us - AROUND_US, claim.started_us + AROUND_US
                    await self._remember(*around)
                self._executor.carry_out(self._elections.claimed(claim, now))
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
                    message.bands,
                )
                if heard := self._elections.candidate(message.utterance_id):
                    self.streams.heard(heard, now)
                self._executor.carry_out(decisions)
                self._tell_monitors(session, message)
            case wire.UtteranceEnded():
                self._own(session, message.utterance_id)
                ended = self._elections.ended(message.utterance_id, message.samples, now)
                self._executor.carry_out(
                    [*ended, *self._executor.audio_progress(message.utterance_id)]
                )
            case AudioFrame():
                self._own(session, message.utterance_id)
                self._executor.take_audio(session, message)
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
        self._executor.settings = network.settings
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
        if known is None and self._draining:
            raise HubStoppingError("The hub stops.", "Send it again.")
        waiting = self._executor.uploads.wait_for(utterance_id)
        if known is None:
            self._executor.audio[utterance_id] = Assembly.whole(pcm)
        elections = self._elections
        decisions = elections.claimed(candidate, now)
        decisions += elections.heard(
            utterance_id,
            meter.score,
            meter.features,
            0,
            meter.envelope,
            len(pcm),
            now,
            bytes(meter.bands),
        )
        decisions += elections.ended(utterance_id, len(pcm), now)
        self.streams.heard(candidate, now)
        self._executor.carry_out(decisions)
        return meter.score, waiting

    def live_utterance(self, client_id: str) -> str | None:
        """The utterance that a device is hearing now."""
        hearing = self.streams.hearings.get(client_id)
        candidate = self._elections.candidate(hearing.utterance_id) if hearing else None
        live = candidate is not None and candidate.linked and candidate.ended_at_us is None
        return candidate.utterance_id if candidate and live else None

    @property
    def decodes_waiting(self) -> int:
        """Utterances that wait for others of the network to be decoded."""
        return self._executor.waiting

    @property
    def audio_bytes(self) -> int:
        """Of recordings that are held for elections."""
        return sum(assembly.size for assembly in self._executor.audio.values())

    @property
    def elections_queued(self) -> int:
        """Utterances whose audio is not asked for yet, for want of room."""
        return sum(election.queued for election in self._elections.elections.values())

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

    def _is_new(self, message: DeviceMessage | AudioFrame) -> bool:
        """Whether it is about an utterance that was not offered before."""
        about = (wire.UtteranceStarted, wire.Quality, wire.UtteranceEnded, AudioFrame)
        return (
            isinstance(message, about) and self._elections.candidate(message.utterance_id) is None
        )

    def _own(self, session: Session, utterance_id: str) -> Candidate | None:
        """The candidate, if it is this device's; a foreign one looks like an unknown one."""
        candidate = self._elections.candidate(utterance_id)
        if candidate is not None and candidate.client_id != session.client_id:
            raise self._elections.unknown()
        return candidate

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
        """What a person did on a device.

        Raises:
            StoreError: it cannot be stored now; the device says it again.
        """
        try:
            made_at_us = min(session.mapping.to_hub(change.made_at_us), self._clock())
            made_at = datetime.fromtimestamp(max(0, made_at_us) / 1e6, UTC)
            if isinstance(change.deed, SetListening):
                event = await self._switch(session, change.deed, made_at)
                outcome = ChangeOutcome((event,), None, "")
            elif session.observer:
                raise NotAllowedError("Whoever has the network's token uses the API for this.")
            else:
                outcome = await self._store.apply_change(
                    self.network_id,
                    session.client_id,
                    change.client_seq,
                    made_at,
                    change.deed,
                )
        except MiraError as error:
            if isinstance(error, StoreError) and error.fault is not Fault.PERSON:
                raise
            outcome = ChangeOutcome((), error.code, error.message)
        seq = change.client_seq
        if outcome.refusal:
            session.send(ChangeRefused(client_seq=seq, code=outcome.refusal, message=outcome.why))
        else:
            session.send(ChangeApplied(client_seq=seq))
        self.members.publish(outcome.events)

    async def _switch(self, session: Session, wish: SetListening, made_at: datetime) -> Event:
        if wish.scope == "network":
            return await self._store.set_network_listening(self.network_id, wish.listening, made_at)
        return await self._store.set_client_listening(
            self.network_id, wish.client_id or session.client_id, wish.listening, made_at
        )

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock() / 1e6, UTC)
