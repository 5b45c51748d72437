"""What a device has to be configured with, for whoever sets it up anew."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from msgspec import Struct

from hub.api.networks import base_url, websocket_url
from hub.api.route import Call, Text
from hub.device_config import DeviceConfig, room_of
from shared.tls import fingerprint

TOML = "application/toml"


class Form(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """In which form the configuration comes."""

    format: Literal["json", "toml"] = "json"


@dataclass(frozen=True, kw_only=True)
class ClientConfig(DeviceConfig):
    """A device's configuration. Its token is not in it: the hub does not know tokens."""

    websocket_url: str
    ca_sha256: str | None  # hex; null: the certificate is one that everybody trusts


async def read(call: Call) -> ClientConfig | Text:
    """Shows what a device has to know; as TOML, the two tables of its `edge.toml`."""
    services = call.services
    client = await services.accounts.client(call.network_id, call.part("client_id"))
    network_id = call.access.network_public_id
    config = ClientConfig(
        hub_id=services.hub_id,
        hub_url=base_url(call),
        network_id=network_id,
        client_id=client.client_id,
        ca=services.ca,
        name=client.name,
        room=room_of(client.location),
        websocket_url=websocket_url(call, network_id),
        ca_sha256=None if services.ca is None else fingerprint(services.ca),
    )
    form: Form = call.query
    return Text(config.toml(), TOML) if form.format == "toml" else config
