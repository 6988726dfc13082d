"""Redundant poses of a data set, several per person, such as pose NMS has to remove."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from alphapose_ros.boxes import from_centre_size, iou, is_usable, to_centre_size, to_xywh
from alphapose_ros.config import Config, with_values
from alphapose_ros.evaluation.box_sources import PERSON
from alphapose_ros.evaluation.records import Predictions, Truth
from alphapose_ros.keypoints import pose_scores

LOW: dict[str, Any] = {  # a detector that finds everybody, many of them several times
    "detector.score_threshold": 0.05,
    "detector.nms": "hard",
    "detector.nms_iou": 0.8,
}


@dataclass(frozen=True)
class Jitter:
    """How copies of a person differ.

    Raises:
        ValueError: a value is out of range.
    """

    copies: int = 5  # of each person
    shift: float = 0.1  # standard deviation, in parts of the box's width and height
    scale: float = 0.1  # of the logarithm of the box's width and height
    noise: float = 0.03  # largest standard deviation of keypoints, in parts of the box's height
    seed: int = 0

    def __post_init__(self) -> None:
        if self.copies < 1:
            raise ValueError(f"copies: {self.copies} is not 1 or more")
        if not all(0 <= value < float("inf") for value in (self.shift, self.scale, self.noise)):
            raise ValueError(f"{self}: nothing may be below 0, infinite or NaN")


def with_low_thresholds(config: Config) -> Config:
    """Return the settings with thresholds of the detector at which people are found repeatedly."""
    return with_values(config, LOW)


def write_jittered_boxes(truth: Truth, jitter: Jitter, path: Path) -> None:
    """Write several boxes around everybody as a file of detections, which estimate() reads."""
    boxes, scores, people = jittered_boxes(truth, jitter)
    entries = [
        {
            "image_id": truth.pictures[row].id,
            "category_id": PERSON,
            "bbox": to_xywh(box).tolist(),
            "score": float(score),
        }
        for row, box, score in zip(truth.rows[people], boxes, scores, strict=True)
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(entries), encoding="utf-8")


def jittered_boxes(truth: Truth, jitter: Jitter) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Shift and scale the boxes of all people who have a labelled keypoint and are no crowd.

    Returns:
        boxes (M, 4) x1 y1 x2 y2 [px]; scores (M,) in [0, 1], the nearer to the true box the larger,
        except for chance; whose they are (M,): rows in ``truth``.
    """
    rng = np.random.default_rng(jitter.seed)
    is_person = truth.is_labelled.any(axis=1) & ~truth.is_crowd & is_usable(truth.boxes)
    people = np.repeat(np.flatnonzero(is_person), jitter.copies)
    exact = to_centre_size(truth.boxes[people])
    shift = rng.normal(0, jitter.shift, (len(people), 2))
    scale = np.exp(rng.normal(0, jitter.scale, (len(people), 2)))
    moved = np.concatenate((exact[:, :2] + shift * exact[:, 2:], exact[:, 2:] * scale), axis=1)
    boxes = from_centre_size(moved)
    pairs = zip(boxes, truth.boxes[people], strict=True)
    overlap = np.array([iou(box[None], own[None])[0, 0] for box, own in pairs])
    scores = np.clip(overlap + rng.normal(0, 0.1, len(people)), 0.01, 1)
    return boxes, scores, people


def jittered_poses(truth: Truth, jitter: Jitter) -> Predictions:
    """Return copies of the true poses, as an imperfect network could have found them.

    Keypoints of a copy are off by a normal deviate whose spread is a copy's own, up to
    ``jitter.noise`` of the box's height; the less they are off, the larger are their scores,
    except for chance. Keypoints that are not labelled are absent.
    """
    boxes, box_scores, people = jittered_boxes(truth, jitter)
    rng = np.random.default_rng((jitter.seed, 1))
    height = np.ptp(truth.boxes[people][:, 1::2], axis=1)
    spread = rng.uniform(0, 1, len(people))
    places = truth.keypoints[people, :, :2]
    off = rng.normal(size=places.shape) * (spread * jitter.noise * height)[:, None, None]
    surety = np.clip(0.9 - 0.4 * spread[:, None] + rng.normal(0, 0.1, places.shape[:2]), 0.05, 1)
    keypoints = np.concatenate((places + off, surety[..., None]), axis=2)
    keypoints[~truth.is_labelled[people]] = [np.nan, np.nan, 0]
    return Predictions(
        skeleton=truth.skeleton,
        rows=truth.rows[people],
        keypoints=keypoints,
        scores=pose_scores(keypoints, box_scores),
        boxes=boxes,
    )


def shuffled(truth: Truth, seed: int = 0) -> Truth:
    """Return the same people with their pictures mixed up: labels that say nothing.

    Each picture has as many people as before. What can be learnt from these is chance.
    """
    order = np.random.default_rng(seed).permutation(len(truth))
    return replace(truth[order], rows=truth.rows)
