"""Logging: plain on a terminal, with priorities under the journal; loud once, then quiet."""

from __future__ import annotations

import io
import logging
import os
from pathlib import Path

import aiosqlite
import pytest

from shared.logs import Trouble, set_up_logging


def test_lines_on_a_terminal_tell_time_level_and_name() -> None:
    stream = io.StringIO()
    set_up_logging("INFO", {}, stream)
    logging.getLogger("edge.daemon").info("listening")
    assert stream.getvalue().endswith(" INFO    edge.daemon: listening\n")
    assert not stream.getvalue().startswith("<")


def test_lines_below_the_level_are_left_out() -> None:
    stream = io.StringIO()
    set_up_logging("WARNING", {}, stream)
    logging.getLogger("edge").info("quiet")
    assert stream.getvalue() == ""


async def test_what_is_written_to_the_database_is_in_no_log() -> None:
    stream = io.StringIO()
    set_up_logging("DEBUG", {}, stream)
    async with aiosqlite.connect(":memory:") as connection:
        await connection.execute("SELECT ?", ("what somebody said",))
    assert "what somebody said" not in stream.getvalue()


def test_of_a_token_that_somebody_sent_only_the_kind_is_logged() -> None:
    stream = io.StringIO()
    set_up_logging("DEBUG", {}, stream)
    try:
        raise ValueError("mira_net_aB3-_z9 is not known")
    except ValueError:
        logging.getLogger("hub").exception("refused %r", "mira_client_aB3-_z9")
    assert "aB3-_z9" not in stream.getvalue()
    assert "refused 'mira_client_***'" in stream.getvalue()
    assert "ValueError: mira_net_*** is not known" in stream.getvalue()


def test_setting_up_twice_does_not_log_twice() -> None:
    set_up_logging("INFO", {}, io.StringIO())
    stream = io.StringIO()
    set_up_logging("INFO", {}, stream)
    logging.getLogger("edge").info("once")
    assert stream.getvalue().count("once") == 1


def test_under_the_journal_every_line_carries_its_priority(tmp_path: Path) -> None:
    with (tmp_path / "journal").open("w+") as stream:
        status = os.fstat(stream.fileno())
        set_up_logging("DEBUG", {"JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino}"}, stream)
        log = logging.getLogger("hub")
        log.debug("a")
        log.info("b")
        log.warning("c")
        log.error("d\ne")
        log.critical("f")
        stream.seek(0)
        assert stream.read() == ("<7>hub: a\n<6>hub: b\n<4>hub: c\n<3>hub: d\n<3>e\n<2>hub: f\n")


def test_a_stream_that_is_not_the_journals_gets_plain_lines(tmp_path: Path) -> None:
    with (tmp_path / "file").open("w+") as stream:
        set_up_logging("INFO", {"JOURNAL_STREAM": "8:1"}, stream)
        logging.getLogger("hub").info("b")
        stream.seek(0)
        assert not stream.read().startswith("<")


def test_trouble_is_loud_once_then_quiet_and_tells_how_long_it_lasted(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    trouble = Trouble(logging.getLogger("edge.hub_link"), "the hub")
    trouble.failed("connection refused", now_s=100.0)
    trouble.failed("connection refused", now_s=101.0)
    trouble.failed("no route", now_s=103.0)
    trouble.recovered(now_s=112.5)
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        ("WARNING", "the hub: connection refused"),
        ("DEBUG", "the hub: connection refused"),
        ("WARNING", "the hub: no route"),
        ("INFO", "the hub: works again, after 12.5 s"),
    ]


def test_trouble_is_loud_again_after_a_recovery_and_silent_where_nothing_failed(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    trouble = Trouble(logging.getLogger("edge"), "the microphone")
    trouble.recovered(now_s=0.0)
    trouble.failed("unplugged", now_s=0.0)
    trouble.recovered(now_s=1.0)
    trouble.recovered(now_s=2.0)
    trouble.failed("unplugged", now_s=3.0)
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO", "WARNING"]
