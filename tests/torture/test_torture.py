"""A short torture of real processes: on both stores nothing is lost, doubled or out of order."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.hub.store.server import running_server
from tests.torture.run import Plan, torture

pytestmark = pytest.mark.process

SHORT = Plan(
    seconds=3.0,
    seed=1,
    sizes=(1, 2),
    writers=3,
    hub_s=1.5,
    device_s=1.0,
    link_s=0.7,
    deed_s=0.5,
    longest_s=1.5,
)


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder with a short path, for there are sockets in it."""
    with TemporaryDirectory(prefix="mira-torture-") as name:
        yield Path(name)


@pytest.mark.parametrize("store", ["sqlite", "postgresql"])
async def test_nothing_is_lost_or_doubled(store: str, folder: Path) -> None:
    logs = folder / "logs"
    logs.mkdir()
    with ExitStack() as stack:
        url = None
        if store == "postgresql":
            (folder / "server").mkdir()
            server = stack.enter_context(running_server(folder / "server"))
            url = server.hub(stack.enter_context(server.database()))
        done = await torture(SHORT, folder / "data", logs, url)
    history = (logs / "history.jsonl").read_text()
    assert done.right, "\n".join([*done.verdict.lines(), *done.behind, history[-20_000:]])
    assert {"operations", "faults", "acked_lost"} <= done.figures.keys()
    for figure in ("utterances_acked", "faults", "acked"):
        assert done.figures[figure], done.figures
