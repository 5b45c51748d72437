"""Hubs' CAs for tests."""

from __future__ import annotations

import ssl
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from hub.authority import Authority


def new_ca() -> str:
    """The CA of some hub, in PEM."""
    with tempfile.TemporaryDirectory() as folder:
        return Authority.open(Path(folder), "hub_1").ca


def server_context(authority: Authority) -> ssl.SSLContext:
    """What its hub serves with on this machine."""
    return authority.server_context(["127.0.0.1"], datetime.now(UTC))
