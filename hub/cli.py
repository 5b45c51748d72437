"""`mira-hub`: runs the hub, and keeps its networks, clients and weights."""

from __future__ import annotations

import argparse
import asyncio
import importlib.metadata
import json
import time
from collections.abc import Sequence
from pathlib import Path

from hub.account_commands import add_account_commands
from hub.config import HubConfig, load_hub_config
from hub.migration.commands import add_migrate_commands
from hub.own_address import https_url
from hub.pair_command import pair
from hub.voice_command import add_voice_commands
from models.cli import add_models_commands
from shared.command import run_command
from shared.discovery import Browser, DeviceRecord, open_mdns
from shared.logs import set_up_logging
from shared.service import notifier_from

SYSTEM_CONFIG = Path("/etc/mira-hub/hub.toml")


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; returns the process's exit code."""

    def command() -> int:
        args = _parser().parse_args(arguments)
        code: int = args.handler(args)
        return code

    return run_command("mira-hub", command)


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

    add_account_commands(commands, _add_config, _config)
    add_migrate_commands(commands, _add_config, _config)

    command = commands.add_parser(
        "pair", help="show a link, a QR code and a typed code with which one device may join"
    )
    command.add_argument(
        "--network", metavar="ID", help="net_... (default: the only network there is)"
    )
    command.add_argument(
        "--url",
        type=https_url,
        metavar="URL",
        help="https://ADDRESS:PORT, where devices reach the hub, if it is "
        "not the configured or this machine's own",
    )
    _add_json(command)
    _add_config(command)
    command.set_defaults(handler=_pair)

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

    add_voice_commands(commands)

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


def _serve(args: argparse.Namespace) -> int:
    from hub.daemon import run  # the recognisers' libraries take a second to load

    set_up_logging("INFO")  # for what is to be said about the configuration itself
    config = _config(args)
    set_up_logging(config.log.level)
    asyncio.run(run(config, notifier_from()))
    return 0


def _pair(args: argparse.Namespace) -> int:
    asyncio.run(pair(_config(args), args))
    return 0


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
