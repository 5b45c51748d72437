"""Devices: registering them, changing them, their tokens."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any

from msgspec import UNSET, Meta, Struct, UnsetType

from hub.api.networks import websocket_url
from hub.api.route import Call, Versioned
from hub.store.accounts import Device, DeviceChange
from hub.store.details import ClientDetails
from hub.store.settings import NetworkSettings
from shared.wire.fields import Name

MAX_OVERLAP_S = 86_400

Kind = Annotated[str, Meta(min_length=1, max_length=32)]
Facts = Annotated[dict[Name, Any], Meta(max_length=64)]
Capabilities = Annotated[list[Name], Meta(max_length=32)]


class NewClient(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A device that registers."""

    name: Name
    device_type: Kind = "microphone"
    device_info: Facts = {}
    capabilities: Capabilities = []
    location: Facts = {}


@dataclass(frozen=True, kw_only=True)
class RegisteredClient(ClientDetails):
    """A device that has registered; its token is shown this once."""

    client_token: str
    websocket_url: str
    settings: NetworkSettings


class ChangedClient(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is to be changed of a device; what is left out stays."""

    name: Name | UnsetType = UNSET
    device_info: Facts | UnsetType = UNSET
    capabilities: Capabilities | UnsetType = UNSET
    location: Facts | UnsetType = UNSET
    listening: bool | UnsetType = UNSET


class Clients(Struct, frozen=True, kw_only=True):
    """All devices of a network, by name."""

    clients: tuple[ClientDetails, ...]


class RegistrationToken(Struct, frozen=True, kw_only=True):
    """Lets one device register; shown this once."""

    client_registration_token: str


class Rotation(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How long the tokens of before stay good."""

    overlap_s: Annotated[int, Meta(ge=0, le=MAX_OVERLAP_S)] = 300


class RotatedToken(Struct, frozen=True, kw_only=True):
    """A device's new token; shown this once."""

    client_token: str


async def issue_registration(call: Call) -> RegistrationToken:
    """Makes a token with which one device may register."""
    token = await call.services.accounts.issue_registration(call.network_id)
    return RegistrationToken(client_registration_token=token)


async def register(call: Call) -> RegisteredClient:
    """Registers a device; a registration token is used up by it."""
    body: NewClient = call.body
    access = call.access
    client, token, event = await call.services.accounts.register(
        call.network_id,
        Device(
            name=body.name,
            device_type=body.device_type,
            device_info=body.device_info,
            capabilities=body.capabilities,
            location=body.location,
        ),
        access.token_id if access.role == "registration" else None,
    )
    call.services.networks.publish(call.network_id, event)
    network = await call.services.accounts.network(call.network_id)
    return RegisteredClient(
        **vars(client),
        client_token=token,
        websocket_url=websocket_url(call, network.network_id),
        settings=network.settings,
    )


async def list_all(call: Call) -> Clients:
    """Lists the network's devices."""
    return Clients(clients=await call.services.accounts.clients(call.network_id))


async def read(call: Call) -> Versioned:
    """Shows a device."""
    client = await call.services.accounts.client(call.network_id, call.part("client_id"))
    return Versioned(client, client.version)


async def change(call: Call) -> Versioned:
    """Changes a device, and tells the others."""
    body: ChangedClient = call.body
    given = {
        name: value
        for name in ("name", "device_info", "capabilities", "location", "listening")
        if not isinstance(value := getattr(body, name), UnsetType)
    }
    client, event = await call.services.accounts.change_client(
        call.network_id, call.part("client_id"), DeviceChange(**given), call.version
    )
    call.services.networks.publish(call.network_id, event)
    return Versioned(client, client.version)


async def remove(call: Call) -> None:
    """Removes a device with its tokens; what it heard stays, without its name."""
    client_id = call.part("client_id")
    event = await call.services.accounts.remove_client(call.network_id, client_id)
    call.services.networks.publish(call.network_id, event)
    call.services.networks.disconnect(call.network_id, client_id)


async def rotate(call: Call) -> RotatedToken:
    """Gives a device a new token; those of before stay good for a while."""
    body: Rotation = call.body
    token = await call.services.accounts.rotate(
        call.network_id, call.part("client_id"), timedelta(seconds=body.overlap_s)
    )
    return RotatedToken(client_token=token)


async def revoke(call: Call) -> None:
    """Ends every token of a device, and its connection."""
    client_id = call.part("client_id")
    await call.services.accounts.revoke(call.network_id, client_id)
    call.services.networks.disconnect(call.network_id, client_id)
