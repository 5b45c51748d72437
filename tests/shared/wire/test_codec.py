"""Strict about what is malformed, tolerant of what is new."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.errors import MalformedMessageError, UnknownMessageTypeError, WireError
from shared.wire.audio import AudioFrame
from shared.wire.codec import (
    DEVICE_TAGS,
    HUB_TAGS,
    decode_device,
    decode_hub,
    encode,
    tag_of,
)
from shared.wire.fields import Message
from shared.wire.session import ConnectionEstablished, Error, Heartbeat
from tests.shared.wire.examples import (
    AUDIO_EXAMPLE,
    DEVICE_TYPES,
    EXAMPLES,
    HUB_TYPES,
    messages,
    with_fields,
)

Decode = Callable[[str | bytes], object]
decoders = pytest.mark.parametrize("decode", [decode_device, decode_hub])

fewer = settings(max_examples=40)  # making a whole message is slow; every run draws others

any_text = st.text(st.characters(exclude_categories=()))  # lone surrogates, too
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    # a text without surrogates, which JSON writers cannot write
    | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)


def _holds(decode: Decode, data: str | bytes) -> None:
    """Decoding gives a message or an error of the wire, whose text fits into an `error`."""
    try:
        message = decode(data)
    except WireError as error:
        answer = Error(code=error.code, message=str(error), details=error.details)
        assert decode_hub(encode(answer)) == answer
    else:
        assert isinstance(message, Message | AudioFrame)


@fewer
@given(messages(DEVICE_TYPES))
def test_what_a_device_says_survives_the_wire(message: Message) -> None:
    assert decode_device(encode(message)) == message


@fewer
@given(messages(HUB_TYPES))
def test_what_a_hub_says_survives_the_wire(message: Message) -> None:
    assert decode_hub(encode(message)) == message


@decoders
@given(data=any_text | st.binary(max_size=100))
def test_garbage_is_refused_and_nothing_else_happens(decode: Decode, data: str | bytes) -> None:
    _holds(decode, data)


@decoders
@given(
    tag=st.sampled_from(sorted(DEVICE_TAGS | HUB_TAGS)),
    fields=st.dictionaries(
        st.sampled_from(
            sorted(
                {name for kind in (*DEVICE_TYPES, *HUB_TYPES) for name in kind.__struct_fields__}
            )
        ),
        json_values,
        max_size=8,
    ),
)
def test_fields_of_any_kind_are_taken_or_refused(
    decode: Decode, tag: str, fields: dict[str, Any]
) -> None:
    _holds(decode, msgspec.json.encode({**fields, "type": tag}).decode())


@decoders
@fewer
@given(
    message=messages((*DEVICE_TYPES, *HUB_TYPES)),
    start=st.integers(0, 400),
    length=st.integers(0, 30),
    put=any_text,
)
def test_damaged_messages_are_taken_or_refused(
    decode: Decode, message: Message, start: int, length: int, put: str
) -> None:
    text = encode(message)
    start = min(start, len(text))
    _holds(decode, text[:start] + put + text[start + length :])


@given(message=st.sampled_from(EXAMPLES), cut=st.integers(0, 400))
def test_a_truncated_message_is_malformed(message: Message, cut: int) -> None:
    text = encode(message)
    with pytest.raises(MalformedMessageError):
        decode_device(text[: min(cut, len(text) - 1)])


@fewer
@given(
    messages(DEVICE_TYPES),
    st.dictionaries(st.text(min_size=1, max_size=10).map("x_{}".format), json_values, max_size=3),
)
def test_unknown_fields_of_a_device_are_ignored(message: Message, extra: dict[str, Any]) -> None:
    assert decode_device(with_fields(encode(message), extra)) == message


@fewer
@given(
    messages(HUB_TYPES),
    st.dictionaries(st.text(min_size=1, max_size=10).map("x_{}".format), json_values, max_size=3),
)
def test_unknown_fields_of_a_hub_are_ignored(message: Message, extra: dict[str, Any]) -> None:
    assert decode_hub(with_fields(encode(message), extra)) == message


def test_unknown_settings_are_ignored() -> None:
    text = encode(next(m for m in EXAMPLES if isinstance(m, ConnectionEstablished)))
    newer = text.replace('"settings":{', '"settings":{"brightness":3,')
    assert newer != text
    assert decode_hub(newer) == decode_hub(text)


@given(st.text(min_size=1).filter(lambda tag: tag not in DEVICE_TAGS | HUB_TAGS))
def test_an_unknown_type_is_named_as_such(tag: str) -> None:
    text = msgspec.json.encode({"type": tag, "anything": [1]}).decode()
    for decode in (decode_device, decode_hub):
        with pytest.raises(UnknownMessageTypeError):
            decode(text)


def test_a_message_of_the_other_direction_is_an_unknown_type() -> None:
    for message in EXAMPLES:
        if tag_of(type(message)) not in HUB_TAGS:
            with pytest.raises(UnknownMessageTypeError):
                decode_hub(encode(message))
        if tag_of(type(message)) not in DEVICE_TAGS:
            with pytest.raises(UnknownMessageTypeError):
                decode_device(encode(message))


@decoders
@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "null",
        "[]",
        "3",
        '"hello"',
        "{}",
        '{"type":null}',
        '{"type":3}',
        '{"type":""}',
        '{"type":"error"}',
        '{"type":"error","code":"","message":"m"}',
        '{"type":"error","code":"c","message":"m"} {}',
        '{"type":"error","code":"c","message":"\ud800"}',
        '{"type":"error","code":"c","message":"\\ud800"}',
        '{"type":"error","code":"c","message":"m","details":{"a":NaN}}',
        '{"type":"error","code":"c","message":"m","details":{"a":Infinity}}',
        '{"type":"error","code":"c","message":"m","details":{"a":-Infinity}}',
        '{"type":"error","code":"c","message":"m","details":{"a":1e999}}',
        '{"type":"error","code":"c","message":"m","details":{"a":1' + "0" * 5000 + "}}",
        '{"type":"error","code":"c","message":"m","unknown":NaN}',
        '{"type":"error","code":"c","message":"m","unknown":' + "[" * 200_000 + "]" * 200_000 + "}",
        '{"type":"error","code":"c","message":"m","details":' + '{"a":' * 50_000 + "}" * 50_001,
        "[" * 250_000,
    ],
    ids=lambda text: text[:60],
)
def test_what_is_not_a_message_is_malformed(decode: Decode, text: str) -> None:
    with pytest.raises(MalformedMessageError):
        decode(text)
    _holds(decode, text)


@pytest.mark.parametrize(
    "text",
    [
        '{"type":"ack","cursor":-1}',
        '{"type":"ack","cursor":1.5}',
        '{"type":"ack","cursor":"1"}',
        '{"type":"ack","cursor":9007199254740993}',
        '{"type":"client_status","microphone":"broken"}',
        '{"type":"stop_audio","utterance_id":"5f0c1f3e-8a55-4a6e-9d0c-2f1f4a7b6c01\\n"}',
        '{"type":"stop_audio","utterance_id":"5F0C1F3E-8A55-4A6E-9D0C-2F1F4A7B6C01"}',
        '{"type":"stop_audio","utterance_id":"5f0c1f3e"}',
        '{"type":"client_left","client_id":"kitchen\\n","timestamp":"2026-03-01T12:00:00Z"}',
        '{"type":"client_left","client_id":"../etc","timestamp":"2026-03-01T12:00:00Z"}',
        '{"type":"client_left","client_id":"kitchen","timestamp":"2026-03-01T12:00:00"}',
        '{"type":"client_left","client_id":"kitchen","timestamp":1772366400}',
    ],
)
def test_values_beyond_their_limits_are_malformed(text: str) -> None:
    tag = msgspec.json.decode(text)["type"]
    with pytest.raises(MalformedMessageError) as caught:
        (decode_device if tag in DEVICE_TAGS else decode_hub)(text)
    assert caught.value.details == {"type": tag}


def test_a_wrong_value_is_not_quoted_at_full_length() -> None:
    text = '{"type":"client_status","microphone":"' + "x" * 100_000 + '"}'
    with pytest.raises(MalformedMessageError) as caught:
        decode_device(text)
    assert len(str(caught.value)) < 400


def test_field_order_does_not_matter() -> None:
    text = '{"client_seq":7,"type":"change_applied"}'
    assert encode(decode_hub(text)) == '{"type":"change_applied","client_seq":7}'


def test_bytes_are_audio_for_a_hub_and_nothing_for_a_device() -> None:
    assert decode_device(AUDIO_EXAMPLE.encode()) == AUDIO_EXAMPLE
    with pytest.raises(MalformedMessageError):
        decode_hub(AUDIO_EXAMPLE.encode())
    with pytest.raises(MalformedMessageError):
        decode_device(encode(Heartbeat()).encode())
