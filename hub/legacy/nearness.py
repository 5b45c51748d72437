"""Who counts as somebody on the local network, for access without a token. Pure."""

from __future__ import annotations

from collections.abc import Collection, Container
from ipaddress import IPv6Address, ip_address, ip_network

NEAR = tuple(
    ip_network(network)
    for network in (
        "127.0.0.0/8",  # this machine
        "::1/128",
        "10.0.0.0/8",  # RFC 1918
        "172.16.0.0/12",
        "192.168.0.0/16",
        "169.254.0.0/16",  # link-local
        "fe80::/10",
        "fc00::/7",  # unique local
        "100.64.0.0/10",  # shared address space, which overlay networks use
    )
)
FORWARDED = ("Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-IP", "Via")
"""Headers of proxies: whoever asks is somebody else than the address says, and may be anywhere."""


def is_near(address: str) -> bool:
    """Whether an IP address is this machine's, private, link-local or of 100.64.0.0/10."""
    try:
        ip = ip_address(address)
    except ValueError:
        return False
    if isinstance(ip, IPv6Address):
        # An IPv4 address in IPv6's clothes; a link-local one may name its interface.
        ip = ip.ipv4_mapped or IPv6Address(int(ip))
    return any(ip.version == network.version and ip in network for network in NEAR)


def comes_from_near(address: str, headers: Container[str], proxies: Collection[str]) -> bool:
    """Whether a request comes from near, and from nobody in between.

    What a proxy says of where a request comes from is not believed here: what cannot be said
    cannot be forged.

    Args:
        address: the peer's.
        headers: of the request.
        proxies: addresses from which everybody comes.
    """
    through_proxy = address in proxies or any(name in headers for name in FORWARDED)
    return is_near(address) and not through_proxy
