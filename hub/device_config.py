"""What a device has to know of its hub, and the text of its `edge.toml`. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

MAX_ROOM = 64
"""As the devices' configuration has it."""
TOKEN_GOES_HERE = (
    "# The token is shown once only, when it is made: put it here as `token`, or its file as",
    "# `token_file`. `mira-hub client rotate` makes another.",
)


@dataclass(frozen=True, kw_only=True)
class DeviceConfig:
    """Of one device; there is no secret in it."""

    hub_id: str
    hub_url: str | None  # null: the hub is found by mDNS
    network_id: str
    client_id: str
    ca: str | None  # of the hub's own, in PEM; null: its certificate is one that everybody trusts
    name: str
    room: str  # may be empty

    def toml(self, token: str | None = None) -> str:
        """The tables [hub] and [device] of its `edge.toml`; without a token, where it belongs."""
        hub = {
            "addresses": [self.hub_url] if self.hub_url else None,
            "hub_id": self.hub_id,
            "network_id": self.network_id,
            "client_id": self.client_id,
            "token": token,
            "ca": self.ca,
        }
        return "\n".join(
            (
                "[hub]",
                *(f"{key} = {_toml(value)}" for key, value in hub.items() if value),
                *(() if token else TOKEN_GOES_HERE),
                "",
                "[device]",
                f"name = {_toml(self.name)}",
                f"room = {_toml(self.room)}",
                "",
            )
        )


def room_of(location: Mapping[str, Any]) -> str:
    """The room that a device stands in; whoever registers may say anything of its location."""
    room = location.get("room")
    return room if isinstance(room, str) and len(room) <= MAX_ROOM else ""


def _toml(value: object) -> str:
    # A JSON string is a TOML string, and a list of them a list; but TOML wants DEL escaped, and
    # knows no surrogates.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
