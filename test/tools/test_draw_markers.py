"""What the board of markers sends, as a bag, and as RViz would show it."""

from __future__ import annotations

import subprocess
import sys

import cv2
import numpy as np
import pytest

pytest.importorskip("matplotlib")
pytest.importorskip("rclpy")
from rclpy.serialization import serialize_message
from std_msgs.msg import Header
from tracked import tracked

from alphapose_ros.config import OutputConfig
from alphapose_ros.frame import Frame, Poses, TrackState
from alphapose_ros.io.bag import BagMessage, BagWriter
from alphapose_ros.nodes.markers import MarkerBoard
from alphapose_ros.skeletons import skeleton

BODY = skeleton("coco_17")
FRAME = Frame(image=np.zeros((480, 640, 3), np.uint8))
STANDING = np.array(  # x y [m] of COCO's keypoints, head at 0
    [
        *((0, 0), (0.03, -0.03), (-0.03, -0.03), (0.08, 0), (-0.08, 0)),
        *((0.2, 0.25), (-0.2, 0.25), (0.28, 0.5), (-0.28, 0.5), (0.3, 0.75), (-0.3, 0.75)),
        *((0.12, 0.75), (-0.12, 0.75), (0.13, 1.15), (-0.13, 1.15), (0.13, 1.55), (-0.13, 1.55)),
    ]
)


def people(*ids):
    """Two people four and six metres away; the third is lost, and known to be at two."""
    n = len(ids)
    keypoints = np.zeros((3, 17, 3))
    keypoints[:, :, :2] = STANDING
    keypoints[:2, :, 2] = [[4], [6]]
    keypoints[0, :, 0] -= 1
    keypoints[2] = np.nan
    flat = np.ones((3, 17, 3))
    flat[2] = (np.nan, np.nan, 0)
    rows = [number - 1 for number in ids]
    places, ones = np.array([(-1, 0.7, 4), (0, 0.7, 6), (1, 0.7, 2)]), np.ones(n)
    states = np.array([TrackState.TRACKED, TrackState.TENTATIVE, TrackState.LOST])
    return tracked(
        Poses(
            skeleton=BODY,
            keypoints=flat[rows],
            keypoints_3d=keypoints[rows],
            boxes=np.tile((10, 10, 20, 40), (n, 1)),
            box_scores=ones,
            scores=ones,
        ),
        ids=ids,
        states=states[rows],
        positions=places[rows],
        velocities=np.array([(0.5, 0, -1.0), (0, 0, 0), (0, 0, 1)])[rows],
    )


@pytest.fixture
def record(tmp_path):
    def write(*messages):
        with BagWriter(tmp_path / "bag") as bag:
            for number, message in enumerate(messages):
                data = serialize_message(message)
                kind = "visualization_msgs/msg/MarkerArray"
                bag.write(BagMessage("/front/markers", kind, number * 10**8, data))
        return tmp_path / "bag"

    return write


def drawn(root, bag, *options):
    picture = bag.parent / "markers.png"
    command = [sys.executable, root / "tools/draw_markers.py", bag, "--out", picture, *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done, cv2.imread(str(picture)) if picture.exists() else None


def test_people_in_space_are_drawn_from_both_sides(root, record):
    board, config, header = MarkerBoard(), OutputConfig(), Header(frame_id="camera")
    arrays = [
        board.clear(header),
        *(board.update(people(*ids), FRAME, header, config) for ids in ((1, 2, 3), (2,), ())),
    ]
    bag = record(*arrays)
    done, picture = drawn(root, bag)
    assert "4 messages, 10 markers at most" in done.stdout, done.stderr
    assert picture.shape[1] > picture.shape[0] > 300
    _, empty = drawn(root, bag, "--at", "0.3")
    assert (empty != picture).any()
    assert len(np.unique(empty.reshape(-1, 3), axis=0)) < len(
        np.unique(picture.reshape(-1, 3), axis=0)
    )


def test_a_bag_without_markers_is_told(root, tmp_path):
    done, picture = drawn(root, tmp_path / "none")
    assert done.returncode == 1 and "no bag there" in done.stderr
    assert picture is None


def test_what_rviz_would_refuse_is_told(root, record):
    header, config = Header(frame_id="camera"), OutputConfig()
    array = MarkerBoard().update(people(1), FRAME, header, config)
    array.markers[0].points[0].x = float("nan")
    done, _ = drawn(root, record(array))
    assert done.returncode == 1
    assert "skeleton 1: points that are no numbers" in done.stderr
