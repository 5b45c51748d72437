"""Programs that change a household by the API, one request after the other each."""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass
from random import Random
from typing import Any

import aiohttp

from shared.tls import client_context, server_name
from tests.torture.history import History
from tests.torture.household import OWN, Network, World
from tests.torture.operations import Row, Write

PATHS: dict[Row, str] = {
    "reminder": "reminders",
    "calendar": "calendar",
    "person": "persons",
    "interaction": "interactions",
}
IDS: dict[Row, str] = {"reminder": "reminder_id", "calendar": "event_id", "person": "person_id"}
KINDS = tuple(IDS)
TIME = "2030-01-01T08:00:00Z"
PATIENCE_S = 10.0
AGAIN_S = 0.2


def body_of(row: Row, name: str) -> dict[str, Any]:
    """What makes a row of that name."""
    if row == "person":
        return {"name": name}
    return {"title": name, ("due_time" if row == "reminder" else "start_time"): TIME}


@dataclass
class Made:
    """A row that was made, and may be deleted."""

    row: Row
    row_id: str
    name: str


class Writer:
    """One program.

    Args:
        name: of its operations.
        network: where it writes.
        pause_s: between two requests, on average.
    """

    def __init__(
        self, name: str, world: World, network: Network, random: Random, pause_s: float
    ) -> None:
        self._name, self._world, self._network = name, world, network
        self._random, self._pause_s = random, pause_s
        self._history: History = world.history
        self._count = 0
        self._made: list[Made] = []
        self._own: str | None = None  # the reminder that it changes again and again

    async def run(self) -> None:
        """Writes for ever."""
        ca = self._world.hub.ca
        context, host = client_context(ca), server_name(ca)
        timeout = aiohttp.ClientTimeout(PATIENCE_S)
        async with aiohttp.ClientSession(timeout=timeout) as http:
            # It would send some requests twice, and nobody would know of it.
            http._retry_connection = False
            while True:
                try:
                    await self._one(http, context, host)
                except (aiohttp.ClientError, TimeoutError):
                    await asyncio.sleep(AGAIN_S)
                await asyncio.sleep(self._random.expovariate(1 / self._pause_s))

    async def _one(self, http: aiohttp.ClientSession, context: Any, host: str | None) -> None:
        tls = {"ssl": context, "server_hostname": host}
        chance = self._random.random()
        if self._own is None:
            self._own = await self._add(http, tls, "reminder", own=True)
        elif chance < 0.25:
            await self._change(http, tls)
        elif chance < 0.35 and self._made:
            made = self._made.pop(self._random.randrange(len(self._made)))
            await self._delete(http, tls, made)
        elif chance < 0.38:
            if (said := await self._something_said(http, tls)) is not None:
                await self._delete(http, tls, said)
        else:
            row = self._random.choice(KINDS)
            await self._add(http, tls, row)

    async def _add(
        self, http: aiohttp.ClientSession, tls: dict[str, Any], row: Row, *, own: bool = False
    ) -> str | None:
        write = self._write("add", row, own=own)
        body = await self._ask(http, tls, write, "POST", PATHS[row], body_of(row, write.subject))
        if body is None:
            return None
        write.row_id = str(body[IDS[row]])
        self._history.note("row", op=write.op, row_id=write.row_id)
        if not own:
            self._made.append(Made(row, write.row_id, write.subject))
        return write.row_id

    async def _change(self, http: aiohttp.ClientSession, tls: dict[str, Any]) -> None:
        own = str(self._own)
        write = self._write("change", "reminder", own, own=True)
        await self._ask(http, tls, write, "PUT", f"reminders/{own}", {"title": write.value})

    async def _delete(self, http: aiohttp.ClientSession, tls: dict[str, Any], made: Made) -> None:
        write = self._write("delete", made.row, made.row_id)
        write.value = made.name
        path = f"{PATHS[made.row]}/{made.row_id}"
        await self._ask(http, tls, write, "DELETE", path)

    def _write(self, verb: Any, row: Row, subject: str = "", own: bool = False) -> Write:
        self._count += 1
        op = f"{self._name}-{self._count}"
        value = f"{OWN}{op}" if own else op
        return Write(
            op,
            self._name,
            self._network.network_id,
            verb,
            row,
            subject or value,
            value,
            self._history.now_s(),
        )

    async def _something_said(
        self, http: aiohttp.ClientSession, tls: dict[str, Any]
    ) -> Made | None:
        async with http.get(
            f"{self._url}/interactions", params={"limit": "5"}, headers=self._headers, **tls
        ) as answer:
            if answer.status != 200:
                return None
            found = (await answer.json())["interactions"]
        if not found:
            return None
        said = self._random.choice(found)
        return Made("interaction", said["interaction_id"], said["text"])

    async def _ask(
        self,
        http: aiohttp.ClientSession,
        tls: dict[str, Any],
        write: Write,
        method: str,
        path: str,
        body: object = None,
    ) -> dict[str, Any] | None:
        """The answer, where it is there and good; the write's outcome is noted."""
        self._history.begin(write)
        try:
            async with http.request(
                method, f"{self._url}/{path}", json=body, headers=self._headers, **tls
            ) as answer:
                text = await answer.text()
                if answer.status < 300:
                    self._history.end(write, "acked")
                    return dict(await answer.json()) if text else {}
                # Of an error of the hub's own nobody knows how far it came.
                known = answer.status < 500
                self._history.end(write, "refused" if known else "unknown", text[:300])
                await asyncio.sleep(AGAIN_S)
        except aiohttp.ClientConnectorError as error:
            self._history.end(write, "refused", str(error))  # it was never sent
            await asyncio.sleep(AGAIN_S)
        except (aiohttp.ClientError, TimeoutError, ssl.SSLError) as error:
            self._history.end(write, "unknown", repr(error))
            await asyncio.sleep(AGAIN_S)
        return None

    @property
    def _url(self) -> str:
        link = self._world.writers_link
        port = link.port if link else 0
        return f"https://127.0.0.1:{port}/api/v1/networks/{self._network.public_id}"

    @property
    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._network.token}"}
