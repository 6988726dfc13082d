"""Bags of ROS 2 (rosbag2: mcap, sqlite3), read and written, and of ROS 1, read; without ROS."""

from __future__ import annotations

import shutil
import sqlite3
import struct
import sys
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import apsw
from rosbags.interfaces import (
    Connection,
    ConnectionExtRosbag2,
    MessageDefinitionFormat,
    Qos,
    QosDurability,
    QosHistory,
    QosLiveliness,
    QosReliability,
    QosTime,
)
from rosbags.rosbag1 import Reader as Reader1
from rosbags.rosbag1 import ReaderError as Reader1Error
from rosbags.rosbag2 import Reader, ReaderError, StoragePlugin, Writer, WriterError
from rosbags.serde import SerdeError
from rosbags.typesys import (
    Stores,
    TypesysError,
    get_types_from_idl,
    get_types_from_msg,
    get_typestore,
)
from rosbags.typesys.store import Typestore

from alphapose_ros.files import share

if sys.version_info >= (3, 14):  # what rosbags unpacks by
    from compression import zstd
else:
    from backports import zstd

OWN_MESSAGES = (
    "Gesture",
    "GestureArray",
    "PersonPose",
    "PoseArray",
    "SkeletonDefinition",
    "TargetStatus",
    "TrackedPerson",
    "TrackedPersonArray",
)
_IDL_BREAK = "=" * 80 + "\n"
_FOREVER = QosTime(9223372036, 854775807)  # what rosbag2 writes for an unlimited duration
# What rosbags is known to raise at bytes that are not what they should be.
DAMAGE = (
    ReaderError,
    Reader1Error,
    TypesysError,
    SerdeError,
    OSError,
    ValueError,
    TypeError,
    LookupError,
    ArithmeticError,
    AssertionError,
    MemoryError,
    RuntimeError,
    SyntaxError,
    sqlite3.Error,
    apsw.Error,
    zstd.ZstdError,
    EOFError,
    struct.error,
)


class BagError(OSError):
    """A bag that cannot be read or written; the message names it and the remedy."""


@dataclass(frozen=True)
class OfferedQos:
    """How a topic was published, so that ``ros2 bag play`` publishes it alike."""

    depth: int = 5
    reliable: bool = True
    latched: bool = False  # TRANSIENT_LOCAL: late subscribers get the last messages


@dataclass(frozen=True)
class BagMessage:
    """One serialised message."""

    topic: str
    type_name: str  # e.g. alphapose_ros/msg/PoseArray
    stamp_ns: int  # when it was received; the image's time is in the message's header
    data: bytes  # CDR; in a bag of ROS 1 its own form


def own_definitions() -> dict[str, str]:
    """Return the text of our message definitions by type name."""
    return {
        f"alphapose_ros/msg/{name}": share(f"msg/{name}.msg").read_text(encoding="utf-8")
        for name in OWN_MESSAGES
    }


def message_types(definitions: Mapping[str, str] | None = None) -> Typestore:
    """Make a store of the types of ROS 2 Jazzy and of further definitions.

    Args:
        definitions: text by type name; our own where None.
    """
    store = get_typestore(Stores.ROS2_JAZZY)
    types: dict[str, Any] = {}
    for name, text in (own_definitions() if definitions is None else definitions).items():
        types.update(get_types_from_msg(text, name))
    store.register(types)
    return store


def remove_bag(path: str | Path) -> None:
    """Delete a bag if there is one.

    Raises:
        BagError: ``path`` holds something else than a bag.
    """
    path = Path(path)
    if not path.exists():
        return
    ours = {".mcap", ".db3", ".yaml", ".zstd"}
    if not path.is_dir() or any(item.suffix not in ours for item in path.iterdir()):
        raise BagError(f"{path} is no bag and is not deleted; give another path")
    shutil.rmtree(path)


class BagWriter:
    """Writes serialised messages into a new bag; a context manager.

    However the block ends, the bag is closed with its index and metadata and can be read.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        definitions: Mapping[str, str] | None = None,
        overwrite: bool = False,
    ) -> None:
        """Choose the place of the bag; nothing is written before the block is entered.

        Args:
            path: folder to be made.
            definitions: text of message definitions by type name, beside those of ROS 2 Jazzy;
                our own where None.
            overwrite: replace a bag that is there.

        Raises:
            BagError: ``path`` exists.
        """
        self.path = Path(path)
        if overwrite:
            remove_bag(self.path)
        if self.path.exists():
            raise BagError(
                f"{self.path} exists; delete it, give another path or set overwrite:=true "
                "(--overwrite on the command line)"
            )
        self._types = message_types(definitions)
        self._connections: dict[tuple[str, str], Connection] = {}
        self._writer: Writer | None = None

    def __enter__(self) -> BagWriter:
        writer = Writer(self.path, version=9, storage_plugin=StoragePlugin.MCAP)
        try:
            writer.open()
        except (WriterError, OSError) as error:
            raise BagError(
                f"{self.path}: cannot be written ({error}); give another path"
            ) from error
        self._writer = writer
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Write index and metadata; a second call does nothing."""
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.close()

    def write(self, message: BagMessage, qos: OfferedQos | None = None) -> None:
        """Append a message.

        Args:
            message: serialised, with the time when it was received.
            qos: how the topic is published; counts at the first message of a topic.

        Raises:
            BagError: the bag is closed, or nothing is known of the type.
        """
        if self._writer is None:
            raise BagError(f"{self.path} is not open; write inside the `with` block")
        key = (message.topic, message.type_name)
        if key not in self._connections:
            self._connections[key] = self._connect(self._writer, key, qos or OfferedQos())
        self._writer.write(self._connections[key], message.stamp_ns, message.data)

    def _connect(self, writer: Writer, key: tuple[str, str], qos: OfferedQos) -> Connection:
        topic, type_name = key
        if type_name not in self._types.fielddefs:
            raise BagError(
                f"{self.path}: the definition of {type_name} ({topic}) is unknown; "
                "hand it to BagWriter(definitions=...)"
            )
        return writer.add_connection(
            topic, type_name, typestore=self._types, offered_qos_profiles=[_offered(qos)]
        )


class BagReader:
    """Reads a bag folder (mcap or sqlite3), a single file of one, or a .bag; a context manager."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.is_ros1 = self.path.suffix == ".bag"
        self._reader: Reader | Reader1 | None = None
        self._types: Typestore | None = None

    def __enter__(self) -> BagReader:
        try:
            reader = Reader1(self.path) if self.is_ros1 else Reader(self.path)
            reader.open()
            self._reader = reader
            self._types = types_of(reader.connections)
        except FileNotFoundError as error:
            raise BagError(
                f"{self.path}: no bag there ({error}); a folder without metadata.yaml is a "
                "recording that never ended: read its .mcap file or run `ros2 bag reindex`"
            ) from error
        except DAMAGE as error:
            self.__exit__()
            raise self._damaged(error) from error
        return self

    def __exit__(self, *exception: object) -> None:
        reader, self._reader = self._reader, None
        if reader is not None:
            reader.close()

    @property
    def topics(self) -> dict[str, str]:
        """Type names by topic."""
        return {item.topic: item.msgtype for item in self._open().connections}

    @property
    def counts(self) -> dict[str, int]:
        """Numbers of messages by topic."""
        counts = dict.fromkeys(self.topics, 0)
        for item in self._open().connections:
            counts[item.topic] += item.msgcount
        return counts

    @property
    def type_hashes(self) -> dict[str, str]:
        """Hashes of the definitions (RIHS01) by topic; empty where the bag has none."""
        return {item.topic: item.digest for item in self._open().connections}

    @property
    def qos(self) -> dict[str, OfferedQos]:
        """How each topic was published, as far as the bag tells."""
        return {
            item.topic: OfferedQos(
                depth=offered.depth,
                reliable=offered.reliability is QosReliability.RELIABLE,
                latched=offered.durability is QosDurability.TRANSIENT_LOCAL,
            )
            for item in self._open().connections
            if isinstance(item.ext, ConnectionExtRosbag2)
            for offered in item.ext.offered_qos_profiles[:1]
        }

    @property
    def definitions(self) -> dict[str, str]:
        """Texts of the message definitions by type name, with what they consist of."""
        return {
            item.msgtype: item.msgdef.data
            for item in self._open().connections
            if item.msgdef.format is MessageDefinitionFormat.MSG
        }

    def messages(self, topics: Collection[str] | None = None) -> Iterator[BagMessage]:
        """Give the messages in the order of their time.

        Args:
            topics: only these; all where None.

        Raises:
            BagError: the bag ends before its end.
        """
        reader = self._open()
        wanted = [c for c in reader.connections if topics is None or c.topic in topics]
        if not wanted:
            return
        try:
            for connection, stamp_ns, data in reader.messages(wanted):
                yield BagMessage(connection.topic, connection.msgtype, stamp_ns, bytes(data))
        except DAMAGE as error:
            raise self._damaged(error) from error

    def decode(self, message: BagMessage) -> Any:
        """Deserialise a message by the definition that the bag itself holds.

        Raises:
            BagError: the bytes are no message of this type.
        """
        self._open()
        read = self._types.deserialize_ros1 if self.is_ros1 else self._types.deserialize_cdr
        try:
            return read(message.data, message.type_name)
        except DAMAGE as error:
            raise BagError(
                f"{self.path}: a message of {message.topic} is no {message.type_name} ({error})"
            ) from error

    def _open(self) -> Reader | Reader1:
        if self._reader is None:
            raise BagError(f"{self.path} is not open; read inside the `with` block")
        return self._reader

    def _damaged(self, error: Exception) -> BagError:
        return BagError(
            f"{self.path}: damaged or cut off ({type(error).__name__}: {error}); "
            f"copy it again{_rescue(self.path)}"
        )


def header_ns(message: Any) -> int:
    """Return the stamp [ns] in the header of a decoded message."""
    stamp = message.header.stamp
    return stamp.sec * 10**9 + stamp.nanosec


def types_of(connections: Collection[Connection]) -> Typestore:
    """Take the definitions out of a bag; one without them is read with Jazzy's and ours.

    Raises:
        TypesysError: a definition cannot be read.
    """
    formats = {connection.msgdef.format for connection in connections}
    if MessageDefinitionFormat.NONE in formats:
        return message_types()
    store = get_typestore(Stores.EMPTY)
    for connection in connections:
        text = connection.msgdef.data
        if connection.msgdef.format is MessageDefinitionFormat.IDL:
            for part in _idl_parts(text):
                store.register(get_types_from_idl(part))
        else:
            store.register(get_types_from_msg(text, connection.msgtype))
    return store


def _idl_parts(text: str) -> list[str]:
    """Split a definition from what it consists of, as mcap joins them."""
    if not text.startswith(f"{_IDL_BREAK}IDL: "):
        return [text]
    return [part.partition("\n")[2] for part in text.split(_IDL_BREAK)[1:]]


def _rescue(path: Path) -> str:
    """Name the tool that saves what is left of such a bag, if there is one."""
    files = sorted(path.iterdir()) if path.is_dir() else [path]
    for file in files:
        if file.suffix == ".mcap":
            return ", or save what is left with `mcap recover`"
        if file.suffix == ".db3":
            return f", or save what is left with `sqlite3 {file.name} .recover | sqlite3 NEW.db3`"
    return ""


def _offered(qos: OfferedQos) -> Qos:
    """Spell a profile out as rosbag2 stores it."""
    return Qos(
        history=QosHistory.KEEP_LAST,
        depth=qos.depth,
        reliability=QosReliability.RELIABLE if qos.reliable else QosReliability.BEST_EFFORT,
        durability=QosDurability.TRANSIENT_LOCAL if qos.latched else QosDurability.VOLATILE,
        deadline=_FOREVER,
        lifespan=_FOREVER,
        liveliness=QosLiveliness.AUTOMATIC,
        liveliness_lease_duration=_FOREVER,
        avoid_ros_namespace_conventions=False,
    )
