"""`mira-hub migrate clients`: legacy clients get records, and configurations with their tokens.

A legacy file holds no clients. They come from the legacy system while it runs, from an operator's
list, or by themselves, when they first call the legacy API of the hub.
"""

from __future__ import annotations

import argparse
import json
import os
import uuid
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from hub.account_commands import network_of, printable_name
from hub.authority import Authority
from hub.config import HubConfig
from hub.device_config import DeviceConfig, room_of
from hub.identity import hub_id
from hub.migration.client_list import MAX_NAME, of_ids, parse
from hub.migration.errors import MigrationError
from hub.migration.legacy_system import connected_clients
from hub.own_address import https_url, own_url
from hub.store.database import Database
from hub.store.details import ClientDetails
from hub.store.legacy_clients import LegacyClient, LegacyClients, Record
from hub.store.moves import Moves
from hub.store.store import Store
from shared.clock import steady_clock
from shared.errors import Fault, MiraError


class ClientFilesError(MiraError):
    """A list of clients cannot be read, or their configurations cannot be written."""

    code = "CLIENT_FILES_UNUSABLE"
    fault = Fault.ENVIRONMENT


@dataclass(frozen=True)
class Written:
    """What became of a client's configuration."""

    client_id: str
    file: Path
    state: str  # written, there already, moved already

    def document(self) -> dict[str, str]:
        """For programs."""
        return {"client_id": self.client_id, "file": str(self.file), "state": self.state}


def add_client_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command is told."""
    parser.add_argument(
        "--from",
        dest="system",
        type=_system_url,
        metavar="URL",
        help="ask the legacy system there, such as http://192.168.1.5:8000, who is connected",
    )
    parser.add_argument(
        "--list",
        type=Path,
        metavar="FILE",
        help="take the clients of a list: ID, ID,NAME or ID,NAME,ROOM a line",
    )
    parser.add_argument(
        "--network", metavar="ID", help="net_... (default: the only one that was moved into)"
    )
    parser.add_argument(
        "--room",
        type=printable_name,
        metavar="ROOM",
        help="the room of those of whom none is known",
    )
    parser.add_argument(
        "--write",
        type=Path,
        metavar="DIR",
        help="write DIR/CLIENT.toml, its edge.toml with a token, for every legacy client of the "
        "network that has not moved yet",
    )
    parser.add_argument(
        "--url",
        type=https_url,
        metavar="URL",
        help="https://ADDRESS:PORT, where devices reach the hub, if it is "
        "not the configured or this machine's own",
    )


async def clients_command(config: HubConfig, database: Database, args: argparse.Namespace) -> int:
    """Does it, and says what was done; 1 where a client could not be taken.

    Raises:
        MiraError: nothing was changed, or not every configuration was written.
    """
    if not (args.system or args.list or args.write):
        raise MigrationError("There is nothing to do.", "Say --from, --list or --write.")
    network_id, public = await _network(database, args.network)
    listed = _read(args.list) if args.list else ()
    known = await connected_clients(args.system) if args.system else ()
    asked, refused = of_ids(known)
    clients = merged(listed, asked)
    wanted = [replace(client, room=client.room or args.room) for client in clients]
    template = _template(config, public, args.url) if args.write else None
    if args.write:
        _make(args.write)
    legacy = LegacyClients(database, steady_clock())
    records = await legacy.add(network_id, wanted)
    written: list[Written] = []
    if template is not None:
        store = Store(database, steady_clock())
        for client, moved in await legacy.every(network_id):
            written.append(await _write(store, network_id, template, args.write, client, moved))
    if args.json:
        print(json.dumps(_document(public, records, refused, written)))
    else:
        print("\n".join(_lines(public, records, refused, written)))
    return 1 if refused else 0


def merged(
    listed: tuple[LegacyClient, ...], asked: tuple[LegacyClient, ...]
) -> tuple[LegacyClient, ...]:
    """All of a list and of a legacy system: the list names them, the system has seen them."""
    seen = {client.id: client for client in asked}
    named = {
        client.id: replace(client, address=seen[client.id].address) if client.id in seen else client
        for client in listed
    }
    return tuple((seen | named).values())


async def _network(database: Database, public_id: str | None) -> tuple[str, str]:
    """The UUID and the public id of the network that is meant."""
    clock = steady_clock()
    if public_id is not None:
        network = await network_of(Store(database, clock), public_id)
        return network.network_id, network.public_id
    moves = await Moves(database, clock).every()
    if not moves:
        raise MigrationError(
            "No legacy data was moved yet, so there is no network for its clients.",
            "Move it with `mira-hub migrate run`, or name a network: --network net_...",
        )
    if len(moves) > 1:
        raise MigrationError("There are several moves.", "Say which one: --network net_...")
    return moves[0].network_id, moves[0].public_id


def _read(file: Path) -> tuple[LegacyClient, ...]:
    try:
        text = file.read_text(encoding="utf-8-sig")  # spreadsheets begin a file with a mark
    except (OSError, UnicodeDecodeError) as error:
        raise ClientFilesError(f"{file} cannot be read: {_reason(error)}.") from error
    return parse(text)


def _template(config: HubConfig, network_id: str, url: str | None) -> DeviceConfig:
    """What the configurations of all clients have in common."""
    server, state_dir = config.server, config.paths.state_dir
    own_id, ca = hub_id(state_dir), None
    if server.tls == "own" and server.public_url is None:
        ca = Authority.open(state_dir, own_id).ca
    return DeviceConfig(
        hub_id=own_id,
        hub_url=(url or server.public_url or own_url(config)).rstrip("/"),
        network_id=network_id,
        client_id="",
        ca=ca,
        name="",
        room="",
    )


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise _unwritable(folder, error) from error


async def _write(
    store: Store,
    network_id: str,
    template: DeviceConfig,
    folder: Path,
    client: ClientDetails,
    moved: bool,
) -> Written:
    """Writes one configuration with a new token, whole or not at all."""
    file = folder / f"{client.client_id}.toml"
    if moved:
        return Written(client.client_id, file, "moved already")
    if os.path.lexists(file):
        return Written(client.client_id, file, "there already")
    made = folder / f".{file.name}.{uuid.uuid4().hex}"
    try:
        # Opened before the token is made, so that a folder that cannot be written costs none.
        with os.fdopen(os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as text:
            token = await store.issue_token(network_id, client.client_id)
            config = replace(
                template,
                client_id=client.client_id,
                name=client.name,
                room=room_of(client.location),
            )
            text.write(config.toml(token))
            text.flush()
            os.fsync(text.fileno())
        made.replace(file)
    except OSError as error:
        raise _unwritable(file, error) from error
    finally:
        made.unlink(missing_ok=True)
    return Written(client.client_id, file, "written")


def _document(
    network_id: str, records: tuple[Record, ...], refused: tuple[str, ...], written: list[Written]
) -> dict[str, Any]:
    return {
        "network_id": network_id,
        "clients": [vars(record) for record in records],
        "refused": list(refused),
        "configurations": [each.document() for each in written],
    }


def _lines(
    network_id: str, records: tuple[Record, ...], refused: tuple[str, ...], written: list[Written]
) -> list[str]:
    added = sum(record.added for record in records)
    lines = [f"{network_id}: {added} added, {len(records) - added} there already"]
    for record in records:
        own = "" if record.client_id == record.legacy_id else f" ({record.legacy_id})"
        became = "added" if record.added else "there already, left as it is"
        lines.append(f"  {record.client_id}{own}: {became}")
    lines += [f"  {id_[:MAX_NAME]!r}: refused, this cannot be an id" for id_ in refused]
    lines += [f"{each.file}: {each.state}" for each in written]
    if any(each.state == "written" for each in written):
        lines.append("Each file holds its client's token: bring it there as its edge.toml.")
    return lines


def _system_url(text: str) -> str:
    parts = urlsplit(text)
    bare = not (parts.path.strip("/") or parts.query or parts.fragment)
    if parts.scheme not in ("http", "https") or not parts.hostname or not bare:
        raise argparse.ArgumentTypeError(f"{text!r} is not http://ADDRESS:PORT")
    return text


def _unwritable(path: Path, error: OSError) -> ClientFilesError:
    return ClientFilesError(
        f"{path} cannot be written: {_reason(error)}.",
        "Run this again with another folder: what was written stays good.",
    )


def _reason(error: OSError | UnicodeDecodeError) -> str:
    return error.strerror or str(error) if isinstance(error, OSError) else "it is not UTF-8 text"
