"""Who is compared: our networks, mean skeletons and other people's networks, behind one interface.

A Placer puts keypoints into boxes, a Finder finds boxes, a Way does both. Keypoints are in the rows
of 136; what a network does not know is NaN.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from evaluation_sets import WHOLE, Person

from alphapose_ros.config import Config, SuppressionConfig, with_values
from alphapose_ros.detection import build_detector
from alphapose_ros.devices import Compute
from alphapose_ros.frame import Detections
from alphapose_ros.pose import PoseEstimator
from alphapose_ros.pose.crop import crop_boxes
from alphapose_ros.pose.torch_backend import build_torch_backend
from alphapose_ros.skeletons import skeleton
from alphapose_ros.suppression import pose_nms
from alphapose_ros.zoo import find_weights

Placer = Callable[[np.ndarray, np.ndarray], np.ndarray]  # image, boxes (N, 4) -> (N, 136, 3)
Finder = Callable[[np.ndarray], Detections]
Way = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]  # image -> (N, 4), (N, 136, 3)

ALL_SCORES = 0.01  # finders return more boxes than the settings let through: AP needs them
TINY_POSE, MOVE_NET = "TinyPose, MediaPipe", "MoveNet"
YOLOX, NANODET = "YOLOX-nano (COCO)", "NanoDet-Plus (COCO)"


def own_network(file: Path, compute: Compute, **changes: object) -> PoseEstimator:
    """Return the embedded pose network with weights from a file.

    Args:
        file: .safetensors.
        compute: what it runs on.
        changes: to the entry of the zoo: input_size, decode.
    """
    weights = replace(find_weights("fastpose_small_halpe_136", "pose"), **changes)
    backend = build_torch_backend(weights, file, compute, 32)
    return PoseEstimator(backend, skeleton(weights.skeleton))


def own_finders(config: Config, compute: Compute) -> dict[str, Finder]:
    """Return the detector of the settings, first, and HOG where that is another one."""
    found = {}
    for name in dict.fromkeys((config.detector.name, "hog")):
        changes = {"detector.name": name, "detector.score_threshold": ALL_SCORES}
        detector = build_detector(with_values(config, changes).detector, compute)
        found["HOG" if name == "hog" else f"our {name}"] = detector
    return found


def remembering(find: Finder) -> Finder:
    """Return ``find`` that looks at each picture once; pictures must stay in memory."""
    found: dict[int, Detections] = {}

    def find_once(image: np.ndarray) -> Detections:
        if id(image) not in found:
            found[id(image)] = find(image)
        return found[id(image)]

    return find_once


def place_by(estimator: PoseEstimator) -> Placer:
    """Return what places the keypoints of one of our networks."""

    def place(image: np.ndarray, boxes: np.ndarray) -> np.ndarray:
        return estimator(image, Detections(boxes=boxes, scores=np.ones(len(boxes)))).keypoints

    return place


def place_mean(people: Sequence[Person]) -> Placer:
    """Return what puts the mean pose of ``people`` into every box."""
    size = (4, 3)  # height, width: any crop of our aspect
    regions = crop_boxes(np.array([person.box for person in people]), size)[:, None]
    keypoints = np.array([person.keypoints for person in people])
    is_known = keypoints[..., 2:] > 0
    parts = (keypoints[..., :2] - regions[..., :2]) / (regions[..., 2:] - regions[..., :2])
    mean = (parts * is_known).sum(axis=0) / np.maximum(is_known.sum(axis=0), 1)
    mean[~is_known.any(axis=0)[:, 0]] = np.nan

    def place(image: np.ndarray, boxes: np.ndarray) -> np.ndarray:
        regions = crop_boxes(boxes, size)[:, None]
        points = mean * (regions[..., 2:] - regions[..., :2]) + regions[..., :2]
        return np.concatenate((points, np.ones((*points.shape[:2], 1))), axis=2)

    return place


def other_networks(folder: Path) -> tuple[dict[str, Placer], dict[str, Finder]]:
    """Return other people's networks, for keypoints and for boxes, from their weights' folder."""
    import teachers  # noqa: PLC0415  needs requirements-benchmarks.txt

    body = teachers.TinyPose(folder / "tinypose")
    move = teachers.MoveNet(folder / "movenet")
    face = teachers.FaceMesh(folder / "mediapipe")
    hand = teachers.HandLandmarks(folder / "mediapipe")
    rows = WHOLE.rows_of(teachers.BODY)

    def place_all(image: np.ndarray, boxes: np.ndarray) -> np.ndarray:
        found = in_whole(body(image, boxes), rows)
        for pose in found:
            bones = pose[rows]
            pose[WHOLE.group("face"), :2] = face(image, teachers.face_square(bones))[0]
            for side in ("left", "right"):
                square = teachers.hand_square(bones, side)
                pose[WHOLE.group(f"{side}_hand"), :2] = hand(image, square)[0]
        return found

    placers = {TINY_POSE: place_all, MOVE_NET: lambda *args: in_whole(move(*args), rows)}
    finders = {
        YOLOX: teachers.YoloxNano(folder / "yolox"),
        NANODET: teachers.NanoDetPlus(folder / "nanodet_plus"),
    }
    return placers, finders


def in_whole(found: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Return (N, 136, 3) with ``found`` (N, K, 3) in ``rows`` (K,) and NaN elsewhere."""
    whole = np.full((len(found), len(WHOLE.names), 3), np.nan)
    whole[:, rows] = found
    return whole


def our_way(
    find: Finder, estimator: PoseEstimator, score: float, suppression: SuppressionConfig
) -> Way:
    """Return the pipeline's way: boxes with at least ``score``, keypoints, pose NMS."""

    def way(image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        poses = estimator(image, above(find(image), score))
        poses = pose_nms(poses, suppression.name, config=suppression)
        return poses.boxes, poses.keypoints

    return way


def plain_way(find: Finder, place: Placer, score: float) -> Way:
    """Return boxes with at least ``score`` and what ``place`` puts into them."""

    def way(image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        boxes = above(find(image), score).boxes
        return boxes, place(image, boxes) if len(boxes) else np.empty((0, len(WHOLE.names), 3))

    return way


def above(found: Detections, score: float) -> Detections:
    """Return the boxes with at least ``score``."""
    return found[found.scores >= score]
