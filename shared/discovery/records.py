"""What hubs and devices say about themselves in the TXT record of their announcement."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from shared.errors import Fault, MiraError
from shared.ids import CLIENT_ID, NETWORK_ID

HUB_SERVICE = "_mira-hub._tcp.local."
DEVICE_SERVICE = "_mira-mic._tcp.local."
UNPAIRED = "unpaired"
"""The `network` of a device that belongs to none."""
RECORD_VERSION = 1
MAX_ENTRY_BYTES = 255
"""Of `key=value` (RFC 6763, 6.1)."""

_PATH = re.compile(r"/[A-Za-z0-9._~/-]*")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_NETWORK = re.compile(f"{NETWORK_ID.pattern}|{UNPAIRED}")
_BOOLEAN = re.compile("true|false")
_VERSION = re.compile(r"[1-9][0-9]{0,3}")

Txt = Mapping[bytes, bytes | None]
"""A TXT record as it comes off the wire."""


class InvalidRecordError(MiraError):
    """An announcement that is not Mira's, or is broken."""

    code = "INVALID_ANNOUNCEMENT"
    fault = Fault.DEVICE


@dataclass(frozen=True)
class HubRecord:
    """TXT record of a hub."""

    service: ClassVar[str] = HUB_SERVICE

    id: str  # the hub's own, of the shape of a client id
    name: str  # for people
    path: str = "/"  # what stands before `/api/v1` in its URLs
    tls: str | None = None  # hex SHA-256 of its CA; None: plain HTTP

    def to_txt(self) -> dict[str, str]:
        """Keys and values to announce; `name` is cut to what an entry can hold."""
        txt = {"v": str(RECORD_VERSION), "id": self.id, "name": self.name, "path": self.path}
        if self.tls is not None:
            txt["tls"] = self.tls
        return _fitted(txt)

    @classmethod
    def from_txt(cls, txt: Txt) -> HubRecord:
        """The record in `txt`; keys that are not known here are ignored.

        Raises:
            InvalidRecordError: a key is missing, or a value is not what it should be.
        """
        _value(txt, "v", _VERSION)
        return cls(
            id=_value(txt, "id", CLIENT_ID),
            name=_name(txt, "name"),
            path=_value(txt, "path", _PATH),
            tls=_value(txt, "tls", _SHA256) if b"tls" in txt else None,
        )


@dataclass(frozen=True)
class DeviceRecord:
    """TXT record of a device with a microphone."""

    service: ClassVar[str] = DEVICE_SERVICE

    id: str  # its client id
    name: str  # for people
    room: str = ""  # where it stands, for people; may be empty
    network: str = UNPAIRED  # public id of its network
    listening: bool = False  # whether its microphone is open

    def to_txt(self) -> dict[str, str]:
        """Keys and values to announce; `name` and `room` are cut to what an entry can hold."""
        return _fitted(
            {
                "v": str(RECORD_VERSION),
                "id": self.id,
                "name": self.name,
                "room": self.room,
                "network": self.network,
                "listening": "true" if self.listening else "false",
            }
        )

    @classmethod
    def from_txt(cls, txt: Txt) -> DeviceRecord:
        """The record in `txt`; keys that are not known here are ignored.

        Raises:
            InvalidRecordError: a key is missing, or a value is not what it should be.
        """
        _value(txt, "v", _VERSION)
        return cls(
            id=_value(txt, "id", CLIENT_ID),
            name=_name(txt, "name"),
            room=_name(txt, "room", may_be_empty=True),
            network=_value(txt, "network", _NETWORK),
            listening=_value(txt, "listening", _BOOLEAN) == "true",
        )


Record = HubRecord | DeviceRecord


def _fitted(txt: dict[str, str]) -> dict[str, str]:
    """Cuts each value, between characters, so that its entry fits."""
    return {
        key: value.encode()[: MAX_ENTRY_BYTES - len(key) - 1].decode(errors="ignore")
        for key, value in txt.items()
    }


def _text(txt: Txt, key: str) -> str:
    raw = txt.get(key.encode())
    if raw is None:
        raise InvalidRecordError(f"The announcement has no {key!r}.")
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise InvalidRecordError(f"The announcement's {key!r} is not UTF-8.") from None


def _value(txt: Txt, key: str, pattern: re.Pattern[str]) -> str:
    text = _text(txt, key)
    if not pattern.fullmatch(text):
        raise InvalidRecordError(f"The announcement's {key!r} is {text!r}.")
    return text


def _name(txt: Txt, key: str, *, may_be_empty: bool = False) -> str:
    """A text for people: it ends up in terminals and pages, so no control characters."""
    text = _text(txt, key)
    if not text.isprintable() or not (text or may_be_empty):
        raise InvalidRecordError(f"The announcement's {key!r} is {text!r}.")
    return text
