"""One suite for every channel: in memory, and over a real WebSocket on loopback."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import NoReturn

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from shared.wire import channel
from shared.wire.channel import Channel, ChannelClosedError, WebSocketChannel
from shared.wire.codec import MAX_MESSAGE_BYTES
from shared.wire.memory import memory_channels

Ends = tuple[Channel, Channel]


async def _websocket_ends() -> AsyncIterator[Ends]:
    accepted: asyncio.Future[Channel] = asyncio.get_running_loop().create_future()
    done = asyncio.Event()

    async def accept(request: web.Request) -> web.WebSocketResponse:
        ws = web.WebSocketResponse(max_msg_size=MAX_MESSAGE_BYTES, compress=False)
        await ws.prepare(request)
        accepted.set_result(WebSocketChannel(ws, request.transport))
        await done.wait()
        return ws

    app = web.Application()
    app.router.add_get("/", accept)
    async with TestServer(app) as server, aiohttp.ClientSession() as session:
        ws = await session.ws_connect(server.make_url("/"), max_msg_size=MAX_MESSAGE_BYTES)
        yield WebSocketChannel(ws), await accepted
        done.set()
        await ws.close()


@pytest.fixture(params=["memory", "websocket: client first", "websocket: server first"])
async def ends(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Ends]:
    """Both ends of one connection; a WebSocket's two sides are different code, so each is first."""
    monkeypatch.setattr(channel, "CLOSE_TIMEOUT_S", 0.05)
    if request.param == "memory":
        yield memory_channels()
        return
    async for client, server in _websocket_ends():
        yield (client, server) if "client first" in request.param else (server, client)


async def flood(end: Channel, data: str | bytes = b"x" * 64_000) -> NoReturn:
    """Sends until the channel ends: every buffer on the way gets full."""
    while True:
        await end.send(data)
        await asyncio.sleep(0)


async def drain(end: Channel) -> NoReturn:
    """Reads until the channel ends."""
    while True:
        await end.receive()


async def test_messages_arrive_in_order_as_the_kind_they_were_sent(ends: Ends) -> None:
    one, other = ends
    sent = [str(n) if n % 3 else bytes([n]) for n in range(100)]
    for data in sent:
        await one.send(data)
    assert [await other.receive() for _ in sent] == sent


async def test_both_directions_carry_messages(ends: Ends) -> None:
    one, other = ends
    await one.send("there")
    assert await other.receive() == "there"
    await other.send(b"\x00\xff")
    assert await one.receive() == b"\x00\xff"


async def test_an_empty_message_is_a_message(ends: Ends) -> None:
    one, other = ends
    await one.send("")
    await one.send(b"")
    assert [await other.receive(), await other.receive()] == ["", b""]


async def test_the_peer_reads_what_was_sent_before_the_close_and_then_its_code(ends: Ends) -> None:
    one, other = ends
    await one.send("last words")
    closing = asyncio.create_task(one.close(4001, "revoked"))
    assert await other.receive() == "last words"
    with pytest.raises(ChannelClosedError) as caught:
        await other.receive()
    await closing
    assert (caught.value.code, caught.value.reason) == (4001, "revoked")


async def test_a_long_reason_is_cut_between_characters(ends: Ends) -> None:
    one, other = ends
    closing = asyncio.create_task(one.close(4001, "x" + "ä" * 200))
    with pytest.raises(ChannelClosedError) as caught:
        await other.receive()
    await closing
    assert caught.value.code == 4001
    assert caught.value.reason.startswith("xää")


async def test_a_closed_end_neither_sends_nor_receives_however_often_it_is_asked(
    ends: Ends,
) -> None:
    one, _ = ends
    await one.close(4001)
    for _ in range(10):  # aiohttp's server loses patience at the fifth
        with pytest.raises(ChannelClosedError, match="4001"):
            await one.receive()
        with pytest.raises(ChannelClosedError, match="4001"):
            await one.send("x")


async def test_what_the_peer_closed_stays_closed_however_often_one_asks(ends: Ends) -> None:
    one, other = ends
    closing = asyncio.create_task(other.close(4002))
    for _ in range(10):
        with pytest.raises(ChannelClosedError, match="4002"):
            await one.receive()
    with pytest.raises(ChannelClosedError, match="4002"):
        await one.send("x")
    await closing


async def test_closing_twice_is_nothing(ends: Ends) -> None:
    one, other = ends
    closing = asyncio.create_task(one.close(4001))
    with pytest.raises(ChannelClosedError, match="4001"):
        await other.receive()
    await closing
    await one.close(4002)
    await other.close(4003)
    with pytest.raises(ChannelClosedError, match="4001"):
        await one.receive()
    with pytest.raises(ChannelClosedError, match="4001"):
        await other.receive()


async def test_closing_wakes_a_receive_that_waits_at_the_same_end(ends: Ends) -> None:
    one, _ = ends
    waiting = asyncio.create_task(one.receive())
    await asyncio.sleep(0)
    await one.close(4001)
    with pytest.raises(ChannelClosedError, match="4001"):
        await waiting


async def test_a_cancelled_receive_loses_nothing(ends: Ends) -> None:
    one, other = ends
    for round_ in range(20):
        waiting = asyncio.create_task(other.receive())
        await asyncio.sleep(0)
        if round_ % 2:
            await one.send(f"{round_}")
        waiting.cancel()
        got = (await asyncio.gather(waiting, return_exceptions=True))[0]
        if not round_ % 2:
            assert isinstance(got, asyncio.CancelledError)
        else:
            assert (await other.receive() if isinstance(got, BaseException) else got) == f"{round_}"
    await one.close(4001)
    with pytest.raises(ChannelClosedError, match="4001"):
        await other.receive()


@pytest.mark.parametrize("make", [lambda n: "x" * n, lambda n: b"x" * n], ids=["text", "bytes"])
async def test_a_message_beyond_the_limit_closes_the_connection(
    ends: Ends, make: Callable[[int], str | bytes]
) -> None:
    one, other = ends
    largest = make(MAX_MESSAGE_BYTES - 1)
    sending = asyncio.create_task(one.send(largest))
    assert await other.receive() == largest
    await sending
    sending = asyncio.create_task(one.send(make(MAX_MESSAGE_BYTES + 1)))
    received = await asyncio.gather(other.receive(), one.receive(), return_exceptions=True)
    await asyncio.gather(sending, return_exceptions=True)
    assert [getattr(error, "code", None) for error in received] == [1009, 1009]


async def test_sending_to_a_closed_peer_raises(ends: Ends) -> None:
    one, other = ends
    await other.close(4001)
    with pytest.raises(ChannelClosedError):
        await flood(one, "is anybody there?")


async def test_a_peer_that_never_reads_makes_send_raise(
    ends: Ends, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(channel, "SEND_TIMEOUT_S", 0.05)
    one, other = ends
    with pytest.raises(ChannelClosedError, match="1006 the peer takes nothing"):
        await flood(one)
    with pytest.raises(ChannelClosedError, match="1006"):
        await one.receive()
    with pytest.raises(ChannelClosedError):  # the peer is cut off, too
        await drain(other)


async def test_a_receive_that_waits_ends_when_send_gives_up(
    ends: Ends, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(channel, "SEND_TIMEOUT_S", 0.05)
    one, _ = ends
    waiting = asyncio.create_task(one.receive())
    with pytest.raises(ChannelClosedError):
        await flood(one)
    with pytest.raises(ChannelClosedError, match="1006"):
        await waiting


async def test_a_websocket_that_ends_without_a_close_is_1006() -> None:
    async for client, server in _websocket_ends():
        assert isinstance(server, WebSocketChannel)
        assert isinstance(server._transport, asyncio.WriteTransport)
        server._transport.close()  # end of stream, no close frame: aiohttp itself calls it 1000
        with pytest.raises(ChannelClosedError) as caught:
            await client.receive()
        assert caught.value.code == 1006
