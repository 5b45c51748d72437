"""Vosk (Kaldi): streaming speech to text in some twenty languages, with the times of words."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import vosk

from hub.recognition.recogniser import (
    Cancelled,
    DecodeCancelled,
    RecogniserLoadError,
    Transcript,
    Word,
    audible,
    never,
    nothing_said,
)
from shared.audio import SAMPLE_RATE, Pcm, pcm_to_bytes

_STEP = SAMPLE_RATE // 5
"""Samples that are decoded between two questions whether to stop: 0.2 s, some 30 ms of work."""
_UNKNOWN = frozenset({"[unk]", "<unk>"})
_LEAST_CONFIDENCE = 1e-6  # Vosk says 0 at times, which has no logarithm

_TAGS = {"cn": "zh", "gr": "el", "kz": "kk", "ua": "uk", "vn": "vi"}

vosk.SetLogLevel(-1)  # it writes to stderr by itself otherwise


class VoskRecogniser:
    """Vosk with the model in one folder.

    Kaldi adds a little random noise to the samples (dither), so the same samples can give another
    confidence the next time, and now and then another word.

    Args:
        name: what it is called: `vosk-ko`, `vosk:fr`, `vosk:/path/to/model`.
        folder: the model.
        language: of the model.

    Raises:
        RecogniserLoadError: the folder holds no model.
    """

    def __init__(self, name: str, folder: Path, language: str) -> None:
        self.name = name
        self.language = language
        try:
            self._model = vosk.Model(str(folder))
        except Exception as error:  # vosk raises nothing narrower
            raise RecogniserLoadError(
                f"{name} cannot be loaded from {folder}: {error}.",
                "It must be the folder of a whole Vosk model, with am, conf and graph in it.",
            ) from error

    def transcribe(self, pcm: Pcm, cancelled: Cancelled = never) -> Transcript:
        """See `Recogniser`."""
        if not audible(pcm):
            return nothing_said(self.language)
        decoder = self._decoder()
        found: list[dict[str, Any]] = []
        for start in range(0, len(pcm), _STEP):
            if cancelled():
                raise DecodeCancelled
            if decoder.AcceptWaveform(pcm_to_bytes(pcm[start : start + _STEP])):
                found += json.loads(decoder.Result()).get("result", [])
        found += json.loads(decoder.FinalResult()).get("result", [])
        return self._transcript(found, len(pcm) / SAMPLE_RATE)

    def open_stream(self) -> VoskStream:
        """See `Recogniser`. Each sample is decoded once."""
        return VoskStream(self._decoder())

    def _decoder(self) -> Any:
        decoder = vosk.KaldiRecognizer(self._model, SAMPLE_RATE)
        decoder.SetWords(True)
        return decoder

    def _transcript(self, found: list[dict[str, Any]], duration_s: float) -> Transcript:
        words = tuple(
            Word(
                one["word"],
                min(max(one["start"], 0.0), duration_s),
                min(one["end"], duration_s),
                min(max(one["conf"], 0.0), 1.0),
            )
            for one in found
            if one["word"] not in _UNKNOWN
        )
        if not words:
            return nothing_said(self.language)
        mean = sum(math.log(max(w.confidence, _LEAST_CONFIDENCE)) for w in words) / len(words)
        text = " ".join(word.text for word in words)
        return Transcript(text, math.exp(mean), mean, self.language, words)


class VoskStream:
    """Live text of one utterance; what was decoded is not decoded again."""

    def __init__(self, decoder: Any) -> None:
        self._decoder = decoder
        self._finished = ""  # text up to the last pause
        self._waiting: Pcm = np.zeros(0, np.int16)

    def feed(self, pcm: Pcm, cancelled: Cancelled = never) -> str:
        """See `PartialStream`."""
        self._waiting = np.concatenate([self._waiting, pcm])
        while len(self._waiting):
            if cancelled():
                raise DecodeCancelled
            step, self._waiting = self._waiting[:_STEP], self._waiting[_STEP:]
            if self._decoder.AcceptWaveform(pcm_to_bytes(step)):
                self._finished = _joined(self._finished, json.loads(self._decoder.Result())["text"])
        return _joined(self._finished, json.loads(self._decoder.PartialResult()).get("partial", ""))


def language_of_folder(folder: Path) -> str:
    """The language that a model's folder is named after (vosk-model-small-fr-0.22); else `und`."""
    found = re.match(r"vosk-model-(?:small-)?([a-z]{2,3}(?:-[a-z]{2})?)(?:-|$)", folder.name)
    return tag_of(found[1]) if found else "und"


def tag_of(language: str) -> str:
    """The BCP 47 tag of what Vosk calls a language, which is now and then a country's name."""
    return _TAGS.get(language, language)


def _joined(before: str, after: str) -> str:
    words = [word for word in f"{before} {after}".split() if word not in _UNKNOWN]
    return " ".join(words)
