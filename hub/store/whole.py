"""Calls to the database that end by themselves, whatever becomes of whoever made them.

A driver that is cancelled in the middle may drop its connection with the transaction still open,
and SQLite then lets nobody write until that connection is collected.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


def whole(kind: type[T]) -> type[T]:
    """Has each public method of a class, one transaction, go on when its caller is cancelled.

    The class keeps its database in `_database`, which waits for such methods when it is closed.
    """
    for name, method in list(vars(kind).items()):
        if inspect.iscoroutinefunction(method) and not name.startswith("_"):
            setattr(kind, name, _finished(method))
    return kind


def _finished(
    method: Callable[..., Coroutine[Any, Any, Any]],
) -> Callable[..., Coroutine[Any, Any, Any]]:
    @functools.wraps(method)
    async def call(self: Any, *arguments: Any, **named: Any) -> Any:
        return await self._database.finish(method(self, *arguments, **named))

    return call
