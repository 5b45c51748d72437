"""Which microphone a configuration's word means."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge.microphone.file import FileMicrophone
from edge.microphone.sound_card import SoundCardMicrophone
from edge.microphone.source import open_microphone
from shared.clock import steady_clock
from shared.errors import ConfigError


@pytest.mark.parametrize(
    ("source", "kind", "name"),
    [
        ("default", SoundCardMicrophone, "default microphone"),
        ("card:USB: Audio", SoundCardMicrophone, "USB: Audio"),
        ("card:3", SoundCardMicrophone, "3"),
        ("file:/music/a:b.wav", FileMicrophone, "a:b.wav"),
    ],
)
def test_a_source_names_a_microphone(source: str, kind: type, name: str) -> None:
    microphone = open_microphone(source, steady_clock())
    assert type(microphone) is kind
    assert microphone.name == name


@pytest.mark.parametrize("source", ["", "card:", "file:", "usb", "default:1", str(Path("/a.wav"))])
def test_any_other_word_is_refused_with_what_may_be_said(source: str) -> None:
    with pytest.raises(ConfigError, match="names no microphone") as caught:
        open_microphone(source, steady_clock())
    assert "file:PATH" in caught.value.hint
