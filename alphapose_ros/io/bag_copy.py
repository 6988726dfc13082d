"""Messages of one bag, taken over into another as they are.

In the order of their time; of a damaged bag in that in which they were written.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack
from fnmatch import fnmatchcase
from pathlib import Path

from rosbags.typesys import Stores, get_types_from_msg, get_typestore
from rosbags.typesys.store import Typestore

from alphapose_ros.io.bag import BagError, BagMessage, BagReader, OfferedQos, message_types
from alphapose_ros.io.bag_salvage import SalvageReader, messages_left, open_bag
from alphapose_ros.io.ends import Problem

log = logging.getLogger(__name__)


class BagCopy:
    """Chosen topics of a bag, or of what is left of it; a context manager.

    ``problems`` are the places where something is missing.

    Args:
        path: of the bag.
        topics: their names, or patterns such as ``/camera/*``.
        without: names of topics that are left out.
    """

    def __init__(self, path: str | Path, topics: Sequence[str], without: Collection[str]) -> None:
        self.path = Path(path)
        self._patterns, self._without = tuple(topics), frozenset(without)
        self.problems: list[Problem] = []
        self._opened = ExitStack()
        self._copied = 0
        self._messages: Iterator[BagMessage] = iter(())
        self._next: BagMessage | None = None

    def __enter__(self) -> BagCopy:
        """Open the bag.

        Raises:
            BagError: it cannot be read, has no topic of such a name, or the definition of a
                message differs from the one that the new bag embeds.
        """
        if self.path.suffix == ".bag":
            raise self._of_ros1()
        with ExitStack() as stack:
            self._reader: BagReader | SalvageReader = stack.enter_context(
                open_bag(self.path, self.problems)
            )
            if self._reader.is_ros1:
                raise self._of_ros1()
            topics = self._chosen()
            self.definitions = self._definitions(topics)
            self._opened = stack.pop_all()
        # What is left of a damaged bag does not say how its topics were published.
        is_whole = isinstance(self._reader, BagReader)
        self.qos: dict[str, OfferedQos] = self._reader.qos if is_whole else {}
        self._messages = messages_left(self._reader, topics, self.problems) if topics else iter(())
        self._advance()
        return self

    def __exit__(self, *exception: object) -> None:
        self._opened.close()
        if self.problems and self._copied:
            first = self.problems[0]
            log.warning(
                "%s is damaged; of its topics what is left was copied, %d messages (%s: %s)",
                *(self.path, self._copied, first.where, first.what),
            )

    def until(self, stamp_ns: int | None) -> Iterator[BagMessage]:
        """Give the messages received up to a time, all that are left where it is None."""
        while self._next is not None and (stamp_ns is None or self._next.stamp_ns <= stamp_ns):
            yield self._next
            self._copied += 1
            self._advance()

    def _advance(self) -> None:
        """Go on to the next message; where the bag is damaged there are no more."""
        try:
            self._next = next(self._messages, None)
        except BagError as error:
            log.error("topics are copied no further: %s", error)
            self._next = None

    def _of_ros1(self) -> BagError:
        return BagError(
            f"{self.path}: topics of a ROS 1 bag cannot be copied as they are; turn it into "
            f"one of ROS 2 first: rosbags-convert --src {self.path} --dst FOLDER"
        )

    def _chosen(self) -> list[str]:
        topics = self._reader.topics
        for pattern in self._patterns:
            if not any(fnmatchcase(topic, pattern) for topic in topics):
                raise BagError(
                    f"{self.path} has no topic {pattern!r} to be copied; it has "
                    f"{', '.join(sorted(topics)) or 'none'}"
                )
        chosen = [
            topic
            for topic in topics
            if any(fnmatchcase(topic, pattern) for pattern in self._patterns)
        ]
        for topic in sorted(self._without.intersection(chosen)):
            log.warning("%s of %s is not copied: it is written anew", topic, self.path)
        return [topic for topic in chosen if topic not in self._without]

    def _definitions(self, topics: Collection[str]) -> dict[str, str]:
        """Return the definitions of those types that ROS 2 Jazzy and we do not have."""
        known, reader = message_types(), self._reader
        digests = reader.type_hashes if isinstance(reader, BagReader) else {}
        definitions = {}
        for topic in topics:
            name, digest = reader.topics[topic], digests.get(topic)
            text = reader.definitions.get(name)
            if name in known.fielddefs:
                if digest and digest != known.hash_rihs01(name):
                    self._refuse(name, topic)
                if not digest and text is not None:
                    self._check(text, topic, known)
            elif text is None:
                raise BagError(
                    f"{self.path} holds no definition of {name} that could be copied; "
                    f"leave {topic} out"
                )
            else:
                self._check(text, topic, known)
                definitions[name] = text
        return definitions

    def _check(self, text: str, topic: str, known: Typestore) -> None:
        """Check that what a definition consists of is what is known under these names."""
        types = get_types_from_msg(text, self._reader.topics[topic])
        theirs = get_typestore(Stores.EMPTY)
        theirs.register(types)
        for name in types:
            if name in known.fielddefs and known.hash_rihs01(name) != theirs.hash_rihs01(name):
                self._refuse(name, topic)

    def _refuse(self, name: str, topic: str) -> None:
        raise BagError(
            f"{self.path}: {name} ({topic}) is another than the one of today, and one bag cannot "
            f"hold both; leave {topic} out"
        )
