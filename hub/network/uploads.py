"""Recordings that came as a whole, by HTTP: candidates as all others are, but nobody to ask again.

Whoever sent one waits until its election is over and stored: only then is it theirs to forget.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from hub.election.candidate import SPEECH_RANGE_DB, Candidate
from hub.election.elections import Elections
from shared.audio import FRAME_SAMPLES, Pcm, samples_to_us
from shared.errors import AudioFormatError, Fault, LimitExceededError, MiraError
from shared.quality.meter import QualityMeter

MAX_WAITING = 32
"""Of one network at once; each holds up to a megabyte."""

TOLD_US = 500_000
"""How wrong a client's clock may be that says when a recording began."""
GUESSED_US = 1_500_000
"""How long ago the recording may have ended, of which nobody says when it began."""

LATEST_US = 600_000_000
"""How long ago a recording may have begun: elections are remembered for so long."""


class ProcessingError(MiraError):
    """A recording could not be processed; whoever sent it should send it again."""

    code = "AUDIO_PROCESSING_FAILED"
    fault = Fault.HUB


class HubStoppingError(MiraError):
    """The hub stops and takes nothing new; it is to be sent again, to the hub that comes next."""

    code = "HUB_STOPPING"
    fault = Fault.HUB


@dataclass(frozen=True)
class Verdict:
    """What became of a recording."""

    election_id: str
    selected: bool  # it was elected
    failed: bool  # the recogniser failed over the elected one


def uploaded(
    utterance_id: str,
    client_id: str,
    pcm: Pcm,
    meter: QualityMeter,
    started_us: int | None,
    now: int,
) -> Candidate:
    """The candidate that a recording is.

    Args:
        utterance_id: its id.
        client_id: who heard it.
        pcm: shape (n,), int16, 16 kHz.
        meter: has heard all of it.
        started_us: the hub's time of its first sample; None: it has just ended.
        now: the hub's clock, in microseconds.

    Raises:
        AudioFormatError: it began in the future, or too long ago.
    """
    if started_us is not None and not 0 <= now + TOLD_US - started_us <= LATEST_US:
        raise AudioFormatError(
            f"The recording did not begin within the last {LATEST_US // 1_000_000} s.",
            "Is the client's clock right? Without started_at, it counts as having just ended.",
        )
    uncertainty = TOLD_US if started_us is not None else GUESSED_US
    candidate = Candidate(
        utterance_id=utterance_id,
        client_id=client_id,
        started_us=now - samples_to_us(len(pcm)) if started_us is None else started_us,
        uncertainty_us=uncertainty,
        onset_sample=_onset(meter.envelope),
        reoffered=False,
        samples=len(pcm),
    )
    candidate.received, candidate.complete = len(pcm), True
    return candidate


def _onset(envelope: Sequence[int]) -> int:
    """The sample of the first loud step, levels being in dB."""
    loud = sorted(envelope)[len(envelope) * 9 // 10] - 2 * SPEECH_RANGE_DB
    return next((n for n, level in enumerate(envelope) if level >= loud), 0) * FRAME_SAMPLES


class Uploads:
    """Those of one network that wait for their election's end."""

    def __init__(self, elections: Elections) -> None:
        self._elections = elections
        self._waiting: dict[str, asyncio.Future[Verdict]] = {}  # by utterance id
        self._failed: set[str] = set()  # those of them over whose election the recogniser failed

    @property
    def waiting(self) -> bool:
        """Whether any waits."""
        return bool(self._waiting)

    def wait_for(self, utterance_id: str) -> asyncio.Future[Verdict]:
        """What will become of a recording; sent twice, it is waited for twice.

        Raises:
            LimitExceededError: too many wait.
        """
        waiting = self._waiting.get(utterance_id)
        if waiting is None:
            if len(self._waiting) >= MAX_WAITING:
                raise LimitExceededError("Too many recordings wait to be recognised.")
            waiting = self._waiting[utterance_id] = asyncio.get_running_loop().create_future()
        return waiting

    def not_recognised(self, utterance_ids: Iterable[str]) -> None:
        """The recogniser failed over the election of these utterances."""
        self._failed.update(self._waiting.keys() & set(utterance_ids))

    def released(self, utterance_id: str) -> None:
        """The election of an utterance is over, and stored."""
        waiting = self._waiting.pop(utterance_id, None)
        election = self._elections.election_of(utterance_id)
        failed = utterance_id in self._failed
        self._failed.discard(utterance_id)
        if waiting is not None and election is not None and not waiting.done():
            chosen = election.chosen
            selected = chosen is not None and chosen.utterance_id == utterance_id
            waiting.set_result(Verdict(election.election_id, selected, failed))

    def look_for_lost(self) -> None:
        """Tells those whose election was given up."""
        for utterance_id in list(self._waiting):
            if self._elections.candidate(utterance_id) is None:
                lost = ProcessingError("The hub could not keep the recording.", "Send it again.")
                self._fail(utterance_id, lost)

    def close(self) -> None:
        """The network is closed."""
        for utterance_id in list(self._waiting):
            self._fail(utterance_id, HubStoppingError("The hub stops.", "Send it again."))

    def _fail(self, utterance_id: str, error: MiraError) -> None:
        """Nothing will become of a recording."""
        self._failed.discard(utterance_id)
        waiting = self._waiting.pop(utterance_id, None)
        if waiting is not None and not waiting.done():
            waiting.set_exception(error)
            waiting.exception()  # nobody may be waiting any more
