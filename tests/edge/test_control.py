"""The daemon's control socket."""

from __future__ import annotations

import asyncio
import socket
import stat
from contextlib import suppress
from pathlib import Path

import pytest

from edge.control import (
    Ask,
    AskListening,
    ControlSocketError,
    DaemonUnreachableError,
    Question,
    Status,
    ask,
    serve,
)

STATUS = Status(
    name="kitchen",
    hub=None,
    listening=True,
    network_listening=True,
    microphone="open",
    speech=False,
    held=0,
    dropped=0,
    cursor=3,
)


async def answer(question: Question) -> Status:
    if isinstance(question, AskListening) and question.scope == "network":
        raise DaemonUnreachableError("No hub is connected.")
    return STATUS


async def test_a_question_is_answered(tmp_path: Path) -> None:
    path = tmp_path / "run" / "control.sock"
    server = await serve(path, answer)
    assert stat.S_IMODE(path.stat().st_mode) == 0o660
    assert await asyncio.to_thread(ask, path, Ask()) == STATUS
    with pytest.raises(DaemonUnreachableError, match="No hub is connected"):
        await asyncio.to_thread(ask, path, AskListening(listening=False, scope="network"))
    server.close()


async def test_nonsense_is_refused_and_the_next_question_answered(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    server = await serve(path, answer)

    def nonsense(data: bytes) -> bytes:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(path))
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
            return connection.recv(4096)

    assert b"error" in await asyncio.to_thread(nonsense, b"\xff{]\n")
    with suppress(ConnectionError):  # it hangs up on a line that never ends
        assert await asyncio.to_thread(nonsense, b"x" * 100_000) == b""
    assert await asyncio.to_thread(ask, path, Ask()) == STATUS
    server.close()


def test_without_a_daemon_the_error_says_so(tmp_path: Path) -> None:
    with pytest.raises(DaemonUnreachableError, match="Is mira-edge running"):
        ask(tmp_path / "nobody.sock", Ask())


async def test_a_second_daemon_does_not_take_the_socket_of_the_first(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    server = await serve(path, answer)
    with pytest.raises(ControlSocketError, match="Another mira-edge runs"):
        await serve(path, answer)
    assert await asyncio.to_thread(ask, path, Ask()) == STATUS
    server.close()
    await server.wait_closed()
    # What a daemon that was killed has left behind is no daemon.
    with socket.socket(socket.AF_UNIX) as left:
        path.unlink(missing_ok=True)
        left.bind(str(path))
    again = await serve(path, answer)
    again.close()
