"""The service as old clients see it: whether it is on, who is there, where they have to go."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from hub.legacy.call import LegacyCall
from hub.legacy.deprecation import Deprecation, new_endpoints
from hub.store.accounts import check_registration
from hub.store.errors import ClientExistsError, NotFoundError
from hub.store.legacy_clients import DEVICE_TYPE, public_id
from shared.errors import LimitExceededError
from shared.tls import fingerprint

VERSION = "4.3.0"
"""What the legacy system called itself last; old clients may look at it."""
RECENT = 10
MAX_CLIENTS = 250
"""Records of legacy clients in a network: without a token anybody near may make some."""
MAX_NAME = 64


async def status(call: LegacyCall) -> dict[str, Any]:
    """The service at a glance."""
    now_us, streams = call.now_us(), call.streams
    best = streams.best
    return {
        "enabled": call.enabled,
        "version": VERSION,
        "connected_clients": {
            name: stream.entry(now_us) for name, stream in streams.connected.items()
        },
        "best_client": {
            "client_id": best.name if best else None,
            "score": best.score if best else 0.0,
        },
        "recent_interactions": await call.rows.recent_ids(call.network_id, RECENT),
    }


async def register(call: LegacyCall) -> dict[str, Any]:
    """Notes that a client is here; one that was never here gets a record in the network.

    Raises:
        RegistrationClosedError: the network's settings let nobody in who is new.
        LimitExceededError: the network has as many legacy clients as it may have.
    """
    name = call.client()
    store, client_id = call.services.store, public_id(name)
    clients = await store.clients(call.network_id)
    if client_id not in {client.client_id for client in clients}:
        check_registration(call.network.settings, by_token=False)
        if sum(client.device_type == DEVICE_TYPE for client in clients) >= MAX_CLIENTS:
            raise LimitExceededError("The network has as many legacy clients as it may have.")
        with suppress(ClientExistsError):  # it registered twice at once
            _, _, event = await store.add_client(
                call.network_id, name[:MAX_NAME], DEVICE_TYPE, client_id=client_id
            )
            call.publish(event)
    call.streams.register(name, call.address, call.now_us())
    return {"message": f"Client {name} is registered.", "stream_scoring_enabled": True}


async def deregister(call: LegacyCall) -> dict[str, Any]:
    """Notes that a client is gone. With the last one the service is disabled, unless a device of
    the new system is there: its household still wants to be heard."""
    stream = call.stream(call.client())
    call.streams.connected.pop(stream.name)
    sessions = call.room.members.sessions.values() if call.room else ()
    disabled = not call.streams.connected and not any(session.hears for session in sessions)
    if disabled:
        await switch(call, False)
    return {
        "message": f"Client {stream.name} is deregistered.",
        "service_enabled": call.enabled and not disabled,
    }


async def client(call: LegacyCall) -> dict[str, Any]:
    """One client that is here."""
    return call.stream(call.part("client_id")).entry(call.now_us())


async def enable(call: LegacyCall) -> dict[str, Any]:
    """Lets the network listen; one that is not active does not, and that is said."""
    await switch(call, True)
    if call.network.status != "active":
        return {
            "message": "The service is enabled, and the network is not active: ask its operator."
        }
    return {"message": "The service is enabled."}


async def disable(call: LegacyCall) -> dict[str, Any]:
    """Closes every microphone of the network."""
    await switch(call, False)
    return {"message": "The service is disabled."}


async def switch(call: LegacyCall, listening: bool) -> None:
    """Switches the network's listening; its devices are told."""
    if call.network.settings.listening != listening:
        event = await call.services.store.set_network_listening(call.network_id, listening)
        call.publish(event)


async def configuration(call: LegacyCall) -> dict[str, Any]:
    """Where a client has to go, and how it gets a token; there is no secret in it.

    Raises:
        NotFoundError: the network has no such client.
    """
    name, services = call.part("client_id"), call.services
    if not name.isprintable():
        raise NotFoundError("The network has no such device.")
    record = await services.store.client(call.network_id, public_id(name))
    hub, network = call.door.hub_url(call.request, call.legacy), call.move.public_id
    return {
        "client_id": record.client_id,
        "network_id": network,
        "hub_url": hub,
        "websocket_url": f"ws{hub.removeprefix('http')}/api/v1/networks/{network}/ws",
        "ca_url": f"{hub}/api/v1/ca",
        "ca_sha256": None if services.ca is None else fingerprint(services.ca),
        "new_endpoints": new_endpoints(network),
        "token": {
            "pair_as_new_device": f"mira-hub pair --network {network}",
            "keep_this_record": f"mira-hub client rotate {record.client_id} --network {network}",
            "by_api": f"POST /api/v1/networks/{network}/pairing-codes",
        },
        "legacy_api_ends": Deprecation(call.move.started_at).sunset.isoformat(timespec="seconds"),
        "migration_guide": call.door.guide(call.request, call.legacy),
    }
