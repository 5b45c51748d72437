"""Configuration: one TOML file per daemon, environment variables over it, every key typed.

A daemon describes its configuration as a frozen struct whose fields are tables, themselves frozen
structs whose fields are keys. A key carries its meaning, unit and limits in `Annotated[..., Meta]`:
`Meta(description=..., extra={"unit": "ms"})`. `extra` may also hold `allowed` (for people, where
a pattern says it badly) and `default` (for people, where the default depends on the machine).
"""

from __future__ import annotations

import difflib
import logging
import re
import stat
import tomllib
import types
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from shared.config_keys import Key, Secret, keys
from shared.errors import ConfigError

log = logging.getLogger(__name__)

T = TypeVar("T", bound=Struct)

HINT = "Every key is described in docs/configuration.md."


def load(
    config: type[T],
    path: Path | None,
    prefix: str,
    environ: Mapping[str, str],
    defaults: Mapping[tuple[str, str], object] = types.MappingProxyType({}),
) -> T:
    """Reads a configuration: `defaults`, then the file, then the environment.

    Args:
        config: the struct of tables to fill.
        path: the TOML file; None reads the environment only.
        prefix: of the environment variables, such as `MIRA_EDGE_`; what follows it is
            TABLE_KEY.
        environ: the environment variables.
        defaults: values, by table and key, of keys whose default depends on the machine.

    Raises:
        ConfigError: the file cannot be read, or any key or value is wrong; all of them are
            named, each with its line or variable and with what is allowed.
    """
    known = {(key.table, key.name): key for key in keys(config)}
    text, document = _read(path) if path else ("", {})
    values = dict(defaults)
    problems: list[str] = []

    def where(*place: str) -> str:
        return f"{path}, line {_line_of(text, place)}"

    tables = {table for table, _ in known}
    for table, content in document.items():
        if table not in tables:
            names = sorted(tables)
            problems.append(f"{where(table)}: there is no table [{table}].{_suggest(table, names)}")
        elif not isinstance(content, dict):
            problems.append(f"{where(table)}: {table} is a table: write [{table}] above its keys.")
        else:
            for name, value in content.items():
                key = known.get((table, name))
                if key is None:
                    names = sorted(other for of, other in known if of == table)
                    problems.append(
                        f"{where(table, name)}: [{table}] has no key {name}.{_suggest(name, names)}"
                    )
                    continue
                try:
                    values[table, name] = _convert(key, value)
                except ValueError as error:
                    problems.append(f"{where(table, name)}: [{table}] {name} = {error}")

    variables = {key.variable(prefix): key for key in known.values()}
    for variable, value in sorted(environ.items()):
        if not variable.startswith(prefix):
            continue
        key = variables.get(variable)
        if key is None:
            problems.append(
                f"environment variable {variable}: there is no such key."
                f"{_suggest(variable, sorted(variables), show_all=False)}"
            )
            continue
        try:
            values[key.table, key.name] = _convert_variable(key, value)
        except ValueError as error:
            problems.append(f"environment variable {variable} = {error}")

    if problems:
        raise ConfigError("\n".join(problems), HINT)
    if path:
        _warn_of_open_secrets(path, document, known)
    return config(
        **{
            table.name: table.type(
                **{name: value for (of, name), value in values.items() if of == table.name}
            )
            for table in msgspec.structs.fields(config)
        }
    )


def read_secret(path: Path) -> Secret:
    """The secret that a file holds, without the white space around it.

    Raises:
        ConfigError: the file cannot be read, or is empty.
    """
    try:
        secret = path.read_text().strip()
        mode = path.stat().st_mode
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"The token file {path} cannot be read: {_reason(error)}.",
            "It holds the token, alone, and the daemon's user must be allowed to read it.",
        ) from error
    if not secret:
        raise ConfigError(f"The token file {path} is empty.", "Put the token into it.")
    if mode & stat.S_IROTH:
        log.warning("Everybody on this machine can read the token in %s: chmod o-r it", path)
    return Secret(secret)


def default_state_dir(environ: Mapping[str, str], name: str) -> Path:
    """Where a daemon keeps its state: systemd's STATE_DIRECTORY, else the XDG state folder."""
    if given := environ.get("STATE_DIRECTORY"):
        return Path(given.split(":")[0])
    if base := environ.get("XDG_STATE_HOME"):
        return Path(base) / name
    return Path("~/.local/state").expanduser() / name


def _read(path: Path) -> tuple[str, dict[str, Any]]:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"{path} cannot be read: {_reason(error)}.",
            "Run this with sudo, or as a user in the file's group."
            if isinstance(error, PermissionError)
            else "Say with --config where the configuration is; an example lies in systemd/.",
        ) from error
    try:
        return text, tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(
            f"{path}, line {_line_of_error(text, error)}: not TOML: {error}.",
            "Texts stand in quotes, true and false without, a table's name in [brackets].",
        ) from error


def _reason(error: OSError | UnicodeDecodeError) -> str:
    return error.strerror or str(error) if isinstance(error, OSError) else "it is not UTF-8 text"


def _prefixes(text: str) -> list[tuple[int, int, dict[str, Any] | None]]:
    """What the first n lines say, for each n (None where they end within a value).

    Each entry also has the line on which the last statement began: tomllib names no lines, and
    this finds them however a key is written (dotted, quoted, inline, several lines long).
    """
    lines = text.split("\n")
    found: list[tuple[int, int, dict[str, Any] | None]] = []
    begin = 1
    for end in range(1, len(lines) + 1):
        try:
            document = tomllib.loads("\n".join(lines[:end]))
        except tomllib.TOMLDecodeError:
            found.append((begin, end, None))
        else:
            found.append((begin, end, document))
            begin = end + 1
    return found


def _line_of(text: str, place: tuple[str, ...]) -> int:
    """The line on which a table or a key first appears in a text that is valid TOML."""
    for begin, _, document in _prefixes(text):
        node: Any = document
        for name in place:
            node = node.get(name) if isinstance(node, dict) else None
        if node is not None:
            return begin
    return 1


def _line_of_error(text: str, error: tomllib.TOMLDecodeError) -> int:
    """The line that tomllib names, else the one on which what is never closed begins."""
    if named := re.search(r"at line (\d+)", str(error)):
        return int(named[1])
    good = [end for _, end, document in _prefixes(text) if document is not None]
    return max(good, default=0) + 1


def _suggest(wrong: str, names: list[str], show_all: bool = True) -> str:
    # Variables all begin alike; a higher likeness is asked of what is said of them.
    close = difflib.get_close_matches(wrong, names, n=1, cutoff=0.6 if show_all else 0.85)
    if close:
        return f" Did you mean {close[0]}?"
    return f" There are: {', '.join(names)}." if show_all else ""


def _convert(key: Key, value: object) -> object:
    try:
        return msgspec.convert(value, key.type, dec_hook=_decode_special)
    except (msgspec.ValidationError, ValueError) as error:
        raise ValueError(_refusal(key, value)) from error


def _convert_variable(key: Key, value: str) -> object:
    given: object = value
    if key.kind.startswith("list"):
        given = [item.strip() for item in value.split(",") if item.strip()]
    try:
        return msgspec.convert(given, key.type, strict=False, dec_hook=_decode_special)
    except (msgspec.ValidationError, ValueError) as error:
        raise ValueError(_refusal(key, value)) from error


def _refusal(key: Key, value: object) -> str:
    shown = "(not shown)" if "secret" in key.kind else repr(value)
    return f"{shown} is not allowed. Allowed: {key.allowed}."


def _decode_special(kind: type, value: object) -> object:
    if not isinstance(value, str) or not value:
        raise ValueError("expected a text that is not empty")
    if kind is Path:
        return Path(value).expanduser()
    if issubclass(kind, Secret):
        return kind(value)
    raise NotImplementedError(kind)


def _warn_of_open_secrets(
    path: Path, document: dict[str, Any], known: Mapping[tuple[str, str], Key]
) -> None:
    held = [
        key
        for key in known.values()
        if "secret" in key.kind and key.name in document.get(key.table, {})
    ]
    if held and path.stat().st_mode & stat.S_IROTH:
        log.warning(
            "Everybody on this machine can read [%s] %s in %s: chmod o-r it",
            held[0].table,
            held[0].name,
            path,
        )
