"""`mira-hub pair`: shows a link, a QR code and a typed code with which one device may join."""

from __future__ import annotations

import argparse
import json
import socket
import sys
from collections.abc import Sequence
from urllib.parse import urlsplit

import segno

from hub.authority import Authority
from hub.config import HubConfig
from hub.identity import hub_id
from hub.store.database import Database
from hub.store.errors import NotFoundError
from hub.store.pairing import PairingCodes
from hub.store.records import NetworkInfo
from hub.store.store import Store
from shared.clock import steady_clock
from shared.discovery import announced_addresses, own_addresses
from shared.errors import ConfigError
from shared.pairing import LIFETIME_S, Link


async def pair(config: HubConfig, args: argparse.Namespace) -> None:
    """Makes a code and shows it.

    Raises:
        ConfigError: it cannot be said where devices reach the hub.
        NotFoundError: no such network, or it has to be named.
    """
    base = args.url or config.server.public_url or _own_url(config)
    ca_sha256 = ""
    if not config.server.public_url:
        if config.server.tls == "off":
            raise ConfigError(
                "Devices are paired over TLS only, and [server] tls is off.",
                "Switch it on, or set [server] public_url to the reverse proxy's address.",
            )
        state_dir = config.paths.state_dir
        ca_sha256 = Authority.open(state_dir, hub_id(state_dir)).fingerprint
    database = await Database.open(config.store.where, config.store.owner_url)
    try:
        clock = steady_clock()
        network = _the_network(await Store(database, clock).networks(), args.network)
        code, expires_at = await PairingCodes(database, clock).new(network.network_id)
    finally:
        await database.close()
    link = Link(base.rstrip("/"), ca_sha256, code)
    if args.json:
        shown = {"link": str(link), "code": str(code), "expires_at": expires_at.isoformat()}
        print(json.dumps(shown))
        return
    if sys.stdout.isatty():
        segno.make(str(link), micro=False).terminal(compact=True)
    print(f"A device joins {network.name} with one of these, within {LIFETIME_S // 60} minutes:\n")
    print(f"mira-edge pair '{link}'")
    print(f"mira-edge pair {code}      (typed; the hub is found by mDNS)")


def https_url(text: str) -> str:
    """Checks what is given on the command line."""
    parts = urlsplit(text)
    if parts.scheme != "https" or not parts.netloc or parts.fragment:
        raise argparse.ArgumentTypeError(f"{text!r} is not https://ADDRESS:PORT")
    return text


def _the_network(networks: Sequence[NetworkInfo], public_id: str | None) -> NetworkInfo:
    """The one that is named, or the only one there is."""
    if public_id is None and len(networks) == 1:
        return networks[0]
    for network in networks:
        if network.public_id == public_id:
            return network
    if not networks:
        raise NotFoundError("There is no network yet.", "Make one: `mira-hub network create NAME`.")
    if public_id is None:
        raise NotFoundError(
            "There are several networks.", "Say with --network which; `mira-hub network list`."
        )
    raise NotFoundError("There is no such network.", "`mira-hub network list` shows all.")


def _own_url(config: HubConfig) -> str:
    """Where devices of the local network reach the hub."""
    if config.server.port == 0:
        raise ConfigError(
            "[server] port is 0, so only the running hub knows its port.",
            "Say with --url where devices reach it.",
        )
    found = announced_addresses(
        config.server.host, config.discovery.interfaces, own_addresses()
    ) or [config.server.host]
    # Of several the one that this machine reaches others from: not that of a container's bridge.
    host = primary if (primary := _primary_address()) in found else found[0]
    return f"https://{f'[{host}]' if ':' in host else host}:{config.server.port}"


def _primary_address() -> str | None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # nothing is sent; it picks the way
        except OSError:
            return None
        address: str = probe.getsockname()[0]
    return address
