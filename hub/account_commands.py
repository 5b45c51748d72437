"""`mira-hub network` and `mira-hub client`: an operator's hand on the accounts."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from hub.authority import Authority
from hub.config import HubConfig
from hub.device_config import DeviceConfig
from hub.identity import hub_id
from hub.own_address import feed_path, https_url, own_url
from hub.store.accounts import Accounts
from hub.store.database import Database
from hub.store.details import ClientDetails
from hub.store.errors import NotFoundError
from hub.store.legacy_rows import counted
from hub.store.records import NetworkInfo
from hub.store.store import Store
from shared.clock import steady_clock
from shared.errors import Fault, MiraError

MAX_NAME = 64
"""As the API and the devices' configuration have it."""


class NotConfirmedError(MiraError):
    """Something that has no way back was asked for by the way."""

    code = "NOT_CONFIRMED"
    fault = Fault.PERSON


@dataclass(frozen=True)
class _Open:
    """What commands work with."""

    config: HubConfig
    store: Store
    accounts: Accounts


def add_account_commands(
    commands: Any,
    add_config: Callable[[argparse.ArgumentParser], None],
    config_of: Callable[[argparse.Namespace], HubConfig],
) -> None:
    """Adds both commands to those of `mira-hub`."""

    def bound(
        command: Callable[[_Open, argparse.Namespace], Awaitable[None]],
    ) -> Callable[[argparse.Namespace], int]:
        """A handler that opens the configured database around a command."""

        async def with_database(args: argparse.Namespace) -> None:
            config = config_of(args)
            database = await Database.open(config.store.where, config.store.owner_url)
            clock = steady_clock()
            try:
                await command(
                    _Open(config, Store(database, clock), Accounts(database, clock)), args
                )
            finally:
                await database.close()

        def handler(args: argparse.Namespace) -> int:
            asyncio.run(with_database(args))
            return 0

        return handler

    def add_client(command: argparse.ArgumentParser) -> None:
        command.add_argument("client", metavar="CLIENT", help="client_...")
        command.add_argument("--network", required=True, metavar="ID", help="net_...")
        add_config(command)

    network = commands.add_parser(
        "network", aliases=["networks"], help="networks: one for each household"
    )
    network_commands = network.add_subparsers(required=True, metavar="COMMAND")
    command = network_commands.add_parser("create", help="make a network; prints its token, once")
    command.add_argument("name", type=printable_name, help="for people, such as a family's name")
    _add_json(command)
    add_config(command)
    command.set_defaults(handler=bound(_create_network))
    command = network_commands.add_parser("list", help="all networks")
    add_config(command)
    command.set_defaults(handler=bound(_list_networks))

    command = network_commands.add_parser(
        "token", help="make another token of a network; prints it, once"
    )
    command.add_argument("network", metavar="ID", help="net_...")
    add_config(command)
    command.set_defaults(handler=bound(_network_token))

    command = network_commands.add_parser(
        "feed",
        help="make the address under which calendar programs subscribe to a network's calendar",
        description="Makes the address anew and prints it, once. The one before ends.",
    )
    command.add_argument("network", metavar="ID", help="net_...")
    command.add_argument("--off", action="store_true", help="end it, and make no other")
    command.add_argument(
        "--url", type=https_url, help="where calendar programs reach the hub: https://ADDRESS"
    )
    add_config(command)
    command.set_defaults(handler=bound(_network_feed))

    command = network_commands.add_parser(
        "status", help="activate a network, deactivate it (no audio) or suspend it (no access)"
    )
    command.add_argument("network", metavar="ID", help="net_...")
    command.add_argument("status", choices=["active", "inactive", "suspended"])
    add_config(command)
    command.set_defaults(handler=bound(_set_status))
    command = network_commands.add_parser(
        "delete", help="delete a network with everything that was said in it"
    )
    command.add_argument("network", metavar="ID", help="net_...")
    command.add_argument("--yes", action="store_true", help="there is no way back: do it")
    add_config(command)
    command.set_defaults(handler=bound(_delete_network))

    client = commands.add_parser(
        "client", aliases=["clients"], help="clients: the devices of a network"
    )
    client_commands = client.add_subparsers(required=True, metavar="COMMAND")
    command = client_commands.add_parser(
        "add", help="add devices; prints the configuration of each with its token, once"
    )
    command.add_argument(
        "names",
        nargs="+",
        type=printable_name,
        metavar="NAME",
        help="for people, such as the place where it stands",
    )
    command.add_argument("--network", required=True, metavar="ID", help="net_...")
    command.add_argument("--room", type=_room, default="", help="the room that they stand in")
    _add_json(command)
    add_config(command)
    command.set_defaults(handler=bound(_add_clients))
    command = client_commands.add_parser(
        "revoke", help="end every token of a device, such as one that was lost"
    )
    add_client(command)
    command.set_defaults(handler=bound(_revoke_client))
    command = client_commands.add_parser(
        "rotate", help="give a device a new token; prints it, once"
    )
    add_client(command)
    command.add_argument(
        "--overlap",
        type=_seconds,
        default=300,
        metavar="SECONDS",
        help="how long the tokens of before stay good (default: 300)",
    )
    command.set_defaults(handler=bound(_rotate_client))
    command = client_commands.add_parser(
        "remove", help="remove a device with its tokens; what it heard stays"
    )
    add_client(command)
    command.set_defaults(handler=bound(_remove_client))
    command = client_commands.add_parser("list", help="the devices of a network")
    command.add_argument("--network", required=True, metavar="ID", help="net_...")
    add_config(command)
    command.set_defaults(handler=bound(_list_clients))


def printable_name(text: str) -> str:
    """A name for people; raises ArgumentTypeError for what none can be."""
    if not 0 < len(text) <= MAX_NAME or not text.isprintable():
        raise argparse.ArgumentTypeError(f"a name has 1 to {MAX_NAME} printable characters")
    return text


def _room(text: str) -> str:
    return text if not text else printable_name(text)


def _seconds(text: str) -> int:
    if not text.isdigit() or int(text) > 86_400:
        raise argparse.ArgumentTypeError("a whole number of seconds, at most a day")
    return int(text)


def _add_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print JSON, for programs")


async def _create_network(open_: _Open, args: argparse.Namespace) -> None:
    store = open_.store
    network, token = await store.create_network(args.name)
    if args.json:
        print(json.dumps({"network_id": network.public_id, "token": token}))
        return
    print(f"network_id  {network.public_id}")
    print(f"token       {token}")
    print("Keep the token: it is not shown again, and it opens everything of the network.")


async def _network_token(open_: _Open, args: argparse.Namespace) -> None:
    network = await network_of(open_.store, args.network)
    print(await open_.store.issue_token(network.network_id))
    print(
        "Keep the token: it is not shown again, and it opens everything of the network.",
        file=sys.stderr,
    )


async def _network_feed(open_: _Open, args: argparse.Namespace) -> None:
    network = await network_of(open_.store, args.network)
    if args.off:
        await open_.accounts.end_feeds(network.network_id)
        print("Nobody is given the calendar any more.")
        return
    base = args.url or open_.config.server.public_url or own_url(open_.config)
    token = await open_.accounts.new_feed(network.network_id)
    print(f"{base.rstrip('/')}{feed_path(network.public_id, token)}")
    print("Whoever has this address reads the calendar. It is not shown again.", file=sys.stderr)


async def _list_networks(open_: _Open, _: argparse.Namespace) -> None:
    store = open_.store
    for network in await store.networks():
        listening = "listening" if network.settings.listening else "not listening"
        print(f"{network.public_id}  {network.status}  {listening}  {network.name}")


async def _add_clients(open_: _Open, args: argparse.Namespace) -> None:
    store = open_.store
    network = await network_of(store, args.network)
    added = [
        (await store.add_client(network.network_id, name, room=args.room or None))[:2]
        for name in args.names
    ]
    own_id = hub_id(open_.config.paths.state_dir)
    server = open_.config.server
    ca = None
    if server.tls == "own" and server.public_url is None:
        ca = Authority.open(open_.config.paths.state_dir, own_id).ca
    if args.json:
        made = [
            {
                "name": client.name,
                "hub_id": own_id,
                "network_id": network.public_id,
                "client_id": client.client_id,
                "token": token,
                "ca": ca,
            }
            for client, token in added
        ]
        print(json.dumps(made))
        return
    for client, token in added:
        if len(added) > 1:
            print(f"# {client.name}")
        config = DeviceConfig(
            hub_id=own_id,
            hub_url=None,
            network_id=network.public_id,
            client_id=client.client_id,
            ca=ca,
            name=client.name,
            room=args.room,
        )
        print(config.toml(token), end="\n" if len(added) > 1 else "")
    print(
        "Put this into the device's edge.toml, readable by its daemon only; "
        "the token is not shown again.",
        file=sys.stderr,
    )


async def _list_clients(open_: _Open, args: argparse.Namespace) -> None:
    network = await network_of(open_.store, args.network)
    for client in await open_.accounts.clients(network.network_id):
        seen = client.last_seen.isoformat(timespec="seconds") if client.last_seen else "never"
        listening = "may listen" if client.listening else "switched off"
        if not network.settings.listening:
            listening = "off for the whole network"
        print(
            f"{client.client_id}  {client.connection_status}  {listening}  "
            f"last seen {seen}  {_legacy_calls(client)}{client.name}"
        )


def _legacy_calls(client: ClientDetails) -> str:
    """Whether a client still has to move; empty where it never called the legacy API."""
    found = counted(client.device_info)
    if found is None:
        return ""
    last = found.last_call.isoformat(timespec="seconds")
    return f"legacy calls {found.calls}, the last {last} from {found.address}  "


async def network_of(store: Store, public_id: str) -> NetworkInfo:
    """A network by its public id; raises NotFoundError."""
    for network in await store.networks():
        if network.public_id == public_id:
            return network
    raise NotFoundError("There is no such network.", "`mira-hub network list` shows all.")


async def _set_status(open_: _Open, args: argparse.Namespace) -> None:
    network = await network_of(open_.store, args.network)
    await open_.store.set_network_status(network.network_id, args.status)
    print(f"{network.public_id} is {args.status}.")


async def _delete_network(open_: _Open, args: argparse.Namespace) -> None:
    network = await network_of(open_.store, args.network)
    if not args.yes:
        raise NotConfirmedError(
            f"{network.name} ({network.public_id}) is still there.",
            "With --yes it is deleted, with everything that was said in it.",
        )
    await open_.accounts.delete_network(network.network_id)
    print(f"{network.public_id} is deleted.")


async def _revoke_client(open_: _Open, args: argparse.Namespace) -> None:
    network = await network_of(open_.store, args.network)
    await open_.accounts.revoke(network.network_id, args.client)
    print(f"No token of {args.client} is in force any more.")


async def _rotate_client(open_: _Open, args: argparse.Namespace) -> None:
    network = await network_of(open_.store, args.network)
    overlap = timedelta(seconds=args.overlap)
    print(await open_.accounts.rotate(network.network_id, args.client, overlap))
    print(
        f"Put this into the device's configuration within {args.overlap} s, and restart it.",
        file=sys.stderr,
    )


async def _remove_client(open_: _Open, args: argparse.Namespace) -> None:
    network = await network_of(open_.store, args.network)
    await open_.accounts.remove_client(network.network_id, args.client)
    print(f"{args.client} is removed.")
