"""Small messages are put together before they are encrypted and sent, and none is left behind."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from hub.authority import Authority
from hub.tls import RECORD_BYTES, GatheringTls
from shared.tls import HUB_NAME, client_context

APPLICATION_DATA = 23


class Speaker(asyncio.Protocol):
    """Says its pieces to whoever connects, each in a write of its own, and closes at once."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = pieces

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.pause_reading()  # then nothing that comes in takes along what waits
        for piece in self._pieces:
            transport.write(piece)
        transport.close()


async def listen(authority: Authority, pieces: list[bytes]) -> tuple[bytes, list[int]]:
    """What a client hears, and how long the records are that it comes in."""
    loop = asyncio.get_running_loop()
    context = authority.server_context(["127.0.0.1"], datetime.now(UTC))
    context.num_tickets = 0  # they would come as records of application data
    server = await loop.create_server(
        lambda: GatheringTls(loop, Speaker(pieces), context, 1.0), "127.0.0.1", 0
    )
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = client_context(authority.ca).wrap_bio(incoming, outgoing, server_hostname=HUB_NAME)
    heard, raw = b"", b""
    shaken = False
    while True:
        try:
            if not shaken:
                tls.do_handshake()
                shaken, raw = True, incoming.read()
                incoming.write(raw)
            while part := tls.read(RECORD_BYTES):
                heard += part
            break
        except ssl.SSLWantReadError:
            writer.write(outgoing.read())
            data = await reader.read(2**16)
            raw += data
            incoming.write(data)
    writer.close()
    server.close()
    return heard, records(raw)


def records(raw: bytes) -> list[int]:
    """The lengths of the records that hold what was said, without the closing alert."""
    lengths = []
    while raw:
        length = int.from_bytes(raw[3:5], "big")
        if raw[0] == APPLICATION_DATA and length > len("alert") + 16 + 1:
            lengths.append(length)
        raw = raw[5 + length :]
    return lengths


@pytest.mark.parametrize(("pieces", "most"), [(100, 1), (1_000, 4)])
async def test_what_is_written_at_once_comes_whole_in_few_records(
    tmp_path: Path, pieces: int, most: int
) -> None:
    said = [f"{number:04} ".encode() * 10 for number in range(pieces)]
    heard, lengths = await listen(Authority.open(tmp_path, "hub"), said)
    assert heard == b"".join(said)
    assert len(lengths) <= most
