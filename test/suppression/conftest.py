"""People found several times, for the tests of pose NMS."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from alphapose_ros.frame import Poses
from alphapose_ros.skeletons import skeleton

WHOLE = skeleton("halpe_136")
HEIGHT_PX = 300
People = list[tuple[np.ndarray, float]]  # keypoints (K, 2) in parts of the box, width / height


@pytest.fixture
def real_people(data: Path) -> Callable[[str], People]:
    """The people of Halpe's sample, by a skeleton's name.

    Keypoints that are not labelled get a place of their own.
    """
    return lambda name: _real_people(data, name)


@pytest.fixture
def made_people() -> Callable[..., People]:
    """People with every keypoint somewhere in the box, by a skeleton's name and their number."""
    return _made_people


@pytest.fixture
def find() -> Callable[..., Poses]:
    """Find people several times."""
    return _find


def _real_people(data: Path, name: str) -> People:
    rng = np.random.default_rng(0)
    file = data / "pose_datasets/halpe/test_halpe.json"
    people = []
    for person in json.loads(file.read_text(encoding="utf-8"))["annotations"]:
        labelled = np.array(person["keypoints"], float).reshape(-1, 3)
        box = np.array(person["bbox"], float)
        places = (labelled[:, :2] - box[:2]) / box[2:]
        is_open = labelled[:, 2] == 0
        places[is_open] = rng.random((is_open.sum(), 2))
        if (~is_open[WHOLE.group("body")]).sum() >= 13:
            people.append((places[WHOLE.rows_of(skeleton(name))], box[2] / box[3]))
    return people


def _made_people(name: str, count: int, seed: int = 0) -> People:
    rng = np.random.default_rng(seed)
    shape = (len(skeleton(name).names), 2)
    return [(rng.random(shape), rng.uniform(0.35, 0.7)) for _ in range(count)]


def _find(
    people: People,
    corners: list[tuple[float, float]],
    name: str,
    *,
    copies: int = 5,
    jitter: float = 0.02,
    seed: int = 0,
) -> Poses:
    """Find each person, of 300 px, ``copies`` times, in no order.

    Args:
        people: whom.
        corners: x y of each box, in parts of the height.
        name: of the skeleton.
        copies: how often.
        jitter: standard deviation of each coordinate, in parts of the height.
        seed: of errors, scores and order.
    """
    rng = np.random.default_rng(seed)
    keypoints, boxes = [], []
    for (places, width), corner in zip(people, corners, strict=True):
        for _ in range(copies):
            noise = rng.normal(0, jitter, places.shape)
            scores = rng.uniform(0.4, 1, (len(places), 1))
            keypoints.append(
                np.hstack(((places * [width, 1] + corner + noise) * HEIGHT_PX, scores))
            )
            boxes.append(np.array([*corner, corner[0] + width, corner[1] + 1]) * HEIGHT_PX)
    scores = rng.permutation(np.linspace(0.3, 0.95, len(boxes)))
    poses = Poses(
        skeleton=skeleton(name),
        keypoints=keypoints,
        boxes=boxes,
        box_scores=scores,
        scores=scores,
    )
    return poses[rng.permutation(len(poses))]
