"""The bounded outbox, over a channel that can be slow."""

from __future__ import annotations

import asyncio

import pytest

from shared.outbox import PORTION_BYTES, Outbox
from shared.tasks import until_first_ends
from shared.wire.channel import ChannelClosedError
from shared.wire.codec import MAX_MESSAGE_BYTES
from shared.wire.memory import WINDOW_BYTES, memory_channels


async def test_messages_arrive_in_order() -> None:
    ours, theirs = memory_channels()
    outbox = Outbox()
    sending = asyncio.ensure_future(outbox.drain(ours))
    for number in range(100):
        assert outbox.put(str(number))
    assert [await theirs.receive() for _ in range(100)] == [str(n) for n in range(100)]
    sending.cancel()


async def test_what_waits_is_handed_over_in_portions() -> None:
    portions: list[list[int]] = []

    class Taking:
        async def send(self, *messages: str | bytes) -> None:
            portions.append([len(message) for message in messages])

        async def receive(self) -> str:
            raise AssertionError

        async def close(self, code: int = 1000, reason: str = "") -> None:
            raise AssertionError

    outbox = Outbox()
    half = PORTION_BYTES // 2
    for size in (half, half, 1, 2 * PORTION_BYTES, 2, 3):
        outbox.put("x" * size)
    sending = asyncio.ensure_future(outbox.drain(Taking()))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert portions == [[half, half], [1], [2 * PORTION_BYTES], [2, 3]]
    sending.cancel()


@pytest.mark.parametrize("bounds", [{"max_messages": 3}, {"max_bytes": 3}])
async def test_a_peer_that_takes_nothing_is_dropped_from_it(bounds: dict[str, int]) -> None:
    outbox = Outbox(**bounds)
    assert [outbox.put("x") for _ in range(4)] == [True, True, True, False]
    assert outbox.overflown
    ours, _ = memory_channels()
    await asyncio.wait_for(outbox.drain(ours), 1)


async def test_who_can_wait_fills_it_to_the_half_and_again_when_there_is_room() -> None:
    ours, theirs = memory_channels()
    outbox = Outbox(max_messages=10)
    waiting = [str(n) for n in range(50)]

    def refill() -> None:
        while waiting and outbox.half_empty:
            outbox.put(waiting.pop(0))

    refill()
    assert len(waiting) == 44
    sending = asyncio.ensure_future(outbox.drain(ours, refill))
    assert [await theirs.receive() for _ in range(50)] == [str(n) for n in range(50)]
    assert not outbox.overflown
    sending.cancel()


async def test_it_is_told_when_all_was_sent() -> None:
    ours, theirs = memory_channels()
    outbox = Outbox()
    await outbox.wait_sent()
    pieces = 3 * WINDOW_BYTES // MAX_MESSAGE_BYTES
    for _ in range(pieces):
        assert outbox.put(bytes(MAX_MESSAGE_BYTES))
    sent = asyncio.ensure_future(outbox.wait_sent())
    sending = asyncio.ensure_future(outbox.drain(ours))
    for _ in range(pieces // 2):
        await theirs.receive()
    assert not sent.done()  # what is left is more than the link holds
    for _ in range(pieces - pieces // 2):
        await theirs.receive()
    await asyncio.wait_for(sent, 1)
    sending.cancel()


async def test_the_first_job_that_ends_ends_all_and_its_error_is_raised() -> None:
    ended = []

    async def for_ever() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("for_ever")

    async def fail() -> None:
        raise ChannelClosedError(4000)

    with pytest.raises(ChannelClosedError):
        await until_first_ends(for_ever(), fail())
    assert ended == ["for_ever"]
