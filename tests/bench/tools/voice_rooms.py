"""Clips as a hub gets them from a home: through a room of `script/bench scenes`, then elected.

Each clip is said in a home of its own with several microphones, noise and at times another talker
or a television; the product's own ears and elections choose, and what they would give to the
recogniser is what the voice is taken from.
"""

from __future__ import annotations

import multiprocessing
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from edge.simulation.scene_folder import Recipe, make_scene, read_scene, scene_name
from edge.simulation.scene_material import Utterance
from hub.recognition.recogniser import Transcript
from shared.audio import SAMPLE_RATE, Pcm
from tests.bench.tools.scene_run import SceneRun
from tests.bench.tools.speaker_clips import Clip

DEVICES = (3, 8)
_HEARD = "something"
_work: list[tuple[Recipe, Path]] = []
"""What this process makes scenes of."""


def in_rooms(clips: Sequence[Clip], seed: int, jobs: int) -> Iterator[Clip | None]:
    """The clips, in their order, as they are after an election; None: nobody heard it.

    Each with the quality score of the microphone that was elected.
    """
    # A recipe says each of its utterances once in as many scenes, in an order of its own.
    speech = [
        Utterance(
            f"{n:05}",
            clip.speaker,
            f"{clip.speaker} {n}",
            {},
            len(clip.pcm) / SAMPLE_RATE,
            clip.pcm,
        )
        for n, clip in enumerate(clips)
    ]
    heard: dict[int, tuple[Pcm, float] | None] = {}
    with tempfile.TemporaryDirectory() as folder:
        recipe = Recipe(seed, DEVICES, False, speech, [])
        with ProcessPoolExecutor(
            jobs, multiprocessing.get_context("spawn"), _begin, (recipe, Path(folder))
        ) as pool:
            heard.update(pool.map(_through, range(len(clips))))
    for number, clip in enumerate(clips):
        found = heard[number]
        yield None if found is None else Clip(clip.speaker, clip.name, *found)


def _begin(recipe: Recipe, folder: Path) -> None:
    _work[:] = [(recipe, folder)]


def _through(number: int) -> tuple[int, tuple[Pcm, float] | None]:
    """Of the scene of that number: which clip is said in it, and what the recogniser would get."""
    ((recipe, folder),) = _work
    make_scene(recipe, number, folder)
    scene = read_scene(folder / scene_name(number))
    decoded: list[Pcm] = []

    def recognise(pcm: Pcm) -> Transcript:
        decoded.append(pcm)
        return Transcript(_HEARD, 1.0, 0.0, "en")

    run = SceneRun(scene.pcm, recognise, second_decode=False)
    run.run()
    said = int(scene.facts.utterance)
    longest = max(decoded, key=len, default=None)
    if longest is None:
        return said, None
    scores = [
        one.candidate.standing for one in run.utterances.values() if len(one.pcm) == len(longest)
    ]
    return said, (longest, max(scores, default=0.0))
