"""`mira-hub`: runs the hub, and keeps its networks, clients and weights."""

from __future__ import annotations

import argparse
import asyncio
import importlib.metadata
import json
import os
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from hub.config import HubConfig, load_hub_config
from hub.identity import hub_id
from hub.store.database import Database
from hub.store.errors import NotFoundError
from hub.store.records import NetworkInfo
from hub.store.store import Store
from models.cli import add_models_commands
from shared.clock import steady_clock
from shared.discovery import Browser, DeviceRecord, open_mdns
from shared.errors import ConfigError, MiraError
from shared.logs import set_up_logging
from shared.service import notifier_from

SYSTEM_CONFIG = Path("/etc/mira-hub/hub.toml")


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; returns the process's exit code."""
    args = _parser().parse_args(arguments)
    try:
        code: int = args.handler(args)
        return code
    except MiraError as error:
        print(f"mira-hub: {error}", file=sys.stderr)
        # systemd restarts a daemon that failed, but not one that is configured wrongly.
        return os.EX_CONFIG if isinstance(error, ConfigError) else 1
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="mira-hub",
        description="The hub of Mira: elects the best microphone, recognises, keeps in sync.",
    )
    version = importlib.metadata.version("mira-voice")
    parser.add_argument("--version", action="version", version=f"%(prog)s {version}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    command = commands.add_parser("serve", help="run the hub, until stopped")
    _add_config(command)
    command.set_defaults(handler=_serve)

    network = commands.add_parser("network", help="networks: one for each household")
    network_commands = network.add_subparsers(required=True, metavar="COMMAND")
    command = network_commands.add_parser("create", help="make a network; prints its token, once")
    command.add_argument("name", help="for people, such as a family's name")
    _add_json(command)
    _add_config(command)
    command.set_defaults(handler=_with_store(_create_network))
    command = network_commands.add_parser("list", help="all networks")
    _add_config(command)
    command.set_defaults(handler=_with_store(_list_networks))

    client = commands.add_parser("client", help="clients: the devices of a network")
    client_commands = client.add_subparsers(required=True, metavar="COMMAND")
    command = client_commands.add_parser(
        "add", help="add devices; prints the configuration of each with its token, once"
    )
    command.add_argument(
        "names", nargs="+", metavar="NAME", help="for people, such as the place where it stands"
    )
    command.add_argument("--network", required=True, metavar="ID", help="net_...")
    command.add_argument("--room", default="", help="the room that they stand in")
    _add_json(command)
    _add_config(command)
    command.set_defaults(handler=_with_store(_add_clients))
    command = client_commands.add_parser("list", help="the devices of a network")
    command.add_argument("--network", required=True, metavar="ID", help="net_...")
    _add_config(command)
    command.set_defaults(handler=_with_store(_list_clients))

    command = commands.add_parser(
        "devices", help="devices that show themselves on the local network, paired or not"
    )
    command.add_argument("--seconds", type=float, default=3.0, help="how long to look (default: 3)")
    _add_config(command)
    command.set_defaults(handler=_devices)

    command = commands.add_parser("transcribe", help="what a recogniser understands of recordings")
    command.add_argument("files", nargs="+", type=Path, metavar="FILE", help="a WAV file")
    command.add_argument("--engine", help="the recogniser (default: the configured one)")
    _add_json(command)
    _add_config(command)
    command.set_defaults(handler=_transcribe)

    add_models_commands(commands)
    return parser


def _add_config(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--config",
        type=Path,
        metavar="FILE",
        help=f"the configuration (default: {SYSTEM_CONFIG}, where it exists)",
    )


def _add_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print JSON, for programs")


def _config(args: argparse.Namespace) -> HubConfig:
    path: Path | None = args.config
    if path is None and SYSTEM_CONFIG.exists():
        path = SYSTEM_CONFIG
    return load_hub_config(path)


def _with_store(
    command: Callable[[Store, argparse.Namespace], Awaitable[None]],
) -> Callable[[argparse.Namespace], int]:
    """A handler that opens the configured store around a command."""

    async def with_store(args: argparse.Namespace) -> None:
        store = _config(args).store
        database = await Database.open(store.where, store.owner_url)
        try:
            await command(Store(database, steady_clock()), args)
        finally:
            await database.close()

    def handler(args: argparse.Namespace) -> int:
        asyncio.run(with_store(args))
        return 0

    return handler


def _serve(args: argparse.Namespace) -> int:
    from hub.daemon import run  # the recognisers' libraries take a second to load

    set_up_logging("INFO")  # for what is to be said about the configuration itself
    config = _config(args)
    set_up_logging(config.log.level)
    asyncio.run(run(config, notifier_from()))
    return 0


async def _create_network(store: Store, args: argparse.Namespace) -> None:
    network, token = await store.create_network(args.name)
    if args.json:
        print(json.dumps({"network_id": network.public_id, "token": token}))
        return
    print(f"network_id  {network.public_id}")
    print(f"token       {token}")
    print("Keep the token: it is not shown again, and it opens everything of the network.")


async def _list_networks(store: Store, _: argparse.Namespace) -> None:
    for network in await store.networks():
        listening = "listening" if network.settings.listening else "not listening"
        print(f"{network.public_id}  {network.status}  {listening}  {network.name}")


async def _add_clients(store: Store, args: argparse.Namespace) -> None:
    network = await _network(store, args.network)
    added = [
        (await store.add_client(network.network_id, name, room=args.room or None))[:2]
        for name in args.names
    ]
    if args.json:
        print(
            json.dumps([{"client_id": client.client_id, "token": token} for client, token in added])
        )
        return
    own_id = hub_id(_config(args).paths.state_dir)
    for client, token in added:
        if len(added) > 1:
            print(f"# {client.name}")
        # A JSON string is a TOML string.
        print(
            "\n".join(
                (
                    "[hub]",
                    f"hub_id = {json.dumps(own_id)}",
                    f"network_id = {json.dumps(network.public_id)}",
                    f"client_id = {json.dumps(client.client_id)}",
                    f"token = {json.dumps(token)}",
                    "",
                    "[device]",
                    f"name = {json.dumps(client.name, ensure_ascii=False)}",
                    f"room = {json.dumps(args.room, ensure_ascii=False)}",
                )
            ),
            end="\n\n" if len(added) > 1 else "\n",
        )
    print(
        "Put this into the device's edge.toml, readable by its daemon only; "
        "the token is not shown again.",
        file=sys.stderr,
    )


async def _list_clients(store: Store, args: argparse.Namespace) -> None:
    network = await _network(store, args.network)
    for client in await store.clients(network.network_id):
        seen = client.last_seen.isoformat(timespec="seconds") if client.last_seen else "never"
        listening = "listening" if client.listening else "not listening"
        print(
            f"{client.client_id}  {client.connection_status}  {listening}  "
            f"last seen {seen}  {client.name}"
        )


async def _network(store: Store, public_id: str) -> NetworkInfo:
    for network in await store.networks():
        if network.public_id == public_id:
            return network
    raise NotFoundError("There is no such network.", "`mira-hub network list` shows all.")


def _devices(args: argparse.Namespace) -> int:
    async def look() -> list[str]:
        interfaces = _config(args).discovery.interfaces
        async with (
            open_mdns(interfaces) as mdns,
            Browser(mdns, DeviceRecord, lambda _: None) as browser,
        ):
            await asyncio.sleep(args.seconds)
            return [
                f"{s.record.id}  {s.record.network}  "
                f"{'listening' if s.record.listening else 'not listening'}  "
                f"{', '.join(s.addresses)}  {s.record.name}"
                for s in browser.known
            ]

    found = asyncio.run(look())
    print("\n".join(found) if found else "No device shows itself.")
    return 0


def _transcribe(args: argparse.Namespace) -> int:
    # The recognisers' libraries take a second to load.
    from hub.recognition.choice import load_pair
    from shared.wav import read_wav

    recognition = _config(args).recognition
    recordings = [(str(file), read_wav(file)) for file in args.files]
    recogniser, _ = load_pair(
        args.engine or recognition.engine, "none", recognition.decode_budget_ms / 1000
    )
    results = []
    for file, pcm in recordings:
        started = time.perf_counter()
        transcript = recogniser.transcribe(pcm)
        seconds = round(time.perf_counter() - started, 3)
        confidence = round(transcript.confidence, 4)
        if not args.json:
            print(f"{file}: {transcript.text}")
            print(f"  confidence {confidence:.2f}, {seconds:.2f} s, {recogniser.name}")
        results.append(
            {
                "file": file,
                "text": transcript.text,
                "confidence": confidence,
                "seconds": seconds,
                "engine": recogniser.name,
            }
        )
    if args.json:
        print(json.dumps(results))
    return 0
