"""Whether the hub works."""

from __future__ import annotations

import time
from typing import Literal

from msgspec import Struct

from hub.api.route import Call


class Health(Struct, frozen=True, kw_only=True):
    """Whether the hub works, with figures."""

    status: Literal["ok"]
    connections: int  # sockets of devices and observers
    store_ms: float  # a round trip to the data took so long


async def health(call: Call) -> Health:
    """200 when the store answers, 503 when it does not."""
    started = time.perf_counter()
    await call.services.store.ping()
    return Health(
        status="ok",
        connections=call.services.networks.connected,
        store_ms=round((time.perf_counter() - started) * 1000, 3),
    )
