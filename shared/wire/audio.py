"""Binary audio frames: a fixed header of 36 bytes, then samples."""

from __future__ import annotations

import struct
import uuid
from dataclasses import dataclass
from enum import IntEnum

from shared.audio import BYTES_PER_SAMPLE
from shared.errors import MalformedMessageError

# version u8, codec u8, flags u16, utterance id (16 bytes), sequence u32, first sample u32,
# capture time i64 (µs): network byte order
HEADER = struct.Struct("!BBH16sIIq")
AUDIO_VERSION = 1
FLAG_LAST = 1
MAX_PAYLOAD = 64_000
"""Bytes of audio in one frame: two seconds."""


class Codec(IntEnum):
    """How the payload is coded."""

    PCM_S16LE = 0  # 16 kHz mono, little-endian


@dataclass(frozen=True)
class AudioFrame:
    """A piece of an utterance's audio."""

    utterance_id: str  # dashed UUID
    sequence: int  # counts from 0 within one answer to `send_audio`
    first_sample: int  # index of the payload's first sample within the utterance
    captured_at_us: int  # device's clock at that sample
    payload: bytes  # int16 little-endian samples
    last: bool = False  # the utterance ends with this frame
    codec: Codec = Codec.PCM_S16LE

    def encode(self) -> bytes:
        """Header and payload."""
        header = HEADER.pack(
            AUDIO_VERSION,
            self.codec,
            FLAG_LAST if self.last else 0,
            uuid.UUID(self.utterance_id).bytes,
            self.sequence,
            self.first_sample,
            self.captured_at_us,
        )
        return header + self.payload


def decode_audio(data: bytes) -> AudioFrame:
    """The audio frame in a binary message; flags this side does not know are ignored.

    Raises:
        MalformedMessageError: truncated, too long, of another version or an unknown codec.
    """
    if len(data) < HEADER.size:
        raise MalformedMessageError(
            f"An audio frame of {len(data)} bytes is shorter than its header.", length=len(data)
        )
    version, codec, flags, raw_id, sequence, first_sample, captured_at = HEADER.unpack_from(data)
    payload = data[HEADER.size :]
    if version != AUDIO_VERSION:
        raise MalformedMessageError(f"Audio frames of version {version} are not known here.")
    if codec != Codec.PCM_S16LE:
        raise MalformedMessageError(f"Codec {codec} is not known here.", codec=codec)
    if len(payload) > MAX_PAYLOAD or len(payload) % BYTES_PER_SAMPLE:
        raise MalformedMessageError(
            f"{len(payload)} bytes are not whole samples of at most two seconds."
        )
    return AudioFrame(
        utterance_id=str(uuid.UUID(bytes=raw_id)),
        sequence=sequence,
        first_sample=first_sample,
        captured_at_us=captured_at,
        payload=payload,
        last=bool(flags & FLAG_LAST),
    )
