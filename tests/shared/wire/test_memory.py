"""What a link in memory can do that a socket cannot be told to do."""

from __future__ import annotations

import asyncio

import pytest

from shared.wire import channel
from shared.wire.channel import ChannelClosedError
from shared.wire.memory import memory_channels
from tests.shared.wire.test_channel import flood

pytestmark = pytest.mark.looptime


def _now() -> float:
    return asyncio.get_running_loop().time()


async def test_a_message_arrives_after_the_latency_and_not_before() -> None:
    one, other = memory_channels(latency_s=0.25)
    start = _now()
    await one.send("x")
    assert _now() == start
    assert await other.receive() == "x"
    assert _now() == pytest.approx(start + 0.25)


async def test_latency_keeps_the_order_of_what_is_sent_at_one_moment() -> None:
    one, other = memory_channels(latency_s=0.25)
    for n in range(50):
        await one.send(str(n))
    assert [await other.receive() for _ in range(50)] == [str(n) for n in range(50)]


async def test_the_close_travels_behind_the_messages() -> None:
    one, other = memory_channels(latency_s=0.25)
    await one.send("x")
    await one.close(4001)
    assert await other.receive() == "x"
    with pytest.raises(ChannelClosedError, match="4001"):
        await other.receive()
    assert _now() == pytest.approx(0.25)


async def test_a_cut_loses_what_was_under_way_and_keeps_what_had_arrived() -> None:
    one, other = memory_channels(latency_s=0.25)
    await one.send("arrived")
    await asyncio.sleep(0.3)
    await one.send("under way")
    other.cut()
    await asyncio.sleep(0.3)
    assert await other.receive() == "arrived"
    for end in (one, other):
        with pytest.raises(ChannelClosedError, match="1006"):
            await end.receive()
        with pytest.raises(ChannelClosedError, match="1006"):
            await end.send("x")


async def test_a_cut_wakes_who_waits() -> None:
    one, other = memory_channels()
    waiting = [asyncio.create_task(end.receive()) for end in (one, other)]
    await asyncio.sleep(0)
    one.cut()
    results = await asyncio.gather(*waiting, return_exceptions=True)
    assert [getattr(error, "code", None) for error in results] == [1006, 1006]


async def test_nothing_arrives_over_a_stalled_link_and_nobody_is_told() -> None:
    one, other = memory_channels(latency_s=0.25)
    await one.send("under way")
    one.stall()
    await one.send("later")
    await other.send("the other way")
    for end in (one, other):
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(end.receive(), 3600)


async def test_a_stalled_link_ends_for_the_sender_after_the_send_timeout() -> None:
    one, other = memory_channels()
    one.stall()
    start = _now()
    with pytest.raises(ChannelClosedError, match="1006"):
        await flood(one)
    assert _now() == pytest.approx(start + channel.SEND_TIMEOUT_S)
    with pytest.raises(TimeoutError):  # the other end cannot know
        await asyncio.wait_for(other.receive(), 3600)


async def test_a_sender_that_waits_goes_on_as_soon_as_the_peer_reads() -> None:
    one, other = memory_channels()
    sent = 0

    async def flood() -> None:
        nonlocal sent
        while sent < 20:
            await one.send(b"x" * 64_000)
            sent += 1

    flooding = asyncio.create_task(flood())
    await asyncio.sleep(1.0)
    assert 0 < sent < 20
    for _ in range(20):
        await other.receive()
    await flooding
    assert _now() < 1.0 + channel.SEND_TIMEOUT_S
