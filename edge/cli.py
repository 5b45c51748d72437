"""`mira-edge`: runs the microphone daemon, and speaks to one that runs."""

from __future__ import annotations

import argparse
import asyncio
import importlib.metadata
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

from edge import config_file
from edge.config import PAIR, EdgeConfig, load_edge_config
from edge.control import Ask, AskListening, DaemonUnreachableError, Question, Status, ask
from edge.enrol_command import add_enrol_command
from edge.household_commands import add_household_commands
from edge.microphone.sound_card import list_microphones
from edge.pairing import pair_by_code, pair_by_link
from edge.startup import run
from edge.unpaired import wait_for_pairing
from shared.command import run_command
from shared.logs import set_up_logging
from shared.pairing import Code, Link, PairingError
from shared.service import notifier_from

log = logging.getLogger(__name__)

MAX_NAME = 64
SYSTEM_CONFIG = Path("/etc/mira-edge/edge.toml")


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; returns the process's exit code."""

    def command() -> int:
        args = _parser().parse_args(arguments)
        code: int = args.handler(args)
        return code

    return run_command("mira-edge", command)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="mira-edge", description="The microphone daemon of Mira, on each device of a home."
    )
    version = importlib.metadata.version("mira-voice")
    parser.add_argument("--version", action="version", version=f"%(prog)s {version}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    command = commands.add_parser("run", help="listen, until stopped")
    _add_config(command)
    command.set_defaults(handler=_run)

    command = commands.add_parser(
        "pair", help="join a hub's network, by what `mira-hub pair` shows"
    )
    command.add_argument("link", metavar="LINK|CODE", help="the link in quotes, or the typed code")
    command.add_argument(
        "--name", type=_name, help="what people call this device (default: the host's name)"
    )
    command.add_argument("--room", type=_name, help="the room that it stands in")
    command.add_argument(
        "--again", action="store_true", help="although it belongs to a network already"
    )
    _add_config(command)
    command.set_defaults(handler=_pair)

    command = commands.add_parser("microphones", help="list the sound cards that can record")
    command.set_defaults(handler=_microphones)

    command = commands.add_parser("status", help="what the running daemon does")
    _add_config(command)
    command.set_defaults(handler=_status)

    command = commands.add_parser("listening", help="switch listening on or off")
    command.add_argument("state", choices=["on", "off"])
    command.add_argument(
        "--network",
        action="store_true",
        help="for every device of the network, not only for this one",
    )
    _add_config(command)
    command.set_defaults(handler=_listening)

    add_household_commands(commands, _add_config, _config)
    add_enrol_command(commands, _add_config, _config)
    return parser


def _add_config(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--config",
        type=Path,
        metavar="FILE",
        help=f"the configuration (default: {SYSTEM_CONFIG}, where it exists)",
    )


def _config(args: argparse.Namespace) -> EdgeConfig:
    path: Path | None = args.config
    if path is None and SYSTEM_CONFIG.exists():
        path = SYSTEM_CONFIG
    return load_edge_config(path)


def _run(args: argparse.Namespace) -> int:
    set_up_logging("INFO")  # for what is to be said about the configuration itself
    config = _config(args)
    set_up_logging(config.log.level)
    if config.unpaired:
        paired = asyncio.run(wait_for_pairing(config, lambda: _config(args), notifier_from()))
        if paired is None:
            return 0
        config = paired
    asyncio.run(run(config, notifier_from()))
    return 0


def _pair(args: argparse.Namespace) -> int:
    path: Path = args.config or SYSTEM_CONFIG
    config = load_edge_config(path if path.exists() else None)
    if config.hub.client_id and not args.again:
        raise PairingError(
            f"This device belongs to {config.hub.network_id} already.",
            "With --again it joins another network.",
        )
    name = args.name or config.device.name
    room = config.device.room if args.room is None else args.room
    config_file.check(path)  # a code is good for once
    if "#" in args.link:
        joining = pair_by_link(Link.parse(args.link), name, room)
    else:
        code = Code.parse(args.link)
        joining = pair_by_code(code, name, room, config.discovery.interfaces)
        print("Looking for the hub ...", file=sys.stderr)
    pairing = asyncio.run(joining)
    tables = config_file.tables(pairing, name, room)
    config_file.write(path, config_file.with_tables(config_file.read(path), tables))
    print(f"{name} belongs to {pairing.network_name} now ({pairing.client_id}); see {path}.")
    if args.again:
        print("Have it go there: sudo systemctl restart mira-edge")
    else:
        print("If it runs, it listens now; else start it: sudo systemctl start mira-edge")
    return 0


def _name(text: str) -> str:
    if not 0 < len(text) <= MAX_NAME or not text.isprintable():
        raise argparse.ArgumentTypeError(f"1 to {MAX_NAME} printable characters")
    return text


def _microphones(_: argparse.Namespace) -> int:
    cards = list_microphones()
    for card in cards:
        print(card)
    if not cards:
        print("No sound card can record here.", file=sys.stderr)
    return 0 if cards else 1


def _status(args: argparse.Namespace) -> int:
    return _ask(args, Ask())


def _ask(args: argparse.Namespace, question: Question) -> int:
    config = _config(args)
    try:
        _show(ask(config.paths.control_socket, question))
    except DaemonUnreachableError:
        if not config.unpaired:
            raise
        text = "This device belongs to no network and does not listen."
        raise PairingError(text, PAIR) from None
    return 0


def _listening(args: argparse.Namespace) -> int:
    question = AskListening(
        listening=args.state == "on", scope="network" if args.network else "client"
    )
    return _ask(args, question)


def _show(status: Status) -> None:
    print(f"device      {status.name}")
    print(f"hub         {status.hub or 'not connected'}")
    if status.trouble and not status.hub:
        print(f"            {status.trouble}")
    why = "" if status.network_listening else "; off for the whole network"
    print(
        f"listening   {'on' if status.listening else 'off'} (microphone {status.microphone}{why})"
    )
    if status.unremembered:
        print("            after a restart it may be otherwise: it cannot be kept (disk full?)")
    print(f"speech      {'yes' if status.speech else 'no'}")
    print(f"held        {status.held} utterances, {status.dropped} given up for want of room")
    print(f"events      {status.cursor}")
    if status.waiting:
        print(f"changes     {status.waiting} wait for a hub")
    if status.refused:
        print(f"refused     {status.refused}")
