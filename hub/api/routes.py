"""The table of routes. Whatever the server answers to stands here."""

from __future__ import annotations

from hub.api import clients, interactions, networks
from hub.api.health import Health, health
from hub.api.openapi import answering
from hub.api.route import Route, roles
from hub.api.socket import websocket
from hub.store.details import ClientDetails, ElectionDetails, InteractionDetails, NetworkDetails

NETWORK = "/api/v1/networks/{network_id}"
CLIENT = NETWORK + "/clients/{client_id}"
INTERACTION = NETWORK + "/interactions/{interaction_id}"
_ANYONE, _CREATOR = roles("anyone"), roles("creator")
_OWNER, _HOUSEHOLD = roles("network"), roles("network", "client")

_ROUTES = (
    Route("GET", "/api/v1/health", _ANYONE, "Whether the hub works.", health, Health),
    Route(
        "GET",
        NETWORK + "/ws",
        _HOUSEHOLD,
        "A device's WebSocket; docs/protocol.md tells what is said.",
        websocket,
        status=101,
        raw=True,
    ),
    Route(
        "POST",
        "/api/v1/networks",
        _CREATOR,
        "Makes a network; its tokens are shown this once.",
        networks.create,
        networks.CreatedNetwork,
        body=networks.NewNetwork,
        status=201,
    ),
    Route(
        "GET",
        NETWORK,
        _HOUSEHOLD,
        "Shows a network.",
        networks.read,
        NetworkDetails,
        missing="INVALID_NETWORK_ID",
    ),
    Route(
        "PUT",
        NETWORK,
        _OWNER,
        "Changes a network; devices are told of new settings.",
        networks.change,
        NetworkDetails,
        body=networks.ChangedNetwork,
        missing="INVALID_NETWORK_ID",
    ),
    Route(
        "DELETE",
        NETWORK,
        _OWNER,
        "Deletes a network and everything of it.",
        networks.delete,
        status=204,
        missing="INVALID_NETWORK_ID",
    ),
    Route(
        "POST",
        NETWORK + "/registration-tokens",
        _OWNER,
        "Makes a token with which one device may register.",
        clients.issue_registration,
        clients.RegistrationToken,
        status=201,
        missing="INVALID_NETWORK_ID",
    ),
    Route(
        "POST",
        NETWORK + "/clients",
        roles("network", "registration"),
        "Registers a device; its token is shown this once.",
        clients.register,
        clients.RegisteredClient,
        body=clients.NewClient,
        status=201,
        missing="INVALID_NETWORK_ID",
    ),
    Route(
        "GET",
        NETWORK + "/clients",
        _HOUSEHOLD,
        "Lists the network's devices.",
        clients.list_all,
        clients.Clients,
        missing="INVALID_NETWORK_ID",
    ),
    Route(
        "GET",
        CLIENT,
        _HOUSEHOLD,
        "Shows a device.",
        clients.read,
        ClientDetails,
        missing="INVALID_CLIENT_ID",
    ),
    Route(
        "PUT",
        CLIENT,
        _HOUSEHOLD,
        "Changes a device; a device may change itself.",
        clients.change,
        ClientDetails,
        body=clients.ChangedClient,
        missing="INVALID_CLIENT_ID",
        own=True,
    ),
    Route(
        "DELETE",
        CLIENT,
        _HOUSEHOLD,
        "Removes a device and its tokens; a device may remove itself.",
        clients.remove,
        status=204,
        missing="INVALID_CLIENT_ID",
        own=True,
    ),
    Route(
        "POST",
        CLIENT + "/token",
        _HOUSEHOLD,
        "Gives a device a new token; a device may ask for its own.",
        clients.rotate,
        clients.RotatedToken,
        body=clients.Rotation,
        status=201,
        missing="INVALID_CLIENT_ID",
        own=True,
    ),
    Route(
        "DELETE",
        CLIENT + "/token",
        _OWNER,
        "Ends every token of a device, and its connection.",
        clients.revoke,
        status=204,
        missing="INVALID_CLIENT_ID",
    ),
    Route(
        "GET",
        NETWORK + "/interactions",
        _HOUSEHOLD,
        "Lists interactions, the newest first.",
        interactions.list_some,
        interactions.Interactions,
        query=interactions.Filter,
        missing="INVALID_NETWORK_ID",
    ),
    Route(
        "GET",
        INTERACTION,
        _HOUSEHOLD,
        "Shows an interaction.",
        interactions.read,
        InteractionDetails,
        missing="INVALID_INTERACTION_ID",
    ),
    Route(
        "DELETE",
        INTERACTION,
        _HOUSEHOLD,
        "Deletes an interaction, on every device too.",
        interactions.delete,
        status=204,
        missing="INVALID_INTERACTION_ID",
    ),
    Route(
        "GET",
        NETWORK + "/elections/{election_id}",
        _HOUSEHOLD,
        "Shows which microphone was chosen, and why.",
        interactions.read_election,
        ElectionDetails,
        missing="INVALID_ELECTION_ID",
    ),
)

ROUTES = (
    *_ROUTES,
    Route(
        "GET",
        "/api/v1/openapi.json",
        _ANYONE,
        "This document.",
        answering(_ROUTES),
        dict[str, object],
    ),
)
