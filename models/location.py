"""Where weights are kept, and whether they are there and whole."""

from __future__ import annotations

import difflib
import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from models.catalog import Catalog, WeightFile, load_catalog
from shared.errors import WeightsError

MANIFEST = "mira-files.json"
"""Lists the files of weights that are not in the catalogue, as they were when they came."""

_VOSK = "vosk:"
_VOSK_FOLDER = "vosk-language-"
_CHUNK = 1 << 20


def weights_dir(environ: Mapping[str, str] = os.environ) -> Path:
    """The folder of all weights: $MIRA_WEIGHTS, else below systemd's state directory, else below
    the user's cache ($XDG_CACHE_HOME or ~/.cache). It need not exist yet."""
    if given := environ.get("MIRA_WEIGHTS"):
        return Path(given).expanduser().absolute()
    if state := environ.get("STATE_DIRECTORY"):
        return Path(state.split(":")[0]) / "weights"
    cache = environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "mira" / "weights"


def locate(name: str) -> Path:
    """The folder with the weights called `name`.

    Raises:
        WeightsError: unknown, missing or of the wrong size; the hint is the command to run.
    """
    return WeightStore().locate(name)


def verify(name: str) -> None:
    """Reads every file of the weights called `name` and compares it with what it must be.

    Raises:
        WeightsError: something is missing or altered; names the file.
    """
    WeightStore().verify(name)


def vosk_language(name: str) -> str | None:
    """The language in `vosk:fr`; None for any other name."""
    language = name.removeprefix(_VOSK)
    return language if name.startswith(_VOSK) and language and "/" not in language else None


def vosk_folder(name: str) -> Path | None:
    """The folder in `vosk:/path/to/model`; None for any other name."""
    path = name.removeprefix(_VOSK)
    return Path(path).expanduser() if name.startswith(_VOSK) and "/" in path else None


@dataclass(frozen=True)
class WeightStore:
    """The folder of all weights, and the catalogue of what may be in it."""

    directory: Path = field(default_factory=weights_dir)
    catalog: Catalog = field(default_factory=load_catalog)

    def canonical(self, name: str) -> str:
        """The name that weights are kept under: the catalogue's where it has what `name` asks for.

        Raises:
            WeightsError: nothing is called so.
        """
        if name in self.catalog.weights or vosk_folder(name):
            return name
        if language := vosk_language(name):
            for known, weight in self.catalog.weights.items():
                if weight.engine == "vosk" and weight.language == language:
                    return known
            return name
        like = difflib.get_close_matches(name, self.catalog.weights, n=1)
        raise WeightsError(
            f"There are no weights called {name!r}.",
            (f"Did you mean {like[0]!r}? " if like else "")
            + f"Known: {', '.join(self.catalog.weights)}, vosk:LANGUAGE, vosk:/FOLDER.",
        )

    def folder(self, name: str) -> Path:
        """The folder that the weights called `name` are in, or will be."""
        name = self.canonical(name)
        if own := vosk_folder(name):
            return own
        language = vosk_language(name)
        return self.directory / (f"{_VOSK_FOLDER}{language}" if language else name)

    def fetched_languages(self) -> list[str]:
        """The names (`vosk:fr`) of the languages that were fetched besides the catalogue's."""
        manifests = self.directory.glob(f"{_VOSK_FOLDER}*/{MANIFEST}")
        return sorted(_VOSK + path.parent.name.removeprefix(_VOSK_FOLDER) for path in manifests)

    def locate(self, name: str) -> Path:
        """See the function `locate`. Compares sizes only, so it is quick."""
        folder = self.folder(name)
        if vosk_folder(name):
            if not folder.is_dir():
                raise WeightsError(f"There is no folder {folder}.", "Name that of a Vosk model.")
            return folder
        if not folder.is_dir():
            raise WeightsError(f"The weights {name} are not in {folder.parent}.", _pull(name))
        for file in self._files(name, folder):
            if problem := _size_problem(folder, file):
                raise WeightsError(f"The weights {name} are damaged: {problem}.", _pull(name))
        return folder

    def verify(self, name: str) -> None:
        """See the function `verify`. A folder of one's own only has to be there."""
        folder = self.locate(name)
        if vosk_folder(name):
            return
        for file in self._files(name, folder):
            if sha256_of(folder / file.name) != file.sha256:
                raise WeightsError(
                    f"The weights {name} are damaged: {file.name} is not what it was published as.",
                    _pull(name),
                )

    def _files(self, name: str, folder: Path) -> tuple[WeightFile, ...]:
        weight = self.catalog.weights.get(self.canonical(name))
        if weight:
            return weight.files
        try:
            return msgspec.json.decode(
                (folder / MANIFEST).read_bytes(), type=tuple[WeightFile, ...]
            )
        except (OSError, msgspec.DecodeError) as error:
            raise WeightsError(
                f"The weights {name} are damaged: {MANIFEST} cannot be read.", _pull(name)
            ) from error


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, in hex."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def write_manifest(folder: Path) -> None:
    """Records the size and SHA-256 of all files below `folder`, for `locate` and `verify`."""
    files = [
        WeightFile(str(path.relative_to(folder)), path.stat().st_size, sha256_of(path))
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    ]
    (folder / MANIFEST).write_bytes(msgspec.json.encode(files))


def _pull(name: str) -> str:
    return f"Fetch them with: mira-hub models pull {name}"


def _size_problem(folder: Path, file: WeightFile) -> str:
    try:
        size = (folder / file.name).stat().st_size
    except OSError as error:
        return f"{file.name}: {error.strerror}"
    return "" if size == file.size else f"{file.name} has {size} bytes instead of {file.size}"
