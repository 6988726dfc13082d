"""Items handed from a callback to a worker: the newest one, or every one."""

from __future__ import annotations

import threading
from collections import deque
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

    def has_room(self) -> bool:
        """Whether put() would not wait: always."""
        return True

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


class Queue(Generic[T]):
    """Every item, in order, for a worker that must not miss any; put() waits while it is full.

    Nothing is lost between put() and take(). A thread that has other things to do asks has_room()
    first, and while there is none leaves the items where they come from.

    Args:
        size: most items that wait.
    """

    def __init__(self, size: int) -> None:
        self._condition = threading.Condition()  # may be entered twice
        self._items: deque[T] = deque()
        self._size = size
        self._closed = False
        self._finished = False
        self._dropped = 0

    @property
    def dropped(self) -> int:
        """Items that nobody will take, because of close()."""
        return self._dropped

    def has_room(self) -> bool:
        """Whether put() would not wait."""
        with self._condition:
            return len(self._items) < self._size

    def put(self, item: T) -> bool:
        """Append an item, once there is room. After close(), and on close(), it is dropped.

        Returns:
            Whether somebody may still take it.
        """
        with self._condition:
            self._condition.wait_for(self.has_room)
            if self._closed:
                self._dropped += 1
                return False
            self._items.append(item)
            self._condition.notify_all()
            return True

    def take(self) -> T | None:
        """Wait for the oldest item and remove it; None once the queue is closed, or done with."""
        with self._condition:
            self._condition.wait_for(lambda: self._closed or self._finished or self._items)
            if not self._items:
                return None
            item = self._items.popleft()
            self._condition.notify_all()
            return item

    def finish(self) -> None:
        """Say that nothing more comes: what is here is still handed out, then None."""
        with self._condition:
            self._finished = True
            self._condition.notify_all()

    def close(self) -> None:
        """End the work soon: who waits is woken, and the items still here are dropped."""
        with self._condition:
            self._dropped += len(self._items)
            self._items.clear()
            self._closed = True
            self._condition.notify_all()
