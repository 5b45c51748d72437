"""Who counts as somebody on the local network."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.legacy.nearness import FORWARDED, comes_from_near, is_near

V4 = [
    ip_network(net)
    for net in (
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.168.0.0/16",
    )
]


def near_v4(ip: IPv4Address) -> bool:
    """Said another way than the code does."""
    a, b, *_ = ip.packed
    return (
        a in (10, 127)
        or (a, b) in ((192, 168), (169, 254))
        or (a == 172 and 16 <= b < 32)
        or (a == 100 and 64 <= b < 128)
    )


edges = st.sampled_from(
    [
        IPv4Address(int(edge) + step)
        for net in V4
        for edge in (net.network_address, net.broadcast_address)
        for step in (-1, 0, 1)
    ]
)


@given(st.ip_addresses(v=4) | edges)
def test_of_ipv4_private_addresses_are_near_and_no_others(ip: IPv4Address) -> None:
    assert is_near(str(ip)) is near_v4(ip)
    assert is_near(f"::ffff:{ip}") is near_v4(ip)
    assert comes_from_near(str(ip), {}, ()) is near_v4(ip)


def ipv6(top: int, bits: int) -> st.SearchStrategy[IPv6Address]:
    low = st.integers(0, 2 ** (128 - bits) - 1)
    return low.map(lambda rest: IPv6Address((top << (128 - bits)) | rest))


@given(ipv6(0b1111110, 7) | ipv6(0b1111111010, 10) | st.just(IPv6Address("::1")))
def test_of_ipv6_unique_local_and_link_local_ones_are_near(ip: IPv6Address) -> None:
    assert is_near(str(ip))
    assert is_near(f"{ip}%eth0")


@given(ipv6(0b001, 3) | ipv6(0b1111111011, 10) | ipv6(0xFF, 8))
def test_of_ipv6_global_site_local_and_multicast_ones_are_not(ip: IPv6Address) -> None:
    assert not is_near(str(ip))


@pytest.mark.parametrize("text", ["", "localhost", "192.168.1", "192.168.1.1:80", "::", "0.0.0.0"])  # noqa: S104
def test_what_is_no_address_of_anybody_is_not_near(text: str) -> None:
    assert not is_near(text)


@given(st.ip_addresses(v=4) | edges, st.sampled_from(FORWARDED), st.text())
def test_what_is_said_of_where_a_request_comes_from_opens_nothing(
    ip: IPv4Address, header: str, value: str
) -> None:
    assert not comes_from_near(str(ip), {header: value}, ())
    assert not comes_from_near(str(ip), {}, (str(ip),))
