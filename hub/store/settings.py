"""A network's settings: one small document, checked whenever it is read or written."""

from __future__ import annotations

from typing import Annotated, Literal
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Meta

from hub.reading import why
from hub.store.errors import InvalidSettingsError
from shared.wire.fields import Name

TimeZone = Annotated[str, Meta(min_length=1, max_length=64)]
Phrase = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[^\W_A-Z]+( [^\W_A-Z]+)*\Z")]
Effect = Literal["network_off", "device_off"]
"""What a control phrase switches off: the listening of all devices, or of the one that heard it."""
ControlBy = Literal["anyone", "owner", "owner_only"]
_NO_NAMES = ("Factory", "localtime", "posixrules", "posix", "right")
"""Files of the IANA database that are no zone where people live: "not set", this machine's own,
other leap seconds."""
ControlPhrases = Annotated[dict[Phrase, Effect], Meta(max_length=32)]
LEGACY_PHRASES: dict[str, Effect] = {
    "mira cancel": "network_off",
    "mira exit": "network_off",
    "mira quit": "network_off",
    "mira stop": "network_off",
}
"""The control phrases of the legacy system."""


def zone_named(name: str) -> ZoneInfo:
    """A time zone; raises ValueError."""
    try:
        if name.split("/")[0] in _NO_NAMES:
            raise ValueError("it means something else on each machine")
        return ZoneInfo(name)
    except (
        KeyError,
        ValueError,
        OSError,
    ) as error:  # a folder of the database is no time zone either
        raise ValueError(
            f"{name!r} is no time zone; one is named such as Europe/Berlin."
        ) from error


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
    # Whether what is asked for is done: reminders and calendar events.
    actions: bool = True
    # Where clocks are read, a name of the IANA time zone database; null: as the hub's own clock.
    time_zone: TimeZone | None = None
    # What switches listening off, and of whom: of all devices, or of the one that hears it. In
    # lower case, without punctuation.
    control_phrases: ControlPhrases = msgspec.field(default_factory=lambda: dict(LEGACY_PHRASES))
    # Whose word that is: of whoever is heard, of the owner and of voices that nobody can tell, or
    # of the owner alone.
    control_by: ControlBy = "owner"

    def __post_init__(self) -> None:
        """Raises ValueError for what no field can say of itself."""
        if self.time_zone is not None:
            zone_named(self.time_zone)

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
        said, help_ = why(error, NetworkSettings)
        known = f"Known: {', '.join(NetworkSettings.__struct_fields__)}."
        raise InvalidSettingsError(
            f"These are no settings of a network: {said}", help_ or known
        ) from error


def change_settings(settings: NetworkSettings, changes: dict[str, object]) -> NetworkSettings:
    """The settings with some of them changed; raises InvalidSettingsError."""
    return parse_settings({**settings_document(settings), **changes})


def settings_document(settings: NetworkSettings) -> dict[str, object]:
    """The document to store; raises InvalidSettingsError for a value beyond its limits."""
    document = msgspec.structs.asdict(settings)
    parse_settings(document)  # the constructor checks nothing
    return document
