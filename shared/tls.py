"""TLS between a device and its hub, whose certificates come from a CA of the hub's own.

A device keeps the hub's CA and trusts nobody else: whoever announces the hub's name and address
cannot answer for it. Every hub's certificate is for the same name; whose it is, its CA tells. So
a hub may move to another address, and its certificate be renewed, without pairing again.
"""

from __future__ import annotations

import hashlib
import ssl

HUB_NAME = "mira-hub"
"""What the certificate of a hub with its own CA is for, wherever the hub is reached."""


def fingerprint(ca: str) -> str:
    """The hex SHA-256 of a certificate.

    Args:
        ca: the certificate, in PEM.

    Raises:
        ValueError: it is none.
    """
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(ca)).hexdigest()


def client_context(ca: str | None) -> ssl.SSLContext:
    """What a device connects with: trusts the hub's CA, or without one whom the system trusts.

    Raises:
        ValueError: `ca` holds no certificate.
    """
    try:
        context = ssl.create_default_context(cadata=ca)
    except ssl.SSLError as error:
        raise ValueError(f"no certificate: {error}") from error
    if ca is not None:
        context.minimum_version = ssl.TLSVersion.TLSv1_3  # both ends are ours
    return context


def server_name(ca: str | None) -> str | None:
    """The name to ask the hub's certificate for; None: that of its address."""
    return None if ca is None else HUB_NAME
