"""The daemon's Unix socket: one JSON line asks, one answers."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from shared.errors import Fault, MiraError
from shared.wire.network import LastingDeed

MAX_LINE = 4096
ANSWER_TIMEOUT_S = 10.0


class Ask(Struct, frozen=True, tag_field="ask", tag="status"):
    """What the daemon does now."""


class AskListening(Struct, frozen=True, kw_only=True, tag_field="ask", tag="listening"):
    """Switch listening on or off."""

    listening: bool
    scope: Literal["client", "network"] = "client"


class AskChange(Struct, frozen=True, kw_only=True, tag_field="ask", tag="change"):
    """Do something that the whole network is to know."""

    deed: LastingDeed


class AskLend(Struct, frozen=True, kw_only=True, tag_field="ask", tag="lend"):
    """Let another program have the microphone, for so long; 0: no longer."""

    seconds: Annotated[float, Meta(ge=0, le=120)]


Question = Ask | AskListening | AskChange | AskLend


class Status(Struct, frozen=True, kw_only=True):
    """What the daemon does now."""

    name: str
    hub: str | None  # address of the hub that it is connected to
    trouble: str = ""  # why to none
    listening: bool  # whether it is to listen: the network and the device both
    network_listening: bool  # whether the network as a whole is to
    microphone: str  # open, closed, lost
    speech: bool  # whether it hears speech right now
    held: int  # utterances not yet released
    dropped: int  # utterances given up for want of room
    cursor: int  # seq of the last event in the replica
    waiting: int = 0  # changes made here that no hub has answered
    refused: str = ""  # what the hub refused last
    done: bool = False  # answers a change: whether the hub has done it already
    unremembered: bool = False  # the next start may not know whether to listen: the disk is full


class Refused(Struct, frozen=True, kw_only=True):
    """Why not."""

    error: str


Answer = Callable[[Question], Awaitable[Status]]


class DaemonUnreachableError(MiraError):
    """No daemon answers on the control socket."""

    code = "DAEMON_UNREACHABLE"


class ControlSocketError(MiraError):
    """The control socket cannot be made."""

    code = "CONTROL_SOCKET_UNAVAILABLE"
    fault = Fault.ENVIRONMENT


async def serve(path: Path, answer: Answer) -> asyncio.Server:
    """Listens on the socket at `path`, for this user and group only.

    Raises:
        ControlSocketError: it cannot be made there.
    """

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT_S):
                line = await reader.readline()
                reply: Status | Refused
                try:
                    reply = await answer(msgspec.json.decode(line, type=Question))
                except (msgspec.DecodeError, MiraError) as error:
                    reply = Refused(error=str(error))
                writer.write(msgspec.json.encode(reply) + b"\n")
                await writer.drain()
        except (TimeoutError, ConnectionError, ValueError):
            pass  # whoever asked is gone, or sends no line that we would read
        finally:
            writer.close()

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if _somebody_listens(path):
            raise ControlSocketError(
                f"Another mira-edge runs with the control socket {path}.",
                "Stop it first, or give this one a state_dir of its own.",
            )
        path.unlink(missing_ok=True)
        server = await asyncio.start_unix_server(handle, path, limit=MAX_LINE)
        path.chmod(0o660)
    except OSError as error:
        raise ControlSocketError(
            f"The control socket {path} cannot be made: {error.strerror or error}.",
            "Set [paths] control_socket to a place where the daemon's user may write.",
        ) from error
    return server


def _somebody_listens(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(ANSWER_TIMEOUT_S)
        try:
            probe.connect(str(path))
        except OSError:
            return False  # nobody is there, or left it behind
    return True


def ask(path: Path, question: Question) -> Status:
    """Asks the daemon at `path`, from another process; blocking.

    Raises:
        DaemonUnreachableError: nobody answers, or the daemon says no.
    """
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(ANSWER_TIMEOUT_S)
            connection.connect(str(path))
            connection.sendall(msgspec.json.encode(question) + b"\n")
            with connection.makefile("rb") as answer:
                line = answer.readline()
    except OSError as error:
        raise DaemonUnreachableError(
            f"No daemon answers at {path} ({error.strerror or error}).",
            "Is mira-edge running, and may this user use its socket?",
        ) from error
    try:
        return msgspec.json.decode(line, type=Status)
    except msgspec.DecodeError:
        raise DaemonUnreachableError(_refusal(line)) from None


def _refusal(line: bytes) -> str:
    try:
        return msgspec.json.decode(line, type=Refused).error
    except msgspec.DecodeError:
        return "The daemon broke off its answer; its log tells why."
