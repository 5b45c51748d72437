"""Whole utterances on disk: what was heard while no hub took it survives a restart of the device.

One FLAC file each, whose name tells when it was heard and whose comment tells the rest. A file is
there completely or not at all.
"""

from __future__ import annotations

import base64
import io
import os
import re
import threading
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import msgspec
import numpy as np
import soundfile
from msgspec import Struct

from edge.candidate import EndReason
from shared.audio import SAMPLE_RATE, Pcm
from shared.errors import StoreError

_NAME = re.compile(r"(\d{20})-([0-9a-f-]{36})\.flac")


class About(Struct, frozen=True, kw_only=True):
    """What is known of an utterance beside its samples."""

    utterance_id: str
    captured_at_us: int  # device clock at the first sample
    onset_sample: int
    ended: EndReason
    voiced: str  # a bit for each frame of 320 samples, base64

    @staticmethod
    def packed(voiced: Iterable[int]) -> str:
        """`voiced` of frames of which each has voice (1) or none (0)."""
        bits = np.packbits(np.fromiter(voiced, np.uint8))
        return base64.b64encode(bits.tobytes()).decode()

    def frames_voiced(self, frames: int) -> bytearray:
        """1 for each of so many frames that has voice, else 0."""
        bits = np.frombuffer(base64.b64decode(self.voiced), np.uint8)
        return bytearray(np.unpackbits(bits, count=frames).tobytes())


class Spool:
    """A folder of utterances, the oldest of which make room for new ones.

    Args:
        folder: made, for nobody else on this machine to read.
        most_bytes: all files together.

    Raises:
        StoreError: the folder cannot be used.
    """

    def __init__(self, folder: Path, most_bytes: int) -> None:
        self._folder = folder
        self._most_bytes = most_bytes
        # A device that stops writes what is in memory while a thread may still be writing.
        self._lock = threading.RLock()
        self._files: dict[str, Path] = {}  # by utterance id, the oldest first
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            for path in sorted(folder.iterdir()):
                if path.suffix == ".part":
                    path.unlink()  # the device stopped while it was being written
                elif match := _NAME.fullmatch(path.name):
                    self._files[match[2]] = path
        except OSError as error:
            raise _unusable(folder, error) from error

    @property
    def held(self) -> list[str]:
        """Ids of what is here, the oldest first."""
        return list(self._files)

    def keep(self, about: About, pcm: Pcm) -> list[str]:
        """Writes an utterance, shape (n,), int16, 16 kHz; it is on disk afterwards.

        Returns:
            Ids of the oldest, which had to go for want of room.

        Raises:
            StoreError: it cannot be written.
        """
        with self._lock:
            return self._keep(about, pcm)

    def _keep(self, about: About, pcm: Pcm) -> list[str]:
        path = self._folder / f"{about.captured_at_us:020d}-{about.utterance_id}.flac"
        part = path.with_suffix(".part")
        try:
            data = _encoded(about, pcm)
            with part.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            part.rename(path)
            self._sync()
        except (OSError, soundfile.SoundFileError) as error:
            with suppress(OSError):
                part.unlink()
            raise _unusable(self._folder, error) from error
        self._files[about.utterance_id] = path
        self._files = dict(sorted(self._files.items(), key=lambda item: item[1].name))
        return self._make_room(about.utterance_id)

    def read(self, utterance_id: str) -> tuple[About, Pcm]:
        """One utterance: what is known of it, and its samples, shape (n,), int16.

        Raises:
            StoreError: it cannot be read, or is damaged.
        """
        try:
            with soundfile.SoundFile(self._files[utterance_id]) as file:
                about = msgspec.json.decode(file.comment, type=About)
                return about, file.read(dtype="int16")
        except (OSError, ValueError, soundfile.SoundFileError, msgspec.MsgspecError) as error:
            # ValueError: its header was never finished, and tells no length.
            raise _unusable(self._files[utterance_id], error) from error

    def older_than(self, captured_at_us: int) -> list[str]:
        """Ids of what was heard before a time of the device's clock."""
        return [held for held, path in self._files.items() if int(path.name[:20]) < captured_at_us]

    def discard(self, utterance_id: str) -> None:
        """Forgets an utterance, if it is here.

        Raises:
            StoreError: its file cannot be removed.
        """
        with self._lock:
            path = self._files.pop(utterance_id, None)
            if path is None:
                return
            try:
                path.unlink(missing_ok=True)
                self._sync()
            except OSError as error:
                raise _unusable(path, error) from error

    def _make_room(self, newest: str) -> list[str]:
        sizes = {held: path.stat().st_size for held, path in self._files.items()}
        total, gone = sum(sizes.values()), []
        for held, size in sizes.items():
            if total <= self._most_bytes:
                break
            if held != newest:
                self.discard(held)
                total -= size
                gone.append(held)
        return gone

    def _sync(self) -> None:
        """The folder's entries are on disk afterwards."""
        folder = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _encoded(about: About, pcm: Pcm) -> bytes:
    """A whole file, in memory: libsndfile does not say where a disk had no room for its end."""
    buffer = io.BytesIO()
    with soundfile.SoundFile(buffer, "w", SAMPLE_RATE, 1, "PCM_16", format="FLAC") as file:
        file.comment = msgspec.json.encode(about).decode()
        file.write(pcm)
    return buffer.getvalue()


def _unusable(path: Path, error: Exception) -> StoreError:
    return StoreError(
        f"The spool {path} cannot be used: {error}.",
        "Is the disk full, or the folder another user's?",
    )
