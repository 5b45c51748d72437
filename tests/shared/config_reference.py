"""What docs/configuration.md must say of a configuration, made from its structs."""

from __future__ import annotations

import re
from pathlib import Path

from msgspec import Struct

from shared.config_keys import Key, keys

PAGE = Path(__file__).parents[2] / "docs" / "configuration.md"


def section(daemon: str) -> str:
    """The part of the page that is about one daemon."""
    return PAGE.read_text().split(f"\n## {daemon}\n")[1].split("\n## ")[0]


def uncommented(example: Path) -> str:
    """An example with the keys that it shows in comments set."""
    return re.sub(r"^#(?=\w+ = |\[)", "", example.read_text(), flags=re.MULTILINE)


def tables(config: type[Struct]) -> str:
    """Every key of a configuration, as the page shows them."""
    lines: list[str] = []
    table = ""
    for key in keys(config):
        if key.table != table:
            table = key.table
            lines += [
                "",
                f"### [{table}]",
                "",
                "| key | type | unit | default | allowed | meaning |",
                "|---|---|---|---|---|---|",
            ]
        lines.append(_row(key))
    return "\n".join(lines).strip() + "\n"


def _row(key: Key) -> str:
    allowed = "" if key.allowed == key.kind else key.allowed
    cells = (f"`{key.name}`", key.kind, key.unit, key.default, allowed, key.description)
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
