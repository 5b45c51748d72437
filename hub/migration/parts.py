"""Parts of a legacy file that two processes work on, each on its own."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from hub.migration.legacy_rows import readable


@dataclass(frozen=True)
class Part:
    """Interactions whose ids lie within bounds, as SQLite orders them.

    Args:
        after: the ids are beyond this one; None: from the first on.
        until: the ids go up to this one; None: to the last.
    """

    after: str | None = None
    until: str | None = None

    def condition(self) -> tuple[str, tuple[str, ...]]:
        """In SQL, with its parameters."""
        if self.after is not None:
            return "id > ?", (self.after,)
        if self.until is not None:
            return "id IS NULL OR id <= ?", (self.until,)
        return "1", ()


WHOLE = Part()


def halves(connection: sqlite3.Connection) -> tuple[Part, Part] | None:
    """Two parts with as many interactions each; None where they cannot be told apart."""
    (count,) = connection.execute("SELECT count(*) FROM interactions").fetchone()
    found = connection.execute(
        "SELECT id FROM interactions WHERE typeof(id) = 'text' ORDER BY id LIMIT 1 OFFSET ?",
        (count // 2,),
    ).fetchone()
    middle = readable(found[0]) if found else None
    return None if middle is None else (Part(until=middle), Part(after=middle))
