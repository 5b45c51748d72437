"""An utterance's audio as it arrives from one device."""

from __future__ import annotations

from hub.election.elections import MAX_SAMPLES
from shared.audio import BYTES_PER_SAMPLE, Pcm, pcm_from_bytes, pcm_to_bytes
from shared.errors import LimitExceededError, UnexpectedAudioError
from shared.wire.audio import AudioFrame


class Assembly:
    """Contiguous samples from the first one on; what comes twice is taken once."""

    def __init__(self) -> None:
        self._data = bytearray()

    @classmethod
    def whole(cls, pcm: Pcm) -> Assembly:
        """Audio that came at once: shape (n,), int16, 16 kHz."""
        made = cls()
        made._data += pcm_to_bytes(pcm)
        return made

    @property
    def received(self) -> int:
        """Samples so far."""
        return len(self._data) // BYTES_PER_SAMPLE

    def add(self, frame: AudioFrame) -> None:
        """Appends a frame.

        Raises:
            UnexpectedAudioError: samples before this frame are missing.
            LimitExceededError: longer than an utterance may be.
        """
        known = self.received - frame.first_sample
        if known < 0:
            raise UnexpectedAudioError(
                f"{-known} samples are missing before this frame.", expected=self.received
            )
        fresh = frame.payload[known * BYTES_PER_SAMPLE :]
        if self.received + len(fresh) // BYTES_PER_SAMPLE > MAX_SAMPLES:
            raise LimitExceededError("The utterance is longer than an utterance may be.")
        self._data += fresh

    def pcm(self, samples: int | None = None) -> Pcm:
        """The first `samples` samples, or all: shape (n,), int16, 16 kHz."""
        end = len(self._data) if samples is None else samples * BYTES_PER_SAMPLE
        return pcm_from_bytes(bytes(self._data[:end]))
