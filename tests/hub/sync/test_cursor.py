"""Whatever the order of reading and committing, each event is sent once, in order."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hub.sync.cursor import Cursor

BATCH = 3


@given(
    start=st.integers(0, 5),
    actions=st.lists(st.sampled_from(["commit", "commit_silently", "read", "notice"]), max_size=60),
)
def test_every_event_after_the_cursor_is_sent_exactly_once_in_order(
    start: int, actions: list[str]
) -> None:
    log = list(range(1, 6))
    cursor, sent = Cursor(start), []

    def read() -> None:
        part = [seq for seq in log if seq > cursor.seq][:BATCH]
        sent.extend(part)
        cursor.read(part[-1] if part else cursor.seq, more=len(part) == BATCH)

    for action in actions:
        if action == "commit":
            log.append(len(log) + 1)
            if cursor.offer(log[-1]):
                sent.append(log[-1])
        elif action == "commit_silently":  # by another process
            log.append(len(log) + 1)
        elif action == "notice":
            cursor.notice(len(log))
        elif not cursor.live:
            read()
    cursor.notice(len(log))
    while not cursor.live:
        read()
    assert sent == log[start:]


def test_an_event_committed_while_the_log_is_read_is_read_too() -> None:
    cursor = Cursor(0)
    sent_at_once = cursor.offer(1)
    more_after_nothing = cursor.read(0, more=False)
    more_after_all = cursor.read(1, more=False)
    assert (sent_at_once, more_after_nothing, more_after_all) == (False, True, False)
    assert cursor.offer(2)
