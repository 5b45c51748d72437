"""Networks: making, reading, changing and deleting them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeVar

from msgspec import UNSET, Meta, Struct, UnsetType

from hub.api.route import Call, Versioned
from hub.store.accounts import NetworkChange
from hub.store.details import NetworkDetails
from hub.store.settings import NetworkSettings, change_settings
from shared.wire.fields import Name

T = TypeVar("T")

Description = Annotated[str, Meta(max_length=4096)]


class NewNetwork(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A network to be made."""

    name: Name
    description: Description | None = None
    settings: NetworkSettings = NetworkSettings()


@dataclass(frozen=True, kw_only=True)
class CreatedNetwork(NetworkDetails):
    """A new network; its two tokens are shown this once."""

    websocket_url: str
    network_token: str
    client_registration_token: str


class ChangedNetwork(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is to be changed of a network; what is left out stays."""

    name: Name | UnsetType = UNSET
    description: Description | UnsetType = UNSET
    status: Literal["active", "inactive"] | UnsetType = UNSET
    settings: dict[str, Any] | UnsetType = UNSET


async def create(call: Call) -> CreatedNetwork:
    """Makes a network."""
    body: NewNetwork = call.body
    call.services.networks.check_language(body.settings.language)
    network, token, registration = await call.services.accounts.create_network(
        body.name, body.description, body.settings
    )
    return CreatedNetwork(
        **vars(network),
        websocket_url=websocket_url(call, network.network_id),
        network_token=token,
        client_registration_token=registration,
    )


async def read(call: Call) -> Versioned:
    """Shows a network."""
    network = await call.services.accounts.network(call.network_id)
    return Versioned(network, network.version)


async def change(call: Call) -> Versioned:
    """Changes a network, and tells its devices of new settings."""
    body: ChangedNetwork = call.body
    settings = _given(body.settings) or {}
    if "language" in settings:
        language = change_settings(NetworkSettings(), settings).language
        call.services.networks.check_language(language)
    network, event = await call.services.accounts.change_network(
        call.network_id,
        NetworkChange(
            name=_given(body.name),
            description=_given(body.description),
            status=_given(body.status),
            settings=_given(body.settings),
        ),
        call.version,
    )
    if event is not None:
        call.services.networks.publish(call.network_id, event)
    return Versioned(network, network.version)


async def delete(call: Call) -> None:
    """Deletes a network with everything of it, and sends its devices away."""
    await call.services.accounts.delete_network(call.network_id)
    await call.services.networks.close_network(call.network_id)


def websocket_url(call: Call, network_id: str) -> str:
    """Where a network's devices connect."""
    return f"ws{base_url(call).removeprefix('http')}/api/v1/networks/{network_id}/ws"


def base_url(call: Call) -> str:
    """What stands before the paths of whoever asks; without a slash at its end."""
    here = f"{call.request.scheme}://{call.request.host}"
    return (call.services.public_url or here).rstrip("/")


def _given(value: T | UnsetType) -> T | None:
    return None if isinstance(value, UnsetType) else value
