"""Events that wait for the disk."""

from __future__ import annotations

import asyncio

import pytest

from edge.event_queue import MOST_EVENTS, PATIENCE_S, EventQueue
from shared.wire.events import ClientRemoved, Event

pytestmark = pytest.mark.looptime


def event(seq: int) -> Event:
    return ClientRemoved(seq=seq, client_id="hall")


def full() -> EventQueue[Event]:
    queue = EventQueue[Event]()
    for seq in range(1, MOST_EVENTS + 1):
        queue.put(event(seq))
    return queue


def seconds() -> float:
    return asyncio.get_running_loop().time()


async def test_what_came_is_taken_at_once_in_order() -> None:
    queue = EventQueue[Event]()
    taking = asyncio.ensure_future(queue.take())
    await asyncio.sleep(1)
    assert not taking.done()
    queue.put(event(1))
    queue.put(event(2))
    assert [e.seq for e in await taking] == [1, 2]
    assert len(queue) == 0


async def test_while_there_is_room_nobody_waits() -> None:
    queue = EventQueue[Event]()
    began = seconds()
    await queue.wait_for_room()
    assert seconds() == began


async def test_when_it_is_full_the_link_is_not_read_until_the_disk_took_some() -> None:
    queue = full()
    waiting = asyncio.ensure_future(queue.wait_for_room())
    await asyncio.sleep(PATIENCE_S / 2)
    assert not waiting.done()
    assert len(await queue.take()) == MOST_EVENTS
    began = seconds()
    await waiting
    assert seconds() == began


async def test_a_disk_that_fails_is_not_waited_for_and_what_is_too_much_is_left_out() -> None:
    queue = full()
    began = seconds()
    await queue.wait_for_room()
    assert seconds() - began == pytest.approx(PATIENCE_S)
    queue.put(event(MOST_EVENTS + 1))
    assert (len(queue), queue.left_out) == (MOST_EVENTS, 1)
    await queue.wait_for_room()  # never again in this connection
    assert seconds() - began == pytest.approx(PATIENCE_S)


async def test_nothing_follows_what_was_left_out() -> None:
    queue = full()
    queue.put(event(MOST_EVENTS + 1))
    assert (await queue.take())[-1].seq == MOST_EVENTS
    queue.put(event(MOST_EVENTS + 2))
    assert (len(queue), queue.left_out) == (0, 2)


async def test_a_new_connection_brings_all_of_it_again() -> None:
    queue = full()
    queue.put(event(MOST_EVENTS + 1))
    queue.begin()
    assert (len(queue), queue.left_out) == (0, 0)
    queue.put(event(1))
    assert [e.seq for e in await queue.take()] == [1]


def test_what_tells_of_many_rows_counts_as_many() -> None:
    queue = EventQueue[Event]()
    queue.put(event(1), weight=MOST_EVENTS)
    queue.put(event(2))
    assert (len(queue), queue.left_out) == (1, 1)
    queue.begin()
    queue.put(event(1))
    assert (len(queue), queue.left_out) == (1, 0)
