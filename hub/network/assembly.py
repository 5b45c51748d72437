"""An utterance's audio as it arrives from one device."""

from __future__ import annotations

from hub.election.elections import MAX_SAMPLES
from shared.audio import BYTES_PER_SAMPLE, Pcm, pcm_from_bytes, pcm_to_bytes
from shared.errors import LimitExceededError
from shared.wire.audio import AudioFrame


class Assembly:
    """Samples in their places; what comes twice is taken once.

    What comes beyond a gap is kept: perhaps nobody can fill it.
    """

    def __init__(self) -> None:
        self._data = bytearray()
        self._pieces: list[tuple[int, int]] = []  # first sample and end of each, in order, apart
        self._skipped = 0  # gaps before this sample stay
        self.asked_from: int | None = None  # samples from here on were missed and asked for again
        self.last: int | None = None  # the device says that nothing comes beyond this sample

    @classmethod
    def whole(cls, pcm: Pcm) -> Assembly:
        """Audio that came at once: shape (n,), int16, 16 kHz."""
        made = cls()
        made._data += pcm_to_bytes(pcm)
        made._pieces.append((0, len(pcm)))
        return made

    @property
    def received(self) -> int:
        """Samples up to the first gap that may still be filled."""
        end = self._skipped
        for first, after in self._pieces:
            if first > end:
                break
            end = max(end, after)
        return end

    @property
    def reach(self) -> int:
        """Samples up to the last that came, gaps included."""
        return self._pieces[-1][1] if self._pieces else 0

    @property
    def holes(self) -> int:
        """Samples up to `reach` that did not come."""
        return self.reach - sum(end - first for first, end in self._pieces)

    @property
    def size(self) -> int:
        """Bytes that it takes."""
        return len(self._data)

    def add(self, frame: AudioFrame) -> None:
        """Puts a frame in its place.

        Raises:
            LimitExceededError: longer than an utterance may be.
        """
        first, end = frame.first_sample, frame.first_sample + len(frame.payload) // BYTES_PER_SAMPLE
        if end > MAX_SAMPLES:
            raise LimitExceededError("The utterance is longer than an utterance may be.")
        if frame.last:
            self.last = end
        if first == end:
            return
        self._data.extend(bytes(max(0, end * BYTES_PER_SAMPLE - len(self._data))))
        self._data[first * BYTES_PER_SAMPLE : end * BYTES_PER_SAMPLE] = frame.payload
        apart = [(f, e) for f, e in self._pieces if e < first or f > end]
        joined = [(f, e) for f, e in self._pieces if e >= first and f <= end]
        whole = min([first, *(f for f, _ in joined)]), max([end, *(e for _, e in joined)])
        self._pieces = sorted([*apart, whole])

    def skip(self) -> None:
        """The first gap stays: nobody can fill it."""
        end = self.received
        self._skipped = next((first for first, _ in self._pieces if first > end), end)

    def pcm(self, samples: int | None = None) -> Pcm:
        """The first `samples` samples, or those received: shape (n,), int16; silence in gaps."""
        end = (self.received if samples is None else samples) * BYTES_PER_SAMPLE
        return pcm_from_bytes(bytes(self._data[:end]))
