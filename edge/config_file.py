"""Writes what a pairing gave into the device's configuration, and leaves the rest as it is."""

from __future__ import annotations

import json
import os
import re
import tomllib
import uuid
from pathlib import Path

from edge.pairing import Pairing
from shared.errors import ConfigError

_HEADER = re.compile(r"^\s*\[")
_OURS = re.compile(r"^\s*\[(hub|device)\]\s*(#.*)?$")


def tables(pairing: Pairing, name: str, room: str) -> str:
    """The tables [hub] and [device] of a paired device."""
    hub = [
        ("addresses", [pairing.address]),
        ("hub_id", pairing.hub_id),
        ("network_id", pairing.network_id),
        ("client_id", pairing.client_id),
        ("token", pairing.token),
        *([("ca", pairing.ca)] if pairing.ca else []),
    ]
    device = [("name", name), ("room", room)]
    # A JSON string is a TOML string, and a list of them a list.
    return "\n".join(
        (
            "[hub]",
            *(f"{key} = {json.dumps(value)}" for key, value in hub),
            "",
            "[device]",
            *(f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in device),
            "",
        )
    )


def with_tables(text: str, new: str) -> str:
    """A configuration with other tables [hub] and [device], and all else as it was.

    Raises:
        ConfigError: it is written so that they cannot be put in.
    """
    kept: list[str] = []
    within = False
    for line in text.splitlines():
        if _HEADER.match(line):
            within = _OURS.match(line) is not None
        # What stands in comments belongs to the reader, the example's own headers too.
        if not within or line.lstrip().startswith("#"):
            kept.append(line)
    made = f"{new}\n" + "\n".join(kept).strip("\n") + "\n"
    hint = "Write [hub] and [device] as tables of their own, or pair into another file: --config."
    try:
        others = {k: v for k, v in tomllib.loads(text).items() if k not in ("hub", "device")}
        as_wished = tomllib.loads(made) == others | tomllib.loads(new)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(
            f"The configuration cannot be changed by itself: {error}.", hint
        ) from error
    if not as_wished:
        raise ConfigError("The configuration cannot be changed by itself.", hint)
    return made


def check(path: Path) -> None:
    """Raises ConfigError where `write` would: to be asked before a code is used up."""
    text = read(path)
    with_tables(text, "")
    try:
        probe = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
        probe.touch(0o600)
        probe.unlink()
    except OSError as error:
        raise _unwritable(path, error) from error


def read(path: Path) -> str:
    """What is there; empty where nothing is. Raises ConfigError."""
    try:
        return path.read_text(encoding="utf-8") if path.exists() else ""
    except (OSError, UnicodeDecodeError) as error:
        raise _unwritable(path, error) from error


def write(path: Path, text: str) -> None:
    """Writes the configuration, whole or not at all, for its owner and group only.

    Owner and group stay; a new file gets the group of its folder.

    Raises:
        ConfigError: it cannot be written.
    """
    made = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        like = path.stat() if path.exists() else None
        with os.fdopen(os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            owner, group = (like.st_uid, like.st_gid) if like else (-1, path.parent.stat().st_gid)
            os.fchown(file.fileno(), owner, group)
            os.fchmod(file.fileno(), like.st_mode & 0o660 if like else 0o640)
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        made.replace(path)
    except OSError as error:
        raise _unwritable(path, error) from error
    finally:
        made.unlink(missing_ok=True)


def _unwritable(path: Path, error: OSError | UnicodeDecodeError) -> ConfigError:
    why = error.strerror or error if isinstance(error, OSError) else "it is not UTF-8 text"
    return ConfigError(
        f"{path} cannot be written: {why}.",
        "Run this with sudo, or name another file with --config.",
    )
