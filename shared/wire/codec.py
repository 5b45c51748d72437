"""Encoding and strict decoding of messages."""

from __future__ import annotations

from typing import TypeVar, get_args

import msgspec

from shared.errors import MalformedMessageError, UnknownMessageTypeError
from shared.wire.audio import AudioFrame, decode_audio
from shared.wire.events import Ack, Event, ResyncRequired, Snapshot
from shared.wire.fields import Message
from shared.wire.network import Change, ChangeApplied, ChangeRefused, ClientJoined, ClientLeft
from shared.wire.session import (
    ClientStatus,
    ClockProbe,
    ClockReply,
    ConnectionEstablished,
    Error,
    Heartbeat,
    Hello,
)
from shared.wire.utterance import (
    AudioStreamSelected,
    PartialText,
    Quality,
    Release,
    SendAudio,
    StopAudio,
    StreamQuality,
    UtteranceEnded,
    UtteranceStarted,
)

DeviceMessage = (
    Hello
    | ClockReply
    | UtteranceStarted
    | Quality
    | UtteranceEnded
    | Ack
    | Change
    | ClientStatus
    | Heartbeat
    | Error
)
"""What a device says."""

HubMessage = (
    ConnectionEstablished
    | ClockProbe
    | SendAudio
    | StopAudio
    | Release
    | AudioStreamSelected
    | PartialText
    | StreamQuality
    | ClientJoined
    | ClientLeft
    | ChangeApplied
    | ChangeRefused
    | Error
    | Event
    | ResyncRequired
    | Snapshot
)
"""What a hub says."""

MAX_MESSAGE_BYTES = 256 * 1024
"""The largest message either side accepts."""

_encoder = msgspec.json.Encoder()
_device_decoder: msgspec.json.Decoder[DeviceMessage] = msgspec.json.Decoder(DeviceMessage)
_hub_decoder: msgspec.json.Decoder[HubMessage] = msgspec.json.Decoder(HubMessage)


def encode(message: Message) -> str:
    """The JSON text of a message."""
    return _encoder.encode(message).decode()


def decode_device(data: str | bytes) -> DeviceMessage | AudioFrame:
    """What a device sent: text is JSON, bytes are audio.

    Raises:
        MalformedMessageError: not a message, or fields of the wrong kind or beyond their limits.
        UnknownMessageTypeError: well-formed, of a type that devices do not send.
    """
    return decode_audio(data) if isinstance(data, bytes) else _decode(_device_decoder, data)


def decode_hub(data: str | bytes) -> HubMessage:
    """What a hub sent; raises as `decode_device` does."""
    if isinstance(data, bytes):
        raise MalformedMessageError("Hubs send no binary messages.")
    return _decode(_hub_decoder, data)


def tag_of(message_type: type[Message]) -> str:
    """The `type` of a message class."""
    tag = message_type.__struct_config__.tag
    if not isinstance(tag, str):
        raise TypeError(f"{message_type.__name__} has no tag")
    return tag


DEVICE_TAGS = frozenset(tag_of(kind) for kind in get_args(DeviceMessage))
HUB_TAGS = frozenset(tag_of(kind) for kind in get_args(HubMessage))


T = TypeVar("T")


class _Tagged(msgspec.Struct):
    type: str = ""


def _decode(decoder: msgspec.json.Decoder[T], text: str) -> T:
    try:
        return decoder.decode(text)
    except (msgspec.DecodeError, RecursionError, UnicodeEncodeError) as error:
        raise _explain(decoder, text, error) from error


def _explain(
    decoder: object, text: str, error: Exception
) -> MalformedMessageError | UnknownMessageTypeError:
    """Tells an unknown type from a broken message of a known one."""
    known = DEVICE_TAGS if decoder is _device_decoder else HUB_TAGS
    fault = str(error)[:200]  # a wrong value is quoted whole, and an answer has its own limits
    try:
        tag = msgspec.json.decode(text, type=_Tagged).type
    except (msgspec.DecodeError, RecursionError, UnicodeEncodeError):
        return MalformedMessageError(f"Not a message: {fault}")
    if tag and tag not in known:
        return UnknownMessageTypeError(f"Messages of type {tag[:64]!r} are not known here.")
    return MalformedMessageError(f"A broken {tag or 'untyped'} message: {fault}", type=tag)
