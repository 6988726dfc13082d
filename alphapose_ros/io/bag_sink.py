"""The people of every frame as a bag: what the pose node would have published."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from alphapose_ros.following.messages import pose_to_message, status_to_message
from alphapose_ros.following.records import SelectBy, TargetState, View, Wish
from alphapose_ros.following.target import Target
from alphapose_ros.frame import Tracks
from alphapose_ros.io.bag import (
    BagMessage,
    BagWriter,
    OfferedQos,
    message_types,
    own_definitions,
)
from alphapose_ros.io.bag_copy import BagCopy
from alphapose_ros.io.bag_messages import bag_dialect, header_of
from alphapose_ros.io.colours import IdentityColours
from alphapose_ros.io.ends import Job, Processed
from alphapose_ros.io.faces import without_faces
from alphapose_ros.lifting.moving import Placed
from alphapose_ros.markers import MarkerBoard
from alphapose_ros.messages import (
    About,
    poses_to_message,
    skeleton_to_message,
    tracks_to_message,
)


@dataclass(frozen=True)
class Output:
    """One topic that is written, as the pose node publishes it."""

    type_name: str
    qos: OfferedQos


OUTPUTS = {
    "poses": Output("alphapose_ros/msg/PoseArray", OfferedQos()),
    "tracks": Output("alphapose_ros/msg/TrackedPersonArray", OfferedQos()),
    "skeleton": Output("alphapose_ros/msg/SkeletonDefinition", OfferedQos(depth=1, latched=True)),
    "markers": Output("visualization_msgs/msg/MarkerArray", OfferedQos()),
    "target/pose": Output("geometry_msgs/msg/PoseStamped", OfferedQos(depth=1)),
    "target/status": Output("alphapose_ros/msg/TargetStatus", OfferedQos()),
}
RESERVE = 16 * 2**20  # bytes of the disk that are left for the bag's end
TARGETS = "nearest, centre, raised_hand, track:NUMBER, person:NUMBER"


class BagSink:
    """Writes `poses`, `tracks`, `skeleton`, `markers` and, if wanted, the target into a new bag.

    Headers are those of the images, messages are received when their image was. Nothing depends
    on a clock: equal frames give an equal bag.

    Args:
        path: folder to be made.
        job: settings and skeleton of the run.
        prefix: namespace of the topics; "" for /poses, "front" for /front/poses.
        target: who is followed on `target/pose` and `target/status`, one of TARGETS; chosen once,
            as soon as that person is in view. "": nobody, and these topics are not written.
        copy_from: a bag whose topics are taken over too.
        copy_topics: which, by name or patterns such as /camera/*.
        overwrite: replace a bag that is there.

    Raises:
        ValueError: there is no such target.
    """

    def __init__(  # noqa: PLR0913  choices that have nothing to do with one another
        self,
        path: str | Path,
        job: Job,
        *,
        prefix: str = "",
        target: str = "",
        copy_from: str | Path | None = None,
        copy_topics: Sequence[str] = ("*",),
        overwrite: bool = False,
    ) -> None:
        self._path, self._job, self._overwrite = Path(path), job, overwrite
        self._namespace = f"/{prefix.strip('/')}/" if prefix.strip("/") else "/"
        self._target = OneTarget(target, job) if target else None
        self._copy = None
        if copy_from is not None:
            ours = [self._namespace + name for name in OUTPUTS]
            self._copy = BagCopy(copy_from, copy_topics, without=ours)
        self._types = message_types()
        self._dialect = bag_dialect(self._types)
        self._board, self._colours = MarkerBoard(self._dialect), IdentityColours()
        self._next_id = 1
        self._is_begun = False
        self._open = ExitStack()

    def __enter__(self) -> BagSink:
        """Open the bags.

        Raises:
            BagError: there is something at ``path``, or topics cannot be copied; see BagCopy.
        """
        definitions = own_definitions()
        with ExitStack() as opened:
            if self._copy is not None:
                opened.enter_context(self._copy)
                definitions |= self._copy.definitions
            writer = BagWriter(self._path, definitions=definitions, overwrite=self._overwrite)
            self._writer = opened.enter_context(writer)
            self._open = opened.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, *exception: object) -> None:
        with self._open:
            if kind is None and self._copy is not None:
                self._copy_until(None)

    def add(self, processed: Processed) -> None:
        """Write the messages of one frame.

        Raises:
            OSError: the disk is full, or they cannot be written; the frames before are kept.
        """
        self._require_space()
        item, result = processed.item, processed.result
        received_ns, frame, output = item.received_ns, item.frame, self._job.config.output
        self._copy_until(received_ns)
        if not self._is_begun:
            self._begin(received_ns)
        header = header_of(frame.stamp_ns, frame.frame_id, self._dialect)
        height, width = frame.image.shape[:2]
        tells_looks = output.embeddings and not output.privacy
        about = About(header, width, height, self._next_id, tells_looks)
        self._next_id += len(result.poses)
        poses = poses_to_message(result.poses, about, self._dialect)
        self._write("poses", poses, received_ns)
        placed = processed.placed or Placed(result.tracks, frame.frame_id, np.zeros(3))
        tracks = tracks_to_message(placed.tracks, about, self._dialect)
        tracks.header = header_of(frame.stamp_ns, placed.frame_id, self._dialect)
        self._write("tracks", tracks, received_ns)
        if self._target is not None:
            view = View(
                width=width,
                height=height,
                place=tuple(placed.camera.tolist()),
                frame_id=placed.frame_id,
            )
            state = self._target.update(placed.tracks, frame.stamp_ns, view)
            self._tell_target(state, header, received_ns)
        colours = self._colours(result.tracks)
        shown = without_faces(result.tracks) if output.privacy else result.tracks
        markers = self._board.update(shown, frame, header, output, colours)
        self._write("markers", markers, received_ns)

    def _begin(self, received_ns: int) -> None:
        self._is_begun = True
        nothing = header_of(0, "", self._dialect)
        skeleton = skeleton_to_message(self._job.skeleton, nothing, self._dialect)
        self._write("skeleton", skeleton, received_ns)
        self._write("markers", self._board.clear(nothing), received_ns)

    def _tell_target(self, state: TargetState, header: Any, received_ns: int) -> None:
        pose = pose_to_message(state, header, self._dialect)
        if pose is not None:
            self._write("target/pose", pose, received_ns)
        status = status_to_message(state, header, self._dialect)
        self._write("target/status", status, received_ns)

    def _write(self, name: str, message: Any, received_ns: int) -> None:
        output = OUTPUTS[name]
        data = bytes(self._types.serialize_cdr(message, output.type_name))
        topic = self._namespace + name
        self._writer.write(BagMessage(topic, output.type_name, received_ns, data), output.qos)

    def _require_space(self, size: int = 0) -> None:
        """Stop before the disk is full: a bag without its index could not be played."""
        free = shutil.disk_usage(self._path).free
        if free < RESERVE + size:
            raise OSError(
                errno.ENOSPC,
                f"no space is left but {free / 2**20:.0f} MiB, which the end of the bag may need; "
                "what was written until then is kept",
                str(self._path),
            )

    def _copy_until(self, stamp_ns: int | None) -> None:
        if self._copy is not None:
            for message in self._copy.until(stamp_ns):
                self._require_space(len(message.data))
                self._writer.write(message, self._copy.qos.get(message.topic))


class OneTarget:
    """Follows one person through a run, chosen as soon as there is somebody to choose.

    Args:
        text: one of TARGETS.
        job: for ``target.*`` and ``gestures.*`` of the settings.

    Raises:
        ValueError: ``text`` is none of them.
    """

    def __init__(self, text: str, job: Job) -> None:
        self._wish = wish_of(text)
        config = job.config.target
        select = "service" if self._wish is not None else "raised_hand"
        self._target = Target(replace(config, select=select), job.config.gestures)

    def update(self, tracks: Tracks, stamp_ns: int, view: View) -> TargetState:
        """Go on with the people of one frame."""
        if self._wish is not None and self._target.select(self._wish, tracks, view).success:
            self._wish = None
        return self._target.update(tracks, stamp_ns, view)


def wish_of(text: str) -> Wish | None:
    """Read who is to be followed; None: whoever holds up a hand.

    Raises:
        ValueError: it is none of TARGETS.
    """
    by, _, number = text.partition(":")
    if by in _NUMBERED and number.isascii() and number.isdigit():
        select, field = _NUMBERED[by]
        return Wish(by=select, **{field: int(number)})
    if text not in _PLAIN:
        raise ValueError(f"target {text!r} is none of {TARGETS}")
    select = _PLAIN[text]
    return None if select is None else Wish(by=select)


_PLAIN = {"nearest": SelectBy.NEAREST, "centre": SelectBy.CENTRE, "raised_hand": None}
_NUMBERED = {"track": (SelectBy.TRACK_ID, "track_id"), "person": (SelectBy.PERSON_ID, "person_id")}
