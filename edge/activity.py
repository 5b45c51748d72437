"""Finds speech: where somebody begins to speak, and where they have ended.

A frame counts as speech when webrtcvad says so *and* it is clearly louder than the noise floor.
The floor is the minimum of the smoothed level over some seconds (minimum statistics, after Martin
2001: speech has gaps, a fan has none), so steady noise that fools webrtcvad cannot hold an
utterance open. `ActivityDecider` decides and computes nothing but that; `ActivityDetector` puts
webrtcvad and the level before it.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

import numpy as np
import webrtcvad

from shared.audio import FRAME_MS, FRAME_SAMPLES, FULL_SCALE, SAMPLE_RATE, Pcm, pcm_to_bytes

HANGOVER_MS = 700
"""Silence that ends an utterance: longer than a pause within a sentence usually is."""
SILENCE_DB = -90.0
"""Everything below is digital silence, in dB re full scale; microphones' own noise is above."""
_WINDOW = 8
"""Frames looked back on to tell speech from a knock: 160 ms."""
_ONSET_FRAMES = 6
_HOLD_FRAMES = 3
_ONSET_DB = 8.0
"""How far above the noise floor speech begins."""
_HOLD_DB = 5.0
"""How far above it speech goes on."""
_SMOOTHING = 0.3
"""Weight of the newest level: over about 60 ms, shorter than the gaps between words."""
_FLOOR_BLOCK = 50
_FLOOR_BLOCKS = 5
"""The floor is the minimum over 5 blocks of 50 frames, so louder noise is floor after 5 s."""


@dataclass(frozen=True, slots=True)
class Onset:
    """Somebody began to speak `frames_back` frames before this one (0: with this one)."""

    frames_back: int


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Nobody has spoken for the hangover."""


class NoiseFloor:
    """The minimum of the smoothed level over the last 4 to 5 seconds, in dB re full scale."""

    def __init__(self) -> None:
        self._smoothed: float | None = None
        self._blocks: deque[float] = deque(maxlen=_FLOOR_BLOCKS - 1)
        self._minimum = math.inf  # over the blocks that are complete
        self._block_minimum = math.inf
        self._left = _FLOOR_BLOCK

    def push(self, level_db: float) -> float:
        """Takes the next frame's level; gives the floor."""
        if self._smoothed is None:
            self._smoothed = level_db
        self._smoothed += _SMOOTHING * (level_db - self._smoothed)
        self._block_minimum = min(self._block_minimum, self._smoothed)
        floor = min(self._minimum, self._block_minimum)
        self._left -= 1
        if not self._left:
            self._blocks.append(self._block_minimum)
            self._minimum = min(self._blocks)
            self._block_minimum = math.inf
            self._left = _FLOOR_BLOCK
        return floor


class ActivityDecider:
    """Turns webrtcvad's word and the level of each frame into onsets and endpoints."""

    def __init__(self, hangover_ms: int = HANGOVER_MS) -> None:
        """`hangover_ms`: how long nobody may speak before the endpoint."""
        self._hangover_frames = max(1, hangover_ms // FRAME_MS)
        self._floor = NoiseFloor()
        self._recent = 0  # one bit for each frame of the window, the newest lowest
        self._quiet_frames = 0  # since the last frame of speech
        self.speaking = False
        """Whether an onset was given and its endpoint was not."""
        self.voiced = False
        """Whether the newest frame counts as speech."""

    def push(self, voiced: bool, level_db: float) -> Onset | Endpoint | None:
        """Takes the next frame.

        Args:
            voiced: webrtcvad's word.
            level_db: level without direct current, dB re full scale.
        """
        level_db = max(SILENCE_DB, level_db)
        above_db = level_db - self._floor.push(level_db)
        self.voiced = voiced and above_db >= (_HOLD_DB if self.speaking else _ONSET_DB)
        self._recent = (self._recent << 1 | self.voiced) & ((1 << _WINDOW) - 1)
        speech_frames = self._recent.bit_count()
        if not self.speaking:
            if speech_frames < _ONSET_FRAMES:
                return None
            self.speaking, self._quiet_frames = True, 0
            return Onset(frames_back=self._recent.bit_length() - 1)
        if self.voiced and speech_frames >= _HOLD_FRAMES:  # a single frame is a knock
            self._quiet_frames = 0
            return None
        self._quiet_frames += 1
        if self._quiet_frames < self._hangover_frames or self.voiced:
            return None
        self.speaking, self._recent = False, 0
        return Endpoint()


class ActivityDetector:
    """Finds speech in a stream of frames."""

    def __init__(self, mode: int = 2, hangover_ms: int = HANGOVER_MS) -> None:
        """Makes a detector that has heard nothing yet.

        Args:
            mode: webrtcvad's, from 0 (takes much for speech) to 3 (takes little for speech).
            hangover_ms: see `ActivityDecider`.
        """
        self._mode, self._hangover_ms = mode, hangover_ms
        self.reset()

    def reset(self) -> None:
        """Forgets what was heard, as when the microphone was closed in between."""
        self._vad = webrtcvad.Vad(self._mode)
        self._decider = ActivityDecider(self._hangover_ms)

    @property
    def speaking(self) -> bool:
        """Whether an onset was given and its endpoint was not."""
        return self._decider.speaking

    @property
    def voiced(self) -> bool:
        """Whether the newest frame counts as speech."""
        return self._decider.voiced

    def push(self, pcm: Pcm) -> Onset | Endpoint | None:
        """Takes the next frame: shape (320,), int16."""
        voiced = self._vad.is_speech(pcm_to_bytes(pcm), SAMPLE_RATE)
        return self._decider.push(voiced, level_db(pcm))


_ONES = np.ones(FRAME_SAMPLES, np.float32)
_LEAST_POWER = FULL_SCALE**2 * 10 ** (SILENCE_DB / 10)


def level_db(pcm: Pcm) -> float:
    """Level of a frame without direct current, dB re full scale; `SILENCE_DB` at least."""
    signal = pcm.astype(np.float32)
    # A product with ones is the quickest sum of so few samples.
    mean = float(np.dot(signal, _ONES)) / FRAME_SAMPLES
    power = float(np.dot(signal, signal)) / FRAME_SAMPLES - mean**2
    return 10 * math.log10(max(power, _LEAST_POWER) / FULL_SCALE**2)
