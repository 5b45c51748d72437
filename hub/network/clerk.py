"""Has utterances recognised and stores what came of them; patient with both desk and store."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace

from hub import metrics
from hub.actions.extractor import BuiltIn, Extractor
from hub.audio_file import as_flac
from hub.election.election import Election
from hub.enhancement.enhance import Piece
from hub.network.announcements import Announcements
from hub.network.asking import understood
from hub.network.outcome import Outcome, election_record, interaction_record
from hub.recognition.desk import RecogniserBusyError, RecogniserStoppedError
from hub.recognition.desks import Desks
from hub.speakers.book import Heard
from hub.speakers.desk import SpeakersDesk
from hub.store.errors import NotFoundError, StoreConflictError
from hub.store.records import ElectionRecord, InteractionRecord
from hub.store.settings import NetworkSettings
from hub.store.store import Store
from shared.audio import Pcm
from shared.errors import RecognitionError, StoreError
from shared.logs import Trouble
from shared.wire.events import Event

log = logging.getLogger(__name__)

STORE_RETRY_S = 2.0
TRIES_IN_ORDER = 30
"""So often is an election tried to be stored before those that came after it; what fails for longer
may be the only one that does."""
BUSY_RETRY_S = 0.2


class Clerk:
    """Works for one network.

    Args:
        network_id: the network's UUID.
        store: where interactions go.
        desks: where audio is recognised.
        speakers: where it is told who speaks; None: nobody is.
        extractor: finds out what is asked for; None: the built-in one.
        announcements: what devices say themselves, which is no interaction.
    """

    def __init__(
        self,
        network_id: str,
        store: Store,
        desks: Desks,
        speakers: SpeakersDesk | None = None,
        extractor: Extractor | None = None,
        announcements: Announcements | None = None,
    ) -> None:
        self._network_id = network_id
        self._extractor = extractor or BuiltIn()
        self._store = store
        self._desks = desks
        self._speakers = speakers
        self._announcements = announcements or Announcements()
        self._trouble = Trouble(log, "storing what was understood")
        self._decoding = asyncio.Lock()  # first come, first served
        self._filing = asyncio.Lock()
        self.waiting = 0  # utterances that wait for others of the network to be decoded

    async def understand(
        self, pcm: Pcm, companions: Sequence[Sequence[Piece]], language: str
    ) -> Outcome:
        """The text of a whole utterance, shape (n,), int16; failing is an outcome too.

        One at a time, in the order in which they came, so that no network fills the desk's queue.
        """
        now_s = asyncio.get_running_loop().time
        asked = now_s()
        self.waiting += 1
        try:
            await self._decoding.acquire()
        finally:
            self.waiting -= 1
        try:
            outcome = await self._understand(pcm, companions, language)
        finally:
            self._decoding.release()
        passed_s = now_s() - asked
        return replace(outcome, queued_s=max(0.0, passed_s - outcome.decode_s))

    async def _understand(
        self, pcm: Pcm, companions: Sequence[Sequence[Piece]], language: str
    ) -> Outcome:
        desk, counted = self._desks.of(language), False
        while True:
            try:
                return Outcome.of(await desk.decode(pcm, companions))
            except RecogniserBusyError:
                # Nothing is lost: the devices hold the utterance, and it waits here for its turn.
                if not counted:
                    metrics.RECOGNISER_FULL.inc()
                counted = True
                await asyncio.sleep(BUSY_RETRY_S)
            except RecogniserStoppedError:
                # No outcome: the devices offer it again. Whoever stops the hub ends this wait.
                await asyncio.get_running_loop().create_future()
            except RecognitionError as error:
                log.warning("recognition failed: %s", error)
                return Outcome(None, pcm, error=error)

    async def partial(self, utterance_id: str, pcm: Pcm, language: str) -> str | None:
        """The text so far of an utterance of which `pcm` is all that came; None: no time for it."""
        return await self._desks.of(language).partial(utterance_id, pcm)

    async def file(
        self, election: Election, outcome: Outcome, settings: NetworkSettings
    ) -> tuple[Event, ...]:
        """Stores an election with its interaction, if there is one; returns what devices are told.

        Its audio is kept where the network wants it, and where the recogniser failed. A store
        that fails is tried again until it works: the devices keep the audio that long, and what
        was understood later is stored later. Where the network itself is gone, so is the
        interaction.
        """
        record = election_record(election, self._network_id, outcome, settings)
        interaction = interaction_record(election, outcome, settings)
        if interaction and self._announcements.said(interaction.text, interaction.timestamp):
            interaction = None
            record = replace(record, reason=f"{record.reason}; it is what a device announced")
        recording = None
        if outcome.pcm is not None and (settings.keep_audio_hours or outcome.error):
            recording = await asyncio.to_thread(as_flac, outcome.pcm)
        if interaction is not None and settings.voices:
            interaction = replace(interaction, heard=await self._voice(outcome.pcm))
        async with self._filing:
            if interaction is not None:
                # In turn: "cancel that" is about what was stored before it.
                interaction = await understood(interaction, settings, self._extractor)
            for _ in range(TRIES_IN_ORDER):
                if stored := await self._stored(record, interaction, recording):
                    return stored.events
        while True:
            if stored := await self._stored(record, interaction, recording):
                return stored.events

    async def _voice(self, pcm: Pcm | None) -> Heard | None:
        """The voice in an utterance; None where it is not wanted, or cannot be told now."""
        if self._speakers is None or pcm is None:
            return None
        space = await self._speakers.prepare()
        if space is None:
            return None
        try:
            spaces = await self._store.voice_spaces(self._network_id, space)
        except (StoreError, NotFoundError):
            return None  # whoever stores the interaction will say so
        return await self._speakers.hear(pcm, spaces) if spaces else None

    async def _stored(
        self,
        record: ElectionRecord,
        interaction: InteractionRecord | None,
        recording: bytes | None,
    ) -> _Stored | None:
        """Tries once; None: it failed, a while ago."""
        now_s = asyncio.get_running_loop().time
        try:
            if interaction is None:
                await self._store.record_election(record)
                events: tuple[Event, ...] = ()
            else:
                events = await self._store.record_interaction(interaction, record, recording)
        except (NotFoundError, StoreConflictError) as error:
            log.error("an interaction has no place in the store: %s", error)
            return _Stored(())
        except StoreError as error:
            self._trouble.failed(error, now_s())
            metrics.STORE_RETRIES.inc()
            await asyncio.sleep(STORE_RETRY_S)
            return None
        self._trouble.recovered(now_s())
        return _Stored(events)


@dataclass(frozen=True)
class _Stored:
    events: tuple[Event, ...]
