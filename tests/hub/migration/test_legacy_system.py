"""A legacy system is asked who is connected; what answers may be anything."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer, unused_port

from hub.migration import legacy_system
from hub.migration.legacy_system import LegacySystemError, connected_clients

Answering = Callable[[web.Request], Awaitable[web.StreamResponse]]


def status(**clients: Any) -> dict[str, Any]:
    """As a legacy system answers."""
    return {
        "enabled": True,
        "version": "4.3.0",
        "connected_clients": clients,
        "best_client": {"client_id": None, "score": 0},
        "recent_interactions": [],
    }


def entry(ip: object) -> dict[str, Any]:
    return {
        "ip": ip,
        "connection_start_time": "2026-01-01T12:00:00.000000",
        "connection_uptime": 12.5,
        "score": 40.0,
    }


async def asked(answering: Answering) -> tuple[tuple[str, str | None], ...]:
    app = web.Application()
    app.router.add_get("/", answering)
    async with TestServer(app) as server:
        return await connected_clients(str(server.make_url("/")))


async def refused(answering: Answering) -> str:
    with pytest.raises(LegacySystemError) as error:
        await asked(answering)
    return str(error.value)


async def test_it_tells_ids_and_addresses() -> None:
    async def answer(_: web.Request) -> web.Response:
        known = status(kitchen=entry("192.168.1.5"), odd=entry(7), shy={}, bad=entry("\x1b[2J"))
        return web.json_response(known)

    assert await asked(answer) == (
        ("kitchen", "192.168.1.5"),
        ("odd", None),
        ("shy", None),
        ("bad", None),
    )


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>a router</html>",
        b"\xff\xfe",
        b"[]",
        b"{}",
        b'{"enabled": true, "version": "1", "connected_clients": []}',
        b'{"enabled": true, "version": "1", "connected_clients": {"a": 1}}',
        b'{"enabled": true, "version": "1", "connected_clients": {"a": {"ip": ' + b"[" * 100_000,
    ],
    ids=["empty", "page", "binary", "list", "object", "clients", "client", "deep"],
)
async def test_what_answers_otherwise_is_no_legacy_system(body: bytes) -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(body=body)

    assert "is no legacy system" in await refused(answer)


@pytest.mark.parametrize("code", [302, 401, 404, 500])
async def test_a_refusal_is_told_and_no_redirection_is_followed(code: int) -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.json_response(status(), status=code, headers={"Location": "/"})

    assert f"it answers {code}" in await refused(answer)


async def test_an_answer_without_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(legacy_system, "MAX_BYTES", 100_000)

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        try:
            while True:
                await response.write(b" " * 65_536)
        except ConnectionError:
            return response

    assert "longer than 100000 bytes" in await refused(answer)


async def test_one_that_is_silent_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(legacy_system, "TIMEOUT_S", 0.05)
    over = asyncio.Event()

    async def answer(_: web.Request) -> web.Response:
        await over.wait()
        return web.Response()

    app = web.Application()
    app.router.add_get("/", answer)
    async with TestServer(app) as server:
        with pytest.raises(LegacySystemError, match="did not answer"):
            await connected_clients(str(server.make_url("/")))
        over.set()


async def test_nobody_there() -> None:
    url = f"http://127.0.0.1:{unused_port()}"
    with pytest.raises(LegacySystemError, match=f"{url} cannot be reached"):
        await connected_clients(url)
