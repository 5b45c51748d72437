"""Installing the daemons as services: the steps, a staged installation, the units it leaves."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
INSTALL = PROJECT / "systemd" / "install"
BASE_PYTHON = Path(sys.base_prefix) / "bin" / "python3"
DAEMONS = ("edge", "hub")


def install(*arguments: str | Path, python: Path = BASE_PYTHON) -> subprocess.CompletedProcess[str]:
    """Runs the script, with a pip that stays off the network and leaves dependencies out."""
    quick = {"PIP_NO_INDEX": "1", "PIP_NO_DEPS": "1", "PIP_NO_COMPILE": "1"}
    return subprocess.run(  # noqa: S603 - our own script
        [INSTALL, *arguments],
        env=os.environ | quick | {"PYTHON": str(python)},
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )


def python_below(folder: Path, place: str) -> Path:
    """A Python that claims to be installed in `place`."""
    path = folder / "python"
    path.write_text(
        f'#!/bin/sh\ncase "$*" in\n*base_prefix*) echo {place} ;;\n'
        f'*) exec {BASE_PYTHON} "$@" ;;\nesac\n'
    )
    path.chmod(0o755)
    return path


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Mira as a wheel, built from a copy: setuptools leaves files where it builds."""
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for name in ("pyproject.toml", "README.md", "LICENSE", "NOTICE"):
        shutil.copy(PROJECT / name, source)
    for name in ("edge", "hub", "models", "shared"):
        shutil.copytree(PROJECT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    subprocess.run(  # noqa: S603 - pip, of the environment that the tests run in
        [
            *(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-index"),
            *("--no-build-isolation", "--wheel-dir", out, source),
        ],
        check=True,
    )
    (built,) = out.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory, wheel: Path) -> Path:
    """A folder into which both daemons were installed."""
    root = tmp_path_factory.mktemp("image")
    for daemon in DAEMONS:
        done = install(daemon, "--wheel", wheel, "--root", root)
        assert done.returncode == 0, done.stdout + done.stderr
        if daemon == "edge":  # the next environment is quicker copied than made
            shutil.copytree(root / "opt/mira-edge", root / "opt/mira-hub", symlinks=True)
    return root


@pytest.mark.parametrize("daemon", DAEMONS)
def test_a_dry_run_shows_the_steps_and_changes_nothing(daemon: str, tmp_path: Path) -> None:
    python = python_below(tmp_path, "/usr")
    done = install(daemon, "--dry-run", "--prefix", tmp_path / "opt", python=python)
    assert done.returncode == 0, done.stderr
    venv = tmp_path / "opt" / f"mira-{daemon}"
    steps = [line.strip() for line in done.stdout.splitlines() if line.startswith("    ")]
    wanted = [
        f"-m venv {venv}",
        "-m pip wheel",
        rf"-m pip install mira_voice.whl\[{daemon}\]",
        f"/etc/mira-{daemon}/{daemon}.toml",
        f"/etc/systemd/system/mira-{daemon}.service",
        "systemctl daemon-reload",
        f"systemctl enable mira-{daemon}.service",
    ]
    places = [next((at for at, step in enumerate(steps) if part in step), None) for part in wanted]
    assert None not in places, (steps, wanted)
    assert places == sorted(place for place in places if place is not None)
    assert list(tmp_path.iterdir()) == [python]


def test_a_python_that_the_service_cannot_see_is_refused(tmp_path: Path) -> None:
    python = python_below(tmp_path, "/home/somebody/.pyenv/versions/3.12.1")
    done = install("edge", "--dry-run", "--prefix", tmp_path / "opt", python=python)
    assert done.returncode != 0
    assert "lies in a home folder (/home/somebody/" in done.stderr


def test_a_dry_run_shows_what_uninstalling_removes(tmp_path: Path) -> None:
    done = install("hub", "--uninstall", "--dry-run", "--prefix", tmp_path)
    assert done.returncode == 0
    assert "systemctl disable --now mira-hub.service" in done.stdout
    assert "Kept: /etc/mira-hub, /var/lib/mira-hub" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "systemd/install edge|hub [OPTIONS]"),
        (("kitchen",), "kitchen is not known here"),
        (("edge", "hub", "--dry-run"), "Only one of edge and hub at a time"),
        (("edge", "--prefix", "opt", "--dry-run"), "does not begin with /"),
        (("edge", "--prefix", "/a b", "--dry-run"), "a unit file cannot name"),
        (("edge", "--wheel", "/none.whl", "--dry-run"), "There is no file /none.whl"),
        (("edge", "--root", "/none", "--dry-run"), "There is no folder /none"),
        (("edge", "--wheel"), "--wheel needs a value"),
    ],
)
def test_what_cannot_be_done_is_said(arguments: tuple[str, ...], said: str) -> None:
    done = install(*arguments)
    assert done.returncode != 0
    assert said in done.stderr


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("runuser"), reason="needs root")
def test_without_root_it_says_so(tmp_path: Path) -> None:
    script = tmp_path / "systemd"  # a copy that anybody may read, wherever the clone lies
    shutil.copytree(PROJECT / "systemd", script)
    shutil.copytree(PROJECT / "script", tmp_path / "script")
    for folder in (tmp_path, *tmp_path.parents[:3]):
        folder.chmod(folder.stat().st_mode | 0o055)
    done = subprocess.run(  # noqa: S603 - our own script
        ["runuser", "-u", "nobody", "--", script / "install", "edge"],  # noqa: S607 - from PATH
        capture_output=True,
        text=True,
        check=False,
        cwd="/",
    )
    assert done.returncode != 0
    assert "needs root" in done.stderr


@pytest.mark.parametrize("daemon", DAEMONS)
def test_the_program_lies_in_an_environment_of_its_own(image: Path, daemon: str) -> None:
    venv = image / "opt" / f"mira-{daemon}"
    command = venv / "bin" / f"mira-{daemon}"
    assert command.stat().st_mode & stat.S_IXOTH
    # It names the place where it will be, not where it was staged.
    assert str(image) not in command.read_text()
    assert f"/opt/mira-{daemon}/bin/python" in command.read_text()
    link = image / "usr" / "local" / "bin" / f"mira-{daemon}"
    assert str(link.readlink()) == f"/opt/mira-{daemon}/bin/mira-{daemon}"
    found = subprocess.run(  # noqa: S603 - the environment that was just made
        [venv / "bin" / "python", "-P", "-c", "import models, sys; print(models.__file__)"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout.startswith(str(venv))


def test_the_wheel_carries_the_catalogue_and_every_module(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        inside = set(archive.namelist())
    missing = [
        str(path.relative_to(PROJECT))
        for room in ("edge", "hub", "models", "shared")
        for path in (PROJECT / room).rglob("*")
        if path.suffix in {".py", ".toml", ".typed"}
        and str(path.relative_to(PROJECT)) not in inside
    ]
    assert missing == []


def test_the_configuration_is_readable_by_root_and_the_group_only(image: Path) -> None:
    for daemon in DAEMONS:
        folder = image / "etc" / f"mira-{daemon}"
        config = folder / f"{daemon}.toml"
        assert stat.S_IMODE(folder.stat().st_mode) == 0o755
        assert stat.S_IMODE(config.stat().st_mode) == 0o640
        assert config.read_text() == (PROJECT / "systemd" / f"{daemon}.toml.example").read_text()


def test_an_upgrade_keeps_the_configuration(image: Path, wheel: Path) -> None:
    config = image / "etc" / "mira-edge" / "edge.toml"
    before = config.read_text()
    config.write_text("# mine\n")
    package = next((image / "opt" / "mira-edge").rglob("shared/errors.py"))
    package.write_text("old")
    done = install("edge", "--wheel", wheel, "--root", image)
    assert done.returncode == 0, done.stderr
    assert config.read_text() == "# mine\n"
    assert package.read_text() == (PROJECT / "shared" / "errors.py").read_text()
    config.write_text(before)


def test_what_is_no_environment_of_miras_is_not_overwritten(tmp_path: Path, wheel: Path) -> None:
    precious = tmp_path / "home" / "mira-edge" / "thesis.txt"
    precious.parent.mkdir(parents=True)
    precious.write_text("years of work")
    for extra in ("--wheel", wheel), ("--uninstall",):
        done = install("edge", "--root", tmp_path, "--prefix", "/home", *extra)
        assert done.returncode != 0
        assert "is not a virtual environment" in done.stderr
        assert precious.read_text() == "years of work"


def test_uninstalling_keeps_configuration(tmp_path: Path, image: Path) -> None:
    root = tmp_path / "image"
    shutil.copytree(image / "etc", root / "etc")
    (root / "opt" / "mira-hub").mkdir(parents=True)
    (root / "opt" / "mira-hub" / "pyvenv.cfg").touch()
    done = install("hub", "--root", root, "--uninstall")
    assert done.returncode == 0, done.stderr
    assert not (root / "opt" / "mira-hub").exists()
    assert not (root / "etc/systemd/system/mira-hub.service").exists()
    assert (root / "etc/mira-hub/hub.toml").exists()


needs_systemd = pytest.mark.skipif(
    not shutil.which("systemd-analyze"), reason="systemd-analyze is missing"
)


def analyze(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - systemd's own tool
        ["systemd-analyze", *arguments],  # noqa: S607 - from PATH
        capture_output=True,
        text=True,
        check=False,
    )


@needs_systemd
@pytest.mark.parametrize("daemon", DAEMONS)
def test_the_installed_unit_verifies_without_a_word(image: Path, daemon: str) -> None:
    units = Path("/usr/lib/systemd/system")
    beside = image / units.relative_to("/")  # the targets that units are ordered by
    if not beside.exists():
        shutil.copytree(units, beside, symlinks=True)
    done = analyze("verify", f"--root={image}", f"mira-{daemon}.service")
    assert (done.returncode, done.stderr) == (0, "")


@needs_systemd
@pytest.mark.parametrize("daemon", DAEMONS)
def test_the_installed_unit_is_hardened(image: Path, daemon: str) -> None:
    unit = image / "etc/systemd/system" / f"mira-{daemon}.service"
    done = analyze("security", "--offline=true", "--threshold=25", unit)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(("daemon", "command"), [("edge", "run"), ("hub", "serve")])
def test_the_unit_starts_the_daemon_waits_for_readiness_and_watches_it(
    image: Path, daemon: str, command: str
) -> None:
    lines = (image / "etc/systemd/system" / f"mira-{daemon}.service").read_text().splitlines()
    program = f"/opt/mira-{daemon}/bin/mira-{daemon}"
    assert f"ExecStart={program} {command} --config /etc/mira-{daemon}/{daemon}.toml" in lines
    for line in ("Type=notify", f"User=mira-{daemon}", "Restart=on-failure"):
        assert line in lines
    assert any(line.startswith("WatchdogSec=") for line in lines)
