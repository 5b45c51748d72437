"""From speech to a voice: a vector of unit length, near those of the same person's other speech."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from hub.speakers.features import Signal, partials
from hub.speakers.legacy_chain import legacy_chain
from hub.speakers.silence import raise_level, trim_silence
from hub.speakers.spaces import GE2E, SPACES, Embedding
from models.location import WeightStore
from models.voice import INPUT, OUTPUT
from shared.audio import FULL_SCALE, SAMPLE_RATE, Pcm
from shared.errors import Fault, MiraError, WeightsError

WEIGHTS = "voice-ge2e"

SHORTEST_S = 1.6
"""Of speech, below which a voice cannot be told: the encoder's window."""


class TooLittleSpeechError(MiraError):
    """There is not enough speech to tell a voice from."""

    code = "TOO_LITTLE_SPEECH"
    fault = Fault.PERSON


class SpeakerEncoder:
    """The encoder with the weights in one folder.

    A call takes one thread; several may call at once.

    Args:
        folder: where `encoder.onnx` is.

    Raises:
        WeightsError: onnxruntime cannot use them.
    """

    def __init__(self, folder: Path) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        try:
            self._session: Any = onnxruntime.InferenceSession(
                str(folder / "encoder.onnx"), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # onnxruntime's errors share no narrower base
            raise WeightsError(
                f"{WEIGHTS} cannot be loaded from {folder}: {error}",
                f"Check its weights with: mira-hub models verify {WEIGHTS}",
            ) from error

    @classmethod
    def load(cls, store: WeightStore | None = None) -> SpeakerEncoder:
        """The encoder with the weights that were fetched.

        Raises:
            WeightsError: they are not here; the hint says how to fetch them.
        """
        return cls((store or WeightStore()).locate(WEIGHTS))

    def embed(self, pcm: Pcm, space: str) -> Embedding:
        """The voice that speaks in an utterance.

        Args:
            pcm: shape (n,), int16, 16 kHz; one person's speech.
            space: one of `hub.speakers.spaces`.

        Raises:
            TooLittleSpeechError: less than 1.6 s of it is speech.
            ValueError: there is no such space.
        """
        if space not in SPACES:
            raise ValueError(f"there is no space {space!r}")
        speech = speech_of(pcm)
        seconds = len(speech) / SAMPLE_RATE
        if seconds < SHORTEST_S:
            raise TooLittleSpeechError(
                f"There are {seconds:.2f} s of speech; {SHORTEST_S} s are needed to tell a voice.",
                "Say a whole sentence.",
                speech_s=round(seconds, 2),
            )
        return self.encode(speech if space == GE2E else legacy_chain(_signal(pcm)))

    def encode(self, signal: Signal) -> Embedding:
        """The voice in a signal that was prepared, at least one sample: nothing is done to it."""
        voices = self._session.run([OUTPUT], {INPUT: partials(signal)})[0]
        mean = voices.mean(axis=0, dtype=np.float64)
        voice: Embedding = (mean / np.linalg.norm(mean)).astype(np.float32)
        return voice


def speech_of(pcm: Pcm) -> Signal:
    """The speech in an utterance as the encoder is usually given it: raised, without pauses."""
    return trim_silence(raise_level(_signal(pcm)))


def _signal(pcm: Pcm) -> Signal:
    return pcm.astype(np.float32) / np.float32(FULL_SCALE)
