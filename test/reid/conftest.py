from __future__ import annotations

import importlib.util
import json

import cv2
import numpy as np
import pytest
import torch

from alphapose_ros.frame import Poses
from alphapose_ros.reid import build_reid_network
from alphapose_ros.skeletons import skeleton

FRAMES = range(70, 680, 25)  # of the clip in which three people come one by one


@pytest.fixture(scope="session")
def seeded(data):
    """The module that makes weights from the names of tensors."""
    spec = importlib.util.spec_from_file_location("seeded", data / "reference/seeded.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def filled(seeded):
    """Make a network by name, with weights from the names of its tensors."""

    def fill(name: str, gain: float = 1.0, **options: int) -> torch.nn.Module:
        network = build_reid_network(name, **options)
        shapes = {name: list(tensor.shape) for name, tensor in network.state_dict().items()}
        state = seeded.seeded_state(shapes, gain)
        network.load_state_dict({name: torch.as_tensor(value) for name, value in state.items()})
        return network

    return fill


@pytest.fixture(scope="session")
def people():
    """Make poses of boxes, and of keypoints if there are any."""
    return make_people


def make_people(boxes: np.ndarray, keypoints: np.ndarray | None = None) -> Poses:
    boxes = np.reshape(boxes, (-1, 4))
    if keypoints is None:
        keypoints = np.full((len(boxes), 17, 3), (np.nan, np.nan, 0.0))
    scores = np.ones(len(boxes))
    return Poses(
        skeleton=skeleton("coco_17"),
        keypoints=keypoints,
        boxes=boxes,
        box_scores=scores,
        scores=scores,
    )


@pytest.fixture(scope="session")
def one_by_one(data):
    """Frames of three people, one at a time: images, boxes and who it is."""
    folder = data / "videos/intel"
    spans = json.loads((folder / "one_by_one_part1.persons.json").read_text("utf-8"))
    found = json.loads((folder / "one_by_one_part1.yolox_nano_416.det_coco.json").read_text())
    video = cv2.VideoCapture(str(folder / "one_by_one_part1.mp4"))
    images, boxes, persons = [], [], []
    for index in range(FRAMES[-1] + 1):
        there, image = video.read()
        assert there
        person = [s["person"] for s in spans if s["first_frame"] <= index <= s["last_frame"]]
        sure = [d for d in found if d["image_id"] == index and d["score"] > 0.6]
        if index in FRAMES and person and sure:
            x, y, width, height = max(sure, key=lambda d: d["score"])["bbox"]
            images.append(image)
            boxes.append([x, y, x + width, y + height])
            persons += person
    return images, np.array(boxes), np.array(persons)
