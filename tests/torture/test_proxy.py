"""A link passes bytes on, and every way of it to fail."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest

from tests.torture.proxy import Link


@pytest.fixture
async def link() -> AsyncIterator[Link]:
    """A link to a server that gives everything back."""

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answering.add(asyncio.current_task())
        with suppress(ConnectionResetError):
            while data := await reader.read(100):
                writer.write(data)
        await closed(writer)

    answering: set[asyncio.Task[None] | None] = set()
    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    async with server, Link(server.sockets[0].getsockname()[1]) as link:
        yield link
    await asyncio.gather(*filter(None, answering))


async def closed(writer: asyncio.StreamWriter) -> None:
    """Closes a connection that may be broken."""
    writer.close()
    with suppress(ConnectionResetError):
        await writer.wait_closed()


async def said(link: Link, text: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection on which something was said."""
    reader, writer = await asyncio.open_connection("127.0.0.1", link.port)
    writer.write(text)
    return reader, writer


async def test_bytes_go_there_and_back_and_the_end_too(link: Link) -> None:
    reader, writer = await said(link, b"one")
    assert await reader.readexactly(3) == b"one"
    writer.write_eof()
    assert await reader.read() == b""
    await closed(writer)


async def test_a_cut_ends_the_connection_and_the_next_one_works(link: Link) -> None:
    reader, writer = await said(link, b"one")
    await reader.readexactly(3)
    link.cut()
    with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
        await reader.readexactly(1)
    await closed(writer)
    reader, writer = await said(link, b"two")
    assert await reader.readexactly(3) == b"two"
    await closed(writer)


async def test_a_stalled_link_holds_bytes_back_until_it_is_healed(link: Link) -> None:
    link.stall()
    reader, writer = await said(link, b"one")
    coming = asyncio.ensure_future(reader.readexactly(3))
    for _ in range(100):
        await asyncio.sleep(0)
    assert not coming.done()
    link.heal()
    assert await coming == b"one"
    await closed(writer)


async def test_replies_are_swallowed(link: Link) -> None:
    link.swallow()
    reader, writer = await said(link, b"one")
    writer.write_eof()
    assert await reader.read() == b""
    assert link.swallowed == 3
    await closed(writer)


async def test_a_closed_link_takes_nobody(link: Link) -> None:
    link.close()
    reader, writer = await said(link, b"one")
    with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
        await reader.readexactly(1)
    await closed(writer)
