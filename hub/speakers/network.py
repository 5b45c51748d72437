"""The networks that make a voice's vector of speech, each with its weights."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import onnxruntime

from hub.speakers import kaldi
from hub.speakers.features import Signal, partials
from hub.speakers.spaces import Embedding
from models import campplus, voice
from shared.errors import WeightsError


class Network(ABC):
    """A network with the weights in one folder.

    A call takes one thread; several may call at once.

    Args:
        folder: where `encoder.onnx` is.

    Raises:
        WeightsError: onnxruntime cannot use them.
    """

    weights: ClassVar[str]
    """Their name in the catalogue."""

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
                f"{self.weights} cannot be loaded from {folder}: {str(error).rstrip('.')}.",
                f"Check its weights with: mira-hub models verify {self.weights}",
            ) from error

    @abstractmethod
    def encode(self, signal: Signal) -> Embedding:
        """The voice in a signal that was prepared, at least 1.6 s: nothing is done to it."""


class Ge2e(Network):
    """The GE2E encoder: the mean over pieces of 1.6 s; no number of a vector is negative."""

    weights = "voice-ge2e"

    def encode(self, signal: Signal) -> Embedding:
        voices = self._session.run([voice.OUTPUT], {voice.INPUT: partials(signal)})[0]
        mean = voices.mean(axis=0, dtype=np.float64)
        found: Embedding = (mean / np.linalg.norm(mean)).astype(np.float32)
        return found


class Campplus(Network):
    """CAM++, which looks at all of an utterance at once."""

    weights = "voice-campplus"

    def encode(self, signal: Signal) -> Embedding:
        shown = {campplus.INPUT: kaldi.bands(signal)[np.newaxis]}
        found: Embedding = self._session.run([campplus.OUTPUT], shown)[0][0]
        return found
