"""Transcripts of recordings that were decoded before: decoding is most of what a bench does."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from hub.recognition.recogniser import Recogniser, Transcript
from shared.audio import Pcm, pcm_to_bytes

LEAST_LOG_PROBABILITY = -20.0
"""Stands for that of no words at all, which JSON cannot hold."""


class Decodes:
    """A recogniser that remembers, in a file of JSON lines.

    Args:
        recogniser: decodes what is new.
        path: the file; made where it is missing. Several processes may append to it.
    """

    def __init__(self, recogniser: Recogniser, path: Path) -> None:
        self._recogniser = recogniser
        self._path = path
        self._known: dict[str, Transcript] = {}
        if path.exists():
            for line in path.read_text().splitlines():
                row = json.loads(line)
                self._known[row["sha256"]] = Transcript(
                    row["text"], row["confidence"], row["log_probability"], recogniser.language
                )

    def __call__(self, pcm: Pcm) -> Transcript:
        """The transcript of samples of shape (n,), int16, 16 kHz."""
        key = hashlib.sha256(pcm_to_bytes(pcm)).hexdigest()
        if key not in self._known:
            made = self._known[key] = self._recogniser.transcribe(pcm)
            row = {
                "sha256": key,
                "text": made.text,
                "confidence": made.confidence,
                "log_probability": max(made.mean_log_probability, LEAST_LOG_PROBABILITY),
            }
            # One write, so that lines of several processes do not mix.
            with self._path.open("a") as file:
                file.write(json.dumps(row) + "\n")
        return self._known[key]
