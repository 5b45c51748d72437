"""Identifiers: public ones with a prefix, UUIDs for everything else."""

from __future__ import annotations

import re
import uuid

NETWORK_ID = re.compile(r"net_[0-9a-f]{32}|legacy_migration_network")
CLIENT_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
"""`client_` and 16 hex digits, or the name that a legacy client gave itself."""


UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


def new_network_id() -> str:
    """A new public network id: `net_` and 32 hex digits."""
    return f"net_{uuid.uuid4().hex}"


def new_client_id() -> str:
    """A new public client id: `client_` and 16 hex digits."""
    return f"client_{uuid.uuid4().hex[:16]}"


def new_id() -> str:
    """A new dashed UUID, for utterances, elections, interactions and the like."""
    return str(uuid.uuid4())


def is_uuid(text: str) -> bool:
    """Whether a text is a UUID as Mira writes it: dashed, in lower case."""
    return UUID.fullmatch(text) is not None
