"""What the election knows of one device's hearing of one utterance, and what it decides."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from shared.audio import FRAME_SAMPLES, samples_to_us, us_to_samples
from shared.quality.comparison import BANDS

STEP_US = 20_000
"""Length of a step of the envelope."""
REVERBERATION_US = 300_000
SPEECH_RANGE_DB = 10
"""Syllables are within this of the loud ones; a hangover's silence is below."""


@dataclass
class Candidate:
    """One device's offer of one utterance. Times are hub time in microseconds."""

    utterance_id: str
    client_id: str
    started_us: int  # first sample, pre-roll included
    uncertainty_us: int  # of `started_us`, from the clock mapping
    onset_sample: int  # where speech began
    reoffered: bool
    score: float = 0.0  # 0 to 100
    features: dict[str, float] = field(default_factory=dict)
    envelope: bytearray = field(default_factory=bytearray)  # dB re full scale + 120, 20 ms steps
    bands: bytearray = field(default_factory=bytearray)  # `BANDS` levels a step, dB
    advantage: float = 0.0  # points that the comparison with the others adds to the score
    samples: int = 0  # held by the device so far
    ended_at_us: int | None = None  # when the hub was told of the end
    linked: bool = True  # its device is connected
    failure: str = ""  # why its audio could not be had
    gone: bool = False  # its device cannot give more of it than it gave
    due_us: int | None = None  # connected again, its device has to offer it by then, or it is gone
    received: int = 0  # samples of audio that the hub has, from the first on
    reach: int = 0  # the same with what came beyond a gap
    holes: int = 0  # samples of these that never came
    complete: bool = False  # the hub has all of it, or all that can be had
    taken: int | None = None  # so many samples were taken for all of it, when no more could be had
    short: int = 0  # samples beyond these that its device is known to have held
    cut_off: bool = False  # its end was never told: nobody knows how much is missing
    audio_us: int = 0  # when the hub last got audio of it
    cast_out_of: set[str] = field(default_factory=set)  # elections that turned out to be others'

    @property
    def standing(self) -> float:
        """Predicted share of words understood, 0 to 100, as seen beside the other candidates."""
        return min(100.0, max(0.0, self.score + self.advantage))

    @property
    def has_bands(self) -> bool:
        """Whether its device measured them at every step, so that they are the envelope's steps."""
        return bool(self.bands) and len(self.bands) == BANDS * len(self.envelope)

    @property
    def levels(self) -> NDArray[np.float32]:
        """Band levels in dB, shape (steps, BANDS); no steps where the device measures none."""
        return np.frombuffer(bytes(self.bands), np.uint8).reshape(-1, BANDS).astype(np.float32)

    @property
    def usable(self) -> bool:
        """Its audio can be asked for."""
        return (self.linked and not self.failure and not self.gone) or self.complete

    @property
    def length(self) -> int:
        """Samples that count as the utterance."""
        return self.samples if self.taken is None else self.taken

    @property
    def missing(self) -> int:
        """Samples of it that nobody could fill."""
        return self.holes + self.short

    def speaking(self, within_us: int) -> bool:
        """Whether the last moments are about as loud as the speech before them."""
        if self.ended_at_us is not None or not self.envelope:
            return False
        loud = sorted(self.envelope)[len(self.envelope) * 9 // 10]
        return max(self.envelope[-(within_us // STEP_US) :]) >= loud - SPEECH_RANGE_DB

    @property
    def end_us(self) -> int:
        """Hub time of the end of what is held, or of what was taken for all of it."""
        return self.started_us + samples_to_us(self.length)

    @property
    def levels_taken(self) -> bytes:
        """The envelope of what counts as the utterance."""
        return bytes(self.envelope[: -(-self.length // FRAME_SAMPLES)])

    @property
    def speech_end_us(self) -> int:
        """Hub time of the end of the last loud syllable."""
        envelope = self.levels_taken
        if not envelope:
            return self.end_us
        loud = sorted(envelope)[len(envelope) * 9 // 10] - 2 * SPEECH_RANGE_DB
        steps = next((n for n in range(len(envelope), 0, -1) if envelope[n - 1] >= loud), 0)
        return min(self.end_us, self.started_us + steps * STEP_US)

    def quietest_after(self, hub_us: int) -> int:
        """The sample of the quietest moment within a room's reverberation after a time.

        Of several the last: reverberation falls, and somebody else's voice rises.
        """
        first = max(0, round((hub_us - self.started_us) / STEP_US))
        after = self.envelope[first : first + REVERBERATION_US // STEP_US]
        quietest = max(range(len(after)), key=lambda n: (-after[n], n), default=0)
        return us_to_samples((first + quietest) * STEP_US)

    @property
    def onset_us(self) -> int:
        """Hub time at which speech began."""
        return self.started_us + samples_to_us(self.onset_sample)


@dataclass(frozen=True)
class SendAudio:
    """Ask the device for the utterance's audio from a sample on."""

    candidate: Candidate
    from_sample: int


@dataclass(frozen=True)
class StopAudio:
    """Tell the device to stop sending."""

    candidate: Candidate


@dataclass(frozen=True)
class Release:
    """Tell the device to forget the utterance (up to a sample, where it is still being heard)."""

    client_id: str
    utterance_id: str
    until_sample: int | None


@dataclass(frozen=True)
class Select:
    """Tell everybody who was elected."""

    election_id: str
    candidate: Candidate
    reason: str
    final: bool


@dataclass(frozen=True)
class Decode:
    """Recognise this utterance; its audio is complete, and so is its companions'."""

    election_id: str
    candidate: Candidate
    companions: tuple[Candidate, ...] = ()  # the same utterance elsewhere, to be put together

    @property
    def devices(self) -> list[list[Candidate]]:
        """The companions by device, one device after the other."""
        pieces: dict[str, list[Candidate]] = {}
        for companion in self.companions:
            pieces.setdefault(companion.client_id, []).append(companion)
        return list(pieces.values())


@dataclass(frozen=True)
class Record:
    """Store the election with what came of it, then say so."""

    election_id: str


@dataclass(frozen=True)
class Disconnect:
    """The device is connected but gives nothing; a new connection makes it offer again."""

    client_id: str
    reason: str


@dataclass(frozen=True)
class Abandon:
    """The election is forgotten: nothing of it came, and the devices that hold it offer it anew."""

    election_id: str
    why: str


Decision = SendAudio | StopAudio | Release | Select | Decode | Record | Disconnect | Abandon
