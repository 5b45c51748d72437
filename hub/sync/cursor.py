"""What a device's cursor is owed: the log after it, then the tail, each event once, in order."""

from __future__ import annotations


class Cursor:
    """Where one session stands in its network's event log. Pure.

    A session starts behind: it reads the log. While it reads, events go on being committed; those
    are not sent past the reader but noted, so that it reads on. Once it has read up to the newest,
    it is live, and each new event is sent at once as long as it follows the one before.
    """

    def __init__(self, seq: int) -> None:
        self.seq = seq  # last event that was put into the outbox
        self.newest = seq  # last event known to exist
        self.live = False

    def read(self, last_seq: int, *, more: bool) -> bool:
        """Events up to `last_seq` were read and sent. Returns whether there is more to read."""
        self.seq = max(self.seq, last_seq)
        self.newest = max(self.newest, self.seq)
        self.live = not more and self.seq >= self.newest
        return not self.live

    def offer(self, seq: int) -> bool:
        """A new event is committed. Returns whether to send it now; if not, see `live`.

        A gap (an event that somebody else committed) puts the session back to reading.
        """
        self.newest = max(self.newest, seq)
        if self.live and seq == self.seq + 1:
            self.seq = seq
            return True
        if seq > self.seq:
            self.live = False
        return False

    def notice(self, newest: int) -> None:
        """Events up to `newest` exist, whoever committed them."""
        self.newest = max(self.newest, newest)
        if self.newest > self.seq:
            self.live = False
