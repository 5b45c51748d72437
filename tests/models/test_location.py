"""Where weights are, and whether they are whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from models.location import MANIFEST, WeightStore, weights_dir, write_manifest
from shared.errors import WeightsError
from tests.models.conftest import FILES


def put(folder: Path, files: dict[str, bytes]) -> None:
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)


@pytest.mark.parametrize(
    ("environ", "folder"),
    [
        ({"MIRA_WEIGHTS": "/w", "STATE_DIRECTORY": "/s", "XDG_CACHE_HOME": "/c"}, "/w"),
        ({"STATE_DIRECTORY": "/s", "XDG_CACHE_HOME": "/c"}, "/s/weights"),
        ({"STATE_DIRECTORY": "/s:/t"}, "/s/weights"),
        ({"XDG_CACHE_HOME": "/c"}, "/c/mira/weights"),
        ({}, str(Path.home() / ".cache/mira/weights")),
        ({"MIRA_WEIGHTS": "", "XDG_CACHE_HOME": ""}, str(Path.home() / ".cache/mira/weights")),
    ],
)
def test_the_folder_of_weights_follows_the_environment(
    environ: dict[str, str], folder: str
) -> None:
    assert weights_dir(environ) == Path(folder)


def test_missing_weights_are_reported_with_the_command_that_fetches_them(
    store: WeightStore,
) -> None:
    with pytest.raises(WeightsError) as error:
        store.locate("ear")
    assert error.value.hint == "Fetch them with: mira-hub models pull ear"


def test_weights_that_are_there_are_located(store: WeightStore) -> None:
    put(store.directory / "ear", FILES)
    assert store.locate("ear") == store.directory / "ear"
    store.verify("ear")


def test_a_file_of_another_size_is_damage(store: WeightStore) -> None:
    put(store.directory / "ear", FILES | {"graph/words.txt": b"one two"})
    with pytest.raises(WeightsError, match=r"graph/words\.txt has 7 bytes instead of 13"):
        store.locate("ear")


def test_a_file_that_is_missing_is_damage(store: WeightStore) -> None:
    put(store.directory / "ear", {"encoder.bin": FILES["encoder.bin"]})
    with pytest.raises(WeightsError, match=r"graph/words\.txt: No such file"):
        store.locate("ear")


def test_a_file_that_was_altered_does_not_verify(store: WeightStore) -> None:
    put(store.directory / "ear", FILES | {"graph/words.txt": b"one two thr33"})
    store.locate("ear")
    with pytest.raises(WeightsError, match=r"graph/words\.txt is not what it was published as"):
        store.verify("ear")


def test_an_unknown_name_is_refused_with_one_that_is_like_it(store: WeightStore) -> None:
    with pytest.raises(WeightsError, match="Did you mean 'ear'"):
        store.locate("eat")
    with pytest.raises(WeightsError, match="no weights called 'vosk:'"):
        store.locate("vosk:")


def test_a_language_that_the_catalogue_has_is_the_catalogues(store: WeightStore) -> None:
    assert store.canonical("vosk:xx") == "ear"
    assert store.folder("vosk:xx") == store.directory / "ear"


def test_another_language_is_known_by_its_manifest(store: WeightStore) -> None:
    folder = store.folder("vosk:fr")
    with pytest.raises(WeightsError, match="mira-hub models pull vosk:fr"):
        store.locate("vosk:fr")
    put(folder, FILES)
    with pytest.raises(WeightsError, match=MANIFEST):
        store.locate("vosk:fr")
    write_manifest(folder)
    store.verify("vosk:fr")
    assert store.fetched_languages() == ["vosk:fr"]
    put(folder, {"graph/words.txt": b"un deux trois"})
    with pytest.raises(WeightsError, match="damaged"):
        store.verify("vosk:fr")


def test_a_folder_of_ones_own_only_has_to_be_there(store: WeightStore, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="There is no folder"):
        store.locate(f"vosk:{tmp_path}/mine")
    (tmp_path / "mine").mkdir()
    assert store.locate(f"vosk:{tmp_path}/mine") == tmp_path / "mine"
    store.verify(f"vosk:{tmp_path}/mine")
