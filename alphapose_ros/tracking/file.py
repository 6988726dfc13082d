"""Tracks that somebody else found, from a file in the MOTChallenge's form."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from alphapose_ros.boxes import from_xywh
from alphapose_ros.config import TrackerConfig
from alphapose_ros.frame import Poses, Tracks, TrackState
from alphapose_ros.matching import match
from alphapose_ros.tracking.costs import overlaps
from alphapose_ros.tracking.embedding import Embed
from alphapose_ros.tracking.tracks import ABSENT, NOBODY, spread

MAX_COST = 0.5  # 1 - IoU of a pose's box and a box of the file that are one person's
FIRST_PIXEL = 1  # as the files count
COLUMNS = 6  # frame, id, left, top, width, height; what follows does not matter here


LARGEST = 2**53  # whole numbers beyond are not exact


class FileTracker:
    """Gives poses the identities of the boxes in a file that they overlap with most.

    Frame 1 of the file belongs to the first call, and to the first one after reset(); every call is
    one frame. A box in which there is no pose is a lost track. A pose in no box is nobody's.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: no file is named, or a line is malformed.
    """

    def __init__(self, config: TrackerConfig) -> None:
        self.config = config
        self._by_frame = _read(config.tracks_file)
        self.reset()

    def reset(self) -> None:
        """Begin with the first frame again."""
        self._frame = 0
        self._known: dict[int, tuple[int, int, int]] = {}  # by id: born_ns, seen_ns, hits

    def keep(self) -> None:
        """Write nothing: nobody is known."""

    def update(
        self,
        people: Poses,
        stamp_ns: int,
        embed: Embed | None = None,
        image: np.ndarray | None = None,
    ) -> Tracks:
        """Return the tracks of the file's next frame, with the poses found in their boxes."""
        self._frame += 1
        lines = self._by_frame.get(self._frame, np.empty((0, 5)))
        ids, boxes = lines[:, 0].astype(np.int64), lines[:, 1:]
        usable = np.flatnonzero(np.isfinite(people.boxes).all(axis=1))
        pairs = match(1 - overlaps(boxes, people.boxes[usable]), MAX_COST).pairs
        rows = np.full(len(ids), NOBODY)
        rows[pairs[:, 0]] = usable[pairs[:, 1]]
        for track, row in zip(ids.tolist(), rows.tolist(), strict=True):
            born_ns, seen_ns, hits = self._known.get(track, (stamp_ns, stamp_ns, 0))
            is_seen = row != NOBODY
            self._known[track] = (born_ns, stamp_ns if is_seen else seen_ns, hits + is_seen)
        born_ns, seen_ns, hits = np.reshape([self._known[i] for i in ids.tolist()], (-1, 3)).T
        return Tracks(
            poses=Poses(
                skeleton=people.skeleton,
                keypoints=spread(people.keypoints, rows, ABSENT),
                boxes=boxes,
                box_scores=spread(people.box_scores, rows, 0),
                scores=spread(people.scores, rows, 0),
            ),
            ids=ids,
            states=np.where(rows == NOBODY, TrackState.LOST, TrackState.TRACKED),
            ages_s=(stamp_ns - born_ns) / 1e9,
            unseen_s=(stamp_ns - seen_ns) / 1e9,
            hits=hits,
            detection_rows=rows,
            velocities_px=np.full((len(ids), 2), np.nan),
            person_ids=np.full(len(ids), NOBODY),
            identity_scores=np.full(len(ids), np.nan),
        )


def _read(path: str) -> dict[int, np.ndarray]:
    """Return id, x1, y1, x2, y2 (N, 5) of each frame in which there is somebody."""
    if not path:
        raise ValueError("tracker.tracks_file is empty: 'file' needs the file of the tracks")
    file = Path(path)
    if not file.is_file():
        raise FileNotFoundError(f"tracker.tracks_file: {path} does not exist")
    try:
        lines = [line for line in file.read_text(encoding="utf-8-sig").splitlines() if line.strip()]
        table = np.loadtxt(lines, delimiter=",", usecols=range(COLUMNS), ndmin=2) if lines else []
    except (ValueError, IndexError) as error:
        raise ValueError(f"{path}: not frame,id,left,top,width,height,...: {error}") from None
    table = np.reshape(table, (-1, COLUMNS))
    if not np.isfinite(table).all():
        raise ValueError(f"{path}: holds values that are not finite")
    whole, sizes = table[:, :2], table[:, 4:]
    is_whole = (whole == np.floor(whole)) & (whole >= 1) & (whole < LARGEST)
    if not (is_whole.all() and (sizes > 0).all()):
        row = int(np.flatnonzero(~is_whole.all(axis=1) | ~(sizes > 0).all(axis=1))[0])
        raise ValueError(
            f"{path}: line {row + 1}: frame and id must be whole numbers from 1, width and height "
            "above 0"
        )
    if len(np.unique(whole, axis=0)) != len(table):
        raise ValueError(f"{path}: an id comes twice in one frame")
    boxes = from_xywh(table[:, 2:] - [FIRST_PIXEL, FIRST_PIXEL, 0, 0])
    table = np.column_stack((table[:, 1], boxes)), table[:, 0].astype(np.int64)
    return {int(frame): table[0][table[1] == frame] for frame in np.unique(table[1])}
