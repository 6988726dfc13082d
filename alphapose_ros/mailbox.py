"""The newest item, handed from a callback to a worker."""

from __future__ import annotations

import threading
from typing import Generic, TypeVar

T = TypeVar("T")


class Mailbox(Generic[T]):
    """One slot: a newer item replaces one that nobody has taken yet, and that one is counted.

    Thus a worker slower than its input always works on the newest item, and nothing piles up.
    """

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._item: T | None = None
        self._closed = False
        self._dropped = 0

    @property
    def dropped(self) -> int:
        """Items replaced before they were taken."""
        return self._dropped

    def put(self, item: T) -> None:
        """Leave the newest item; never waits. After close() it is ignored."""
        with self._condition:
            if self._closed:
                return
            self._dropped += self._item is not None
            self._item = item
            self._condition.notify()

    def take(self) -> T | None:
        """Wait for an item and remove it; None when the mailbox is closed and empty."""
        with self._condition:
            self._condition.wait_for(lambda: self._closed or self._item is not None)
            item, self._item = self._item, None
            return item

    def close(self) -> None:
        """Let the worker finish: it still gets what is there, then None."""
        with self._condition:
            self._closed = True
            self._condition.notify_all()
