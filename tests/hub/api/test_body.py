"""How slowly a body may come, on virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from unittest.mock import Mock

import pytest
from aiohttp import StreamReader, web
from aiohttp.base_protocol import BaseProtocol
from aiohttp.test_utils import make_mocked_request

from hub import metrics
from hub.api.body import BODY_S, LEAST_BYTES_PER_S, LOOK_S, keeping_pace
from hub.api.errors import InvalidRequestError, SlowRequestError

pytestmark = pytest.mark.looptime

DRIPPING = [1] * 3600
FAST = [2**20] * 11
RECORDING = [LEAST_BYTES_PER_S * 2] * 30
SOON = BODY_S + 2 * LOOK_S


async def read(pieces: Iterable[int], every_s: float = 1.0) -> tuple[int, float]:
    """How many bytes of a body were read, and after how many seconds it had come."""
    loop = asyncio.get_running_loop()
    content = StreamReader(Mock(BaseProtocol), 2**16, loop=loop)

    async def send() -> None:
        for piece in pieces:
            content.feed_data(bytes(piece))
            await asyncio.sleep(every_s)
        content.feed_eof()

    request = make_mocked_request("POST", "/", payload=content, client_max_size=2**30)
    began = loop.time()
    async with asyncio.TaskGroup() as group:
        sending = group.create_task(send())
        try:
            async with keeping_pace(request):
                return len(await request.read()), loop.time() - began
        finally:
            sending.cancel()


async def given_up_after(pieces: Iterable[int], every_s: float = 1.0) -> float:
    """After how many seconds a body was given up."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    with pytest.raises(ExceptionGroup) as raised:
        await read(pieces, every_s)
    assert raised.group_contains(SlowRequestError)
    return loop.time() - began


@pytest.mark.parametrize("pieces", [[], DRIPPING, [LEAST_BYTES_PER_S // 16] * 600])
async def test_a_body_that_drips_is_given_up(pieces: list[int]) -> None:
    labels = {"reason": "slow_body"}
    name = "mira_connections_refused_total"
    before = metrics.REGISTRY.get_sample_value(name, labels) or 0
    if not pieces:
        assert await given_up_after([0], every_s=3600) == pytest.approx(BODY_S)
    else:
        assert await given_up_after(pieces) <= SOON
    assert metrics.REGISTRY.get_sample_value(name, labels) == before + 1


async def test_a_body_that_came_fast_may_not_drip_for_it() -> None:
    assert await given_up_after([*FAST, *DRIPPING]) <= len(FAST) + SOON


@pytest.mark.parametrize("every_s", [0.01, 1.0, 2.0])
async def test_a_long_recording_may_take_long(every_s: float) -> None:
    length, took = await read(RECORDING, every_s)
    assert length == sum(RECORDING)
    assert took >= len(RECORDING) * every_s


async def test_a_bad_wifi_may_stall_now_and_then() -> None:
    # Nothing for seven seconds, then what was held up, again and again.
    length, _ = await read([LEAST_BYTES_PER_S * 8] * 20, every_s=BODY_S - 2 * LOOK_S)
    assert length == LEAST_BYTES_PER_S * 8 * 20


async def test_a_request_without_a_body_does_not_wait() -> None:
    request = make_mocked_request("POST", "/")
    async with keeping_pace(request):
        assert await request.read() == b""


async def test_a_connection_may_end_within_the_body() -> None:
    content = StreamReader(Mock(BaseProtocol), 2**16, loop=asyncio.get_running_loop())
    request = make_mocked_request("POST", "/", payload=content)
    content.feed_data(b"{")
    content.set_exception(ConnectionResetError("Connection lost"))
    with pytest.raises(InvalidRequestError):
        async with keeping_pace(request):
            await request.read()


async def test_other_errors_pass() -> None:
    with pytest.raises(web.HTTPRequestEntityTooLarge):
        async with keeping_pace(make_mocked_request("POST", "/")):
            raise web.HTTPRequestEntityTooLarge(max_size=1, actual_size=2)
