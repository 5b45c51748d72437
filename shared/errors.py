"""The tree of errors: each says what happened, whose fault it is and what to do about it."""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar


class Fault(StrEnum):
    """Who can mend it."""

    DEVICE = "device"  # the peer that sent something wrong
    HUB = "hub"  # the hub itself
    PERSON = "person"  # whoever configured or called it
    ENVIRONMENT = "environment"  # network, disk, sound card


class MiraError(Exception):
    """Base of all errors that Mira raises on purpose.

    Args:
        message: what happened, in one sentence.
        hint: what the reader can do about it; may be empty.
        details: machine-readable facts that go along on the wire.
    """

    code: ClassVar[str] = "INTERNAL_ERROR"
    fault: ClassVar[Fault] = Fault.HUB

    def __init__(self, message: str, hint: str = "", **details: str | int | float) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.details = details

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".rstrip()


class ConfigError(MiraError):
    """A configuration file or environment variable cannot be used."""

    code = "INVALID_CONFIGURATION"
    fault = Fault.PERSON


class AccessDeniedError(MiraError):
    """No token, an unknown token, or a token of somebody else."""

    code = "UNAUTHORIZED"
    fault = Fault.PERSON


class NoMemberError(MiraError):
    """The token is that of a device which was removed, alone or with its whole network."""

    code = "NO_MEMBER"
    fault = Fault.PERSON


class WireError(MiraError):
    """A peer broke the protocol; answered by an `error` message."""

    code = "PROTOCOL_ERROR"
    fault = Fault.DEVICE


class MalformedMessageError(WireError):
    """Not JSON, not the message's shape, or a truncated audio frame."""

    code = "MALFORMED_MESSAGE"


class UnknownMessageTypeError(WireError):
    """A well-formed message of a type this side does not know."""

    code = "UNKNOWN_MESSAGE_TYPE"


class UnsupportedVersionError(WireError):
    """The two sides share no protocol version."""

    code = "UNSUPPORTED_VERSION"


class HelloExpectedError(WireError):
    """Anything before `hello`."""

    code = "HELLO_EXPECTED"


class UnknownUtteranceError(WireError):
    """A message about an utterance that was never offered, or was released."""

    code = "UNKNOWN_UTTERANCE"


class UnexpectedAudioError(WireError):
    """Audio that nobody asked for, or samples that do not follow each other."""

    code = "UNEXPECTED_AUDIO"


class LimitExceededError(WireError):
    """A message, an utterance or a count beyond its stated limit."""

    code = "LIMIT_EXCEEDED"


class AudioFormatError(MiraError):
    """Samples that are not audio of the stated format."""

    code = "INVALID_AUDIO"
    fault = Fault.DEVICE


class MicrophoneError(MiraError):
    """The microphone cannot be opened or has gone away."""

    code = "MICROPHONE_UNAVAILABLE"
    fault = Fault.ENVIRONMENT


class WeightsError(MiraError):
    """Weights are missing, damaged or cannot be fetched."""

    code = "WEIGHTS_UNAVAILABLE"
    fault = Fault.ENVIRONMENT


class RecognitionError(MiraError):
    """A recogniser failed on an utterance."""

    code = "AUDIO_PROCESSING_FAILED"
    fault = Fault.HUB


class StoreError(MiraError):
    """The database cannot do what was asked."""

    code = "STORE_UNAVAILABLE"
    fault = Fault.ENVIRONMENT
