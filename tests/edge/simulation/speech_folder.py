"""Folders of speech and noise to make scenes of, in the shapes that are understood."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import soundfile

from edge.simulation.speech import murmur
from shared.audio import SAMPLE_RATE


def write_speech(folder: Path, utterances: int = 6, *, seconds: float = 0.8) -> Path:
    """Files with a text beside each; returns the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(utterances):
        path = folder / f"{number}-said.flac"
        soundfile.write(path, murmur(seconds, number), SAMPLE_RATE)
        path.with_suffix(".txt").write_text(f"sentence number {number}\n")
    return folder


def write_corpus(folder: Path, utterances: int = 4) -> Path:
    """A table beside a folder of audio; returns the folder of both."""
    (folder / "speech").mkdir(parents=True)
    rows = []
    for number in range(utterances):
        name = f"utterance{number}.flac"
        soundfile.write(folder / "speech" / name, murmur(0.8, number), SAMPLE_RATE)
        rows.append(
            {
                "file": name,
                "seconds": 0.8,
                "reference": f"coffee number {number}",
                "slots": {"drink": "coffee"} if number else {},
            }
        )
    table = b"\n".join(msgspec.json.encode(row) for row in rows)
    (folder / "speech.jsonl").write_bytes(table + b"\n")
    return folder


def write_noise(folder: Path) -> Path:
    """One recording, in stereo and at a rate of its own; returns the folder."""
    folder.mkdir(parents=True)
    noise = np.random.default_rng(0).standard_normal((8000, 2)) * 0.1
    soundfile.write(folder / "kettle.wav", noise, 8000)
    return folder
