"""Utterances: what a device heard and how well, whom the hub elects, whose audio it wants."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from shared.wire.fields import (
    ClientId,
    Count,
    Decibels,
    Features,
    Message,
    Micros,
    Samples,
    Score,
    Text,
    Timestamp,
    Uuid,
)


class UtteranceStarted(Message, frozen=True, kw_only=True, tag="utterance_started"):
    """device to hub: I hear speech; also said again for what is held after a reconnect."""

    utterance_id: Uuid  # made by the device
    captured_at_us: Micros  # device's clock at the first sample, pre-roll included
    onset_sample: Samples  # where speech began, counted from the first sample
    reoffered: bool = False  # offered to this hub or an earlier session before


class Quality(Message, frozen=True, kw_only=True, tag="quality"):
    """device to hub: how well I hear it, every 100 ms."""

    utterance_id: Uuid  # which utterance
    score: Score  # on everything heard of it so far
    features: Features  # what the score was made of
    envelope_start: Count  # index of the first step of `envelope`; a step is 20 ms
    envelope: Annotated[list[Decibels], Meta(max_length=4096)]  # dB re full scale, per step
    # Levels in 16 mel bands (120 Hz to 7 kHz) of the same steps, a byte each: dB re one squared
    # unit of the spectrum of 320 samples (Hann window); empty: the device does not measure them.
    bands: Annotated[bytes, Meta(max_length=65_536)] = b""
    samples: Samples  # held so far


class UtteranceEnded(Message, frozen=True, kw_only=True, tag="utterance_ended"):
    """device to hub: speech ended; the last `quality` came before."""

    utterance_id: Uuid  # which utterance
    samples: Samples  # the whole length
    reason: Literal["endpoint", "longest", "closed"]  # closed: listening off, microphone lost


class SendAudio(Message, frozen=True, kw_only=True, tag="send_audio"):
    """hub to device: send this utterance's audio from a sample on, live to its end."""

    utterance_id: Uuid  # which utterance
    from_sample: Samples = 0  # first sample wanted


class StopAudio(Message, frozen=True, kw_only=True, tag="stop_audio"):
    """hub to device: stop sending, keep holding."""

    utterance_id: Uuid  # which utterance


class Release(Message, frozen=True, kw_only=True, tag="release"):
    """hub to device: the utterance is stored, or nobody wants it; forget its audio."""

    utterance_id: Uuid  # which utterance
    until_sample: Samples | None = None  # null: all; else what is later is a new utterance


class AudioStreamSelected(Message, frozen=True, kw_only=True, tag="audio_stream_selected"):
    """hub to devices: this device was elected."""

    election_id: Uuid  # the record of why
    utterance_id: Uuid  # the elected device's utterance
    selected_client_id: ClientId  # who
    quality_score: Score  # its score
    reason: Text  # for people
    final: bool  # false: provisional, on the first quarter second
    timestamp: Timestamp  # the hub's clock, UTC


class PartialText(Message, frozen=True, kw_only=True, tag="partial_text"):
    """hub to devices: what was understood so far; each replaces the one before."""

    election_id: Uuid  # of which election
    text: Text  # may still change


class StreamQuality(Message, frozen=True, kw_only=True, tag="stream_quality"):
    """hub to devices with the capability `monitor`: what a device reports of what it hears."""

    client_id: ClientId  # who hears
    utterance_id: Uuid  # what
    election_id: Uuid  # taken for the same speech as others of this election
    quality_score: Score  # how well
    level: Decibels  # level of the newest step
