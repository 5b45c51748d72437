"""Kills a migration at one statement after the other, and looks what is left.

`python -m tests.hub.migration.killing FOLDER COMMAND POINTS`, where COMMAND is run, adopt or
rollback, and POINTS how many of its steps it dies at (0: at each). It forks, so it is a process of
its own without threads. The last line is JSON.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import sqlite3
import sys
from collections.abc import Callable, Coroutine
from contextlib import closing
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, event

from hub.migration.adoption import adopt
from hub.migration.rollback import Rollback
from hub.migration.runs import Runs
from hub.store import schema
from hub.store.database import Database
from hub.store.database_file import change_schema, revision_of
from hub.store.errors import SchemaError
from hub.store.household import Household
from hub.store.moves import Moves
from shared.clock import steady_clock
from tests.hub.migration import odd_files
from tests.hub.migration.test_runs import ROWS, quiet
from tests.hub.store import legacy

STEPS = "steps"
"""The name of a file that says how many steps there were."""

Work = Callable[[Path], Coroutine[Any, Any, Any]]


async def run(folder: Path) -> Any:
    """Moves the file, and says whether it was verified."""
    database = await Database.open(folder / "hub.db")
    try:
        runs = Runs(database, steady_clock(), folder / "migration")
        (destination,) = await runs.destinations([folder / "legacy.db"], None)
        return (await runs.run(destination, quiet)).right
    finally:
        await database.close()


async def roll_back(folder: Path) -> Any:
    """Goes back to a legacy file, with a person that was added here."""
    database = await Database.open(folder / "hub.db")
    try:
        rollback = Rollback(database, steady_clock(), folder / "migration")
        if not await Moves(database, steady_clock()).every():
            return True  # it was done before the process died
        await rollback.roll_back(await rollback.move_of(None), None, quiet)
        return True
    finally:
        await database.close()


async def adopted(folder: Path) -> Any:
    """Makes the file a hub's database."""
    file = folder / "legacy.db"
    try:
        if revision_of(file) == schema.HEAD:
            return True
    except SchemaError:
        pass
    await adopt(file, folder / "migration", steady_clock(), quiet)
    return True


def _prepare(folder: Path, command: str) -> None:
    """What a command begins with; made once, and copied for each point."""
    template = folder.parent / "template"
    if not template.exists():
        _make(template, command)
    shutil.copytree(template, folder)
    if command == "rollback":
        asyncio.run(_is_here(folder))


def _make(folder: Path, command: str) -> None:
    folder.mkdir(parents=True)
    legacy.write(folder / "legacy.db", ROWS)
    if command == "adopt":
        # What has to be repaired is not adopted.
        return
    change_schema(folder / "hub.db", schema.HEAD)
    if command == "rollback":
        asyncio.run(_moved(folder))


async def _is_here(folder: Path) -> None:
    """A copy's legacy file is under another path than the one that was moved."""
    database = await Database.open(folder / "hub.db")
    moves = Moves(database, steady_clock())
    (move,) = await moves.every()
    await moves.came_from(move.network_id, str(folder / "legacy.db"))
    await database.close()


async def _moved(folder: Path) -> None:
    await run(folder)
    database = await Database.open(folder / "hub.db")
    (move,) = await Moves(database, steady_clock()).every()
    await Household(database, steady_clock()).add_person(move.network_id, "Zoe")
    await database.close()


def _until_killed(work: Work, folder: Path, point: int) -> int:
    """Forks; the child dies at a statement. Gives its status: 0 means that it lived."""
    child = os.fork()
    if child:
        return os.waitpid(child, 0)[1]
    count = 0

    def step(*_: object) -> None:
        nonlocal count
        count += 1
        if count == point:
            os.kill(os.getpid(), signal.SIGKILL)

    event.listen(Engine, "before_cursor_execute", step)
    for module, name in ((os, "fsync"), (os, "replace"), (os, "link")):
        _before(module, name, step)
    sys.addaudithook(lambda what, _: step() if what in ("os.rename", "sqlite3.connect") else None)
    try:
        asyncio.run(work(folder))
        (folder / STEPS).write_text(str(count))
    except BaseException as error:  # noqa: BLE001 - the child ends here, whatever it was
        print(repr(error), file=sys.stderr)
        os._exit(1)
    os._exit(0)


def _before(module: Any, name: str, step: Callable[[], None]) -> None:
    real = getattr(module, name)

    def call(*arguments: Any, **named: Any) -> Any:
        step()
        return real(*arguments, **named)

    setattr(module, name, call)


def _state(folder: Path, command: str, was: Any) -> str:
    """Old or new, or what is wrong."""
    file = folder / "legacy.db"
    if command == "run":
        return "old" if odd_files.read(file) == was else "the legacy file changed"
    if command == "adopt":
        with closing(sqlite3.connect(file)) as connection:
            (whole,) = connection.execute("PRAGMA integrity_check").fetchone()
        try:
            revision = revision_of(file)
        except SchemaError:
            revision = schema.LEGACY
        if whole != "ok":
            return "damaged"
        return {schema.HEAD: "new", schema.LEGACY: "old"}.get(str(revision), f"at {revision}")
    now = odd_files.read(file)
    if now == was:
        return "old"
    return "new" if len(now["persons"]) == len(was["persons"]) + 1 else "neither old nor new"


def main() -> None:
    """Runs it."""
    base, command, points = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    work = {"run": run, "adopt": adopted, "rollback": roll_back}[command]
    _prepare(base / "whole", command)
    if _until_killed(work, base / "whole", 0) != 0:
        raise SystemExit(f"{command} failed")
    steps = int((base / "whole" / STEPS).read_text())
    killed, states = 0, []
    for point in range(1, steps + 1, max(1, steps // points) if points else 1):
        folder = base / str(point)
        _prepare(folder, command)
        was = odd_files.read(folder / "legacy.db")
        if not os.WIFSIGNALED(_until_killed(work, folder, point)):
            continue  # it took fewer steps this time
        killed += 1
        states.append(_state(folder, command, was))
        if states[-1] not in ("old", "new"):
            raise SystemExit(f"killed at {point}: {states[-1]}")
        if asyncio.run(work(folder)) is not True:
            raise SystemExit(f"killed at {point}, and the next run did not finish")
        after = _state(folder, command, was)
        if after != ("old" if command == "run" else "new"):
            raise SystemExit(f"killed at {point}, and after the next run: {after}")
        shutil.rmtree(folder)
    print(json.dumps({"killed": killed, "old": states.count("old"), "new": states.count("new")}))


if __name__ == "__main__":
    main()
