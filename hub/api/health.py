"""Whether the hub works, for people and programs, and its figures for Prometheus."""

from __future__ import annotations

import importlib.metadata
import time
from datetime import datetime
from typing import Literal

from aiohttp import web
from msgspec import Struct

from hub import metrics
from hub.api.route import Call
from hub.legacy.home import LegacyHealth
from hub.migration.status import Status


class StoreHealth(Struct, frozen=True, kw_only=True):
    """The database."""

    status: Literal["ok"]
    engine: str  # sqlite, postgresql
    ms: float  # a round trip to the data took so long
    free_bytes: int | None  # on the disk of the database file; null: it is on a server


class RecogniserHealth(Struct, frozen=True, kw_only=True):
    """The recogniser of final texts."""

    status: Literal["ok", "failing"]  # failing: the last utterance could not be recognised
    engine: str
    waiting: int  # utterances that wait their turn


class Health(Struct, frozen=True, kw_only=True):
    """Whether the hub works, with figures."""

    status: Literal["ok", "degraded"]  # degraded: a part fails, and nothing is lost by it
    version: str
    connections: int  # sockets of devices and observers
    store_ms: float
    store: StoreHealth
    recogniser: RecogniserHealth
    legacy: LegacyHealth


async def health(call: Call) -> Health:
    """200 when the store answers, 503 when it does not."""
    services = call.services
    ms = await _store_ms(call)
    state = services.networks.recogniser
    return Health(
        status="degraded" if state.failing else "ok",
        version=importlib.metadata.version("mira-voice"),
        connections=services.networks.connected,
        store_ms=ms,
        store=StoreHealth(
            status="ok", engine=services.store.engine, ms=ms, free_bytes=services.store.free_bytes()
        ),
        recogniser=RecogniserHealth(
            status="failing" if state.failing else "ok", engine=state.engine, waiting=state.waiting
        ),
        legacy=await services.legacy.health() if services.legacy else LegacyHealth(access="off"),
    )


async def prometheus(call: Call) -> web.Response:
    """Gives figures for Prometheus."""
    networks, load = call.services.networks, call.services.networks.load
    metrics.STORE_SECONDS.set(await _store_ms(call) / 1000)
    metrics.STORE_WAITING.set(call.services.store.writers_waiting)
    metrics.CONNECTIONS.set(networks.connected)
    metrics.RECOGNISER_WAITING.set(networks.recogniser.waiting)
    metrics.OUTBOX_BYTES.set(load.outbox_bytes)
    metrics.EVENTS_BEHIND.set(load.events_behind)
    metrics.ELECTION_AUDIO_BYTES.set(load.audio_bytes)
    metrics.ELECTIONS_QUEUED.set(load.elections_queued)
    if call.services.migrations is not None:
        _set_migrations(await call.services.migrations())
    return web.Response(
        body=metrics.exposition(),
        headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"},
    )


def _set_migrations(status: Status) -> None:
    said = status.document()
    for gauge in metrics.MIGRATION.values():
        gauge.clear()  # of networks that were rolled back or deleted since
    for network, figures in (
        ("all", said),
        *((one["network_id"], one) for one in said["networks"]),
    ):
        for name, gauge in metrics.MIGRATION.items():
            value = figures[name]
            if name == "start_time":
                value = datetime.fromisoformat(value).timestamp() if value else 0
            gauge.labels(network).set(value)


async def _store_ms(call: Call) -> float:
    started = time.perf_counter()
    await call.services.store.ping()
    return round((time.perf_counter() - started) * 1000, 3)
