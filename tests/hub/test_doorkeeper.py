"""Slow and greedy connections are ended, and others do not notice."""

from __future__ import annotations

import asyncio
import socket
import ssl
import tracemalloc
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import aiohttp
import pytest
from aiohttp import web

import hub.doorkeeper
from hub import metrics
from hub.authority import Authority
from hub.doorkeeper import UNREAD_BYTES, Doorkeeper
from shared.tls import HUB_NAME, client_context

KILOBYTE = 1024
SMALL_BUFFER = 8 * KILOBYTE
REST = 48 * KILOBYTE
"""More than the system's small buffers take, too little for a writer to have to wait."""
HELLO = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"
"""How the first message of TLS begins."""


@dataclass(frozen=True)
class Certified:
    """What both ends of TLS need."""

    server: ssl.SSLContext
    client: ssl.SSLContext


@dataclass
class Server:
    """A server with a doorkeeper."""

    keeper: Doorkeeper
    tls: Certified | None
    port: int = 0
    written: int = 0  # of an answer that has no end
    sockets: list[socket.socket] = field(default_factory=list)  # that nobody reads

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Answers by path."""
        if request.path in ("/much", "/rest"):
            assert request.transport is not None
            sock = request.transport.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SMALL_BUFFER)
        if request.path == "/much":
            response = web.StreamResponse()
            await response.prepare(request)
            while True:
                await response.write(bytes(KILOBYTE))
                self.written += KILOBYTE
        if request.path == "/rest":
            return web.Response(body=bytes(REST))
        if request.path == "/slow":
            return web.Response(status=408)
        if request.path == "/socket":
            channel = web.WebSocketResponse()
            await channel.prepare(request)
            async for message in channel:
                await channel.send_bytes(message.data)
            return channel
        return web.Response(text="hello")

    async def do_not_read(self, path: str) -> None:
        """Asks for something and leaves the answer unread."""
        sock = socket.socket()
        self.sockets.append(sock)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_BUFFER)

        def ask() -> None:
            sock.connect(("127.0.0.1", self.port))
            speaker = sock
            if self.tls:
                speaker = self.tls.client.wrap_socket(sock, server_hostname=HUB_NAME)
                self.sockets.append(speaker)
            speaker.sendall(f"GET {path} HTTP/1.1\r\nHost: hub\r\n{LAST}\r\n".encode())

        await asyncio.to_thread(ask)


LAST = "Connection: close\r\n"
CLOSING = f"GET / HTTP/1.1\r\nHost: hub\r\n{LAST}\r\n".encode()


@pytest.fixture(scope="module")
def certified(tmp_path_factory: pytest.TempPathFactory) -> Certified:
    authority = Authority.open(tmp_path_factory.mktemp("doorkeeper"), "hub_1")
    server = authority.server_context(["127.0.0.1"], datetime.now(UTC))
    return Certified(server, client_context(authority.ca))


@pytest.fixture(params=["plain", "tls"])
def tls(request: pytest.FixtureRequest, certified: Certified) -> Certified | None:
    """With TLS, and without."""
    return certified if request.param == "tls" else None


def refused(reason: str) -> float:
    """How many so far."""
    value = metrics.REGISTRY.get_sample_value("mira_connections_refused_total", {"reason": reason})
    return value or 0.0


@asynccontextmanager
async def serving(tls: Certified | None = None, **limits: Any) -> AsyncIterator[Server]:
    """A server; none of its connections is left at the end."""
    server = Server(Doorkeeper(**limits), tls)
    app = web.Application(middlewares=[server.keeper.middleware])
    app.router.add_route("*", "/{path:.*}", server.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1, lingering_time=60)
    await runner.setup()
    assert runner.server is not None
    watching = server.keeper.watching(runner.server, tls.server if tls else None)
    listening = await asyncio.get_running_loop().create_server(watching, "127.0.0.1", 0)
    server.port = listening.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listening.close()
        await runner.cleanup()
        server.keeper.close()
        await until(lambda: server.keeper.connections == 0)
        for sock in server.sockets:
            sock.close()


@asynccontextmanager
async def leaving_no_task() -> AsyncIterator[None]:
    """What is begun is over at the end."""
    tasks = len(asyncio.all_tasks())
    yield
    await until(lambda: len(asyncio.all_tasks()) == tasks)


async def until(condition: Callable[[], bool]) -> None:
    """Waits until something is so."""
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - nothing tells when a socket has closed
            await asyncio.sleep(0.001)


async def ask(port: int, head: bytes = CLOSING, tls: Certified | None = None) -> bytes:
    """What comes back until the server ends the connection."""
    reader, writer = await asyncio.open_connection(
        "127.0.0.1",
        port,
        ssl=tls.client if tls else None,
        server_hostname=HUB_NAME if tls else None,
    )
    writer.write(head)
    try:
        async with asyncio.timeout(10):
            return await reader.read()
    except ConnectionError:
        return b""
    finally:
        writer.close()


@pytest.mark.parametrize("head", [b"", b"GET / HT", b"GET / HTTP/1.1\r\nHost: hub\r\nX-Long: "])
async def test_a_request_whose_head_never_ends_is_given_up(
    head: bytes, tls: Certified | None
) -> None:
    before = refused("slow_head")
    async with serving(tls, head_s=0.5) as server, leaving_no_task():
        assert await ask(server.port, head, tls) == b""
        assert b"hello" in await ask(server.port, CLOSING, tls)
        await until(lambda: server.keeper.connections == 0)
    assert refused("slow_head") == before + 1


@pytest.mark.parametrize("begun", [b"", HELLO])
async def test_a_handshake_that_never_ends_is_given_up(begun: bytes, certified: Certified) -> None:
    before = refused("slow_head")
    async with serving(certified, head_s=0.05) as server, leaving_no_task():
        assert await ask(server.port, begun) == b""
        await until(lambda: server.keeper.connections == 0)
    assert refused("slow_head") == before + 1


async def test_a_handshake_that_fails_is_forgotten(certified: Certified) -> None:
    async with serving(certified) as server:
        await ask(server.port, CLOSING)  # no TLS
        await until(lambda: server.keeper.connections == 0)
        assert b"hello" in await ask(server.port, CLOSING, certified)


async def test_a_socket_lasts_longer_than_a_head_may() -> None:
    async with (
        serving(head_s=0.02) as server,
        aiohttp.ClientSession() as http,
        http.ws_connect(f"http://127.0.0.1:{server.port}/socket") as channel,
    ):
        assert await ask(server.port, b"GET /") == b""  # by now the limit has passed for both
        await channel.send_bytes(b"still here")
        assert await channel.receive_bytes() == b"still here"


async def test_a_socket_that_is_read_takes_and_gives_as_much_as_it_likes(
    tls: Certified | None,
) -> None:
    scheme = "https" if tls else "http"
    async with (
        serving(tls) as server,
        aiohttp.ClientSession() as http,
        http.ws_connect(
            f"{scheme}://127.0.0.1:{server.port}/socket",
            ssl=tls.client if tls else True,
            server_hostname=HUB_NAME if tls else None,
        ) as channel,
    ):
        message = bytes(200 * KILOBYTE)

        async def send() -> None:
            for _ in range(50):
                await channel.send_bytes(message)

        sending = asyncio.create_task(send())
        for _ in range(50):
            assert await channel.receive_bytes() == message
        await sending


async def test_an_answer_that_nobody_reads_is_given_up(tls: Certified | None) -> None:
    before = refused("slow_reader")
    async with serving(tls, unread_s=0.05) as server, leaving_no_task():
        await server.do_not_read("/much")
        await until(lambda: server.keeper.connections == 1)
        await until(lambda: server.keeper.connections == 0)
        assert b"hello" in await ask(server.port, CLOSING, tls)
    assert refused("slow_reader") == before + 1


async def test_little_waits_for_who_does_not_read(tls: Certified | None) -> None:
    async with serving(tls) as server:
        await server.do_not_read("/much")
        await until(lambda: server.written > 0)
        last = -1
        while server.written > last:
            last = server.written
            await asyncio.sleep(0.05)
    # Above TLS and below, and in the system's buffers.
    assert server.written < 2 * UNREAD_BYTES + 8 * SMALL_BUFFER


async def test_the_rest_of_an_answer_that_nobody_reads_is_given_up(tls: Certified | None) -> None:
    async with serving(tls, unread_s=0.2) as server, leaving_no_task():
        await server.do_not_read("/rest")
        await until(lambda: server.keeper.connections == 1)
        await until(lambda: server.keeper.connections == 0)


@pytest.mark.parametrize("limits", [{"most": 2}, {"most_from_one": 2}])
async def test_there_may_be_only_so_many_connections(
    limits: dict[str, int], tls: Certified | None
) -> None:
    async with serving(tls, reserved=0, **limits) as server:
        # With TLS they never shake hands.
        held = [await asyncio.open_connection("127.0.0.1", server.port) for _ in range(2)]
        await until(lambda: server.keeper.connections == 2)
        assert await ask(server.port) == b""
        held[0][1].close()
        await until(lambda: server.keeper.connections == 1)
        assert b"hello" in await ask(server.port, CLOSING, tls)
        held[1][1].close()


async def test_a_place_is_kept_for_the_hubs_own_health_check() -> None:
    async with serving(most=0, reserved=1) as server:
        assert b"hello" in await ask(server.port)


async def test_a_proxy_may_have_any_number() -> None:
    async with serving(most_from_one=1, proxies=["127.0.0.1"]) as server:
        held = [await asyncio.open_connection("127.0.0.1", server.port) for _ in range(3)]
        assert b"hello" in await ask(server.port)
        for _, writer in held:
            writer.close()


async def test_whose_body_was_too_slow_is_not_listened_to_for_long(
    tls: Certified | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub.doorkeeper, "TOLD_S", 0.2)
    async with serving(tls) as server:
        head = b"POST /slow HTTP/1.1\r\nHost: hub\r\nContent-Length: 100\r\n\r\n{"
        answer = await ask(server.port, head, tls)
    assert b" 408 " in answer
    assert b"Connection: close" in answer


async def test_who_shakes_hands_when_all_ends_is_ended_too(certified: Certified) -> None:
    async with serving(certified) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        await until(lambda: server.keeper.connections == 1)
    assert await reader.read() == b""
    writer.close()


async def test_a_connection_that_says_nothing_costs_little(certified: Certified) -> None:
    many = 20
    async with serving(certified) as server:
        tracemalloc.start()
        try:
            held = [await asyncio.open_connection("127.0.0.1", server.port) for _ in range(many)]
            await until(lambda: server.keeper.connections == many)
            costs, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        for _, writer in held:
            writer.close()
    assert costs < many * 100 * KILOBYTE
