"""`mira-hub pair`: shows a link, a QR code and a typed code with which one device may join."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence

import segno

from hub.authority import Authority
from hub.config import HubConfig
from hub.identity import hub_id
from hub.own_address import own_url
from hub.store.database import Database
from hub.store.errors import NotFoundError
from hub.store.pairing import PairingCodes
from hub.store.records import NetworkInfo
from hub.store.store import Store
from shared.clock import steady_clock
from shared.errors import ConfigError
from shared.pairing import LIFETIME_S, Link


async def pair(config: HubConfig, args: argparse.Namespace) -> None:
    """Makes a code and shows it.

    Raises:
        ConfigError: it cannot be said where devices reach the hub.
        NotFoundError: no such network, or it has to be named.
    """
    base = args.url or config.server.public_url or own_url(config)
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
