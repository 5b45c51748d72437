"""One message of every type, and strategies that make any message of a type."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, get_args

import msgspec
from hypothesis import strategies as st
from msgspec import inspect

from shared.wire.audio import AudioFrame
from shared.wire.codec import DeviceMessage, HubMessage
from shared.wire.events import (
    Ack,
    ActionDeleted,
    ActionExecuted,
    CalendarChanged,
    CalendarDeleted,
    ClientChanged,
    ClientRemoved,
    ContextUpdated,
    ConversationDeleted,
    InteractionCreated,
    InteractionDeleted,
    PersonChanged,
    PersonDeleted,
    ReminderChanged,
    ReminderDeleted,
    ReminderDue,
    ResyncRequired,
    SettingsChanged,
    Snapshot,
)
from shared.wire.fields import Message
from shared.wire.network import (
    Change,
    ChangeApplied,
    ChangeRefused,
    ClientJoined,
    ClientLeft,
    NamePerson,
)
from shared.wire.session import (
    ClientStatus,
    ClockProbe,
    ClockReply,
    ConnectionEstablished,
    Error,
    Heartbeat,
    Hello,
    Settings,
)
from shared.wire.utterance import (
    AudioStreamSelected,
    PartialText,
    Quality,
    Release,
    SendAudio,
    StopAudio,
    StreamQuality,
    UtteranceEnded,
    UtteranceStarted,
)

DEVICE_TYPES: tuple[type[Message], ...] = get_args(DeviceMessage)
HUB_TYPES: tuple[type[Message], ...] = get_args(HubMessage)
ALL_TYPES = tuple(dict.fromkeys(DEVICE_TYPES + HUB_TYPES))

UTTERANCE = "5f0c1f3e-8a55-4a6e-9d0c-2f1f4a7b6c01"
HELD = "5f0c1f3e-8a55-4a6e-9d0c-2f1f4a7b6c02"
ELECTION = "a3b1d7c2-0e4f-4c58-8a90-6d2e1b5f7a03"
INTERACTION = "c9d8e7f6-1a2b-4c3d-9e8f-7a6b5c4d3e04"
ACTION = "2d3e4f5a-6b7c-4d8e-9f0a-1b2c3d4e5f07"
CONVERSATION = "2d3e4f5a-6b7c-4d8e-9f0a-1b2c3d4e5f07"
APPOINTMENT = "3e4f5a6b-7c8d-4e9f-8a1b-2c3d4e5f6a08"
REMINDER = "1c2d3e4f-5a6b-4c7d-9e8f-0a1b2c3d4e06"
PERSON = "0b1c2d3e-4f5a-4b6c-8d7e-9f0a1b2c3d05"
KITCHEN = "client_0123456789abcdef"
NETWORK = "net_00112233445566778899aabbccddeeff"
NOON = datetime(2026, 3, 1, 12, 0, 0, 250_000, tzinfo=UTC)
NOON_US = 1_772_366_400_250_000

EXAMPLES: tuple[Message, ...] = (
    Hello(
        version=1,
        min_version=1,
        software="mira-edge 0.1.0",
        device_time_us=NOON_US,
        cursor=41,
        capabilities=["microphone", "announcements"],
        held=[HELD],
        listening=True,
    ),
    ConnectionEstablished(
        version=1,
        client_id=KITCHEN,
        network_id=NETWORK,
        cursor=42,
        server_time=NOON,
        settings=Settings(listening=True, client_listening=False, language="en-GB"),
        released=[HELD],
    ),
    ClockProbe(probe_id=3, sent_at_us=NOON_US),
    ClockReply(probe_id=3, received_at_us=NOON_US + 900, sent_at_us=NOON_US + 950),
    Heartbeat(),
    ClientStatus(microphone="lost", utterances_dropped=2),
    Error(
        code="UNKNOWN_UTTERANCE",
        message="This utterance is not known here.",
        details={"utterance_id": UTTERANCE, "index": 3, "share": 0.5},
    ),
    UtteranceStarted(
        utterance_id=UTTERANCE, captured_at_us=NOON_US, onset_sample=8000, reoffered=False
    ),
    Quality(
        utterance_id=UTTERANCE,
        score=71.5,
        features={"envelope_variance": 0.42, "clipping": 0.0},
        envelope_start=25,
        envelope=[-52, -31],
        bands=bytes(range(40, 72)),
        samples=9600,
    ),
    UtteranceEnded(utterance_id=UTTERANCE, samples=40_000, reason="endpoint"),
    SendAudio(utterance_id=UTTERANCE, from_sample=320),
    StopAudio(utterance_id=UTTERANCE),
    Release(utterance_id=UTTERANCE, until_sample=None),
    AudioStreamSelected(
        election_id=ELECTION,
        utterance_id=UTTERANCE,
        selected_client_id=KITCHEN,
        quality_score=71.5,
        reason="Best score of 3 by 12.0 points.",
        final=True,
        timestamp=NOON,
    ),
    PartialText(election_id=ELECTION, text="turn on the käse"),
    StreamQuality(
        client_id=KITCHEN,
        utterance_id=UTTERANCE,
        election_id=ELECTION,
        quality_score=71.5,
        level=-28,
    ),
    ClientJoined(client_id=KITCHEN, name="Kitchen", timestamp=NOON),
    ClientLeft(client_id=KITCHEN, timestamp=NOON),
    Change(
        client_seq=NOON_US,
        made_at_us=NOON_US,
        deed=NamePerson(person_id=PERSON, name="Zoë"),
    ),
    ChangeApplied(client_seq=7),
    ChangeRefused(client_seq=7, code="UNAUTHORIZED", message="This token may not do that."),
    InteractionCreated(
        seq=42,
        interaction_id=INTERACTION,
        text="turn on the light",
        speaker_id=PERSON,
        client_id=KITCHEN,
        timestamp=NOON,
        processing_status="completed",
        conversation_id=CONVERSATION,
    ),
    ContextUpdated(
        seq=51,
        conversation_id=CONVERSATION,
        title="turn on the light",
        participants=[PERSON],
        last_interaction_at=NOON,
    ),
    ConversationDeleted(seq=52, conversation_id=CONVERSATION),
    ClientChanged(seq=43, client_id=KITCHEN, name="Kitchen", listening=True),
    InteractionDeleted(seq=45, interaction_id=INTERACTION),
    ClientRemoved(seq=46, client_id=KITCHEN),
    SettingsChanged(seq=44, listening=False, language="en-GB"),
    PersonChanged(seq=47, person_id=PERSON, name="Zoë", index=2),
    PersonDeleted(seq=48, person_id=PERSON),
    ReminderChanged(
        seq=49,
        reminder_id=REMINDER,
        title="call Zoë",
        description=None,
        due_time=NOON,
        priority="medium",
        status="pending",
        person_id=PERSON,
    ),
    ReminderDue(
        seq=53,
        reminder_id=REMINDER,
        title="call Zoë",
        description=None,
        due_time=NOON,
        priority="medium",
        status="pending",
        person_id=PERSON,
        announce_to=KITCHEN,
    ),
    CalendarChanged(
        seq=54,
        event_id=APPOINTMENT,
        title="dentist",
        description=None,
        start_time=NOON,
        end_time=None,
        location="Main Street",
        attendees=["Zoë"],
    ),
    CalendarDeleted(seq=55, event_id=APPOINTMENT),
    ReminderDeleted(seq=50, reminder_id=REMINDER),
    ActionExecuted(
        seq=51,
        action_id=ACTION,
        action_type="create_reminder",
        status="completed",
        interaction_id=INTERACTION,
        title="call Zoë",
        error_message=None,
    ),
    ActionDeleted(seq=52, action_id=ACTION),
    ResyncRequired(cursor=50),
    Snapshot(
        rows=[
            ClientChanged(seq=50, client_id=KITCHEN, name="Kitchen", listening=True),
            PersonChanged(seq=50, person_id=PERSON, name=None, index=2),
        ],
        last=True,
    ),
    Ack(cursor=44),
)

AUDIO_EXAMPLE = AudioFrame(
    utterance_id=UTTERANCE,
    sequence=2,
    first_sample=640,
    captured_at_us=NOON_US + 40_000,
    payload=b"\x00\x00\x01\x00\xff\xff\xff\x7f\x00\x80",
    last=True,
)


def messages(kinds: tuple[type[Message], ...]) -> st.SearchStrategy[Message]:
    """Any valid message of these types, made from their annotations."""
    return st.one_of([_values(info) for info in inspect.multi_type_info(kinds)])


def _values(info: inspect.Type) -> st.SearchStrategy[Any]:
    match info:
        case inspect.NoneType():
            return st.none()
        case inspect.BoolType():
            return st.booleans()
        case inspect.IntType(ge=low, le=high):
            # Without limits of its own (in `details`) a number stays what JSON readers agree on.
            return st.integers(-(2**53) if low is None else low, 2**53 if high is None else high)
        case inspect.FloatType(ge=low, le=high):
            return st.floats(low, high, allow_nan=False, allow_infinity=False)
        case inspect.StrType(pattern=str(pattern)):
            return st.from_regex(pattern)
        case inspect.StrType(min_length=least, max_length=most):
            return st.text(min_size=least or 0, max_size=min(most or 100, 100))
        case inspect.BytesType():
            return st.binary(max_size=100)
        case inspect.LiteralType(values=values):
            return st.sampled_from(values)
        case inspect.DateTimeType():
            return st.datetimes(timezones=st.just(UTC))
        case inspect.ListType(item_type=item):
            return st.lists(_values(item), max_size=5)
        case inspect.DictType(key_type=key, value_type=value):
            return st.dictionaries(_values(key), _values(value), max_size=5)
        case inspect.UnionType(types=types):
            return st.one_of([_values(one) for one in types])
        case inspect.StructType(cls=cls, fields=fields):
            return st.fixed_dictionaries({f.name: _values(f.type) for f in fields}).map(
                lambda values: cls(**values)
            )
    raise TypeError(f"no strategy for {info}")


def with_fields(text: str, extra: dict[str, Any]) -> str:
    """The JSON object `text` with fields added that it does not have."""
    return msgspec.json.encode(extra | msgspec.json.decode(text)).decode()
