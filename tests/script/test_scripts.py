"""The scripts say plainly what is missing, and cost nothing when all is there."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
TOOLS = ("awk", "bash", "cat", "cksum", "cp", "df", "dirname", "flock", "grep", "mkdir", "mktemp")


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A clone without an environment, in a folder with a space in its name."""
    folder = tmp_path / "my clones"
    folder.mkdir()
    shutil.copytree(PROJECT / "script", folder / "script")
    shutil.copy(PROJECT / "pyproject.toml", folder)
    return folder


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A folder of programs, without any Python."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for tool in (*TOOLS, "rm", "tail", "tee"):
        if found := shutil.which(tool):
            (programs / tool).symlink_to(found)
    return programs


def environment(
    clone: Path, path: Path, tmp_path: Path, **environ: str
) -> subprocess.CompletedProcess[str]:
    """Calls `mira_environment` as the scripts do, from another folder."""
    bash = shutil.which("bash")
    assert bash
    return subprocess.run(  # noqa: S603 - our own script
        [
            *(bash, "-euo", "pipefail", "-c"),
            *('source "$1"; mira_environment; echo "$MIRA_VENV"', "bash"),
            clone / "script" / "environment",
        ],
        env={"PATH": str(path), "TMPDIR": str(tmp_path)} | environ,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def fake_python(path: Path, name: str, version: str, *, modules: bool) -> None:
    """A program that answers what the scripts ask a Python, and whose venv copies itself."""
    program = path / name
    new_enough = 0 if tuple(map(int, version.split("."))) >= (3, 11) else 1
    program.write_text(f"""#!{shutil.which("bash")}
case "$*" in
*"print("*) echo {version} ;;
*version_info*) exit {new_enough} ;;
*ensurepip*) exit {0 if modules else 1} ;;
--version) echo Python {version} ;;
"-m venv"*) mkdir -p "$3/bin"; cp "$0" "$3/bin/python" ;;
"-m pip"*) echo "$PIP_SAYS"; echo run >> "$PIP_RUNS"; exit "$PIP_STATUS" ;;
esac
""")
    program.chmod(0o755)


def pip(tmp_path: Path, says: str = "", status: int = 0) -> dict[str, str]:
    return {"PIP_SAYS": says, "PIP_STATUS": str(status), "PIP_RUNS": str(tmp_path / "runs")}


def runs(tmp_path: Path) -> int:
    file = tmp_path / "runs"
    return len(file.read_text().splitlines()) if file.exists() else 0


def test_without_python_it_says_what_to_install(clone: Path, path: Path, tmp_path: Path) -> None:
    done = environment(clone, path, tmp_path)
    assert done.returncode != 0
    assert "There is no Python 3.11 or newer." in done.stderr
    assert "apt install python3" in done.stderr
    assert not (clone / ".venv").exists()


def test_a_python_that_is_too_old_is_named(clone: Path, path: Path, tmp_path: Path) -> None:
    fake_python(path, "python3", "3.9", modules=True)
    done = environment(clone, path, tmp_path)
    assert done.returncode != 0
    assert "python3 is Python 3.9" in done.stderr


def test_a_python_without_venv_is_told_how_to_get_it(
    clone: Path, path: Path, tmp_path: Path
) -> None:
    fake_python(path, "python3.12", "3.12", modules=False)
    done = environment(clone, path, tmp_path)
    assert done.returncode != 0
    assert "lacks the venv module" in done.stderr
    assert "apt install python3.12-venv" in done.stderr


def test_the_first_complete_python_is_taken(clone: Path, path: Path, tmp_path: Path) -> None:
    fake_python(path, "python3.13", "3.13", modules=False)
    fake_python(path, "python3.11", "3.11", modules=True)
    done = environment(clone, path, tmp_path, **pip(tmp_path))
    assert done.returncode == 0, done.stderr
    assert "with Python 3.11." in done.stderr


def test_the_python_that_is_asked_for_is_taken_or_refused(
    clone: Path, path: Path, tmp_path: Path
) -> None:
    fake_python(path, "python3", "3.13", modules=True)
    fake_python(path, "mine", "3.12", modules=True)
    refused = environment(clone, path, tmp_path, PYTHON="/none", **pip(tmp_path))
    assert refused.returncode != 0
    assert "$PYTHON is /none, which is not a Python 3.11 or newer" in refused.stderr
    taken = environment(clone, path, tmp_path, PYTHON="mine", **pip(tmp_path))
    assert "with Python 3.12." in taken.stderr


def test_a_second_run_does_nothing(clone: Path, path: Path, tmp_path: Path) -> None:
    fake_python(path, "python3", "3.11", modules=True)
    first = environment(clone, path, tmp_path, **pip(tmp_path))
    assert first.stdout.strip() == str(clone / ".venv")
    second = environment(clone, path, tmp_path, **pip(tmp_path))
    assert (second.returncode, second.stderr, runs(tmp_path)) == (0, "", 1)


def test_a_changed_pyproject_is_installed_again(clone: Path, path: Path, tmp_path: Path) -> None:
    fake_python(path, "python3", "3.11", modules=True)
    environment(clone, path, tmp_path, **pip(tmp_path))
    with (clone / "pyproject.toml").open("a") as file:
        file.write("# changed\n")
    environment(clone, path, tmp_path, **pip(tmp_path))
    assert runs(tmp_path) == 2


def test_an_interrupted_installation_is_begun_anew(clone: Path, path: Path, tmp_path: Path) -> None:
    fake_python(path, "python3", "3.11", modules=True)
    environment(clone, path, tmp_path, **pip(tmp_path))
    (clone / ".venv" / "half a package").touch()
    (clone / ".venv" / ".mira-unfinished").touch()
    done = environment(clone, path, tmp_path, **pip(tmp_path))
    assert "interrupted" in done.stderr
    assert not (clone / ".venv" / "half a package").exists()
    assert runs(tmp_path) == 2


def test_a_moved_clone_gets_a_new_environment(clone: Path, path: Path, tmp_path: Path) -> None:
    fake_python(path, "python3", "3.11", modules=True)
    environment(clone, path, tmp_path, **pip(tmp_path))
    moved = clone.rename(tmp_path / "elsewhere")
    done = environment(moved, path, tmp_path, **pip(tmp_path))
    assert "The clone was moved" in done.stderr
    assert done.stdout.strip() == str(moved / ".venv")


def test_a_failure_before_anything_changed_keeps_what_was_there(
    clone: Path, path: Path, tmp_path: Path
) -> None:
    fake_python(path, "python3", "3.11", modules=True)
    environment(clone, path, tmp_path, **pip(tmp_path))
    (clone / ".venv" / "a package").touch()
    with (clone / "pyproject.toml").open("a") as file:
        file.write("# changed\n")
    offline = pip(tmp_path, "Temporary failure in name resolution", 1)
    assert environment(clone, path, tmp_path, **offline).returncode != 0
    assert environment(clone, path, tmp_path, **pip(tmp_path)).returncode == 0
    assert (clone / ".venv" / "a package").exists()


@pytest.mark.parametrize(
    ("said", "plain", "advice"),
    [
        ("[Errno -3] Temporary failure in name resolution", "cannot be reached", "the network"),
        ("Failed to establish a new connection: [Errno 101]", "cannot be reached", "the network"),
        ("OSError: [Errno 28] No space left on device", "The disk is full", "Make room"),
        ("SSLError(CERTIFICATE_VERIFY_FAILED)", "certificate cannot be verified", "clock"),
        ("ERROR: something else", "ERROR: something else", "say why"),
    ],
)
def test_why_packages_cannot_be_installed_is_said_plainly(
    clone: Path, path: Path, tmp_path: Path, said: str, plain: str, advice: str
) -> None:
    fake_python(path, "python3", "3.11", modules=True)
    done = environment(clone, path, tmp_path, **pip(tmp_path, said, 1))
    assert done.returncode != 0
    assert plain in done.stderr
    assert advice in done.stderr


def test_bench_without_a_name_lists_what_there_is(clone: Path) -> None:
    (clone / "tests" / "bench").mkdir(parents=True)
    for name in ("__init__", "streams", "latency"):
        (clone / "tests" / "bench" / f"{name}.py").touch()
    done = subprocess.run(  # noqa: S603 - our own script
        [clone / "script" / "bench", "stream"],
        env=os.environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "one of: latency streams" in done.stderr
