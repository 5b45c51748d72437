"""What the documents point to is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from hub.metrics import REGISTRY

ROOT = Path(__file__).parents[1]
DOCUMENTS = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]
LINK = re.compile(r"\]\(([^)\s#]+)[^)]*\)")
BENCH = re.compile(r"script/bench ([a-z_]+)")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_what_a_document_links_to_is_there(document: Path) -> None:
    links = [link for link in LINK.findall(document.read_text()) if "://" not in link]
    assert [link for link in links if not (document.parent / link).exists()] == []


def test_every_figure_is_explained_and_no_other() -> None:
    page = (ROOT / "docs" / "operation.md").read_text()
    section = page.split("## Figures for Prometheus")[1].split("\n## ")[0]
    explained = set(re.findall(r"`(mira_[a-z_]+)`", section))
    counters = {f"{m.name}_total" if m.type == "counter" else m.name for m in REGISTRY.collect()}
    assert explained == counters


def test_every_bench_is_explained_and_no_other() -> None:
    explained = set(BENCH.findall((ROOT / "docs" / "performance.md").read_text()))
    there = {path.stem for path in (ROOT / "tests" / "bench").glob("[a-z]*.py")}
    assert explained == there
