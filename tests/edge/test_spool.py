"""Utterances on disk."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.spool import About, Spool
from shared.audio import FRAME_SAMPLES, Pcm
from shared.errors import StoreError

MEGABYTE = 1_000_000


def name(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012d}"


def about(number: int, voiced: bytes = b"\1") -> About:
    return About(
        utterance_id=name(number),
        captured_at_us=1_760_000_000_000_000 + number,
        onset_sample=320,
        ended="endpoint",
        voiced=About.packed(voiced),
    )


def sound(number: int, frames: int = 50) -> Pcm:
    draw = np.random.default_rng(number)
    return draw.integers(-9_000, 9_000, frames * FRAME_SAMPLES).astype(np.int16)


def size(spool: Spool) -> int:
    """Bytes of all files together."""
    return sum(path.stat().st_size for path in spool._folder.iterdir())


def test_what_was_kept_is_there_after_a_restart_sample_by_sample(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool", MEGABYTE)
    for number in (3, 1, 2):
        assert spool.keep(about(number), sound(number)) == []
    again = Spool(tmp_path / "spool", MEGABYTE)
    assert again.held == [name(1), name(2), name(3)]
    told, pcm = again.read(name(2))
    assert told == about(2)
    assert np.array_equal(pcm, sound(2))
    again.discard(name(2))
    again.discard(name(2))
    assert Spool(tmp_path / "spool", MEGABYTE).held == [name(1), name(3)]


def test_nobody_else_on_the_machine_reads_it(tmp_path: Path) -> None:
    Spool(tmp_path / "spool", MEGABYTE)
    assert stat.S_IMODE((tmp_path / "spool").stat().st_mode) == 0o700


def test_the_oldest_make_room_and_are_told(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool", MEGABYTE)
    spool.keep(about(1), sound(1))
    one = size(spool)
    small = Spool(tmp_path / "spool", round(2.5 * one))
    assert small.keep(about(2), sound(2)) == []
    assert small.keep(about(3), sound(3)) == [name(1)]
    assert small.held == [name(2), name(3)]
    assert size(small) <= 2.5 * one
    # One that is too large for all of it is kept all the same: it is the newest.
    assert small.keep(about(4), sound(4, 200)) == [name(2), name(3)]


def test_what_was_half_written_is_gone_and_the_rest_is_there(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool", MEGABYTE)
    spool.keep(about(1), sound(1))
    (tmp_path / "spool" / "00000000000000000002-x.part").write_bytes(b"fLaC")
    (tmp_path / "spool" / "a person's own file.txt").write_text("left alone")
    again = Spool(tmp_path / "spool", MEGABYTE)
    assert again.held == [name(1)]
    assert sorted(path.suffix for path in (tmp_path / "spool").iterdir()) == [".flac", ".txt"]


def test_a_damaged_file_says_so(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool", MEGABYTE)
    spool.keep(about(1), sound(1))
    (file,) = (tmp_path / "spool").iterdir()
    file.write_bytes(b"no sound at all")
    with pytest.raises(StoreError, match="cannot be used"):
        spool.read(name(1))


def test_a_file_whose_header_was_never_finished_says_so(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool", MEGABYTE)
    spool.keep(about(1), sound(1))
    (file,) = (tmp_path / "spool").iterdir()
    data = bytearray(file.read_bytes())
    data[21] &= 0xF0  # STREAMINFO's 36 bits of how many samples there are: 0, unknown
    data[22:26] = bytes(4)
    file.write_bytes(data)
    with pytest.raises(StoreError, match="cannot be used"):
        spool.read(name(1))


def test_a_disk_that_is_full_at_the_very_end_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = Spool(tmp_path / "spool", MEGABYTE)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("edge.spool.os.fsync", full)
    with pytest.raises(StoreError, match="No space left"):
        spool.keep(about(1), sound(1))
    assert spool.held == []
    assert list((tmp_path / "spool").iterdir()) == []


def test_a_folder_that_cannot_be_used_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot be used"):
        Spool(tmp_path / "file" / "spool", MEGABYTE)


def test_what_cannot_be_written_leaves_nothing_behind(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool", MEGABYTE)
    (tmp_path / "spool").rmdir()
    with pytest.raises(StoreError):
        spool.keep(about(1), sound(1))
    assert spool.held == []


@given(st.lists(st.integers(0, 1), max_size=99))
def test_voiced_frames_are_packed_and_unpacked(voiced: list[int]) -> None:
    assert about(1, bytes(voiced)).frames_voiced(len(voiced)) == bytearray(voiced)


def test_what_two_threads_keep_at_once_is_kept(tmp_path: Path) -> None:
    """A device that stops writes what a thread may be writing just then."""
    spool = Spool(tmp_path / "spool", MEGABYTE)
    with ThreadPoolExecutor(4) as pool:
        for _ in range(8):
            list(pool.map(lambda _: spool.keep(about(1), sound(1, 200)), range(4)))
    assert np.array_equal(spool.read(name(1))[1], sound(1, 200))
    assert Spool(tmp_path / "spool", MEGABYTE).held == [name(1)]
