"""What was said, read from the device's own copy."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge.cli import main
from edge.history import HistoryError, read_history
from edge.replica import Replica
from shared.wire.events import (
    ClientChanged,
    ContextUpdated,
    InteractionCreated,
    InteractionDeleted,
)

NETWORK = "net_" + "0" * 32


def said(seq: int, text: str, client_id: str | None = "kitchen") -> InteractionCreated:
    return InteractionCreated(
        seq=seq,
        interaction_id=f"00000000-0000-4000-8000-{seq:012d}",
        text=text,
        speaker_id=None,
        client_id=client_id,
        timestamp=datetime.fromtimestamp(1_700_000_000 + seq, UTC),
        processing_status="completed" if text else "failed",
    )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A copy of three sentences, of which one was deleted, while a daemon holds it open."""
    path = tmp_path / "replica.db"
    replica = Replica(path, NETWORK)
    replica.apply(
        [
            ClientChanged(seq=1, client_id="kitchen", name="the kitchen", listening=True),
            said(2, "Call Ann tomorrow"),
            said(3, "never mind"),
            said(4, "Die Straße ist naß", None),
            InteractionDeleted(seq=5, interaction_id=said(3, "").interaction_id),
            said(6, "", "hall"),
        ]
    )
    return path


def texts(found: object) -> list[str]:
    assert isinstance(found, list)
    return [one.text for one in found]


def test_the_newest_come_last_with_the_devices_names(path: Path) -> None:
    found = read_history(path, 10)
    assert texts(found) == ["Call Ann tomorrow", "Die Straße ist naß", ""]
    assert [one.device for one in found] == ["the kitchen", "", "hall"]
    assert texts(read_history(path, 2)) == ["Die Straße ist naß", ""]


def test_all_words_have_to_be_in_it_in_whatever_case(path: Path) -> None:
    assert texts(read_history(path, 10, ["ann", "CALL"])) == ["Call Ann tomorrow"]
    assert texts(read_history(path, 10, ["strasse"])) == ["Die Straße ist naß"]
    assert read_history(path, 10, ["ann", "straße"]) == []


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), max_size=3))
def test_no_word_is_anything_but_words(path: Path, words: list[str]) -> None:
    expected = [
        text
        for text in ("Call Ann tomorrow", "Die Straße ist naß", "")
        if all(word.casefold() in text.casefold() for word in words)
    ]
    assert texts(read_history(path, 10, words)) == expected


def test_reading_changes_nothing(path: Path) -> None:
    before = path.read_bytes()
    read_history(path, 10)
    assert path.read_bytes() == before


def test_a_line_shows_where_another_conversation_begins(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "edge.toml"
    config.write_text(f"[paths]\nstate_dir = '{tmp_path}'\n[hub]\nclient_id = 'kitchen'\n")
    replica = Replica(tmp_path / "replica.db", NETWORK)
    light, rain = (f"00000000-0000-4000-8000-00000000000{digit}" for digit in "ab")
    of = msgspec.structs.replace
    replica.apply(
        [
            of(said(1, "light on"), conversation_id=light),
            ContextUpdated(
                seq=2,
                conversation_id=light,
                title="light on",
                participants=[],
                last_interaction_at=None,
            ),
            of(said(3, "dim it"), conversation_id=light),
            of(said(4, "will it rain"), conversation_id=rain),
            said(5, "of none"),
        ]
    )
    assert main(["history", "--config", str(config)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line[-12:] for line in lines] == [
        "--- light on",
        *("    light on", "      dim it"),
        "---",
        *("will it rain", "     of none"),
    ]


def test_where_there_is_no_copy_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(HistoryError, match="never been connected"):
        read_history(tmp_path / "replica.db", 10)
    (tmp_path / "replica.db").write_bytes(b"no database at all" * 100)
    with pytest.raises(HistoryError, match="cannot be read"):
        read_history(tmp_path / "replica.db", 10)


def test_the_command(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = path.with_name("edge.toml")
    config.write_text(f"[paths]\nstate_dir = {json.dumps(str(path.parent))}\n")
    assert main(["history", "--config", str(config)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line[28:].split() for line in lines] == [
        ["the", "kitchen", "Call", "Ann", "tomorrow"],
        ["Die", "Straße", "ist", "naß"],
        ["hall", "(failed)"],
    ]
    assert main(["history", "--json", "--limit", "1", "ann", "--config", str(config)]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line)["text"] == "Call Ann tomorrow"
    assert main(["history", "nobody", "--config", str(config)]) == 0
    assert "Nobody said that." in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["history", "--limit", "0", "--config", str(config)])
    assert "from 1 to" in capsys.readouterr().err
