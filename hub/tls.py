"""TLS as the hub serves it: asyncio's, for many connections and many small messages."""

from __future__ import annotations

import asyncio
import ssl
from asyncio.sslproto import SSLProtocol

RECORD_BYTES = 16 * 1024
"""The most that one TLS record holds."""


class GatheringTls(SSLProtocol):
    """asyncio's TLS with a smaller buffer to read into, and fewer, larger packets.

    asyncio makes a record and a packet of each piece that is written, and an event is small: what
    is written while the event loop goes around once is put together.

    Args:
        loop: the event loop.
        answerer: what speaks by it.
        context: with the certificate.
        goodbye_s: how long its end may take, what is left to be sent included.
    """

    max_size = 2 * RECORD_BYTES  # each connection has one; asyncio's own is 256 KiB

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        answerer: asyncio.Protocol,
        context: ssl.SSLContext,
        goodbye_s: float,
    ) -> None:
        super().__init__(
            loop,
            answerer,
            context,
            None,  # type: ignore[arg-type]  # nobody waits for the end of the handshake
            server_side=True,
            ssl_shutdown_timeout=goodbye_s,
        )
        self._pieces: list[bytes] = []
        self._pieces_bytes = 0

    def _write_appdata(self, list_of_data: list[bytes]) -> None:
        for data in list_of_data:
            if self._pieces_bytes + len(data) > RECORD_BYTES:
                self._write_pieces()
            if not self._pieces:
                self._loop.call_soon(self._write_pieces)
            self._pieces.append(data)
            self._pieces_bytes += len(data)
        if self._pieces_bytes >= RECORD_BYTES:
            self._write_pieces()  # so that the writer hears when it has to wait

    def _start_shutdown(self) -> None:
        self._write_pieces()
        super()._start_shutdown()

    def _write_pieces(self) -> None:
        if self._pieces:
            data = b"".join(self._pieces)
            self._pieces, self._pieces_bytes = [], 0
            super()._write_appdata([data])
