"""The order of the stages: one frame in, its people out."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from alphapose_ros.config import Config
from alphapose_ros.detection import Finder, build_detector
from alphapose_ros.devices import pick_compute
from alphapose_ros.filters import PeopleFilter
from alphapose_ros.frame import JUMP_BACK_S, Detections, Frame, Poses, Tracks
from alphapose_ros.lifting import Ground, build_lifter
from alphapose_ros.pose import build_estimator
from alphapose_ros.reid import build_reid
from alphapose_ros.skeletons import Skeleton
from alphapose_ros.suppression import pose_nms
from alphapose_ros.tracking import build_tracker
from alphapose_ros.tracking.embedding import EmbeddingSpace
from alphapose_ros.tracking.gallery import Gallery
from alphapose_ros.tracking.ids import Ids
from alphapose_ros.tracking.msim import MsimTracker

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Detected:
    """Whom the detector found in one frame."""

    people: Detections
    counts: np.ndarray  # (N,) bool: whom the filters leave to get a pose


@dataclass(frozen=True, kw_only=True)
class Result:
    """What one frame gave."""

    poses: Poses  # after pose NMS and filters
    tracks: Tracks
    stage_ms: dict[str, float]  # duration by stage
    found: Poses | None = None  # all whom the detector found, before pose NMS and filters


class Laps:
    """How long one thing after the other takes."""

    def __init__(self) -> None:
        self.ms: dict[str, float] = {}
        self._start_s = time.perf_counter()

    def end(self, name: str) -> None:
        """Note the time since the last end under ``name``."""
        now_s = time.perf_counter()
        self.ms[name] = 1e3 * (now_s - self._start_s)
        self._start_s = now_s


class Pipeline:
    """Detect, estimate poses, suppress doubles, track, lift: for topics, bags and videos alike.

    In between, those who do not count are left out.

    Args:
        config: all settings.
        ids: where tracks and people get their numbers from, 1, 2, ... by default.
        find: people in an image (H, W, 3) BGR and the number of its frame, in place of the
            detector that ``config`` names; true boxes, for example.

    Raises:
        ValueError, FileNotFoundError, CheckpointError: a setting, file or network does not fit.
    """

    def __init__(self, config: Config, ids: Ids | None = None, find: Finder | None = None) -> None:
        self._config = config
        compute = pick_compute(config.device, config.runtime, config.threads)
        self.device = compute.device
        self._detector = None if find else build_detector(config.detector, compute)
        self._find = find or self._detector
        self._filter = PeopleFilter(config.filter)
        self._estimator = build_estimator(config.pose, compute)
        check_fits(config, self._estimator.skeleton)
        needs_looks = config.tracker.name == "msim"
        self._embedder = build_reid(config.reid, compute) if needs_looks else None
        space = self._embedder and EmbeddingSpace(
            self._embedder.max_distance, self._embedder.digest
        )
        self._tracker = build_tracker(config.tracker, ids, space)
        self._lifter = build_lifter(config.lifting)
        self._stamp_ns: int | None = None

    @property
    def skeleton(self) -> Skeleton:
        """The skeleton of all poses that come out."""
        return self._estimator.skeleton

    @property
    def gallery(self) -> Gallery | None:
        """Who is known by looks; None where nobody can be known again."""
        return self._tracker.gallery if isinstance(self._tracker, MsimTracker) else None

    def __call__(self, frame: Frame) -> Tracks:
        """Return the people of one frame; frames come in the order of their stamps."""
        return self.run(frame).tracks

    def run(self, frame: Frame, ground: Ground | None = None) -> Result:
        """Return poses, tracks and durations of one frame.

        Where the stamp goes back by more than a second (a bag begins anew), tracking starts
        afresh.

        Args:
            frame: with camera, and depth where there is any, for positions in metres.
            ground: that people stand on in this frame; by default that of the settings, if any.
        """
        laps = Laps()
        detected = self.detect(frame)
        laps.end("detect")
        found = self.estimate(frame, detected)
        laps.end("pose")
        result = self.finish(frame, detected, found, ground)
        return replace(result, stage_ms=laps.ms | result.stage_ms)

    def detect(self, frame: Frame) -> Detected:
        """Return the people of one frame, as the first of the three parts of run().

        The three parts may run in a thread each, every one in the order of the frames: they share
        nothing that changes.
        """
        people = self._find(frame.image, frame.index)
        return Detected(people=people, counts=self._filter.detections(people, frame.image.shape))

    def estimate(self, frame: Frame, detected: Detected) -> Poses:
        """Return the poses of those who count, as the second part of run()."""
        return self._estimator(frame.image, detected.people[detected.counts])

    def finish(
        self, frame: Frame, detected: Detected, found: Poses, ground: Ground | None = None
    ) -> Result:
        """Suppress doubles, track and lift, as the third part of run().

        Args:
            frame: as run() takes it.
            detected: what detect() said of it.
            found: what estimate() said of it.
            ground: as run() takes it.
        """
        laps = Laps()
        suppression = self._config.suppression
        poses = pose_nms(found, suppression.name, suppression.constants, config=suppression)
        poses = self._filter.poses(poses)
        laps.end("suppress")
        tracks = self._track(poses, frame.image, frame.stamp_ns)
        laps.end("track")
        if self._lifter is not None:
            tracks = _without_empty_column(self._lifter(tracks, frame, ground))
            laps.end("lift")
        if not detected.counts.all():
            found = _with_others(found, detected.people, detected.counts)
        return Result(poses=poses, tracks=tracks, stage_ms=laps.ms, found=found)

    def process(self, frames: Iterable[Frame]) -> Iterator[Tracks]:
        """Return the people of each frame of a stream, as they come."""
        for frame in frames:
            yield self(frame)

    def reset(self) -> None:
        """Forget all people seen so far."""
        self._tracker.reset()
        if self._lifter is not None:
            self._lifter.reset()
        self._stamp_ns = None

    def keep(self) -> None:
        """Write down who is known, where ``tracker.gallery_save`` asks for it.

        Raises:
            OSError: it cannot be written.
        """
        self._tracker.keep()

    def reconfigure(self, config: Config) -> None:
        """Take over changed live settings, which check_fits() passed; between two frames only."""
        self._config = config
        if self._detector is not None:
            self._detector.config = config.detector
        self._filter.config = config.filter
        self._tracker.config = config.tracker
        if self._lifter is not None:
            self._lifter.config = config.lifting

    def _track(self, poses: Poses, image: np.ndarray, stamp_ns: int) -> Tracks:
        back_s = 0.0 if self._stamp_ns is None else (self._stamp_ns - stamp_ns) / 1e9
        if back_s > JUMP_BACK_S:
            log.warning("stamps went back by %.3f s: tracking starts afresh", back_s)
            self.reset()
        elif back_s > 0:  # two images out of order
            stamp_ns = self._stamp_ns
        self._stamp_ns = stamp_ns
        embedder = self._embedder
        if embedder is None:
            return self._tracker.update(poses, stamp_ns, image=image)
        if poses.embeddings is not None:  # a detector's own cannot be compared with these
            poses = replace(poses, embeddings=None)
        return self._tracker.update(
            poses, stamp_ns, lambda rows: embedder(image, poses[rows]), image
        )


def check_fits(config: Config, skeleton: Skeleton) -> None:
    """Refuse a filter that nobody could pass; also for live settings, before they are taken over.

    Raises:
        ValueError: it wants more keypoints than the skeleton of the poses has.
    """
    most, wanted = len(skeleton.names), config.filter.min_keypoints
    if wanted > most:
        raise ValueError(
            f"filter.min_keypoints is {wanted}, but {skeleton.id} has {most} keypoints, so that "
            "nobody would count; set a smaller one"
        )


def _without_empty_column(tracks: Tracks) -> Tracks:
    """Return tracks without 3-D keypoints where none of them is known."""
    lifted = tracks.poses.keypoints_3d
    if lifted is None or np.isfinite(lifted).any():
        return tracks
    return replace(tracks, poses=replace(tracks.poses, keypoints_3d=None))


def _with_others(poses: Poses, people: Detections, counts: np.ndarray) -> Poses:
    """Return the poses of all people: of those who do not count without keypoints."""
    keypoints = np.tile(
        np.float32([np.nan, np.nan, 0]), (len(people), len(poses.skeleton.names), 1)
    )
    keypoints[counts] = poses.keypoints
    scores = np.zeros(len(people))
    scores[counts] = poses.scores
    return Poses(
        skeleton=poses.skeleton,
        keypoints=keypoints,
        boxes=people.boxes,
        box_scores=people.scores,
        scores=scores,
    )
