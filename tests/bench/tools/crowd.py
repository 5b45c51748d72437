"""Many devices in one process, which take what they are sent and do little else.

They read with less work than the server has with writing, so that the server is what is measured.
Each acknowledges ten times a second what has come, as a daemon does that has put it on its disk.
`python -m tests.bench.tools.crowd` is told on stdin whom to connect to, and then what to do.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass

from shared.tls import HUB_NAME, client_context
from shared.wire.network import Change, SetListening
from shared.wire.session import Heartbeat
from tests.bench.tools.member import Member, seq_of

ACK_EVERY_S = 0.1
HEARTBEAT_EVERY_S = 5.0
TIMEOUT_S = 60.0
REST_S = 0.5
"""After a task, for what is under way to come."""


@dataclass(frozen=True)
class Server:
    """Whom to connect to."""

    port: int
    ca: str
    cursor: int  # what the devices have already


@dataclass(frozen=True)
class Task:
    """What the crowd is to do for some seconds: read, and nothing, if there are no writers.

    Args:
        seconds: for how long.
        writers: so many devices make changes.
        every_s: how long after one change begins the next; 0: when it is applied.
    """

    seconds: float
    writers: int = 0
    every_s: float = 0.0


@dataclass(frozen=True)
class Taken:
    """What came of a task."""

    seconds: float
    events: int  # all that came, to all devices together
    # With every_s, of each change and each other device, until the event is there:
    since_change_s: list[float]
    since_commit_s: list[float]  # as far as the writer was told of it


class Writer:
    """Has one device make changes, one after the other."""

    def __init__(self, member: Member, every_s: float) -> None:
        self.times_s: dict[int, tuple[float, float]] = {}  # begun, applied; by seq of the event
        self._member = member
        self._every_s = every_s
        self._count = 0
        self._wanted = True
        self._begun_s = 0.0
        member.applied = self._applied
        self._change()

    def stop(self) -> None:
        """Makes no more changes."""
        self._wanted = False

    def _change(self) -> None:
        if self._wanted:
            self._count += 1
            self._begun_s = time.monotonic()
            self._member.send(
                Change(
                    client_seq=self._count,
                    made_at_us=time.time_ns() // 1000,
                    deed=SetListening(scope="client", listening=self._count % 2 == 0),
                )
            )

    def _applied(self) -> None:
        if not self._every_s:
            self._change()
            return
        begun_s, applied_s = self._begun_s, time.monotonic()

        def own(text: bytes, _: float) -> None:  # the next event is that of the change
            self.times_s[seq_of(text)] = begun_s, applied_s
            self._member.taken = None

        self._member.taken = own
        left_s = begun_s + self._every_s - time.monotonic()
        asyncio.get_running_loop().call_later(max(0.0, left_s), self._change)


async def perform(members: list[Member], task: Task) -> Taken:
    """Does a task."""
    arrived: list[tuple[bytes, float]] = []
    writers = [Writer(member, task.every_s) for member in members[: task.writers]]
    if task.every_s:
        for member in members[task.writers :]:
            member.taken = lambda text, at_s: arrived.append((text, at_s))
    before, begun_s = sum(member.events for member in members), time.monotonic()
    await asyncio.sleep(task.seconds)
    events, ended_s = sum(member.events for member in members), time.monotonic()
    for writer in writers:
        writer.stop()
    await asyncio.sleep(REST_S)
    if any(member.lost for member in members):
        raise ConnectionError("the server ended a connection")
    times_s = {seq: times for writer in writers for seq, times in writer.times_s.items()}
    known = [(*times_s[seq], at_s) for text, at_s in arrived if (seq := seq_of(text)) in times_s]
    for member in members:
        member.taken = None
    return Taken(
        ended_s - begun_s,
        events - before,
        [at_s - begun for begun, _, at_s in known],
        [at_s - applied for _, applied, at_s in known],
    )


async def connect(network_id: str, token: str, server: Server, context: ssl.SSLContext) -> Member:
    """Connects a device; raises OSError where it is not let in."""
    loop = asyncio.get_running_loop()
    _, member = await loop.create_connection(
        lambda: Member(network_id, token, server.cursor),
        "127.0.0.1",
        server.port,
        ssl=context,
        server_hostname=HUB_NAME,
    )
    await member.established
    return member


async def _every(seconds: float, act: Callable[[], None]) -> None:
    while True:
        await asyncio.sleep(seconds)
        act()


async def _lines() -> asyncio.StreamReader:
    reader = asyncio.StreamReader(limit=2**24)
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    return reader


async def main() -> None:
    """Connects, then does one task after the other until there are no more."""
    orders = await _lines()
    first = json.loads(await orders.readline())
    server = Server(**first["server"])
    context = client_context(server.ca)
    members: list[Member] = []

    def ack() -> None:
        for member in members:
            member.ack()

    def beat() -> None:
        for member in members:
            member.send(Heartbeat())

    beating = [
        asyncio.create_task(_every(ACK_EVERY_S, ack)),
        asyncio.create_task(_every(HEARTBEAT_EVERY_S, beat)),
    ]
    async with asyncio.timeout(TIMEOUT_S):
        for network_id, token in first["devices"]:
            member = await connect(network_id, token, server, context)
            members.append(member)  # one after the other: it says something from now on
    print("{}", flush=True)
    while line := await orders.readline():
        taken = await perform(members, Task(**json.loads(line)))
        print(json.dumps(asdict(taken)), flush=True)
    for each in beating:
        each.cancel()


if __name__ == "__main__":
    asyncio.run(main())
