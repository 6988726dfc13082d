"""What it brings to take the camera's own motion out, on real clips whose camera moves.

    python benchmarks/camera_motion.py --data DIR [--every 1,3]

Boxes are those of a detector, found once (the files beside the clips). Of each clip, every n-th
frame is followed with and without ``tracker.camera_motion``:

- motion: how far the background moves between two frames, in the median, in parts of the width;
  found independently, with ORB features of the whole picture and a homography;
- off by: how far the tracker's estimate is from that, on a grid of places;
- expected: IoU of people with where their track expected them, in the mean of those matched;
- tracks: of how many it is said that they are confirmed; fewer are better, as the boxes are the
  same;
- longest: how many frames the longest ones are seen in, the mean of as many as there are people at
  once in the median.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from alphapose_ros.boxes import iou
from alphapose_ros.config import DetectorConfig, TrackerConfig
from alphapose_ros.detection import build_detector
from alphapose_ros.devices import Compute
from alphapose_ros.frame import Detections, Poses, TrackState
from alphapose_ros.skeletons import skeleton
from alphapose_ros.tracking import build_tracker
from alphapose_ros.tracking.camera_motion import CameraMotion
from alphapose_ros.tracking.core import StagedTracker

CLIPS = {  # frames per second; the last one stands still
    "openpose/video.avi": 50.0,
    "davis/tennis.mp4": 24.0,
    "walking/white_cane_toward.mp4": 30.0,
    "pets09_s2l1_part1/video.mp4": 10.0,
}
BOXES = ".yolox_nano_416.det_coco.json"
SCORE = 0.3  # of a box that counts
BODY = skeleton("coco_17")
GRID = np.stack(np.meshgrid(np.linspace(0.1, 0.9, 5), np.linspace(0.1, 0.9, 5)), -1).reshape(-1, 2)


@dataclass(frozen=True)
class Clip:
    """Images and who is found in them."""

    images: Sequence[np.ndarray]
    people: Sequence[Poses]
    rate_hz: float


def read(path: Path, rate_hz: float, every: int) -> Clip:
    """Return every n-th frame of a clip and the people in it, of whom only boxes are known."""
    file = path.with_name(path.stem + BOXES)
    compute = Compute(device="cpu", threads=1)
    find = build_detector(DetectorConfig(name="file", boxes_file=str(file)), compute)
    video, images, people, number = cv2.VideoCapture(str(path)), [], [], 0
    while (image := video.read()[1]) is not None:
        if number % every == 0:
            images.append(image)
            people.append(blind(find(image, number)))
        number += 1
    return Clip(images, people, rate_hz / every)


def blind(found: Detections) -> Poses:
    """Return people without keypoints."""
    found = found[found.scores >= SCORE]
    absent = np.tile([np.nan, np.nan, 0.0], (len(found), len(BODY.names), 1))
    return Poses(
        skeleton=BODY,
        keypoints=absent,
        boxes=found.boxes,
        box_scores=found.scores,
        scores=found.scores,
    )


def motions(clip: Clip) -> tuple[float, float]:
    """Return how far the background moves and how far the estimate is off, in parts of the width.

    Both are medians over pairs of frames, of the mean over a grid of places.
    """
    height, width = clip.images[0].shape[:2]
    grid = (GRID * [width, height]).astype(np.float32)
    estimate = CameraMotion()
    estimate(clip.images[0], clip.people[0].boxes)
    moved, off = [], []
    for before, image, people in zip(clip.images, clip.images[1:], clip.people[1:], strict=False):
        found = estimate(image, people.boxes)
        true = homography(before, image)
        if true is not None:
            places = cv2.perspectiveTransform(grid[None], true)[0]
            moved.append(np.linalg.norm(places - grid, axis=1).mean() / width)
            guess = grid @ found[:, :2].T + found[:, 2]
            off.append(np.linalg.norm(places - guess, axis=1).mean() / width)
    return float(np.median(moved)), float(np.median(off))


def homography(before: np.ndarray, after: np.ndarray) -> np.ndarray | None:
    """Return what takes the background of one image to another, None where it is not found."""
    finder, matcher = cv2.ORB_create(2000), cv2.BFMatcher(cv2.NORM_HAMMING, crossCheck=True)
    (ones, first), (others, second) = (
        finder.detectAndCompute(image, None) for image in (before, after)
    )
    if first is None or second is None:
        return None
    pairs = matcher.match(first, second)
    if len(pairs) < 20:
        return None
    here = np.float32([ones[pair.queryIdx].pt for pair in pairs])
    there = np.float32([others[pair.trainIdx].pt for pair in pairs])
    found, used = cv2.findHomography(here, there, cv2.RANSAC, 2.0)
    return found if found is not None and used.sum() >= 20 else None


def followed(clip: Clip, config: TrackerConfig) -> tuple[float, int, float]:
    """Return the mean IoU of people with expected boxes, confirmed tracks, and longest frames."""
    tracker = build_tracker(config)
    seen: Counter[int] = Counter()
    fits: list[float] = []
    expected: dict[int, np.ndarray] = {}
    confirmed: set[int] = set()
    for number, (image, people) in enumerate(zip(clip.images, clip.people, strict=True)):
        tracks = tracker.update(people, round(number / clip.rate_hz * 1e9), image=image)
        found = tracks[tracks.detection_rows >= 0]
        confirmed.update(found.ids[found.states == TrackState.TRACKED].tolist())
        seen.update(found.ids.tolist())
        for track, box in zip(found.ids.tolist(), found.poses.boxes, strict=True):
            if track in expected:
                fits.append(float(iou(expected[track][None], box[None])[0, 0]))
        expected = ahead(tracker, tracks.ids, clip, number)
    count = max(1, round(float(np.median([len(people) for people in clip.people]))))
    longest = [frames for _, frames in seen.most_common(count)]
    return float(np.mean(fits)), len(confirmed), float(np.mean(longest))


def ahead(
    tracker: StagedTracker, ids: np.ndarray, clip: Clip, number: int
) -> dict[int, np.ndarray]:
    """Return where each track expects its person in the frame after ``number``."""
    if number + 1 >= len(clip.images):
        return {}
    copy = deepcopy(tracker)
    nobody = Poses.empty(BODY)
    stamp_ns = round((number + 1) / clip.rate_hz * 1e9)
    tracks = copy.update(nobody, stamp_ns, image=clip.images[number + 1])
    return dict(zip(tracks.ids.tolist(), tracks.poses.boxes, strict=True))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--every", default="1,3")
    options = parser.parse_args()
    print("| clip | every | motion | off by | camera_motion | expected | tracks | longest |")
    print(f"|{'---|' * 8}")
    for name, rate_hz in CLIPS.items():
        for every in map(int, options.every.split(",")):
            clip = read(options.data / "videos" / name, rate_hz, every)
            moved, off = motions(clip)
            for is_on in (False, True):
                fit, tracks, longest = followed(clip, TrackerConfig(camera_motion=is_on))
                cells = (name, every, f"{100 * moved:.2f} %", f"{100 * off:.2f} %")
                print(
                    f"| {' | '.join(map(str, cells))} | {'on' if is_on else 'off'} "
                    f"| {fit:.3f} | {tracks} | {longest:.0f} |",
                    flush=True,
                )


if __name__ == "__main__":
    main()
