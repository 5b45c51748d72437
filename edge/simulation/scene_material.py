"""What scenes are made from: utterances with their text, and recordings of noise.

Utterances are a folder of one's own, in one of two shapes: `speech.jsonl` beside or above the
audio, or `NAME.flac` (`NAME.wav`) beside `NAME.txt`; or the sample speech.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import msgspec
import soundfile

from edge.simulation.scene_draw import Material
from edge.simulation.speech import utterances
from models.location import locate
from shared.audio import SAMPLE_RATE, Pcm, mono, resample
from shared.errors import AudioFormatError, ConfigError

Part = Literal["train", "eval"]
TABLE = "speech.jsonl"
_TRAINING_SHARE = 0.7
_AUDIO = (".flac", ".wav", ".ogg")


@dataclass(frozen=True)
class Utterance:
    """What somebody says in one go; read when it is needed."""

    name: str
    talker: str
    reference: str
    slots: dict[str, str]
    seconds: float
    sound: Path | Pcm

    @property
    def pcm(self) -> Pcm:
        """Shape (n,), int16, 16 kHz."""
        return read_audio(self.sound) if isinstance(self.sound, Path) else self.sound


class _Row(msgspec.Struct):
    file: str
    reference: str
    slots: dict[str, str] = {}
    talker: str = ""


def part_of(name: str) -> Part:
    """Whether the utterance of that name is for training or for evaluation, for ever."""
    digest = hashlib.sha256(name.encode()).digest()
    share = int.from_bytes(digest[:8], "big") / 2**64
    return "train" if share < _TRAINING_SHARE else "eval"


def read_speech(folder: Path | None, part: Part | None = None) -> list[Utterance]:
    """All utterances of a folder (None: the sample speech), or one part of them, by name.

    Raises:
        ConfigError: there is no such folder, nothing in it, or a table that cannot be read.
        WeightsError: the sample speech is not there.
    """
    found = _sample_speech() if folder is None else _from_folder(folder)
    if part:
        found = [one for one in found if part_of(one.name) == part]
    if not found:
        raise ConfigError(
            f"There is no utterance{f' of the part {part!r}' if part else ''} in"
            f" {folder or 'the sample speech'}.",
            f"Expected: {TABLE} beside or above FLAC files, or NAME.flac beside NAME.txt.",
        )
    return sorted(found, key=lambda one: one.name)


def read_noises(folder: Path | None) -> list[Path]:
    """The audio files of a folder, by name; none where there is no folder.

    Raises:
        ConfigError: there is no such folder, or no audio in it.
    """
    if folder is None:
        return []
    found = _audio_in(folder)
    if not found:
        raise ConfigError(f"There is no audio in {folder}.", f"Expected: {', '.join(_AUDIO)}.")
    return found


def read_audio(path: Path) -> Pcm:
    """A file's sound, any rate, its channels mixed: shape (n,), int16, 16 kHz.

    Raises:
        AudioFormatError: it is damaged, or of no known format.
    """
    try:
        samples, rate = soundfile.read(path, dtype="int16")
    except (soundfile.SoundFileError, OSError) as error:
        raise AudioFormatError(f"{path} cannot be read: {error}.") from error
    return resample(mono(samples), rate)


def material(chosen: int, speech: Sequence[Utterance], recordings: int) -> Material:
    """What a scene with that utterance is drawn from."""
    one = speech[chosen]
    others = [
        n
        for n, other in enumerate(speech)
        if other.talker != one.talker and other.reference != one.reference
    ]
    return Material(chosen, one.seconds, others, recordings)


def fingerprint(speech: Sequence[Utterance], noises: Sequence[Path]) -> str:
    """Tells whether scenes were made from the same: a SHA-256 over names, texts and sizes."""
    rows = [(one.name, one.reference, one.slots, one.seconds) for one in speech]
    sizes = [(path.name, path.stat().st_size) for path in noises]
    return hashlib.sha256(msgspec.json.encode((rows, sizes), order="sorted")).hexdigest()


def _sample_speech() -> list[Utterance]:
    return [
        Utterance(one.name, one.talker, one.reference, {}, len(one.pcm) / SAMPLE_RATE, one.pcm)
        for one in utterances(locate("sample-speech"))
    ]


def _from_folder(folder: Path) -> list[Utterance]:
    audio = _audio_in(folder)
    tables = [place / TABLE for place in (folder, folder.parent) if (place / TABLE).is_file()]
    files = {path.name: path for path in audio}
    rows = {
        files[row.file]: row
        for row in (_rows(tables[0]) if tables else ())
        if row.file in files and row.reference.strip()
    } or {
        path: _Row(path.name, text.read_text(encoding="utf-8").strip())
        for path in audio
        if (text := path.with_suffix(".txt")).is_file()
    }
    found = [_utterance(path, row) for path, row in rows.items()]
    if len({one.talker for one in found}) == 1:  # so their names do not begin with the talker's
        found = [replace(one, talker=one.name) for one in found]
    return found


def _rows(table: Path) -> list[_Row]:
    rows = []
    for number, line in enumerate(table.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.strip():
            continue
        try:
            rows.append(msgspec.json.decode(line, type=_Row))
        except msgspec.DecodeError as error:
            raise ConfigError(f"{table}, line {number}: {error}.") from error
    return rows


def _utterance(path: Path, row: _Row) -> Utterance:
    """Without a talker's name, that is what the file's begins with: `84-121123-0001` is 84's."""
    try:
        facts = soundfile.info(path)
    except soundfile.SoundFileError as error:
        raise ConfigError(f"{path} cannot be read: {error}.") from error
    talker = row.talker or re.split("[-_]", path.stem)[0]
    return Utterance(
        path.stem, talker, row.reference, row.slots, facts.frames / facts.samplerate, path
    )


def _audio_in(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise ConfigError(f"There is no folder {folder}.", "Name one with audio files.")
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in _AUDIO)
