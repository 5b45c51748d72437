"""The hub's own CA: made once, kept private, its certificate renewed by itself."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from hub.authority import LEAF_DAYS, RENEW_DAYS, Authority
from shared.errors import StoreError
from shared.tls import HUB_NAME, client_context, fingerprint

NOW = datetime.now(UTC)
HERE = ["127.0.0.1"]


@asynccontextmanager
async def serving(context: ssl.SSLContext) -> AsyncIterator[int]:
    """A server that says hello to whoever trusts it; its port."""

    async def hello(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"hello")
        writer.close()

    server = await asyncio.start_server(hello, "127.0.0.1", 0, ssl=context)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def heard(port: int, ca: str, name: str = HUB_NAME) -> bytes:
    """What a client hears that trusts a CA."""
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", port, ssl=client_context(ca), server_hostname=name
    )
    said = await reader.read()
    writer.close()
    return said


def leaf(folder: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate((folder / "tls" / "hub.pem").read_bytes())


async def test_whoever_keeps_the_ca_knows_the_hub_by_its_name_or_its_address(
    tmp_path: Path,
) -> None:
    authority = Authority.open(tmp_path, "hub_1")
    async with serving(authority.server_context(HERE, NOW)) as port:
        for name in (HUB_NAME, "localhost", "127.0.0.1"):
            assert await heard(port, authority.ca, name) == b"hello"
        with pytest.raises(ssl.SSLCertVerificationError):
            await heard(port, authority.ca, "192.0.2.1")


async def test_another_hub_of_the_same_id_is_not_taken_for_it(tmp_path: Path) -> None:
    mine = Authority.open(tmp_path / "mine", "hub_1")
    theirs = Authority.open(tmp_path / "theirs", "hub_1")
    assert mine.fingerprint != theirs.fingerprint
    async with serving(theirs.server_context(HERE, NOW)) as port:
        with pytest.raises(ssl.SSLCertVerificationError):
            await heard(port, mine.ca)


def test_it_is_made_once_and_readable_by_nobody_else(tmp_path: Path) -> None:
    first = Authority.open(tmp_path, "hub_1")
    first.server_context(HERE, NOW)
    again = Authority.open(tmp_path, "hub_1")
    assert (again.ca, again.fingerprint) == (first.ca, first.fingerprint)
    assert fingerprint((tmp_path / "tls" / "ca.pem").read_text()) == first.fingerprint
    assert "PRIVATE" not in (tmp_path / "tls" / "ca.pem").read_text()
    for path in (tmp_path / "tls", *(tmp_path / "tls").iterdir()):
        assert path.stat().st_mode & 0o077 == 0, path


async def test_the_certificate_is_renewed_in_time_for_connections_to_come(tmp_path: Path) -> None:
    authority = Authority.open(tmp_path, "hub_1")
    context = authority.server_context(HERE, NOW)
    before = leaf(tmp_path)
    assert not authority.renew(context, HERE, NOW + timedelta(days=LEAF_DAYS - RENEW_DAYS - 1))
    assert leaf(tmp_path) == before
    assert authority.renew(context, HERE, NOW + timedelta(days=LEAF_DAYS - RENEW_DAYS + 1))
    after = leaf(tmp_path)
    assert after.not_valid_after_utc > before.not_valid_after_utc
    async with serving(context) as port:
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", port, ssl=client_context(authority.ca), server_hostname=HUB_NAME
        )
        assert await reader.read() == b"hello"
        shown = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        assert x509.load_der_x509_certificate(shown) == after
        writer.close()


@pytest.mark.parametrize("wrong_years", [-20, 5])
def test_a_clock_that_was_wrong_once_does_no_harm(tmp_path: Path, wrong_years: int) -> None:
    authority = Authority.open(tmp_path, "hub_1")
    context = authority.server_context(HERE, NOW + timedelta(days=365 * wrong_years))
    assert authority.renew(context, HERE, NOW)
    assert leaf(tmp_path).not_valid_before_utc.year == 2000  # devices' clocks may be wrong too
    assert leaf(tmp_path).not_valid_after_utc > NOW + timedelta(days=RENEW_DAYS)


def test_a_machine_with_another_address_gets_another_certificate(tmp_path: Path) -> None:
    authority = Authority.open(tmp_path, "hub_1")
    context = authority.server_context(HERE, NOW)
    assert authority.renew(context, [*HERE, "192.0.2.7"], NOW)
    assert not authority.renew(context, HERE, NOW)


@pytest.mark.parametrize("damage", [b"", b"nonsense"])
def test_a_damaged_certificate_is_made_anew(tmp_path: Path, damage: bytes) -> None:
    authority = Authority.open(tmp_path, "hub_1")
    authority.server_context(HERE, NOW)
    (tmp_path / "tls" / "hub.pem").write_bytes(damage)
    authority.server_context(HERE, NOW)
    assert leaf(tmp_path).not_valid_after_utc > NOW


@pytest.mark.parametrize("damage", [b"", b"nonsense"])
def test_a_damaged_ca_is_not_made_anew_for_every_device_would_be_lost(
    tmp_path: Path, damage: bytes
) -> None:
    Authority.open(tmp_path, "hub_1")
    path = tmp_path / "tls" / "authority.pem"
    path.write_bytes(damage)
    with pytest.raises(StoreError, match="every device has to be paired again") as error:
        Authority.open(tmp_path, "hub_1")
    assert str(path) in str(error.value)
    assert path.read_bytes() == damage
