"""`mira-hub migrate`: an operator's hand on the move from a legacy system."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sqlite3
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hub.account_commands import printable_name
from hub.config import HubConfig
from hub.migration import source
from hub.migration.adoption import adopt, give_back
from hub.migration.application import Applications
from hub.migration.clients import add_client_arguments, clients_command
from hub.migration.errors import LegacyFileError, MigrationError
from hub.migration.folder import private
from hub.migration.help_for import help_for
from hub.migration.helper import collecting_seldom
from hub.migration.plan import plan
from hub.migration.progress import Progress, Rows, shown
from hub.migration.rollback import Rollback
from hub.migration.runs import Outcome, Runs
from hub.migration.status import status
from hub.migration.verification import verify
from hub.store.database import Database
from hub.store.moves import Move, Moves
from hub.store.store import Store
from shared.clock import steady_clock
from shared.errors import MiraError

NICE = 10
"""The priority of a move, of 0 to 19, 0 being everybody's."""

SETTLE_S = 4.0
"""So long after a network was suspended, a hub that runs has noticed, and has stored the last."""

Command = Callable[[HubConfig, Database, argparse.Namespace], Awaitable[int]]


def add_migrate_commands(
    commands: Any,
    add_config: Callable[[argparse.ArgumentParser], None],
    config_of: Callable[[argparse.Namespace], HubConfig],
) -> None:
    """Adds the command to those of `mira-hub`."""
    migrate = commands.add_parser(
        "migrate", help="move from a legacy system: plan, run, verify, status, roll back"
    )
    migrate_commands = migrate.add_subparsers(required=True, metavar="COMMAND")

    def add(name: str, command: Command, about: str) -> argparse.ArgumentParser:
        async def with_database(args: argparse.Namespace) -> int:
            config = config_of(args)
            database = await Database.open(config.store.where, config.store.owner_url)
            try:
                with _explained(config):
                    return await command(config, database, args)
            finally:
                await database.close()

        parser: argparse.ArgumentParser = migrate_commands.add_parser(name, help=about)
        parser.add_argument("--json", action="store_true", help="print JSON, for programs")
        add_config(parser)
        parser.set_defaults(handler=lambda args: asyncio.run(with_database(args)))
        return parser

    parser = migrate_commands.add_parser(
        "plan", help="what a move would do to legacy files; changes nothing"
    )
    _add_files(parser)
    parser.add_argument("--json", action="store_true", help="print JSON, every oddity listed")
    add_config(parser)
    parser.set_defaults(handler=lambda args: _plan(config_of(args), args))

    parser = add("run", _run, "move what is new in legacy files into networks, and verify it")
    _add_files(parser)
    parser.add_argument(
        "--network",
        type=printable_name,
        metavar="NAME",
        help="the name of a new network, or the id of one that the file went into before "
        "(default for one file: legacy_migration_network)",
    )
    parser.add_argument(
        "--one-at-a-time",
        action="store_true",
        help="move only the first file that was not moved yet, and say what is left",
    )

    parser.add_argument(
        "--last",
        action="store_true",
        help="stop the legacy application first, and say how long nobody served",
    )

    parser = migrate_commands.add_parser(
        "adopt", help="make a legacy file the hub's database itself, or (--back) undo that"
    )
    parser.add_argument("file", type=Path, metavar="FILE", help="a legacy mira.db, not in use")
    parser.add_argument("--back", action="store_true", help="make it a legacy file again")
    parser.add_argument("--json", action="store_true", help="print JSON, for programs")
    add_config(parser)
    parser.set_defaults(handler=lambda args: _adopt(config_of(args), args))

    parser = add("verify", _verify, "compare legacy files with what was moved of them")
    parser.add_argument(
        "files",
        nargs="*",
        type=Path,
        metavar="FILE",
        help="legacy files (default: all that were moved)",
    )
    add("status", _status, "how far the moves are")
    parser = add("rollback", _rollback, "go back to the legacy file")
    parser.add_argument(
        "--network", metavar="ID", help="net_... (default: the only one that was moved into)"
    )
    parser.add_argument(
        "--to", type=Path, metavar="FILE", help="write there, and leave the legacy file alone"
    )
    parser.add_argument(
        "--data-only",
        action="store_true",
        help="stop no hub and start no legacy application",
    )
    add_client_arguments(
        add("clients", clients_command, "give legacy clients records and configurations")
    )


def _add_files(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="a legacy mira.db")


def migration_folder(config: HubConfig) -> Path:
    """Where copies and reports are kept."""
    return config.paths.state_dir / "migration"


def _plan(config: HubConfig, args: argparse.Namespace) -> int:
    plans, code = [], 0
    folder = migration_folder(config)
    with shown() as progress:
        for file in args.files:
            try:
                with (
                    _explained(config),
                    tempfile.TemporaryDirectory(prefix="plan-", dir=private(folder)) as here,
                ):
                    copied = source.copy(
                        file,
                        Path(here) / "copy.db",
                        _copying(progress, file),
                    )
                    with source.open_copy(copied.path) as connection:
                        rows = sum(source.counts(connection).values())
                        tell = Rows(progress, f"{file}: rows", rows)
                        plans.append(plan(connection, copied, tell))
            except MiraError as error:
                code = _complain(file, error)
    if args.json:
        print(json.dumps([one.document() for one in plans]))
    else:
        for one in plans:
            print("\n".join(one.lines()))
    return code


async def _run(config: HubConfig, database: Database, args: argparse.Namespace) -> int:
    applications = Applications(config.migration, config.paths.state_dir, _say)
    served = applications.hub_runs and not args.last  # then people wait for this one, too
    runs = Runs(database, steady_clock(), migration_folder(config), served=served)
    destinations = await runs.destinations(args.files, args.network)
    if args.one_at_a_time:
        open_ = [one for one in destinations if not await runs.completed(one)]
        destinations, later = open_[:1], open_[1:]
        if not destinations:
            print("All of them were moved already; without --one-at-a-time, what is new is taken.")
            return 0
    else:
        later = []
    outcomes: list[Outcome] = []
    code, stopped_at = 0, time.monotonic()
    if args.last:
        applications.stop_legacy()
    try:
        _step_back(last=args.last)
        with collecting_seldom(), shown() as progress:
            for destination in destinations:
                try:
                    outcome = await runs.run(destination, progress)
                except MiraError as error:
                    code = _complain(destination.file, error)
                    continue
                outcomes.append(outcome)
                code = code if outcome.right else 1
    except BaseException:
        if args.last:
            applications.start_legacy()
        raise
    if args.last and code:
        _say("It is not as it should be, so the legacy application goes on.")
        applications.start_legacy()
    downtime_s = round(time.monotonic() - stopped_at, 1) if args.last else None
    if args.json:
        print(json.dumps([{**one.document(), "downtime_s": downtime_s} for one in outcomes]))
    else:
        for outcome in outcomes:
            print("\n".join(outcome.lines()))
        for left in later:
            print(f"{left.file}: not yet moved")
        if downtime_s is not None:
            print(f"Nobody served for {downtime_s} s, from the legacy application's stop on.")
    return code


def _step_back(*, last: bool) -> None:
    """Others come first: the hub that serves waits for no processor because of a move.

    For the `last` run people wait; and it may start the legacy application, which would be as
    patient as this process.
    """
    if not last:
        os.nice(NICE)


@contextmanager
def _explained(config: HubConfig) -> Iterator[None]:
    """What fails in a folder or file is told in words; what root makes is the service's."""
    try:
        yield
    except BrokenPipeError:
        raise  # of what is printed: whoever read it has seen enough
    except OSError as error:
        raise LegacyFileError(
            f"{error.filename or 'A file'} cannot be used: {error.strerror}.",
            "Check the path, and that this user may read and write there.",
        ) from error
    except sqlite3.Error as error:
        raise LegacyFileError(
            f"A file is damaged or no SQLite file. SQLite: {error}.", "Nothing was replaced."
        ) from error
    finally:
        folder = migration_folder(config)
        if os.geteuid() == 0 and folder.exists():
            owner = config.paths.state_dir.stat()
            for path in (folder, *folder.rglob("*")):
                os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)


def _say(what: str) -> None:
    print(what, file=sys.stderr, flush=True)


async def _verify(config: HubConfig, database: Database, args: argparse.Namespace) -> int:
    known = Moves(database, steady_clock())
    moves = {move.source: move for move in await known.every()}
    files = [file.resolve() for file in args.files] or [Path(one) for one in moves]
    reports, code = [], 0
    with shown() as progress:
        for file in files:
            try:
                move = moves.get(str(file))
                if move is None:
                    raise MigrationError(f"{file} was not moved.", "`migrate status` lists all.")
                runs = await known.runs(move.network_id)
                if runs and runs[-1].report.get("adopted"):
                    raise MigrationError(
                        f"{file} was adopted: it is the hub's database itself.",
                        "Every row was compared then.",
                    )
                reports.append(await _verified(config, database, file, move, progress))
                code = code if reports[-1]["verified"] else 1
            except MiraError as error:
                code = _complain(file, error)
    print(json.dumps(reports) if args.json else "\n".join(_of(one) for one in reports))
    return code


async def _verified(
    config: HubConfig, database: Database, file: Path, move: Move, progress: Progress
) -> dict[str, Any]:
    folder = migration_folder(config)
    with tempfile.TemporaryDirectory(prefix="verify-", dir=private(folder)) as here:
        copied = source.copy(file, Path(here) / "copy.db")
        with source.open_copy(copied.path) as connection:
            rows = sum(source.counts(connection).values())
        tell = Rows(progress, f"{move.name}: rows verified", rows)
        served = Applications(config.migration, config.paths.state_dir, _say).hub_runs
        async with help_for(copied.size, served=served) as other:
            found = await verify(copied.path, database, move.network_id, tell, other)
    return {
        "source": move.source,
        "sha256": copied.sha256,
        "network_id": move.public_id,
        **found.document(),
        "lines": found.lines(),
    }


def _of(report: dict[str, Any]) -> str:
    return "\n".join([f"{report['source']} in {report['network_id']}", *report["lines"]])


async def _status(config: HubConfig, database: Database, args: argparse.Namespace) -> int:
    found = await status(database, steady_clock(), migration_folder(config))
    print(json.dumps(found.document()) if args.json else "\n".join(found.lines()))
    return 0


def _adopt(config: HubConfig, args: argparse.Namespace) -> int:
    if args.back:
        with _explained(config):
            give_back(args.file)
        print(
            json.dumps({"file": str(args.file)}) if args.json else f"{args.file} is legacy again."
        )
        return 0
    with shown() as progress:
        folder = migration_folder(config) / "adopted"
        with _explained(config):
            done = asyncio.run(adopt(args.file, folder, steady_clock(), progress))
    if args.json:
        print(json.dumps(done.document()))
        return 0
    print(f"{done.file} is a hub's database now: put `path` under [store] to it.")
    print(f"  verified: {', '.join(f'{count} {table}' for table, count in done.rows.items())}")
    print(f"  in the network {done.network_id}; the legacy file as it was: {done.backup}")
    return 0


async def _rollback(config: HubConfig, database: Database, args: argparse.Namespace) -> int:
    rollback = Rollback(database, steady_clock(), migration_folder(config))
    move = await rollback.move_of(args.network)
    applications = Applications(config.migration, config.paths.state_dir, _say)
    alone = args.data_only or args.to is not None  # applications go on as they do
    if not alone:
        await rollback.check(move, args.to)
        legacy = config.migration
        if legacy.legacy_unit or legacy.legacy_command or legacy.legacy_pid_file:
            applications.stop_legacy()  # it may not have the file open that is replaced
        others = [
            one.public_id
            for one in await Store(database, steady_clock()).networks()
            if one.public_id != move.public_id and one.status == "active"
        ]
        if others:
            _say(f"The hub goes on: it serves {len(others)} other networks.")
        else:
            applications.stop_hub()

    async def settle() -> None:
        if applications.hub_runs:
            _say("The hub ends what it does for this network.")
            await asyncio.sleep(SETTLE_S)

    with shown() as progress:
        done = await rollback.roll_back(move, args.to, progress, settle)
    print(json.dumps(done.document()) if args.json else "\n".join(done.lines()), flush=True)
    if not alone:
        applications.start_legacy()
    return 0


def _complain(file: Path, error: MiraError) -> int:
    print(f"mira-hub: {file}: {error}", file=sys.stderr)
    return 1


def _copying(progress: Progress, file: Path) -> Callable[[int, int], None]:
    return lambda done, of: progress(f"{file}: copy", done, of)
