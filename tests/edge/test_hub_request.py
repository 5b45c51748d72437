"""A hub is asked by HTTP, and what answers may be none."""

from __future__ import annotations

from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from msgspec import Struct

from edge.hub_request import HubRequestError, ask


class Shown(Struct):
    name: str


async def _answer(request: web.Request) -> web.Response:
    match request.path:
        case "/good":
            return web.json_response({"name": "Ann", "more": 1})
        case "/gone":
            return web.Response(status=204)
        case "/refused":
            refusal = {"code": "UNLIKE_VOICE", "message": "That is somebody else."}
            return web.json_response({"error": refusal}, status=409)
        case "/elsewhere":
            raise web.HTTPFound("/good")
    return web.Response(text="<html>a router</html>")


@pytest.fixture
async def server() -> AsyncIterator[TestServer]:
    app = web.Application()
    app.router.add_route("*", "/{any:.*}", _answer)
    server = TestServer(app)
    async with server:
        yield server


async def _asked(server: TestServer, path: str, kind: type[Struct] | None = Shown) -> object:
    async with aiohttp.ClientSession() as http:
        return await ask(http, "POST", str(server.make_url(path)), kind)


async def test_an_answer_is_read_and_what_is_unknown_in_it_left_out(server: TestServer) -> None:
    assert await _asked(server, "/good") == Shown("Ann")
    assert await _asked(server, "/gone", None) is None


async def test_a_refusal_says_which_it_is(server: TestServer) -> None:
    with pytest.raises(HubRequestError, match="somebody else") as refused:
        await _asked(server, "/refused")
    assert refused.value.refusal == "UNLIKE_VOICE"


@pytest.mark.parametrize("path", ["/router", "/elsewhere", "/gone"])
async def test_what_is_no_hub_is_told_apart(server: TestServer, path: str) -> None:
    with pytest.raises(HubRequestError, match="no hub of Mira's") as error:
        await _asked(server, path)
    assert error.value.refusal == ""


async def test_nobody_answers_at_all(unused_tcp_port: int) -> None:
    async with aiohttp.ClientSession() as http:
        with pytest.raises(HubRequestError, match="No hub answers"):
            await ask(http, "GET", f"http://127.0.0.1:{unused_tcp_port}/", Shown)
