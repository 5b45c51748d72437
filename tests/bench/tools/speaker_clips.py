"""Labelled speech for `script/bench speakers`: a folder of clips for each speaker.

    python -m tests.bench.tools.speaker_clips FOLDER --out DIR --seconds 3

makes DIR/SPEAKER/000.flac and so on of FOLDER/SPEAKER/*, by joining the short recordings of one
speaker (single digits, for instance) in an order that is the same every time.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from edge.simulation.scene_material import read_audio
from shared.audio import FRAME_SAMPLES, SAMPLE_RATE, Pcm
from shared.errors import ConfigError
from shared.quality.meter import QualityMeter
from tests.bench.tools.report import positive_seconds, say

_AUDIO = (".flac", ".wav", ".ogg")


@dataclass(frozen=True)
class Clip:
    """Something that one speaker said."""

    speaker: str
    name: str
    pcm: Pcm  # shape (n,), int16, 16 kHz
    quality: float  # as the device scores what it hears, 0 to 100


def read_clips(folder: Path) -> dict[str, list[Clip]]:
    """The clips of FOLDER/SPEAKER/CLIP by speaker, both in the order of their names.

    Raises:
        ConfigError: there is no such folder, or no speaker in it.
        AudioFormatError: a file cannot be read.
    """
    found = {speaker: [_clip(speaker, path) for path in files] for speaker, files in _files(folder)}
    if not found:
        raise ConfigError(
            f"There are no speakers in {folder}.", "Expected: a folder of clips for each."
        )
    return found


def _clip(speaker: str, path: Path) -> Clip:
    pcm, meter = read_audio(path), QualityMeter()
    meter.push(pcm[: len(pcm) // FRAME_SAMPLES * FRAME_SAMPLES])
    return Clip(speaker, path.stem, pcm, meter.score)


def joined(pieces: Sequence[Pcm], seconds: float, seed: int) -> Iterator[Pcm]:
    """Clips of that length, each of pieces that are in no other; what is too little is left."""
    order = np.random.default_rng(seed).permutation(len(pieces))
    samples, begun = round(seconds * SAMPLE_RATE), list[Pcm]()
    for at in order:
        begun.append(pieces[at])
        if sum(map(len, begun)) >= samples:
            yield np.concatenate(begun)[:samples]
            begun = []


def _files(folder: Path) -> Iterator[tuple[str, list[Path]]]:
    if not folder.is_dir():
        raise ConfigError(f"There is no folder {folder}.", "Name one with a folder per speaker.")
    for speaker in sorted(path for path in folder.iterdir() if path.is_dir()):
        files = sorted(path for path in speaker.rglob("*") if path.suffix.lower() in _AUDIO)
        if files:
            yield speaker.name, files


def main(arguments: Sequence[str] | None = None) -> None:
    """Makes the clips."""
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("folder", type=Path)
    options.add_argument("--out", type=Path, required=True)
    options.add_argument("--seconds", type=positive_seconds, default=3.0, help="of a clip")
    options.add_argument("--seed", type=int, default=0, help="decides what is joined")
    args = options.parse_args(arguments)
    for speaker, files in _files(args.folder):
        out = args.out / speaker
        out.mkdir(parents=True, exist_ok=True)
        count = 0
        for pcm in joined([read_audio(path) for path in files], args.seconds, args.seed):
            soundfile.write(out / f"{count:03}.flac", pcm, SAMPLE_RATE, "PCM_16")
            count += 1
        say(f"{speaker}: {count} clips of {args.seconds} s")


if __name__ == "__main__":
    main()
