"""What the device makes of each frame: is it speech, of which utterance, what to tell the hub."""

from __future__ import annotations

from edge.activity import ActivityDetector, Endpoint, Onset
from edge.candidates import Candidates
from edge.microphone.microphone import Frame
from edge.preroll import PreRoll
from shared.audio import FRAME_SAMPLES
from shared.wire.fields import Message


class Ear:
    """Joins voice activity, pre-roll and candidates; does no I/O.

    Args:
        activity: tells where speech begins and ends.
        preroll: what was heard before speech began.
        candidates: what is held.
    """

    def __init__(
        self, activity: ActivityDetector, preroll: PreRoll, candidates: Candidates
    ) -> None:
        self.candidates = candidates
        self._activity = activity
        self._preroll = preroll

    def hear(self, frame: Frame) -> list[Message]:
        """What to tell the hub after this frame; mostly nothing."""
        event = self._activity.push(frame.pcm)
        if self.candidates.live is not None:
            messages = self.candidates.extend(frame.pcm, voiced=self._activity.voiced)
            return messages + self.candidates.end() if isinstance(event, Endpoint) else messages
        for captured_at_us, pcm in self.candidates.take_tail():
            self._preroll.push(Frame(pcm, captured_at_us))
        self._preroll.push(frame)
        if isinstance(event, Onset):
            return self._begin(event.frames_back)
        if self._activity.speaking and self._activity.voiced:
            # The hub released the utterance while it was going on; this is another.
            return self._begin(0)
        return []

    def close(self) -> list[Message]:
        """The microphone is closed: what is being heard ends here, and nothing before is kept."""
        self._preroll.clear()
        self.candidates.take_tail()
        self._activity.reset()
        return self.candidates.end("closed")

    def _begin(self, frames_back: int) -> list[Message]:
        frames = self._preroll.take()
        onset = max(0, len(frames) - 1 - frames_back)
        return self.candidates.begin(
            [frame.pcm for frame in frames], onset * FRAME_SAMPLES, frames[0].captured_at_us
        )
