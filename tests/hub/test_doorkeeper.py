"""Slow and greedy connections are ended, and others do not notice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from hub import metrics
from hub.doorkeeper import Doorkeeper

MEGABYTE = b"x" * 2**20


def refused(reason: str) -> float:
    """How many so far."""
    value = metrics.REGISTRY.get_sample_value("mira_connections_refused_total", {"reason": reason})
    return value or 0.0


@asynccontextmanager
async def serving(**limits: Any) -> AsyncIterator[tuple[Doorkeeper, int]]:
    """A server with a doorkeeper, and its port."""

    async def answer(request: web.Request) -> web.StreamResponse:
        if request.path == "/much":
            response = web.StreamResponse()
            await response.prepare(request)
            for _ in range(50):
                await response.write(MEGABYTE)
            return response
        if request.path == "/socket":
            socket = web.WebSocketResponse()
            await socket.prepare(request)
            async for message in socket:
                await socket.send_str(message.data)
            return socket
        return web.Response(text="hello")

    keeper = Doorkeeper(**limits)
    app = web.Application(middlewares=[keeper.middleware])
    app.router.add_get("/{path:.*}", answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    assert runner.server is not None
    loop = asyncio.get_running_loop()
    server = await loop.create_server(keeper.watching(runner.server), "127.0.0.1", 0)
    try:
        yield keeper, server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await runner.cleanup()


async def until(condition: Callable[[], bool]) -> None:
    """Waits until something is so."""
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - nothing tells when a socket has closed
            await asyncio.sleep(0.001)


async def ask(port: int, head: bytes = b"GET / HTTP/1.1\r\nHost: hub\r\n\r\n") -> bytes:
    """What comes back until the server ends the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(head)
    try:
        return await reader.read()
    except ConnectionError:
        return b""
    finally:
        writer.close()


CLOSING = b"GET / HTTP/1.1\r\nHost: hub\r\nConnection: close\r\n\r\n"


@pytest.mark.parametrize("head", [b"", b"GET / HT", b"GET / HTTP/1.1\r\nHost: hub\r\nX-Long: "])
async def test_a_request_whose_head_never_ends_is_given_up(head: bytes) -> None:
    before = refused("slow_head")
    async with serving(head_s=0.05) as (keeper, port):
        assert await ask(port, head) == b""
        assert b"hello" in await ask(port, CLOSING)
        assert keeper.connections == 0
    assert refused("slow_head") == before + 1


async def test_a_socket_lasts_longer_than_a_head_may() -> None:
    async with (
        serving(head_s=0.02) as (_, port),
        aiohttp.ClientSession() as http,
        http.ws_connect(f"http://127.0.0.1:{port}/socket") as socket,
    ):
        assert await ask(port, b"GET /") == b""  # by now the limit has passed for both
        await socket.send_str("still here")
        assert await socket.receive_str() == "still here"


async def test_an_answer_that_nobody_reads_is_given_up() -> None:
    before = refused("slow_reader")
    async with serving(unread_s=0.05) as (keeper, port):
        _, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
        writer.write(b"GET /much HTTP/1.1\r\nHost: hub\r\n\r\n")
        await until(lambda: keeper.connections == 1)
        await until(lambda: keeper.connections == 0)
        writer.close()
        assert b"hello" in await ask(port, CLOSING)
    assert refused("slow_reader") == before + 1


@pytest.mark.parametrize("limits", [{"most": 2}, {"most_from_one": 2}])
async def test_there_may_be_only_so_many_connections(limits: dict[str, int]) -> None:
    async with serving(head_s=10, reserved=0, **limits) as (keeper, port):
        held = [await asyncio.open_connection("127.0.0.1", port) for _ in range(2)]
        await until(lambda: keeper.connections == 2)
        assert await ask(port) == b""
        held[0][1].close()
        await until(lambda: keeper.connections == 1)
        assert b"hello" in await ask(port, CLOSING)
        held[1][1].close()


async def test_a_place_is_kept_for_the_hubs_own_health_check() -> None:
    async with serving(head_s=10, most=0, reserved=1) as (_, port):
        assert b"hello" in await ask(port, CLOSING)


async def test_a_proxy_may_have_any_number() -> None:
    async with serving(head_s=10, most_from_one=1, proxies=["127.0.0.1"]) as (_, port):
        held = [await asyncio.open_connection("127.0.0.1", port) for _ in range(3)]
        assert b"hello" in await ask(port, CLOSING)
        for _, writer in held:
            writer.close()
