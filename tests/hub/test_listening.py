"""Servers on ports."""

from __future__ import annotations

from contextlib import AsyncExitStack

import aiohttp
import pytest
from aiohttp import web

from hub.doorkeeper import Doorkeeper
from hub.listening import ServerError, listen


async def test_a_server_answers_until_the_stack_ends() -> None:
    async with aiohttp.ClientSession() as http:
        async with AsyncExitStack() as stack:
            port = await listen(web.Application(), Doorkeeper(), ("127.0.0.1", 0), stack)
            async with http.get(f"http://127.0.0.1:{port}/") as answer:
                assert answer.status == 404
        with pytest.raises(aiohttp.ClientConnectorError):
            await http.get(f"http://127.0.0.1:{port}/")


async def test_a_port_that_is_taken_is_named_with_the_table_that_says_it() -> None:
    async with AsyncExitStack() as stack:
        port = await listen(web.Application(), Doorkeeper(), ("127.0.0.1", 0), stack)
        taken = ("127.0.0.1", port)
        with pytest.raises(ServerError, match=rf"port {port}: .*\[legacy\] port"):
            await listen(web.Application(), Doorkeeper(), taken, stack, table="legacy")
