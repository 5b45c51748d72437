"""The hub's own certificate authority, and the certificate that it serves with.

Made at the first start, in `tls` in the state folder. Devices keep the CA when they are paired;
the hub's certificate is renewed by itself, and no device notices.

Both are valid from the year 2000 on: a device without a battery for its clock, in a home without
internet, may believe that it is years ago.
"""

from __future__ import annotations

import contextlib
import ipaddress
import logging
import os
import socket
import ssl
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from shared.errors import StoreError
from shared.tls import HUB_NAME, fingerprint

log = logging.getLogger(__name__)

CA_YEARS = 50
LEAF_DAYS = 397
"""The longest that browsers and other programs take."""
RENEW_DAYS = 130
"""Before its end; there is time to notice when renewing fails."""
NOT_BEFORE = datetime(2000, 1, 1, tzinfo=UTC)


class Authority:
    """The CA, from its files; `open` makes them where they are missing.

    Attributes:
        ca: its certificate, in PEM.
        fingerprint: the hex SHA-256 of it.
    """

    def __init__(
        self, folder: Path, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey
    ):
        self._folder = folder
        self._certificate = certificate
        self._key = key
        self.ca = _pem(certificate).decode()
        self.fingerprint = fingerprint(self.ca)

    @classmethod
    def open(cls, state_dir: Path, hub_id: str) -> Authority:
        """The CA that is kept in the state folder, made at the first call.

        Raises:
            StoreError: its files can be neither read nor made.
        """
        folder = state_dir / "tls"
        path = folder / "authority.pem"
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not path.exists():
                # Of two programs that make one at once, the first to be done wins.
                _write(path, _new_authority(hub_id), replace=False)
            text = path.read_bytes()
            key = serialization.load_pem_private_key(text, None)
            certificate = x509.load_pem_x509_certificate(text)
            # Without the key, for people: `curl --cacert`.
            _write(folder / "ca.pem", _pem(certificate), replace=False)
        except OSError as error:
            raise _unusable(path, error.strerror or str(error)) from error
        except ValueError as error:
            raise _unusable(path, "it is damaged") from error
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise _unusable(path, "its key is of another kind")
        return cls(folder, certificate, key)

    def server_context(self, addresses: Sequence[str], now: datetime) -> ssl.SSLContext:
        """What the hub serves with, its certificate renewed where that is due.

        Args:
            addresses: the machine's IP addresses; the certificate is good for them too, for
                programs that know the CA and ask for an address.
            now: the present.

        Raises:
            StoreError: the certificate cannot be kept.
        """
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        self.renew(context, addresses, now)
        return context

    def renew(self, context: ssl.SSLContext, addresses: Sequence[str], now: datetime) -> bool:
        """Loads the certificate for connections to come; True if a new one was made.

        Raises:
            StoreError: it cannot be kept.
        """
        path = self._folder / "hub.pem"
        names = _names(addresses)
        due = not self._is_good(path, names, now)
        try:
            if due:
                _write(path, self._new_leaf(names, now), replace=True)
            context.load_cert_chain(path)
        except OSError as error:  # ssl.SSLError is one
            raise _unusable(path, error.strerror or str(error)) from error
        if due:
            log.info("made a certificate that is good until %s", now + timedelta(days=LEAF_DAYS))
        return due

    def _is_good(self, path: Path, names: Sequence[x509.GeneralName], now: datetime) -> bool:
        try:
            text = path.read_bytes()
            leaf = x509.load_pem_x509_certificate(text)
            leaf.verify_directly_issued_by(self._certificate)
            present = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName)
            serialization.load_pem_private_key(text, None)
        except Exception as error:  # noqa: BLE001 - whatever is wrong with it, a new one is made
            log.debug("no usable certificate: %s", error)
            return False
        left = leaf.not_valid_after_utc - now
        # A clock that was years ahead when it was made, and is right again, makes a new one too.
        long_enough = timedelta(days=RENEW_DAYS) < left <= timedelta(days=LEAF_DAYS + 1)
        return long_enough and set(names) <= set(present.value)

    def _new_leaf(self, names: Sequence[x509.GeneralName], now: datetime) -> bytes:
        key = ec.generate_private_key(ec.SECP256R1())
        builder = (
            _builder(_name(HUB_NAME), self._certificate.subject, key)
            .not_valid_after(now + timedelta(days=LEAF_DAYS))
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(_usage(signs_certificates=False), critical=True)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()),
                critical=False,
            )
        )
        return _key_pem(key) + _pem(builder.sign(self._key, hashes.SHA256()))


def _new_authority(hub_id: str) -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name(f"Mira {hub_id}")
    builder = (
        _builder(name, name, key)
        .not_valid_after(datetime.now(UTC) + timedelta(days=365 * CA_YEARS))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
    )
    return _key_pem(key) + _pem(builder.sign(key, hashes.SHA256()))


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOT_BEFORE)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _names(addresses: Sequence[str]) -> list[x509.GeneralName]:
    """What the certificate is good for: the name that devices ask for, the machine's for others."""
    host = socket.gethostname()
    names: list[x509.GeneralName] = [x509.DNSName(HUB_NAME), x509.DNSName("localhost")]
    with contextlib.suppress(ValueError):  # a host's name may hold what no certificate takes
        names += [x509.DNSName(host), x509.DNSName(f"{host.removesuffix('.local')}.local")]
    names += [x509.IPAddress(ipaddress.ip_address(address)) for address in addresses]
    return names


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text[:64])])


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _write(path: Path, content: bytes, *, replace: bool) -> None:
    """Writes a file for its owner only, whole or not at all."""
    made = path.with_name(f"{path.name}.{uuid.uuid4().hex}")
    try:
        with os.fdopen(os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if replace:
            made.replace(path)
        else:
            with contextlib.suppress(FileExistsError):
                path.hardlink_to(made)
    finally:
        made.unlink(missing_ok=True)


def _unusable(path: Path, why: str) -> StoreError:
    return StoreError(
        f"The hub's certificate {path} can be neither used nor made: {why}.",
        "May the hub's user read and write there? If it is damaged and there is no copy of it, "
        "delete it: the hub makes another, and every device has to be paired again.",
    )
