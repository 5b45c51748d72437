"""The bytes on the wire, kept as files: a change here breaks devices that are out there."""

from __future__ import annotations

from pathlib import Path

import pytest

from shared.wire.audio import decode_audio
from shared.wire.codec import decode_device, decode_hub, encode, tag_of
from shared.wire.fields import Message
from tests.shared.wire.examples import ALL_TYPES, AUDIO_EXAMPLE, DEVICE_TYPES, EXAMPLES, HUB_TYPES

GOLDEN = Path(__file__).parent / "golden"


def _tag(message: Message) -> str:
    return tag_of(type(message))


def test_every_message_type_has_one_example_and_one_golden_file() -> None:
    tags = sorted(tag_of(kind) for kind in ALL_TYPES)
    assert sorted(_tag(message) for message in EXAMPLES) == tags
    assert sorted(path.stem for path in GOLDEN.glob("*.json")) == tags


@pytest.mark.parametrize("message", EXAMPLES, ids=_tag)
def test_a_message_becomes_exactly_its_golden_bytes(message: Message) -> None:
    assert encode(message).encode() == (GOLDEN / f"{_tag(message)}.json").read_bytes()


@pytest.mark.parametrize("message", EXAMPLES, ids=_tag)
def test_golden_bytes_become_their_message(message: Message) -> None:
    text = (GOLDEN / f"{_tag(message)}.json").read_text(encoding="utf-8")
    if type(message) in DEVICE_TYPES:
        assert decode_device(text) == message
    if type(message) in HUB_TYPES:
        assert decode_hub(text) == message


def test_an_audio_frame_becomes_exactly_its_golden_bytes_and_back() -> None:
    golden = bytes.fromhex((GOLDEN / "audio_frame.hex").read_text())
    assert AUDIO_EXAMPLE.encode() == golden
    assert decode_audio(golden) == AUDIO_EXAMPLE
