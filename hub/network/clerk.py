"""Has utterances recognised and stores what came of them; patient with both desk and store."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from hub.audio_file import as_flac
from hub.election.election import Election
from hub.enhancement.enhance import Piece
from hub.network.outcome import Outcome, election_record, interaction_record
from hub.recognition.desk import RecogniserBusyError, RecogniserStoppedError
from hub.recognition.desks import Desks
from hub.store.errors import NotFoundError, StoreConflictError
from hub.store.settings import NetworkSettings
from hub.store.store import Store
from shared.audio import Pcm
from shared.errors import RecognitionError, StoreError
from shared.logs import Trouble
from shared.wire.events import InteractionCreated

log = logging.getLogger(__name__)

STORE_RETRY_S = 2.0
BUSY_RETRY_S = 0.2


class Clerk:
    """Works for one network.

    Args:
        network_id: the network's UUID.
        store: where interactions go.
        desks: where audio is recognised.
    """

    def __init__(self, network_id: str, store: Store, desks: Desks) -> None:
        self._network_id = network_id
        self._store = store
        self._desks = desks
        self._trouble = Trouble(log, "storing what was understood")

    async def understand(
        self, pcm: Pcm, companions: Sequence[Sequence[Piece]], language: str
    ) -> Outcome:
        """The text of a whole utterance, shape (n,), int16; failing is an outcome too."""
        desk = self._desks.of(language)
        while True:
            try:
                return Outcome.of(await desk.decode(pcm, companions))
            except RecogniserBusyError:
                # Nothing is lost: the devices hold the utterance, and it waits here for its turn.
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
    ) -> InteractionCreated | None:
        """Stores an election with its interaction, if there is one; returns that one's event.

        Its audio is kept where the network wants it, and where the recogniser failed. A store
        that fails is tried again until it works: the devices keep the audio that long. Where the
        network itself is gone, so is the interaction.
        """
        record = election_record(election, self._network_id, outcome, settings)
        interaction = interaction_record(election, outcome, settings)
        recording = None
        if outcome.pcm is not None and (settings.keep_audio_hours or outcome.error):
            recording = await asyncio.to_thread(as_flac, outcome.pcm)
        now_s = asyncio.get_running_loop().time
        while True:
            try:
                if interaction is None:
                    await self._store.record_election(record)
                    event = None
                else:
                    event = await self._store.record_interaction(interaction, record, recording)
            except (NotFoundError, StoreConflictError) as error:
                log.error("an interaction has no place in the store: %s", error)
                return None
            except StoreError as error:
                self._trouble.failed(error, now_s())
                await asyncio.sleep(STORE_RETRY_S)
            else:
                self._trouble.recovered(now_s())
                return event
