"""Which microphone a configuration's word means."""

from __future__ import annotations

from pathlib import Path

from edge.microphone.file import FileMicrophone
from edge.microphone.microphone import Microphone
from edge.microphone.sound_card import SoundCardMicrophone
from shared.clock import Clock
from shared.errors import ConfigError


def open_microphone(
    source: str, clock: Clock, *, start_at_us: int | None = None, loop: bool = False
) -> Microphone:
    """The microphone that `source` names, closed still; `clock` is the device clock.

    `default`, `card:NAME` (or a part of the name, or an index), or `file:PATH` of a WAV file.

    `start_at_us` and `loop` are a file's, see `FileMicrophone`.

    Raises:
        ConfigError: none of these. Whether it exists shows when it is opened.
    """
    kind, _, rest = source.partition(":")
    if source == "default":
        return SoundCardMicrophone(clock)
    if kind == "card" and rest:
        return SoundCardMicrophone(clock, rest)
    if kind == "file" and rest:
        return FileMicrophone(Path(rest).expanduser(), clock, start_at_us=start_at_us, loop=loop)
    raise ConfigError(
        f"{source!r} names no microphone.",
        "Say default, card:NAME (or a part of it, or an index) or file:PATH of a WAV file.",
    )
