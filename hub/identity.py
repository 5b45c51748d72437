"""The hub's own id, by which devices know it again on the local network."""

from __future__ import annotations

import uuid
from pathlib import Path


def hub_id(state_dir: Path) -> str:
    """`hub_` and 16 hex digits, made at the first call and kept in `state_dir`."""
    path = state_dir / "hub_id"
    if not path.exists():
        state_dir.mkdir(parents=True, exist_ok=True)
        path.write_text(f"hub_{uuid.uuid4().hex[:16]}\n")
    return path.read_text().strip()
