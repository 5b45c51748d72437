"""Pairing: how a device that knows a code joins a network, and how the code is made."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from msgspec import Meta, Struct

from hub.api.clients import Capabilities, Facts, Kind
from hub.api.errors import PairingRefusedError, PairingUnavailableError
from hub.api.networks import base_url, websocket_url
from hub.api.route import Call
from hub.store.accounts import Device
from shared import pairing
from shared.pairing import Link
from shared.tls import fingerprint
from shared.wire.fields import Name

Public = Annotated[str, Meta(pattern=f"^[{pairing.ALPHABET}]{{{pairing.GROUP}}}$")]
Proof = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]


class PairingCode(Struct, frozen=True, kw_only=True):
    """Lets one device join; shown this once."""

    code: str  # to be typed
    link: str  # for a QR code
    expires_at: datetime


class CertificateAuthority(Struct, frozen=True, kw_only=True):
    """Whose certificates the hub's are; null where those that everybody trusts are used."""

    ca: str | None  # PEM


class Joining(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A device that joins. docs/protocol.md tells how the proofs are made."""

    code: Public  # the pairing code's first group
    proof: Proof  # of the device
    name: Name
    device_type: Kind = "microphone"
    device_info: Facts = {}
    capabilities: Capabilities = []
    location: Facts = {}


class Joined(Struct, frozen=True, kw_only=True):
    """A device that has joined; its token is shown this once."""

    proof: str  # of the hub
    hub_id: str
    network_id: str
    network_name: str
    client_id: str
    client_token: str
    websocket_url: str


async def read_ca(call: Call) -> CertificateAuthority:
    """Gives the hub's CA, for devices that are being paired; they check it by other means."""
    return CertificateAuthority(ca=call.services.ca)


async def issue(call: Call) -> PairingCode:
    """Makes a pairing code."""
    services, base = call.services, base_url(call)
    if not base.startswith("https://"):
        raise PairingUnavailableError(
            "Devices are paired over TLS only, and the hub knows no https address of its own.",
            "Set [server] tls or public_url in the hub's configuration.",
        )
    code, expires_at = await services.pairing.new(call.network_id)
    link = Link(base, _ca_sha256(services.ca), code)
    return PairingCode(code=str(code), link=str(link), expires_at=expires_at)


async def join(call: Call) -> Joined:
    """Lets a device join that knows a code."""
    body: Joining = call.body
    ca_sha256 = _ca_sha256(call.services.ca)
    device = Device(
        name=body.name,
        device_type=body.device_type,
        device_info=body.device_info,
        capabilities=body.capabilities,
        location=body.location,
    )
    paired = await call.services.pairing.pair(body.code, body.proof, ca_sha256, device)
    if paired is None:
        raise PairingRefusedError(
            "The pairing code is wrong, was used, or is over.",
            "Make another with `mira-hub pair`; it is good for ten minutes and one device.",
        )
    call.services.networks.publish(paired.network_id, paired.event)
    return Joined(
        proof=pairing.proof(paired.key, "hub", ca_sha256),
        hub_id=call.services.hub_id,
        network_id=paired.network.network_id,
        network_name=paired.network.name,
        client_id=paired.client.client_id,
        client_token=paired.token,
        websocket_url=websocket_url(call, paired.network.network_id),
    )


def _ca_sha256(ca: str | None) -> str:
    return "" if ca is None else fingerprint(ca)
