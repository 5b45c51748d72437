"""Pairing this device with a hub: by a link, or by a code and whatever hub is found by mDNS."""

from __future__ import annotations

import asyncio
import importlib.metadata
import logging
import os
from dataclasses import dataclass
from typing import Any

import aiohttp
from msgspec import Struct

from edge.hub_finder import base_urls
from edge.hub_request import HubRequestError, ask
from shared import pairing
from shared.discovery import Browser, HubRecord, Sighting, open_mdns
from shared.pairing import Code, Link, PairingError
from shared.tls import client_context, fingerprint, server_name

log = logging.getLogger(__name__)

TIMEOUT_S = 20.0
LOOK_FOR_S = 5.0
"""How long hubs have to show themselves by mDNS, where no link says where one is."""


@dataclass(frozen=True)
class Pairing:
    """What the device keeps of it."""

    address: str  # base URL
    ca: str | None  # PEM; None: the hub's certificate is one that everybody trusts
    hub_id: str
    network_id: str
    network_name: str
    client_id: str
    token: str


class _Ca(Struct, frozen=True):
    ca: str | None


class _Joined(Struct, frozen=True):
    proof: str
    hub_id: str
    network_id: str
    network_name: str
    client_id: str
    client_token: str


async def pair_by_link(link: Link, name: str, room: str) -> Pairing:
    """Joins the network that the link is for.

    Args:
        link: as the hub showed it.
        name: what people call this device.
        room: the room that it stands in; may be empty.

    Raises:
        PairingError: the hub does not answer, is not the one of the link, or refuses.
    """
    async with _session() as http:
        ca = None
        if link.ca_sha256:
            ca = await _fetch_ca(http, link.url)
            if fingerprint(ca) != link.ca_sha256:
                raise PairingError(
                    f"What answers at {link.url} is not the hub of the link.",
                    "Is the link whole, and of this hub? Somebody may be pretending to be it.",
                )
        key = await asyncio.to_thread(link.code.key)
        return await _join(http, link.url, ca, link.code, key, name, room)


async def pair_by_code(code: Code, name: str, room: str, interfaces: list[str]) -> Pairing:
    """Joins by a typed code: asks every hub that shows itself by mDNS.

    None of them is trusted: only the one that made the code can prove that it did, and nothing is
    shown to the others that would be of use to them.

    Args:
        code: as the hub showed it.
        name: what people call this device.
        room: the room that it stands in; may be empty.
        interfaces: IP addresses of the interfaces to look on; empty: all.

    Raises:
        PairingError: no hub shows itself, or none knows the code.
        MdnsUnavailableError: mDNS does not work here.
    """
    urls = await _sighted(interfaces)
    if not urls:
        raise PairingError(
            "No hub shows itself on this network.",
            "Use the link that `mira-hub pair` shows: it says where the hub is.",
        )
    key = await asyncio.to_thread(code.key)
    failures = []
    async with _session() as http:
        for url in urls:
            try:
                return await _join(http, url, await _fetch_ca(http, url), code, key, name, room)
            except PairingError as error:
                failures.append(f"{url}: {error.message}")
    raise PairingError(
        f"No hub took the code. {' '.join(failures)}",
        "Make another with `mira-hub pair`; it is good for ten minutes and one device.",
    )


async def _sighted(interfaces: list[str]) -> list[str]:
    """Where hubs with certificates of their own say that they are."""
    found: dict[str, None] = {}

    def heard(sighting: Sighting[HubRecord]) -> None:
        if sighting.record.tls is not None and sighting.change != "vanished":
            found.update(dict.fromkeys(base_urls(sighting)))

    async with open_mdns(interfaces) as mdns, Browser(mdns, HubRecord, heard):
        await asyncio.sleep(LOOK_FOR_S)
    return list(found)


def _session() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(TIMEOUT_S))


async def _fetch_ca(http: aiohttp.ClientSession, url: str) -> str:
    """The CA that whoever answers there claims to be of."""
    # Not verified: there is nothing yet to verify with. What is got is public.
    answer: _Ca = await _ask(http, "GET", f"{url}/api/v1/ca", _Ca, ssl=False)
    try:
        if answer.ca is None:
            raise ValueError("none")
        fingerprint(answer.ca)
        client_context(answer.ca)
    except ValueError as error:
        raise PairingError(f"What answers at {url} has no certificate to pair with.") from error
    return answer.ca


async def _join(
    http: aiohttp.ClientSession,
    url: str,
    ca: str | None,
    code: Code,
    key: bytes,
    name: str,
    room: str,
) -> Pairing:
    ca_sha256 = fingerprint(ca) if ca else ""
    body = {
        "code": code.public,
        "proof": pairing.proof(key, "device", ca_sha256),
        "name": name,
        "device_info": {
            "software": f"mira-edge {importlib.metadata.version('mira-voice')}",
            "host": os.uname().nodename[:64],
        },
        "capabilities": ["microphone"],
        "location": {"room": room} if room else {},
    }
    joined: _Joined = await _ask(
        http,
        "POST",
        f"{url}/api/v1/pair",
        _Joined,
        json=body,
        ssl=client_context(ca),
        server_hostname=server_name(ca),
    )
    if not pairing.proves(joined.proof, key, "hub", ca_sha256):
        raise PairingError(f"What answers at {url} does not know the code: it is not the hub.")
    return Pairing(
        address=url,
        ca=ca,
        hub_id=joined.hub_id,
        network_id=joined.network_id,
        network_name=joined.network_name,
        client_id=joined.client_id,
        token=joined.client_token,
    )


async def _ask(http: aiohttp.ClientSession, *request: Any, **options: Any) -> Any:
    try:
        return await ask(http, *request, **options)
    except HubRequestError as error:
        raise PairingError(error.message, error.hint) from error
