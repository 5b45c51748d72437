"""The last half second, kept so that an utterance does not lose its first syllable."""

from __future__ import annotations

from collections import deque

from edge.microphone.microphone import Frame
from shared.audio import FRAME_MS

PRE_ROLL_MS = 500


class PreRoll:
    """A ring buffer of the latest frames."""

    def __init__(self, length_ms: int = PRE_ROLL_MS) -> None:
        """`length_ms`: how much is kept, whole frames of 20 ms."""
        self._frames: deque[Frame] = deque(maxlen=length_ms // FRAME_MS)

    def push(self, frame: Frame) -> None:
        """Takes the next frame; the oldest goes where there is no room."""
        self._frames.append(frame)

    def take(self) -> list[Frame]:
        """All that is kept, oldest first; nothing is kept after."""
        frames = list(self._frames)
        self._frames.clear()
        return frames

    def clear(self) -> None:
        """Forgets everything, as when the microphone was closed in between."""
        self._frames.clear()
