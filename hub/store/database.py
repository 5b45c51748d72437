"""The open database: transactions, one writer at a time, errors that say what to do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel import select
from sqlmodel.ext.asyncio.session import AsyncSession

from hub.store import sqlite
from hub.store.database_file import DatabaseFile
from hub.store.tables import Network


class Database:
    """A database of the present schema. Open it with `open`, close it with `close`."""

    def __init__(self, file: DatabaseFile, engine: AsyncEngine) -> None:
        self._file = file
        self._engine = engine
        self._readers = engine.execution_options(read_only=True)
        # SQLite makes writers poll for their turn; within the hub they queue instead.
        self._turn = asyncio.Lock()

    @classmethod
    async def open(cls, path: Path) -> Database:
        """Opens a file, makes it where there is none, and brings an older schema up to date.

        Raises:
            StoreError: see `DatabaseFile.open`.
        """
        file = await asyncio.to_thread(DatabaseFile.open, path)
        database = cls(file, sqlite.engine(path))
        try:
            await database.ping()
        except BaseException:
            await database.close()
            raise
        return database

    async def close(self) -> None:
        """Closes all connections; what was committed stays."""
        await self._engine.dispose()
        self._file.close()

    @asynccontextmanager
    async def session(self) -> AsyncIterator[AsyncSession]:
        """For reading: one consistent picture, which waits for no writer.

        Raises:
            StoreError: the database failed.
        """
        async with _explained(), AsyncSession(self._readers) as session:
            yield session

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncSession]:
        """For writing: committed when the block ends, rolled back when it raises.

        Raises:
            StoreError: the database failed; nothing of the block was stored.
        """
        async with _explained(), self._turn, AsyncSession(self._engine) as session, session.begin():
            yield session

    async def ping(self) -> None:
        """A round trip to the data; raises StoreError when it fails."""
        async with self.session() as session:
            await session.exec(select(Network.id).limit(1))


@asynccontextmanager
async def _explained() -> AsyncIterator[None]:
    try:
        yield
    except DBAPIError as error:
        raise sqlite.explain(error.orig) from error
