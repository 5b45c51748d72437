"""`mira-edge history`, `people`, `reminders`: what is known here; and what may be done about it."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from datetime import datetime
from typing import Any

import msgspec

from edge.config import EdgeConfig
from edge.control import AskChange, ask
from edge.history import read_history, read_people, read_reminders, whole_id
from edge.startup import replica_path
from shared.wire.network import CompleteReminder, DeleteInteraction, LastingDeed, NamePerson

MOST_SHOWN = 1_000_000
SHORT_ID = 8
MAX_NAME = 64

AddConfig = Callable[[argparse.ArgumentParser], None]
Config = Callable[[argparse.Namespace], EdgeConfig]


def add_household_commands(commands: Any, add_config: AddConfig, config: Config) -> None:
    """Adds them to the parser's commands.

    Args:
        commands: what `add_subparsers` gave.
        add_config: adds the option that names the configuration.
        config: loads it.
    """

    def add(
        name: str, handler: Callable[[argparse.Namespace, EdgeConfig], int], **texts: str
    ) -> argparse.ArgumentParser:
        command: argparse.ArgumentParser = commands.add_parser(name, **texts)
        add_config(command)
        command.set_defaults(handler=lambda args: handler(args, config(args)))
        return command

    command = add(
        "history",
        _history,
        help="what was said in the network, from this device's own copy",
        description="What was said in the network, the newest last. It is read from this device's "
        "own copy: no hub needs to be in reach, and no daemon to run.",
    )
    command.add_argument("words", nargs="*", metavar="WORD", help="only what holds all of these")
    command.add_argument(
        "--limit", type=_count, default=50, metavar="N", help="so many at most (default: 50)"
    )
    _add_json(command)
    command = add("people", _people, help="who is known in the network, from this device's copy")
    _add_json(command)
    command = add("reminders", _reminders, help="reminders that are open, from this device's copy")
    command.add_argument("--all", action="store_true", help="those that are done or cancelled, too")
    _add_json(command)

    later = "Without a hub in reach it is kept, and done as soon as there is one."
    command = add(
        "delete",
        _delete,
        help="delete something that was said, on every device",
        description=f"Deletes an interaction here at once, and everywhere. {later}",
    )
    command.add_argument("id", help="as `mira-edge history` shows it")
    command = add("name", _name, help="say who a person is", description=f"Names a person. {later}")
    command.add_argument("id", help="as `mira-edge people` shows it")
    command.add_argument("name", type=_person_name, help="their name")
    command = add(
        "complete",
        _complete,
        help="mark a reminder as done",
        description=f"Marks a reminder as done. {later}",
    )
    command.add_argument("id", help="as `mira-edge reminders` shows it")


def _add_json(command: argparse.ArgumentParser) -> None:
    command.add_argument("--json", action="store_true", help="a JSON object a line, for programs")


def _history(args: argparse.Namespace, config: EdgeConfig) -> int:
    said = read_history(replica_path(config), args.limit, args.words)
    conversation_id = None
    for one in said:
        if one.conversation_id not in (None, conversation_id) and not args.json:
            print(f"--- {one.conversation}".rstrip())
        conversation_id = one.conversation_id or conversation_id
        text = one.text or f"({one.status})"
        who = f"{one.speaker}: " if one.speaker else ""
        _show(
            args,
            one,
            f"{one.interaction_id[:SHORT_ID]}  {_when(one.timestamp)}  {one.device:12}"
            f"  {who}{text}",
        )
    if not said:
        print("Nothing was said." if not args.words else "Nobody said that.", file=sys.stderr)
    return 0


def _people(args: argparse.Namespace, config: EdgeConfig) -> int:
    people = read_people(replica_path(config))
    for one in people:
        _show(args, one, f"{one.person_id[:SHORT_ID]}  {one.name or f'Person {one.index}'}")
    if not people:
        print("Nobody is known here.", file=sys.stderr)
    return 0


def _reminders(args: argparse.Namespace, config: EdgeConfig) -> int:
    wanted = [
        one
        for one in read_reminders(replica_path(config))
        if args.all or one.status in ("pending", "overdue")
    ]
    for one in wanted:
        _show(
            args,
            one,
            f"{one.reminder_id[:SHORT_ID]}  {_when(one.due_time)}  {one.status:9}  {one.title}",
        )
    if not wanted:
        print(f"There are no {'' if args.all else 'open '}reminders.", file=sys.stderr)
    return 0


def _delete(args: argparse.Namespace, config: EdgeConfig) -> int:
    key = whole_id(replica_path(config), "interactions", args.id)
    return _do(config, DeleteInteraction(interaction_id=key), "Deleted everywhere.")


def _name(args: argparse.Namespace, config: EdgeConfig) -> int:
    key = whole_id(replica_path(config), "persons", args.id)
    return _do(config, NamePerson(person_id=key, name=args.name), f"That is {args.name} now.")


def _complete(args: argparse.Namespace, config: EdgeConfig) -> int:
    key = whole_id(replica_path(config), "reminders", args.id)
    return _do(config, CompleteReminder(reminder_id=key), "Done.")


def _do(config: EdgeConfig, deed: LastingDeed, done: str) -> int:
    status = ask(config.paths.control_socket, AskChange(deed=deed))
    print(done if status.done else "Kept: the network learns of it as soon as a hub answers.")
    return 0


def _show(args: argparse.Namespace, one: msgspec.Struct, line: str) -> None:
    print(msgspec.json.encode(one).decode() if args.json else line)


def _when(time: datetime) -> str:
    return time.astimezone().strftime("%Y-%m-%d %H:%M")


def _count(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) <= MOST_SHOWN:
        raise argparse.ArgumentTypeError(f"a whole number from 1 to {MOST_SHOWN}")
    return int(text)


def _person_name(text: str) -> str:
    if not 0 < len(text) <= MAX_NAME or not text.isprintable():
        raise argparse.ArgumentTypeError(f"1 to {MAX_NAME} printable characters")
    return text
