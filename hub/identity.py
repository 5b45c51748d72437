"""The hub's own id, by which devices know it again on the local network."""

from __future__ import annotations

import uuid
from pathlib import Path

from shared.errors import StoreError


def hub_id(state_dir: Path) -> str:
    """`hub_` and 16 hex digits, made at the first call and kept in `state_dir`.

    Raises:
        StoreError: the folder cannot be used.
    """
    path = state_dir / "hub_id"
    try:
        # Empty where the machine died as it was being written.
        if not path.exists() or not path.read_text().strip():
            state_dir.mkdir(parents=True, exist_ok=True)
            path.write_text(f"hub_{uuid.uuid4().hex[:16]}\n")
        return path.read_text().strip()
    except OSError as error:
        raise StoreError(
            f"The hub's id {path} can be neither read nor made: {error.strerror or error}.",
            "Set [paths] state_dir to a folder where the hub's user may write.",
        ) from error
