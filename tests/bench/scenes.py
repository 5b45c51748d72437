"""Makes benchmark scenes: what the microphones of all sorts of homes record of one utterance.

A folder per scene; see `edge.simulation.scene_folder` for what is in it. The same seed and
material make the same files, whatever --jobs is. Scenes that are there already are kept.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import msgspec

from edge.simulation.scene_draw import FEWEST_DEVICES, MOST_DEVICES
from edge.simulation.scene_folder import Recipe, is_scene, make_scene, scene_name
from edge.simulation.scene_material import Part, fingerprint, read_noises, read_speech
from shared.errors import ConfigError, MiraError
from tests.bench.tools.report import parser, result, say
from tests.bench.tools.speech import sample_speech

LIST = "scenes.json"
"""Beside the scenes: what they were made with."""
PROGRESS_S = 5.0


class MadeWith(msgspec.Struct, frozen=True):
    """What decides how each scene of a folder sounds."""

    seed: int
    devices: tuple[int, int]
    two_talkers: bool
    split: str
    utterances: int
    noises: list[str]
    material_sha256: str


class SceneList(msgspec.Struct, frozen=True):
    """What `scenes.json` says."""

    scenes: int
    made_with: MadeWith


def main(arguments: Sequence[str] | None = None) -> int:
    """Makes the scenes; returns the process's exit code."""
    args = _options().parse_args(arguments)
    begun = time.monotonic()
    try:
        if args.speech is None:
            sample_speech()
        part: Part | None = None if args.split == "all" else args.split
        recipe = Recipe(
            args.seed,
            args.devices,
            args.two_talkers,
            read_speech(args.speech, part),
            read_noises(args.noise),
        )
        make_all(recipe, args.split, args.count, args.out, args.jobs)
    except MiraError as error:
        say(str(error))
        return 2
    result(scenes=args.count, seconds=round(time.monotonic() - begun, 1), out=str(args.out))
    return 0


def make_all(recipe: Recipe, split: str, count: int, out: Path, jobs: int) -> None:
    """Makes the first `count` scenes of a recipe that are not there yet.

    Raises:
        ConfigError: scenes of another recipe are there.
    """
    _claim(recipe, split, count, out)
    missing = [number for number in range(count) if not is_scene(out / scene_name(number))]
    if len(missing) < count:
        say(f"{count - len(missing)} of {count} scenes are there already")
    said = time.monotonic()
    for done, _ in enumerate(_made(recipe, missing, out, jobs), start=1):
        if done == len(missing) or time.monotonic() - said > PROGRESS_S:
            said = time.monotonic()
            say(f"{done} of {len(missing)} scenes made")


def _claim(recipe: Recipe, split: str, count: int, out: Path) -> None:
    """Writes the list, unless it is that of another recipe."""
    made_with = MadeWith(
        recipe.seed,
        recipe.devices,
        recipe.two_talkers,
        split,
        len(recipe.speech),
        [path.name for path in recipe.noises],
        fingerprint(recipe.speech, recipe.noises),
    )
    path = out / LIST
    try:
        if path.exists():
            there = msgspec.json.decode(path.read_bytes(), type=SceneList)
            if there.made_with != made_with:
                raise ConfigError(
                    f"{out} holds scenes that were made with other options or material.",
                    "Name another folder, or remove that one.",
                )
            count = max(count, there.scenes)
        out.mkdir(parents=True, exist_ok=True)
        listed = msgspec.json.encode(SceneList(count, made_with))
        path.write_bytes(msgspec.json.format(listed) + b"\n")
    except (OSError, msgspec.DecodeError) as error:
        raise ConfigError(f"{path} cannot be used: {error}.", "Name another folder.") from error


def _made(recipe: Recipe, numbers: Sequence[int], out: Path, jobs: int) -> Iterator[None]:
    if jobs == 1 or len(numbers) <= 1:
        for number in numbers:
            make_scene(recipe, number, out)
            yield
        return
    with ProcessPoolExecutor(
        min(jobs, len(numbers)),
        multiprocessing.get_context("spawn"),
        _begin,
        (recipe, out),
    ) as pool:
        yield from pool.map(_make, numbers)


_job: list[tuple[Recipe, Path]] = []
"""What this process makes scenes of, sent once instead of with every scene."""


def _begin(recipe: Recipe, out: Path) -> None:
    _job[:] = [(recipe, out)]


def _make(number: int) -> None:
    ((recipe, out),) = _job
    make_scene(recipe, number, out)


def _options() -> argparse.ArgumentParser:
    options = parser("scenes", "Makes simulated homes, and what their microphones record.")
    options.add_argument("--out", type=Path, required=True, help="folder of the scenes")
    options.add_argument("--count", type=_positive, default=100, help="scenes")
    options.add_argument("--seed", type=_natural, default=0, help="decides everything")
    options.add_argument(
        "--speech",
        type=Path,
        help="folder of audio with speech.jsonl, or with NAME.txt for NAME.flac;"
        " None: the sample speech",
    )
    options.add_argument("--noise", type=Path, help="folder of recordings; None: generated only")
    options.add_argument(
        "--devices",
        type=_range,
        default="3-8",
        help=f"microphones of a scene, a number or a range ({FEWEST_DEVICES} to {MOST_DEVICES})",
    )
    options.add_argument(
        "--split",
        choices=("train", "eval", "all"),
        default="all",
        help="which utterances: 70 %% are for training, for ever",
    )
    options.add_argument(
        "--two-talkers",
        action="store_true",
        help="two people in two rooms speak at once, about as loud",
    )
    options.add_argument("--jobs", type=_positive, default=2, help="processes")
    return options


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError("a whole number from 1 on")
    return int(text)


def _natural(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError("a whole number from 0 on")
    return int(text)


def _range(text: str) -> tuple[int, int]:
    fewest, _, most = text.partition("-")
    devices = _positive(fewest), _positive(most or fewest)
    if not FEWEST_DEVICES <= devices[0] <= devices[1] <= MOST_DEVICES:
        raise argparse.ArgumentTypeError(
            f"from {FEWEST_DEVICES} to {MOST_DEVICES}, the smaller number first"
        )
    return devices


if __name__ == "__main__":
    sys.exit(main())
