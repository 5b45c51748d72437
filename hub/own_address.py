"""Where devices of the local network reach this hub, as commands say it that do not serve."""

from __future__ import annotations

import argparse
import socket
from urllib.parse import urlsplit

from hub.config import HubConfig
from shared.discovery import announced_addresses, own_addresses
from shared.errors import ConfigError


def https_url(text: str) -> str:
    """Checks what is given on the command line."""
    parts = urlsplit(text)
    if parts.scheme != "https" or not parts.netloc or parts.fragment:
        raise argparse.ArgumentTypeError(f"{text!r} is not https://ADDRESS:PORT")
    return text


def own_url(config: HubConfig) -> str:
    """`https://ADDRESS:PORT`, or `http://` where [server] tls is off.

    Raises:
        ConfigError: only the running hub knows its port.
    """
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
    scheme = "http" if config.server.tls == "off" else "https"
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{config.server.port}"


def _primary_address() -> str | None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # nothing is sent; it picks the way
        except OSError:
            return None
        address: str = probe.getsockname()[0]
    return address


def feed_path(public_id: str, token: str) -> str:
    """What follows the hub's own address, where a calendar program finds a network's calendar."""
    return f"/api/v1/networks/{public_id}/calendar.ics?token={token}"
