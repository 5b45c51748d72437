"""Pairing: how a new device and a hub prove to each other that a person brought them together.

The hub shows a code, `K7QF-2M9X-T4ZB`; a link and a QR code hold it with the hub's address and
the SHA-256 of its CA. The first group is public: by it the hub finds the code. From the others,
40 random bits, both ends make a key (scrypt, RFC 7914) and with it prove that they know the code
and see the same CA (HMAC, RFC 2104):

    device to hub  HMAC-SHA256(key, "device" CA)
    hub to device  HMAC-SHA256(key, "hub" CA)

So whoever stands between them under a CA of their own gets a proof that is good for that CA only.
They would have to find the code from it within the ten minutes that the code lives: 2^40 times
scrypt, some hundred million processors.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from shared.errors import Fault, MiraError

LIFETIME_S = 600
ATTEMPTS = 5
ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
"""Without 0, 1, I and O, which are read as each other."""
GROUP = 4
_CODE = re.compile(f"[{ALPHABET}]{{{3 * GROUP}}}")
_SHA256 = re.compile(r"[0-9a-f]{64}")


class PairingError(MiraError):
    """A device cannot be paired; says why and what to do."""

    code = "PAIRING_FAILED"
    fault = Fault.PERSON


@dataclass(frozen=True)
class Code:
    """A pairing code."""

    public: str  # its first group
    secret: str  # the others

    @classmethod
    def new(cls) -> Code:
        """A random one."""
        text = "".join(secrets.choice(ALPHABET) for _ in range(3 * GROUP))
        return cls(text[:GROUP], text[GROUP:])

    @classmethod
    def parse(cls, text: str) -> Code:
        """As somebody typed it: in small letters, without dashes, with spaces.

        Raises:
            PairingError: it is none.
        """
        plain = re.sub(r"[\s-]", "", text).upper()
        if not _CODE.fullmatch(plain):
            raise PairingError(
                f"{text[:64]!r} is no pairing code.",
                "It has twelve letters and digits, as `mira-hub pair` shows it.",
            )
        return cls(plain[:GROUP], plain[GROUP:])

    def __str__(self) -> str:
        return "-".join((self.public, self.secret[:GROUP], self.secret[GROUP:]))

    def key(self) -> bytes:
        """What is proved with; 32 bytes. Takes a tenth of a second and 32 MB, on purpose."""
        return hashlib.scrypt(
            self.secret.encode(),
            salt=b"mira pairing 1 " + self.public.encode(),
            n=2**15,
            r=8,
            p=1,
            maxmem=64 * 2**20,
            dklen=32,
        )


def hash_of(public: str) -> str:
    """Under what a hub finds a code, by its public part; hex."""
    return hashlib.sha256(b"mira pairing code " + public.encode()).hexdigest()


def proof(key: bytes, who: Literal["device", "hub"], ca_sha256: str) -> str:
    """That `who` knows the code and sees this CA; hex.

    Args:
        key: of the code.
        who: whose proof it is.
        ca_sha256: hex SHA-256 of the hub's CA; empty for a hub whose certificate everybody trusts.
    """
    return hmac.new(key, f"{who} {ca_sha256}".encode(), hashlib.sha256).hexdigest()


def proves(given: str, key: bytes, who: Literal["device", "hub"], ca_sha256: str) -> bool:
    """Whether it is the proof, in constant time."""
    return hmac.compare_digest(given.encode(), proof(key, who, ca_sha256).encode())


@dataclass(frozen=True)
class Link:
    """What a QR code holds: `https://192.168.1.20:8770#SHA256#CODE`."""

    url: str
    ca_sha256: str  # hex; empty for a hub whose certificate everybody trusts
    code: Code

    def __str__(self) -> str:
        return f"{self.url}#{self.ca_sha256}#{self.code}"

    @classmethod
    def parse(cls, text: str) -> Link:
        """Raises PairingError for what is no link."""
        url, *rest = text.strip().split("#")
        parts = urlsplit(url)
        if len(rest) != 2 or parts.scheme != "https" or not parts.netloc or parts.query:
            raise PairingError(
                "This is no pairing link.",
                "It is https://ADDRESS#SHA256#CODE in one piece, in quotes, as `mira-hub pair` "
                "shows it.",
            )
        if rest[0] and not _SHA256.fullmatch(rest[0]):
            raise PairingError("The link's middle part is damaged.", "Copy it again, all of it.")
        return cls(url.rstrip("/"), rest[0], Code.parse(rest[1]))
