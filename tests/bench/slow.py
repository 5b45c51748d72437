"""Slow and greedy clients: does a healthy one notice, and are they sent away?

Seven kinds at once, as many of each: sockets that say nothing before TLS or after it; TLS
handshakes, heads of a first and of a second request, bodies and recordings that drip. A healthy
client asks for the hub's health and for a list of interactions meanwhile. Then devices that
connect, are owed thousands of events, and never read.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import sqlite3
import ssl
import tempfile
import time
import uuid
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from shared.ids import new_id
from shared.tls import HUB_NAME, client_context
from shared.wire.codec import encode
from shared.wire.session import Hello
from tests.bench.tools import daemons
from tests.bench.tools.report import parser, percentile, positive_seconds, result, say
from tests.bench.tools.store import Device, make_network, open_store
from tests.hub.store.making import candidate, election, interaction

SLOW_FROM = "127.0.0.2"
DRIP_S = 1.0
HEALTHY_EVERY_S = 0.05
DEAF_S = 30.0
ALONE_S = 3.0
HEAD = b"POST /api/v1/pair HTTP/1.1\r\nHost: hub\r\nContent-Type: application/json\r\n"
TLS_HELLO = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"
"""How the first message of TLS begins."""


@dataclass(frozen=True)
class Target:
    """The hub, and a device that it knows."""

    hub: daemons.Running
    context: ssl.SSLContext
    device: Device

    @property
    def url(self) -> str:
        """Of the API."""
        return f"https://127.0.0.1:{self.hub.port}/api/v1"


async def drip(writer: asyncio.StreamWriter, data: bytes) -> None:
    """Sends a byte at a time, again and again."""
    for byte in itertools.cycle(data):
        writer.write(bytes([byte]))
        await writer.drain()
        await asyncio.sleep(DRIP_S)


async def nothing(_: asyncio.StreamWriter, __: Device) -> None:
    """A client that says nothing."""
    await asyncio.sleep(3600)


async def dripping_handshake(writer: asyncio.StreamWriter, _: Device) -> None:
    """A client whose TLS handshake comes a byte at a time."""
    writer.write(TLS_HELLO)
    await drip(writer, b" ")


async def dripping_head(writer: asyncio.StreamWriter, _: Device) -> None:
    """A client whose request's head comes a byte at a time."""
    await drip(writer, HEAD)


async def dripping_second_head(writer: asyncio.StreamWriter, _: Device) -> None:
    """A client whose first request is as it should be."""
    writer.write(b"GET /api/v1/health HTTP/1.1\r\nHost: hub\r\n\r\n")
    await drip(writer, HEAD)


async def dripping_body(writer: asyncio.StreamWriter, _: Device) -> None:
    """A client whose request's body comes a byte at a time."""
    writer.write(HEAD + b"Content-Length: 60000\r\n\r\n")
    await drip(writer, b" ")


async def dripping_recording(writer: asyncio.StreamWriter, device: Device) -> None:
    """A device whose recording begins well."""
    writer.write(
        f"POST /api/v1/networks/{device.network_id}/audio HTTP/1.1\r\nHost: hub\r\n"
        f"Authorization: Bearer {device.token}\r\n"
        "Content-Type: application/octet-stream\r\nContent-Length: 960000\r\n\r\n".encode()
    )
    writer.write(bytes(320_000))
    await drip(writer, b"\0")


HALF_OPEN = (nothing, dripping_handshake)
KINDS = (nothing, dripping_head, dripping_second_head, dripping_body, dripping_recording)
"""With TLS."""


async def slow_client(number: int, target: Target) -> float | None:
    """One slow client; after how many seconds the hub ended it, None if it never did."""
    kinds = (*HALF_OPEN, *KINDS)
    which = number % len(kinds)
    tls = which >= len(HALF_OPEN)
    began = time.monotonic()
    try:
        reader, writer = await asyncio.open_connection(
            "127.0.0.1",
            target.hub.port,
            local_addr=(SLOW_FROM, 0),
            ssl=target.context if tls else None,
            server_hostname=HUB_NAME if tls else None,
        )
    except OSError:
        return time.monotonic() - began
    dripping = asyncio.ensure_future(kinds[which](writer, target.device))
    try:
        with contextlib.suppress(OSError):
            while await reader.read(4096):
                pass
        return time.monotonic() - began
    except asyncio.CancelledError:
        return None
    finally:
        dripping.cancel()
        await asyncio.gather(dripping, return_exceptions=True)
        writer.transport.abort()


async def healthy(target: Target, seconds: float) -> dict[str, list[float]]:
    """How long a healthy client's requests take, in milliseconds, by what it asks for."""
    paths = {"health": "/health", "list": f"/networks/{target.device.network_id}/interactions"}
    headers = {"Authorization": f"Bearer {target.device.token}"}
    took: dict[str, list[float]] = {name: [] for name in paths}
    async with aiohttp.ClientSession(headers=headers) as http:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            for name, path in paths.items():
                began = time.monotonic()
                async with http.get(
                    target.url + path, ssl=target.context, server_hostname=HUB_NAME
                ) as answer:
                    answer.raise_for_status()
                    await answer.read()
                took[name].append((time.monotonic() - began) * 1000)
            await asyncio.sleep(HEALTHY_EVERY_S)
    return took


async def crowd(target: Target, clients: int, seconds: float) -> dict[str, object]:
    """Slow clients, and a healthy one among them."""
    alone = await healthy(target, ALONE_S)
    before = target.hub.pss_mb()
    slow = [asyncio.ensure_future(slow_client(n, target)) for n in range(clients)]
    watching = asyncio.ensure_future(highest_memory(target.hub))
    took = await healthy(target, seconds)
    for task in (*slow, watching):
        task.cancel()
    ended = await asyncio.gather(*slow)
    closed = [after for after in ended if after is not None]
    return {
        "slow_clients": clients,
        "slow_left": len(ended) - len(closed),
        "slowest_closed_s": round(max(closed, default=0.0), 1),
        **{f"{name}_p99_ms": round(percentile(each, 99), 1) for name, each in took.items()},
        **{f"{name}_alone_p99_ms": round(percentile(each, 99), 1) for name, each in alone.items()},
        "slow_growth_mb": round(await watching - before, 1),
    }


async def highest_memory(hub: daemons.Running) -> float:
    """The most memory that the hub has until this is cancelled."""
    highest = 0.0
    with contextlib.suppress(asyncio.CancelledError):
        while True:
            # In a thread: it takes milliseconds, which are no answer's.
            highest = max(highest, await asyncio.to_thread(hub.pss_mb))
            await asyncio.sleep(0.5)
    return highest


def fill_log(database: Path, events: int) -> None:
    """Makes many interactions of the one that there is, each with its event."""
    with contextlib.closing(sqlite3.connect(database)) as db, db:
        names = [row[1] for row in db.execute("PRAGMA table_info(interactions)")]
        (said,) = db.execute("SELECT * FROM interactions").fetchall()
        row = dict(zip(names, said, strict=True))
        (network, first) = db.execute("SELECT id, event_seq FROM networks").fetchone()
        ids = [uuid.uuid4().hex for _ in range(events)]
        marks = ", ".join(f":{name}" for name in names)
        many = ({**row, "id": each, "text": "x" * 400} for each in ids)
        db.executemany(f"INSERT INTO interactions VALUES ({marks})", many)  # noqa: S608 - our own
        db.executemany(
            "INSERT INTO events (network_id, seq, kind, row_id, created_at)"
            " VALUES (?, ?, 'interaction_created', ?, ?)",
            ((network, first + n, each, row["created_at"]) for n, each in enumerate(ids, 1)),
        )
        db.execute("UPDATE networks SET event_seq = ?", (first + events,))


async def deaf_device(device: Device, port: int, context: ssl.SSLContext) -> None:
    """Connects, says hello, and never reads again."""
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", port, ssl=context, server_hostname=HUB_NAME
    )
    key = "dGhlIHNhbXBsZSBub25jZQ=="
    writer.write(
        f"GET /api/v1/networks/{device.network_id}/ws HTTP/1.1\r\nHost: hub\r\n"
        f"Authorization: Bearer {device.token}\r\nUpgrade: websocket\r\n"
        f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\n"
        "Sec-WebSocket-Version: 13\r\n\r\n".encode()
    )
    await reader.readuntil(b"\r\n\r\n")
    hello = Hello(
        version=1,
        min_version=1,
        software="deaf",
        device_time_us=round(time.time() * 1e6),
        cursor=0,
        capabilities=["microphone"],
    )
    text = encode(hello).encode()
    mask = bytes(4)
    length = bytes([0x80 | 126]) + len(text).to_bytes(2, "big")
    writer.write(bytes([0x81]) + length + mask + text)
    writer.transport.pause_reading()  # type: ignore[attr-defined]
    try:
        await asyncio.sleep(3600)
    finally:
        writer.transport.abort()


async def deaf(
    hub: daemons.Running, devices: list[Device], context: ssl.SSLContext, seconds: float
) -> dict[str, object]:
    """Devices that never read, while the hub owes them much."""

    async def connections() -> int:
        async with (
            aiohttp.ClientSession() as http,
            http.get(
                f"https://127.0.0.1:{hub.port}/api/v1/health",
                ssl=context,
                server_hostname=HUB_NAME,
            ) as answer,
        ):
            number: int = (await answer.json())["connections"]
            return number

    before, most = hub.pss_mb(), 0
    watching = asyncio.ensure_future(highest_memory(hub))
    tasks = [asyncio.ensure_future(deaf_device(d, hub.port, context)) for d in devices]
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        await asyncio.sleep(0.5)
        most = max(most, await connections())
    left = await connections()
    for task in (*tasks, watching):
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return {
        "deaf_devices": len(devices),
        "deaf_connected": most,
        "deaf_left": left,
        "memory_growth_mb": round(await watching - before, 1),
    }


async def measure(
    folder: Path, clients: int, devices: int, events: int, seconds: float, deaf_s: float = DEAF_S
) -> None:
    """All of it; prints the result."""
    async with open_store(folder) as store:
        made = await make_network(store, devices)
        (network,) = await store.networks()
        client = made[0].client_id
        await store.record_interaction(
            interaction(client_id=client),
            election(network.network_id, candidate(new_id(), client)),
        )
    fill_log(folder / "hub.db", events)
    config = daemons.hub_config(folder, "fake", "none")
    with daemons.running("mira-hub serve", folder, config) as hub:
        context = client_context(daemons.ca_of(folder))
        say(f"{devices} devices that never read, each owed {events} events ...")
        of_deaf = await deaf(hub, made, context, deaf_s)
        say(f"{clients} slow clients for {seconds:.0f} s ...")
        of_slow = await crowd(Target(hub, context, made[0]), clients, seconds)
    result(**of_slow, **of_deaf)


def main() -> None:
    """Runs the bench."""
    options = parser("slow", __doc__ or "")
    options.add_argument("--clients", type=int, default=500, help="slow ones (default: 500)")
    options.add_argument("--devices", type=int, default=50, help="deaf ones (default: 50)")
    options.add_argument("--events", type=int, default=20_000, help="owed to each")
    options.add_argument(
        "--seconds", type=positive_seconds, default=30.0, help="how long (default: 30)"
    )
    args = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="mira-slow-") as folder:
        asyncio.run(measure(Path(folder), args.clients, args.devices, args.events, args.seconds))


if __name__ == "__main__":
    main()
