"""A network's settings: one small document, checked whenever it is read or written."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from hub.store.errors import InvalidSettingsError
from shared.wire.fields import Name


class NetworkSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a network may choose."""

    listening: bool = True  # whether the network as a whole listens
    language: Name = "en"  # BCP 47 tag of what is spoken
    # Who may register devices: whoever has a registration token or a pairing code, only who has
    # the network's token, or nobody. The hub's operator always may.
    registration: Literal["token", "network", "closed"] = "token"
    retention_days: Annotated[int, Meta(ge=1, le=36_500)] | None = None  # null: kept for ever
    # How long audio is kept after it was recognised; 0: not at all. What could not be recognised
    # is kept for a day in any case, to be processed again.
    keep_audio_hours: Annotated[int, Meta(ge=0, le=8_760)] = 0
    # Whether the hub tells people by their voices. Off: no voice is taken from what is said, and
    # nobody is assigned; what is known of voices stays until it is deleted.
    voices: bool = True
    # What no device hears better, or the recogniser is less sure of, is not kept: the neighbours'
    # television. Quality from 0 to 100, confidence from 0 to 1.
    min_quality_score: Annotated[float, Meta(ge=0, le=100)] = 0.0
    min_confidence: Annotated[float, Meta(ge=0, le=1)] = 0.15
    # How long a conversation outlasts silence; and whether, after a longer pause, it takes a word
    # in common to go on.
    conversation_silence_s: Annotated[int, Meta(ge=5, le=3_600)] = 300
    conversation_topics: bool = False


def parse_settings(document: object) -> NetworkSettings:
    """A settings document, checked; what it lacks has its default.

    Raises:
        InvalidSettingsError: an unknown key, or a value of the wrong kind.
    """
    try:
        return msgspec.convert(document, NetworkSettings)
    except msgspec.ValidationError as error:
        raise InvalidSettingsError(
            f"These are no settings of a network: {error}",
            f"Known keys: {', '.join(NetworkSettings.__struct_fields__)}.",
        ) from error


def change_settings(settings: NetworkSettings, changes: dict[str, object]) -> NetworkSettings:
    """The settings with some of them changed; raises InvalidSettingsError."""
    return parse_settings({**settings_document(settings), **changes})


def settings_document(settings: NetworkSettings) -> dict[str, object]:
    """The document to store; raises InvalidSettingsError for a value beyond its limits."""
    document = msgspec.structs.asdict(settings)
    parse_settings(document)  # the constructor checks nothing
    return document
