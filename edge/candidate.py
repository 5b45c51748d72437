"""One utterance as this device hears it: its samples, its score, what is said of it to the hub.

Pure, as `edge.candidates` is, which holds all of them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from shared.audio import BYTES_PER_SAMPLE, FRAME_SAMPLES, Pcm, pcm_to_bytes, samples_to_us
from shared.quality.comparison import BANDS
from shared.quality.meter import QualityMeter
from shared.wire.audio import MAX_PAYLOAD, AudioFrame
from shared.wire.fields import Message
from shared.wire.utterance import Quality, UtteranceEnded, UtteranceStarted

PAYLOAD_FRAMES = MAX_PAYLOAD // BYTES_PER_SAMPLE // FRAME_SAMPLES // 2
"""A whole utterance is sent a second at a time, so that other messages get between."""

EndReason = Literal["endpoint", "longest", "closed"]


@dataclass
class Candidate:
    """One utterance as this device hears it."""

    utterance_id: str
    captured_at_us: int  # device clock at the first sample, pre-roll included
    onset_sample: int
    chunks: list[Pcm] = field(default_factory=list)  # frames of 320 samples; none: on disk
    voiced: bytearray = field(default_factory=bytearray)  # 1 for each frame with voice
    meter: QualityMeter = field(default_factory=QualityMeter)
    unscored: int = 0  # frames that the meter has not seen
    told_steps: int = 0  # envelope steps that the hub was told of
    ended: EndReason | None = None
    sending: bool = False
    sent: int = 0  # samples
    sequence: int = 0
    spooled: bool = False  # it is on disk
    until: int | None = None  # released up to this sample, once its samples are here

    @property
    def samples(self) -> int:
        """Its length so far."""
        return len(self.voiced) * FRAME_SAMPLES

    @property
    def here(self) -> bool:
        """Whether its samples are in memory."""
        return bool(self.chunks)

    @property
    def owes_audio(self) -> bool:
        """Whether the hub asked for more than was sent."""
        return self.sending and self.sent < self.samples

    def leave(self) -> None:
        """It is on disk: its samples leave memory."""
        self.chunks, self.spooled = [], True

    def come_back(self, pcm: Pcm) -> None:
        """Its samples again, shape (samples,)."""
        self.chunks = list(pcm.reshape(-1, FRAME_SAMPLES))

    def add(self, pcm: Pcm, voiced: bool) -> None:
        """One more frame of 320 samples."""
        self.chunks.append(pcm)
        self.voiced.append(voiced)
        self.unscored += 1

    def started(self, *, reoffered: bool) -> list[Message]:
        """What announces it: the claim, and at once how well it is heard."""
        self.sending = False  # the hub will ask again
        claim = UtteranceStarted(
            utterance_id=self.utterance_id,
            captured_at_us=self.captured_at_us,
            onset_sample=self.onset_sample,
            reoffered=reoffered,
        )
        self.told_steps = 0
        return [claim, self.quality()]

    def quality(self) -> Quality:
        """How well it is heard, with what the hub has not been told of the envelope."""
        if self.unscored:
            self.meter.push(np.concatenate(self.chunks[-self.unscored :]))
            self.unscored = 0
        start, envelope = self.told_steps, self.meter.envelope
        self.told_steps = len(envelope)
        return Quality(
            utterance_id=self.utterance_id,
            score=self.meter.score,
            features=self.meter.features,
            envelope_start=start,
            envelope=envelope[start:],
            bands=bytes(self.meter.bands[start * BANDS :]),
            samples=self.samples,
        )

    def audio(self) -> AudioFrame | None:
        """The next piece of what the hub asked for; None when all that there is was sent."""
        if not self.owes_audio or not self.here:
            return None
        first, skip = divmod(self.sent, FRAME_SAMPLES)
        frames = self.chunks[first : first + PAYLOAD_FRAMES]
        piece = np.concatenate(frames)[skip:]
        frame = AudioFrame(
            utterance_id=self.utterance_id,
            sequence=self.sequence,
            first_sample=self.sent,
            captured_at_us=self.captured_at_us + samples_to_us(self.sent),
            payload=pcm_to_bytes(piece),
            last=self.ended is not None and self.sent + len(piece) == self.samples,
        )
        self.sent, self.sequence = self.sent + len(piece), self.sequence + 1
        if self.spooled and self.sent >= self.samples:
            self.leave()
        return frame

    def end(self, reason: EndReason) -> list[Message]:
        """The endpoint: the last word on quality, and the whole length."""
        self.ended = reason
        return [self.quality(), self.ended_message()]

    def ended_message(self) -> UtteranceEnded:
        """Says the whole length."""
        return UtteranceEnded(
            utterance_id=self.utterance_id, samples=self.samples, reason=self.ended or "endpoint"
        )
