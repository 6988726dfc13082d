"""Multi-stage identity matching: who in this frame is who in the last one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from alphapose_ros.boxes import iou, to_centre_size
from alphapose_ros.config import TrackerConfig
from alphapose_ros.frame import Poses, Tracks, TrackState
from alphapose_ros.keypoints import PoseSimilarity, comparable_rows, shifted
from alphapose_ros.matching import match
from alphapose_ros.skeletons import Skeleton
from alphapose_ros.tracking.kalman import BoxFilter

MAX_GROWTH = 1.6  # of a box's height between two observations
IMPOSSIBLE = 2.0  # a cost above all limits


class Track:
    """One person over time."""

    def __init__(self, track_id: int, person: Poses, row: int, stamp_ns: int) -> None:
        self.id = track_id
        self.pose = person  # one row, as last seen
        self.row = row  # in the poses of this frame, -1 where not seen
        self.born_ns = self.seen_ns = stamp_ns
        self.hits = 1
        self.is_confirmed = False
        self.is_removed = False
        self.filter = BoxFilter(person.boxes[0])

    def predict(self, dt_s: float) -> None:
        """Go on by ``dt_s`` seconds without having seen the person yet."""
        self.row = -1
        self.filter.predict(dt_s)

    def observe(self, person: Poses, row: int, stamp_ns: int, confirm_hits: int) -> None:
        """Take in the person's pose of this frame."""
        self.filter.update(person.boxes[0])
        self.pose, self.row, self.seen_ns = person, row, stamp_ns
        self.hits += 1
        self.is_confirmed |= self.hits >= confirm_hits

    @property
    def state(self) -> TrackState:
        """What is known of the track in this frame."""
        if self.is_removed:
            return TrackState.REMOVED
        if self.row < 0:
            return TrackState.LOST
        return TrackState.TRACKED if self.is_confirmed else TrackState.TENTATIVE

    @property
    def predicted_keypoints(self) -> np.ndarray:
        """The keypoints (K, 3) as last seen, carried along with the predicted box."""
        return shifted(self.pose.keypoints[0], self.pose.boxes[0], self.filter.box)


@dataclass(frozen=True)
class Stage:
    """One round of matching among those whom earlier rounds have left."""

    cost: Callable[[list[Track], Poses], np.ndarray]  # (T, N) in [0, 1]
    max_cost: float


class MsimTracker:
    """Follows people by where they should be now and by how they hold themselves.

    A stage fuses the overlap of boxes with the distance of poses, a second one repeats that with
    a relaxed limit (paper 4.2, Eq. 22). Pairs are chosen at least total cost.

    ``config`` may be exchanged between two calls. ``ids`` gives every new track its id.
    """

    def __init__(self, config: TrackerConfig, ids: Iterator[int]) -> None:
        self.config = config
        self._ids = ids
        self._similarity = PoseSimilarity()
        self.reset()

    def reset(self) -> None:
        """Forget everybody; ids go on, so that none comes twice."""
        self._tracks: list[Track] = []
        self._stamp_ns: int | None = None

    def update(self, people: Poses, stamp_ns: int) -> Tracks:
        """Go on to ``stamp_ns`` and return the live tracks; to be called for empty frames too.

        Tracks that end now are among them once, as REMOVED.

        Raises:
            ValueError: ``stamp_ns`` lies before that of the previous call; reset() first.
        """
        elapsed_s = self._elapsed_s(stamp_ns)
        for track in self._tracks:
            track.predict(elapsed_s)
            track.is_removed = stamp_ns - track.seen_ns > self._patience_ns(track)
        self._stamp_ns = stamp_ns

        waiting = [track for track in self._tracks if not track.is_removed]
        unclaimed = np.arange(len(people))
        for stage in self._stages():
            found = match(stage.cost(waiting, people[unclaimed]), stage.max_cost)
            for number, column in found.pairs:
                row = unclaimed[column]
                waiting[number].observe(people[[row]], row, stamp_ns, self.config.confirm_hits)
            waiting = [waiting[number] for number in found.free_rows]
            unclaimed = unclaimed[found.free_columns]

        for row in unclaimed[people.box_scores[unclaimed] >= self.config.min_score]:
            self._tracks.append(Track(next(self._ids), people[[row]], row, stamp_ns))
        shown, self._tracks = self._tracks, [t for t in self._tracks if not t.is_removed]
        return to_tracks(shown, people, stamp_ns)

    def _elapsed_s(self, stamp_ns: int) -> float:
        last_ns = stamp_ns if self._stamp_ns is None else self._stamp_ns
        if stamp_ns < last_ns:
            raise ValueError(
                f"stamp went back by {(last_ns - stamp_ns) / 1e9:.3f} s; reset() first"
            )
        return (stamp_ns - last_ns) / 1e9

    def _patience_ns(self, track: Track) -> float:
        confirmed = self.config.max_age_s if track.is_confirmed else self.config.tentative_age_s
        return confirmed * 1e9

    def _stages(self) -> list[Stage]:
        return [
            Stage(self._fused_cost, self.config.max_cost),
            Stage(self._fused_cost, self.config.relaxed_max_cost),
        ]

    def _fused_cost(self, tracks: list[Track], people: Poses) -> np.ndarray:
        """Return (T, N): 1 - IoU and pose distance, weighted; 2 where it cannot be.

        That is where boxes do not touch, or one is far taller: nobody grows within a frame.
        """
        predicted = np.array([track.filter.box for track in tracks]).reshape(-1, 4)
        overlap = iou(predicted, people.boxes)
        weight = self.config.pose_weight
        cost = (1 - weight) * (1 - overlap) + weight * self._pose_distances(tracks, people)
        heights = predicted[:, None, 3] - predicted[:, None, 1]
        growth = (people.boxes[:, 3] - people.boxes[:, 1]) / heights
        is_possible = (overlap > 0) & (np.maximum(growth, 1 / growth) < MAX_GROWTH)
        return np.where(is_possible, cost, IMPOSSIBLE)

    def _pose_distances(self, tracks: list[Track], people: Poses) -> np.ndarray:
        rows = comparable_rows(people.skeleton)
        distances = np.empty((len(tracks), len(people)))
        for track, row in zip(tracks, distances, strict=True):
            size = to_centre_size(track.filter.box)[2:]
            keypoints = track.predicted_keypoints[rows]
            row[:] = self._similarity.distance(keypoints, size, people.keypoints[:, rows])
        return distances


def to_tracks(tracks: list[Track], people: Poses, stamp_ns: int) -> Tracks:
    """Write tracks down as a record; those not seen in ``people`` get their predicted box."""
    if not tracks:
        return Tracks.empty(people.skeleton)
    return Tracks(
        poses=_poses_of(tracks, people.skeleton),
        ids=[track.id for track in tracks],
        states=[track.state for track in tracks],
        ages_s=[(stamp_ns - track.born_ns) / 1e9 for track in tracks],
        unseen_s=[(stamp_ns - track.seen_ns) / 1e9 for track in tracks],
        hits=[track.hits for track in tracks],
        detection_rows=[track.row for track in tracks],
        velocities_px=[track.filter.velocity for track in tracks],
        person_ids=np.full(len(tracks), -1),
        identity_scores=np.full(len(tracks), np.nan),
    )


def _poses_of(tracks: list[Track], skeleton: Skeleton) -> Poses:
    absent = np.tile([np.nan, np.nan, 0.0], (len(skeleton.names), 1))
    is_seen = np.array([track.row >= 0 for track in tracks])
    return Poses(
        skeleton=skeleton,
        keypoints=[t.pose.keypoints[0] if t.row >= 0 else absent for t in tracks],
        boxes=[t.pose.boxes[0] if t.row >= 0 else t.filter.box for t in tracks],
        box_scores=is_seen * [track.pose.box_scores[0] for track in tracks],
        scores=is_seen * [track.pose.scores[0] for track in tracks],
    )
