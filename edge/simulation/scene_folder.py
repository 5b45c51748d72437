"""A scene as a folder: `mic0.flac`, `mic1.flac` ... and `scene.json`."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import soundfile

from edge.simulation.scene import Scene
from edge.simulation.scene_draw import draw_scene
from edge.simulation.scene_material import Utterance, material, read_audio
from edge.simulation.scene_sound import SceneSound, render_scene
from shared.audio import SAMPLE_RATE, Pcm
from shared.errors import ConfigError

FACTS = "scene.json"
_PREFIX = "scene-"
_TELEVISION_VOICES = 6


class MicrophoneFacts(msgspec.Struct, frozen=True):
    """One microphone of a scene."""

    gain_db: float  # overdrive included, automatic gain control not
    self_noise_db: float  # dB SPL
    bandwidth_hz: float
    agc: bool
    clips: bool
    clock_offset_ms: float  # sample 0 was taken this long after the scene's beginning
    clock_drift_ppm: float  # positive: more than 16,000 samples a second
    room: str
    beside_noise: bool


class NoiseFacts(msgspec.Struct, frozen=True):
    """What disturbs a scene."""

    kind: str
    room: str
    level_db: float  # dB SPL at 1 m
    below_speech_db: float  # how far that is below the first talker at 1 m
    recording: str | None  # its file; null: generated
    through_window: bool


class SceneFacts(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What `scene.json` says; lists are in the order of the microphones, or of the talkers."""

    reference: str  # what the first talker says
    slots: dict[str, str] = {}  # words that must be understood, by name
    distances_m: list[float | None]  # from the talker (of two: the louder there); null: other room
    rt60_s: float  # of the first talker's room
    utterance: str
    seed: int
    mics: list[MicrophoneFacts]
    noise: NoiseFacts
    kind: list[str]
    talkers: list[int] = []  # who is louder at each microphone, where there are two
    references: list[str] = []  # what each of two equal talkers says
    margin_db: list[float] = []  # by how much the louder of them is louder, at each microphone
    started_s: list[float] = []  # first sample at the mouth of each, after the scene's beginning


@dataclass(frozen=True)
class RecordedScene:
    """A scene that was read from its folder."""

    name: str
    facts: SceneFacts
    pcm: list[Pcm]  # by microphone; each of shape (n,), int16, 16 kHz


@dataclass(frozen=True)
class Recipe:
    """What a set of scenes is made with; the nth scene follows from it and n alone."""

    seed: int
    devices: tuple[int, int]  # the fewest and the most
    two_talkers: bool
    speech: Sequence[Utterance]
    noises: Sequence[Path]


def scene_name(number: int) -> str:
    """The name of a scene's folder."""
    return f"{_PREFIX}{number:05d}"


def is_scene(folder: Path) -> bool:
    """Whether the folder holds a scene; one that was being made does not count."""
    return (folder / FACTS).is_file()


def scene_folders(folder: Path) -> list[Path]:
    """All scenes in a folder, in order.

    Raises:
        ConfigError: there is no such folder, or no scene in it.
    """
    found = sorted(path for path in folder.glob(f"{_PREFIX}*") if is_scene(path))
    if not found:
        raise ConfigError(f"There are no scenes in {folder}.", "Make some: script/bench scenes.")
    return found


def make_scene(recipe: Recipe, number: int, out: Path) -> None:
    """Makes the scene of that number in `out`; the folder appears when it is complete."""
    chosen = _utterance_of(recipe, number)
    seed = int(np.random.SeedSequence([recipe.seed, number]).generate_state(1)[0])
    drawn_from = material(chosen, recipe.speech, len(recipe.noises))
    scene = draw_scene(seed, recipe.devices, drawn_from, two_talkers=recipe.two_talkers)
    recording = scene.source.recording
    voices: list[Pcm] = []
    if scene.source.kind == "television" and drawn_from.others:
        rng = np.random.default_rng([seed, 2])
        voices = [recipe.speech[n].pcm for n in rng.choice(drawn_from.others, _TELEVISION_VOICES)]
    sound = render_scene(
        scene,
        [recipe.speech[talker.utterance].pcm for talker in scene.talkers],
        None if recording is None else read_audio(recipe.noises[recording]),
        voices,
    )
    _write(out / scene_name(number), _facts(scene, recipe, sound), sound.pcm)


def read_scene(folder: Path) -> RecordedScene:
    """Reads a scene's folder.

    Raises:
        ConfigError: it is no scene's, or what it says cannot be read.
        AudioFormatError: a microphone's file is missing or damaged.
    """
    try:
        facts = msgspec.json.decode((folder / FACTS).read_bytes(), type=SceneFacts)
    except OSError as error:
        raise ConfigError(
            f"{folder} is no scene: there is no {FACTS}.", "Make some: script/bench scenes."
        ) from error
    except msgspec.DecodeError as error:
        raise ConfigError(f"{folder / FACTS} cannot be used: {error}.") from error
    pcm = [read_audio(folder / f"mic{number}.flac") for number in range(len(facts.mics))]
    return RecordedScene(folder.name, facts, pcm)


def _utterance_of(recipe: Recipe, number: int) -> int:
    """All utterances take turns, each round in another order."""
    turn, at = divmod(number, len(recipe.speech))
    order = np.random.default_rng([recipe.seed, turn, 3]).permutation(len(recipe.speech))
    return int(order[at])


def _facts(scene: Scene, recipe: Recipe, sound: SceneSound) -> SceneFacts:
    said = [recipe.speech[talker.utterance] for talker in scene.talkers]
    levels_db = np.array(sound.levels_db)  # (talkers, microphones)
    louder = [int(one) for one in levels_db.argmax(axis=0)]
    two = scene.two_talkers
    source = scene.source
    return SceneFacts(
        reference=said[0].reference,
        slots=said[0].slots,
        distances_m=[
            _rounded(scene.distance_m(scene.talkers[talker if two else 0], microphone))
            for microphone, talker in zip(scene.microphones, louder, strict=True)
        ],
        rt60_s=round(scene.room.rt60_s, 3),
        utterance=said[0].name,
        seed=scene.seed,
        mics=[
            MicrophoneFacts(
                gain_db=round(gain_db, 2),
                self_noise_db=round(one.device.self_noise_db, 2),
                bandwidth_hz=round(one.device.bandwidth_hz, 1),
                agc=one.agc,
                clips=one.overdrive_db > 0,
                clock_offset_ms=round(one.clock_offset_ms, 3),
                clock_drift_ppm=round(one.clock_drift_ppm, 2),
                room=one.device.room,
                beside_noise=one.beside_noise,
            )
            for one, gain_db in zip(scene.microphones, sound.gains_db, strict=True)
        ],
        noise=NoiseFacts(
            source.kind,
            source.room,
            round(source.level_db, 2),
            round(scene.talkers[0].level_db - source.level_db, 2),
            None if source.recording is None else recipe.noises[source.recording].name,
            source.window_hz is not None,
        ),
        kind=list(scene.kind),
        talkers=louder if len(said) > 1 else [],
        references=[one.reference for one in said] if two else [],
        margin_db=[round(abs(float(a - b)), 2) for a, b in levels_db.T] if two else [],
        started_s=[round(talker.started_s, 4) for talker in scene.talkers] if two else [],
    )


def _rounded(metres: float | None) -> float | None:
    return None if metres is None else round(metres, 3)


def _write(folder: Path, facts: SceneFacts, pcm: Sequence[Pcm]) -> None:
    making = folder.with_name(f".{folder.name}")
    for old in (making, folder):  # what an interrupted run left
        shutil.rmtree(old, ignore_errors=True)
    making.mkdir(parents=True)
    for number, samples in enumerate(pcm):
        soundfile.write(making / f"mic{number}.flac", samples, SAMPLE_RATE, "PCM_16")
    (making / FACTS).write_bytes(msgspec.json.format(msgspec.json.encode(facts)) + b"\n")
    making.replace(folder)
