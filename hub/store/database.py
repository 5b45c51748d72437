"""The open database, SQLite or PostgreSQL: transactions, and errors that say what to do."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy.exc import DBAPIError, SQLAlchemyError, StatementError
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel import select
from sqlmodel.ext.asyncio.session import AsyncSession

from hub.store import postgres, sqlite
from hub.store.database_file import DatabaseFile
from hub.store.errors import StoreBusyError, StoreServerError
from hub.store.scope import OPERATOR, Scope, ScopedSession
from hub.store.tables import Network
from shared.errors import StoreError

T = TypeVar("T")

MAX_WRITERS = 2_000
"""As many as there may be connections. Whoever comes on top of them is told to try again."""


class Database:
    """A database of the present schema. Open it with `open`, close it with `close`.

    Args:
        engine: for writing.
        readers: for reading.
        explain: what the driver's errors mean.
        turn: held by whoever writes.
        file: SQLite's.
    """

    def __init__(
        self,
        engine: AsyncEngine,
        readers: AsyncEngine,
        explain: Callable[[BaseException | None], StoreError],
        turn: AbstractAsyncContextManager[None],
        file: DatabaseFile | None = None,
    ) -> None:
        self._engine = engine
        self._bulk: dict[sqlite.Bulk | None, AsyncEngine] = {
            None: engine,
            "fast": engine.execution_options(bulk="fast"),
            "gentle": engine.execution_options(bulk="gentle"),
        }
        self._readers = readers
        self._explain = explain
        self._turn = turn
        self._file = file
        self._running: set[asyncio.Future[Any]] = set()
        self.writers_waiting = 0

    @classmethod
    async def open(cls, where: Path | str, owner_url: str | None = None) -> Database:
        """Opens a database, makes what is not there, brings an older schema up to date.

        Args:
            where: SQLite's file, or the URL of a PostgreSQL database (the hub's own role).
            owner_url: the role that owns the tables there; None leaves the schema as it is.

        Raises:
            StoreError: see `DatabaseFile.open` and `postgres.prepare`.
        """
        if isinstance(where, Path):
            file = await asyncio.to_thread(DatabaseFile.open, where)
            engine = sqlite.engine(where)
            readers = engine.execution_options(read_only=True)
            database = cls(engine, readers, sqlite.explain, file.turn, file)
        else:
            database = await _postgres(where, owner_url)
        try:
            await database.ping()
        except BaseException:
            await database.close()
            raise
        return database

    @property
    def engine(self) -> str:
        """`sqlite` or `postgresql`."""
        return self._engine.dialect.name

    @property
    def path(self) -> Path | None:
        """SQLite's file; None: the database is on a server."""
        name = self._engine.url.database
        return None if self._file is None or name is None else Path(name)

    @property
    def where(self) -> Path | str:
        """As it was opened: SQLite's file, or the URL on a server."""
        return self.path or self._engine.url.render_as_string(hide_password=False)

    def free_bytes(self) -> int | None:
        """Room on the disk of the database's file; None: it is on a server."""
        return None if self.path is None else shutil.disk_usage(self.path.parent).free

    async def truncate_wal(self) -> bool:
        """Empties SQLite's write-ahead log, which keeps what was deleted until it is overwritten.

        Returns:
            Whether it is empty; if not, somebody was reading or writing: to be tried again. A
            database server looks after its own.

        Raises:
            StoreError: the database failed.
        """
        if self.path is None:
            return True
        async with self._explained():
            return await asyncio.to_thread(sqlite.truncate_wal, self.path)

    async def close(self) -> None:
        """Closes all connections, after what is going on; what was committed stays."""
        await asyncio.gather(*self._running, return_exceptions=True)
        await self._engine.dispose()
        if self._file:
            self._file.close()

    @asynccontextmanager
    async def session(self, scope: Scope) -> AsyncIterator[AsyncSession]:
        """For reading: one consistent picture, which waits for no writer.

        Raises:
            StoreError: the database failed.
        """
        async with self._explained(), self._open(self._readers, scope) as session:
            yield session

    @asynccontextmanager
    async def transaction(
        self, scope: Scope, *, bulk: sqlite.Bulk | None = None
    ) -> AsyncIterator[AsyncSession]:
        """For writing: committed when the block ends, rolled back when it raises.

        Args:
            scope: for whom.
            bulk: one of many. It survives the end of this program, but is on the disk only with
                the next transaction that is not one of many.

        Raises:
            StoreError: the database failed; nothing of the block was stored.
        """
        async with (
            self._explained(),
            self._my_turn(),
            self._open(self._bulk[bulk], scope) as session,
            session.begin(),
        ):
            yield session

    @asynccontextmanager
    async def _my_turn(self) -> AsyncIterator[None]:
        if self.writers_waiting >= MAX_WRITERS:
            raise StoreBusyError(f"{MAX_WRITERS} others wait to write.", "Try again.")
        self.writers_waiting += 1
        waits = True
        try:
            async with self._turn:
                self.writers_waiting -= 1
                waits = False
                yield
        finally:
            self.writers_waiting -= waits

    async def finish(self, call: Coroutine[Any, Any, T]) -> T:
        """What the call gives; it goes on to its end even if whoever waits for it is cancelled."""
        task = asyncio.ensure_future(call)
        self._running.add(task)
        task.add_done_callback(self._ended)
        return await asyncio.shield(task)

    def _ended(self, task: asyncio.Future[Any]) -> None:
        self._running.discard(task)
        if not task.cancelled():
            task.exception()  # whoever waits for it hears of it; there may be nobody

    async def ping(self) -> None:
        """A round trip to the data; raises StoreError when it fails."""
        async with self.session(OPERATOR) as session:
            await session.exec(select(Network.id).limit(1))

    @staticmethod
    def _open(engine: AsyncEngine, scope: Scope) -> AsyncSession:
        return AsyncSession(engine, sync_session_class=ScopedSession, info={"scope": scope})

    @asynccontextmanager
    async def _explained(self) -> AsyncIterator[None]:
        try:
            yield
        except DBAPIError as error:
            raise self._explain(error.orig) from error
        except SQLAlchemyError as error:  # such as no free connection within the time
            if isinstance(error, StatementError) and isinstance(error.orig, StoreError):
                raise error.orig from error  # refused by a column's type
            raise StoreError(f"The database cannot be used now: {error}.", "Try again.") from error


async def _postgres(url: str, owner_url: str | None) -> Database:
    if find_spec("psycopg") is None:
        raise StoreServerError(
            "PostgreSQL's driver is not installed.", "pip install 'mira-voice[hub,postgres]'"
        )
    address = postgres.address(url)
    owner = postgres.address(owner_url) if owner_url else None
    await asyncio.to_thread(postgres.prepare, address, owner)
    engine = postgres.engine(address)
    readers = engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
    return Database(engine, readers, postgres.explain, nullcontext())
