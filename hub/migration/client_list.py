"""An operator's list of legacy clients. Pure.

One client a line, as CSV: `ID`, `ID,NAME` or `ID,NAME,ROOM`. A field with a comma stands in double
quotes. Blank lines count for nothing, nor do those that begin with #.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable

from hub.store.legacy_clients import LegacyClient
from shared.errors import Fault, MiraError

MAX_ID = 256
MAX_NAME = 64
"""Of names and rooms, as the API and the devices' configuration have it."""


class ClientListError(MiraError):
    """A list of clients has lines that cannot be used."""

    code = "INVALID_CLIENT_LIST"
    fault = Fault.PERSON


def parse(text: str) -> tuple[LegacyClient, ...]:
    """The clients of a list, in its order.

    Raises:
        ClientListError: names every line that cannot be used, and why.
    """
    found: dict[str, LegacyClient] = {}
    first: dict[str, int] = {}
    broken = []
    # Not splitlines(), which also ends lines where no editor shows one.
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        try:
            client = _client(line.strip())
            if client.id in found:
                raise ValueError(f"{client.id!r} stands in line {first[client.id]} already")
        except (ValueError, csv.Error) as error:
            broken.append(f"line {number}: {error}")
            continue
        found[client.id], first[client.id] = client, number
    if broken:
        raise ClientListError("\n  ".join(["The list cannot be used:", *broken]))
    return tuple(found.values())


def of_ids(
    addresses: Iterable[tuple[str, str | None]],
) -> tuple[tuple[LegacyClient, ...], tuple[str, ...]]:
    """The clients that a legacy system knows, by their ids and addresses.

    Returns:
        Clients, and the ids of those that cannot be taken.
    """
    found, refused = [], []
    for id_, address in addresses:
        try:
            found.append(LegacyClient(_checked_id(id_), id_[:MAX_NAME], address=address))
        except ValueError:
            refused.append(id_)
    return tuple(found), tuple(refused)


def _client(line: str) -> LegacyClient:
    (fields,) = csv.reader([line], skipinitialspace=True, strict=True)
    if len(fields) > 3:
        raise ValueError(f"{len(fields)} fields, where ID, NAME and ROOM are all")
    id_, name, room = (field.strip() for field in (*fields, "", "")[:3])
    _checked_id(id_)
    for what, value in (("name", name), ("room", room)):
        if len(value) > MAX_NAME or not value.isprintable():
            raise ValueError(f"a {what} has at most {MAX_NAME} printable characters")
    return LegacyClient(id_, name or id_[:MAX_NAME], room or None)


def _checked_id(id_: str) -> str:
    if not 0 < len(id_) <= MAX_ID or not id_.isprintable():
        raise ValueError(f"an id has 1 to {MAX_ID} printable characters")
    return id_
