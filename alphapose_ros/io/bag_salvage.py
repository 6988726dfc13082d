"""What is left of a bag that broke off or is damaged, read in the order in which it was written.

A recording that was killed has neither index nor metadata; a copy that broke off lacks its end.
"""

from __future__ import annotations

import logging
import re
import sqlite3
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple
from urllib.parse import quote

import zstandard
from rosbags.interfaces import Connection, MessageDefinition, MessageDefinitionFormat
from rosbags.typesys.store import Typestore

from alphapose_ros.io.bag import DAMAGE, BagError, BagMessage, BagReader, types_of
from alphapose_ros.io.bag_salvage_mcap import read_mcap
from alphapose_ros.io.bag_salvage_ros1 import read_ros1
from alphapose_ros.io.ends import Problem

FORMATS = {
    "ros2msg": MessageDefinitionFormat.MSG,
    "ros2idl": MessageDefinitionFormat.IDL,
    "omgidl": MessageDefinitionFormat.IDL,
}
STORAGES = (".mcap", ".db3", ".bag", ".active")  # .bag.active: ROS 1's, while it records
STARTS = {b"\x89MCAP": ".mcap", b"SQLite format 3\0": ".db3", b"#ROSBAG": ".bag"}
COPIED = 2**20  # bytes at once
ZSTD = b"\x28\xb5\x2f\xfd"  # begins a compressed message; no CDR begins so
MISSES = 1000  # of rows in sequence, after which nothing more is looked for
_QUERY = "SELECT id, topic_id, timestamp, data FROM messages"

logger = logging.getLogger(__name__)

Report = Callable[[Problem], None]


class Topic(NamedTuple):
    """What a file says of a topic."""

    name: str
    type_name: str
    encoding: str  # of the definition; "" where there is none
    definition: str


Row = tuple[Topic, int, bytes]  # and stamp [ns], message


class SalvageReader:
    """Reads what is left of a damaged bag; a context manager, to be used like BagReader.

    Every file is read once to see what is there, and again for the messages.

    Args:
        path: folder, or file.
        report: gets each place where something is missing, once.
    """

    def __init__(self, path: str | Path, report: Report) -> None:
        self.path = Path(path)
        self.is_ros1 = False
        self.topics: dict[str, str] = {}  # type names by topic
        self.counts: dict[str, int] = {}
        self.definitions: dict[str, str] = {}
        self._report = report
        self._files: list[Path] = []
        self._types: Typestore | None = None
        self._stack = ExitStack()

    def __enter__(self) -> SalvageReader:
        """Look through the files.

        Raises:
            BagError: nothing is left.
        """
        self._files = [self._unpacked(path) for path in storage_files(self.path)]
        self.is_ros1 = any(_storage(path) == ".bag" for path in self._files)
        topics: dict[str, Topic] = {}
        counts: Counter[str] = Counter()
        try:
            for topic, _, _ in self._rows(self._report):
                topics.setdefault(topic.name, topic)
                counts[topic.name] += 1
            self._types = types_of([_connection(topic) for topic in topics.values()])
        except DAMAGE as error:
            self.__exit__()
            raise BagError(f"{self.path}: nothing can be read of it ({error})") from error
        if not topics:
            self.__exit__()
            raise BagError(f"{self.path}: not one message is left in it; copy it again")
        self.topics = {name: topic.type_name for name, topic in topics.items()}
        self.counts = dict(counts)
        self.definitions = {
            topic.type_name: topic.definition
            for topic in topics.values()
            if FORMATS.get(topic.encoding) is MessageDefinitionFormat.MSG
        }
        return self

    def __exit__(self, *exception: object) -> None:
        self._stack.close()
        self._files = []

    def messages(self, topics: Collection[str] | None = None) -> Iterator[BagMessage]:
        """Give the messages in the order in which they were written.

        Args:
            topics: only these; all where None.
        """
        for topic, stamp_ns, data in self._rows(_silent):
            if topics is None or topic.name in topics:
                yield BagMessage(topic.name, topic.type_name, stamp_ns, self._plain(data))

    def decode(self, message: BagMessage) -> Any:
        """Deserialise a message.

        Raises:
            BagError: the bytes are no message of this type.
        """
        read = self._types.deserialize_ros1 if self.is_ros1 else self._types.deserialize_cdr
        try:
            return read(message.data, message.type_name)
        except DAMAGE as error:
            raise BagError(
                f"{self.path}: a message of {message.topic} is no {message.type_name} ({error})"
            ) from error

    def _plain(self, data: bytes) -> bytes:
        """Unpack a message; one that is damaged stays as it is, and cannot be decoded."""
        if self.is_ros1 or not data.startswith(ZSTD):
            return data
        try:
            return zstandard.ZstdDecompressor().decompressobj().decompress(data)
        except zstandard.ZstdError:
            return data

    def _rows(self, report: Report) -> Iterator[Row]:
        for path in self._files:
            read = {".mcap": _mcap_rows, ".db3": _sqlite_rows, ".bag": _ros1_rows}
            yield from read[_storage(path)](path, report)

    def _unpacked(self, path: Path) -> Path:
        """Return a file without the compression around it, as far as that goes."""
        if path.suffix != ".zstd":
            return path
        folder = Path(self._stack.enter_context(TemporaryDirectory(prefix="alphapose_bag_")))
        found = folder / path.stem
        with path.open("rb") as packed, found.open("wb") as file:
            reader = zstandard.ZstdDecompressor().stream_reader(packed, read_across_frames=True)
            try:
                while block := reader.read(COPIED):
                    file.write(block)
            except zstandard.ZstdError:
                place = f"{path.name}, byte {packed.tell()}"
                self._report(Problem(where=place, what="the compressed file is damaged there"))
        return found


def is_bag(path: Path) -> bool:
    """Tell whether a folder is a bag, finished or not."""
    if (path / "metadata.yaml").is_file():
        return True
    return path.is_dir() and any(item.suffix in (".mcap", ".db3") for item in path.iterdir())


@contextmanager
def open_bag(
    path: Path, problems: list[Problem] | None = None
) -> Iterator[BagReader | SalvageReader]:
    """Read a bag: by its index, or what is left where that is damaged.

    Args:
        path: folder or file.
        problems: get what is missing.

    Raises:
        BagError: nothing can be read.
    """
    told = [] if problems is None else problems
    with ExitStack() as stack:
        try:
            bag: BagReader | SalvageReader = stack.enter_context(BagReader(path))
        except BagError as error:
            known = len(told)
            try:
                bag = stack.enter_context(SalvageReader(path, told.append))
            except BagError:
                raise error from None
            if len(told) == known and (path.is_dir() or path.suffix in STARTS.values()):
                told.append(Problem(where=path.name, what=str(error)))
        yield bag


def messages_left(
    bag: BagReader | SalvageReader, topics: Collection[str] | None, problems: list[Problem]
) -> Iterator[BagMessage]:
    """Give messages; where reading by the index fails, go on with what else is left.

    Args:
        bag: is open.
        topics: only these; all where None.
        problems: get what is missing.

    Raises:
        BagError: reading fails, and nothing is left.
    """
    last_ns, given = -1, set()
    try:
        for message in bag.messages(topics):
            given = {*given, message.topic} if message.stamp_ns == last_ns else {message.topic}
            last_ns = message.stamp_ns
            yield message
        return
    except BagError as error:
        known, damage = len(problems), error
    with SalvageReader(bag.path, problems.append) as rest:
        if len(problems) == known:
            problems.append(Problem(where=at(bag.path.name, last_ns), what=str(damage)))
        for message in rest.messages(topics):
            is_new = message.stamp_ns > last_ns or (
                message.stamp_ns == last_ns and message.topic not in given
            )
            if is_new:
                yield message


def at(where: str, stamp_ns: int) -> str:
    """Name a place in a bag; a stamp below 0 is none."""
    return where if stamp_ns < 0 else f"{where} at {stamp_ns / 1e9:.3f} s"


def storage_files(path: Path) -> list[Path]:
    """Return the files of a bag in their order: file, or those of a folder by their numbers.

    Raises:
        BagError: there is none.
    """
    if path.is_file():
        return [path]
    files = [
        file
        for file in (path.iterdir() if path.is_dir() else ())
        if Path(file.name.removesuffix(".zstd")).suffix in STORAGES[:2]
    ]
    if not files:
        raise BagError(f"{path}: no bag there: no file that ends in {' or '.join(STORAGES[:2])}")
    return sorted(
        files, key=lambda file: ([int(part) for part in re.findall(r"\d+", file.name)], file.name)
    )


def storage_of(start: bytes) -> str:
    """Return the ending that a bag's file should have, by its first bytes; "" if it is none."""
    return next((suffix for magic, suffix in STARTS.items() if start.startswith(magic)), "")


def _storage(path: Path) -> str:
    with path.open("rb") as file:
        found = storage_of(file.read(16))
    return found or (path.suffix if path.suffix in STARTS.values() else ".bag")


def _silent(problem: Problem) -> None:
    """Take what was reported at the first reading."""
    logger.debug("%s: %s", problem.where, problem.what)


def _connection(topic: Topic) -> Connection:
    definition = MessageDefinition(
        FORMATS.get(topic.encoding, MessageDefinitionFormat.NONE), topic.definition
    )
    return Connection(1, topic.name, topic.type_name, definition, "", 0, None, None)


def _mcap_rows(path: Path, report: Report) -> Iterator[Row]:
    for name, (type_name, encoding, text), stamp_ns, data in read_mcap(path, report):
        yield Topic(name, type_name, encoding, text), stamp_ns, data


def _ros1_rows(path: Path, report: Report) -> Iterator[Row]:
    for name, type_name, text, stamp_ns, data in read_ros1(path, report):
        yield Topic(name, type_name, "ros2msg", text), stamp_ns, data


def _sqlite_rows(path: Path, report: Report) -> Iterator[Row]:
    """Give the rows of a database; beyond what cannot be read, those that can be found singly."""
    # A recording that was killed has its last messages in a file beside, which SQLite joins.
    is_whole = not path.with_name(f"{path.name}-wal").exists()
    address = f"file:{quote(str(path))}?mode=ro{'&immutable=1' * is_whole}"
    # What begins to read is not always the thread that goes on, but never two at once.
    with closing(sqlite3.connect(address, uri=True, check_same_thread=False)) as connection:
        connection.text_factory = lambda text: text.decode(errors="replace")
        connection.execute("PRAGMA writable_schema = ON")  # or a file cut short is not read at all
        topics = _sqlite_topics(connection)
        for key, stamp_ns, data in _sqlite_messages(connection, path.name, report):
            if key in topics and isinstance(data, bytes):
                yield topics[key], stamp_ns, data


def _sqlite_messages(
    connection: sqlite3.Connection, name: str, report: Report
) -> Iterator[tuple[int, int, bytes]]:
    row_id = 0
    try:
        for row in connection.execute(f"{_QUERY} ORDER BY id"):
            row_id = row[0]
            yield row[1:]
        return
    except sqlite3.DatabaseError as error:
        what = f"the file is damaged or breaks off there, what else can be read is kept: {error}"
        report(Problem(where=f"{name}, message {row_id + 1}", what=what))
    misses = 0
    while misses < MISSES:
        row_id, misses = row_id + 1, misses + 1
        try:
            row = connection.execute(f"{_QUERY} WHERE id = ?", (row_id,)).fetchone()
        except sqlite3.DatabaseError:
            continue
        if row is not None:
            misses = 0
            yield row[1:]


def _sqlite_topics(connection: sqlite3.Connection) -> dict[int, Topic]:
    try:
        definitions = {
            name: (encoding, text)
            for name, encoding, text in connection.execute(
                "SELECT topic_type, encoding, encoded_message_definition FROM message_definitions"
            )
        }
    except sqlite3.DatabaseError:  # older bags have none
        definitions = {}
    return {
        key: Topic(name, type_name, *definitions.get(type_name, ("", "")))
        for key, name, type_name in connection.execute("SELECT id, name, type FROM topics")
    }
