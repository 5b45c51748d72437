"""Binary audio frames."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import MalformedMessageError
from shared.wire.audio import HEADER, MAX_PAYLOAD, AudioFrame, decode_audio
from tests.shared.wire.examples import AUDIO_EXAMPLE

FRAME = AUDIO_EXAMPLE.encode()

frames = st.builds(
    AudioFrame,
    utterance_id=st.uuids().map(str),
    sequence=st.integers(0, 2**32 - 1),
    first_sample=st.integers(0, 2**32 - 1),
    captured_at_us=st.integers(-(2**63), 2**63 - 1),
    payload=st.binary(max_size=200).map(lambda data: data[: len(data) // 2 * 2]),
    last=st.booleans(),
)


@given(frames)
def test_a_frame_survives_the_wire(frame: AudioFrame) -> None:
    assert decode_audio(frame.encode()) == frame


@given(st.binary(max_size=120))
def test_random_bytes_are_a_frame_or_malformed(data: bytes) -> None:
    try:
        decode_audio(data)
    except MalformedMessageError:
        return
    assert len(data) >= HEADER.size


@given(frames, st.integers(0, 300), st.binary(max_size=8))
def test_a_damaged_frame_is_a_frame_or_malformed(frame: AudioFrame, at: int, put: bytes) -> None:
    data = frame.encode()
    damaged = data[:at] + put + data[at + len(put) + 1 :]
    try:
        decode_audio(damaged)
    except MalformedMessageError:
        return
    assert len(damaged) >= HEADER.size


@pytest.mark.parametrize("length", range(HEADER.size))
def test_a_frame_shorter_than_its_header_is_malformed(length: int) -> None:
    with pytest.raises(MalformedMessageError) as caught:
        decode_audio(FRAME[:length])
    assert caught.value.details == {"length": length}


def test_half_a_sample_is_malformed() -> None:
    with pytest.raises(MalformedMessageError):
        decode_audio(FRAME + b"\x00")


def test_another_version_is_malformed() -> None:
    with pytest.raises(MalformedMessageError, match="version 2"):
        decode_audio(b"\x02" + FRAME[1:])


def test_an_unknown_codec_is_malformed_and_named() -> None:
    with pytest.raises(MalformedMessageError) as caught:
        decode_audio(FRAME[:1] + b"\x09" + FRAME[2:])
    assert caught.value.details == {"codec": 9}


def test_unknown_flags_are_ignored() -> None:
    assert decode_audio(FRAME[:2] + b"\xff\xff" + FRAME[4:]) == AUDIO_EXAMPLE


def test_two_seconds_fit_and_one_sample_more_does_not() -> None:
    header = FRAME[: HEADER.size]
    assert len(decode_audio(header + bytes(MAX_PAYLOAD)).payload) == MAX_PAYLOAD
    with pytest.raises(MalformedMessageError):
        decode_audio(header + bytes(MAX_PAYLOAD + 2))


def test_a_frame_without_samples_ends_an_utterance() -> None:
    frame = decode_audio(FRAME[: HEADER.size])
    assert frame.payload == b""
    assert frame.last
