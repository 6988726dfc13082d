"""How sure pseudo-labels are, worked out by hand; the teachers themselves are not asked."""

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools"))

for name in ("ncnn", "ai_edge_litert", "onnxruntime"):
    pytest.importorskip(name, reason=f"needs {name}, see requirements-benchmarks.txt")

from pseudo_label import SKELETON, Label, add_body, annotation, face_weights, group_of


def test_weights_say_how_sure_the_teachers_are():
    body = np.zeros((17, 4))  # x, y, score, distance of the teachers
    body[:5, 2:] = (0.35, 0.05), (0.35, 0.07), (0.5, 0.07), (0.8, 0.5), (0.05, 0.01)
    label = Label.empty()
    add_body(label, body)
    assert label.weights[:5].tolist() == [1, 0, 0.5, 1, 0]
    assert label.absent[:5].tolist() == [0, 0, 0, 0, 0.3]


def test_neck_and_hip_are_the_middles_and_as_sure_as_the_less_sure_side():
    body = np.zeros((17, 4))
    body[5], body[6] = (10, 20, 0.9, 0), (30, 40, 0.5, 0.2)
    label = Label.empty()
    add_body(label, body)
    neck, hip = SKELETON.index("neck"), SKELETON.index("hip")
    assert (label.keypoints[neck].tolist(), label.weights[neck]) == ([20, 30], 0.5)
    assert label.weights[hip] == 0


def test_the_jaw_of_the_averted_cheek_counts_little():
    points = np.zeros((68, 2))
    points[36], points[45] = (30, 0), (70, 0)  # eyes: the head is upright
    points[0], points[16], points[30] = (0, 0), (100, 0), (50, 20)
    assert (face_weights(points) == 1).all()  # frontal
    points[30] = 90, 20  # turned to its left: the left cheek is averted
    weights = face_weights(points)
    assert weights[9:17] == pytest.approx(0.1)
    assert (np.delete(weights, range(9, 17)) == 1).all()


def test_unlabelled_keypoints_are_zero_in_the_file():
    label = Label.empty()
    label.keypoints[:] = 7
    label.weights[3] = 0.5
    written = annotation(1, 2, np.array([10.0, 20, 40, 80]), label)
    assert written["bbox"] == [10, 20, 30, 60]
    assert written["keypoints"][9:12] == [7, 7, 2]
    assert sum(written["keypoints"]) == 16
    assert written["num_keypoints"] == 1


@pytest.mark.parametrize(
    ("group", "file", "source"),
    [
        ("frame_#", "train_frame_32848_jpg.rf.9a1c.jpg", "frame_#"),
        ("#", "test_000000000790_jpg.rf.8a78.jpg", "000000000"),
        ("img#", "train_img191260108510_jpg.rf.ab.jpg", "img191260"),
        ("whole persons", "photos_0001.jpg", "photos_0001.jpg"),
        ("a#", "valid_a12_jpg.rf.77.jpg", "a12"),
    ],
)
def test_frames_of_a_clip_and_copies_of_a_still_stay_together(group, file, source):
    assert group_of({"group": group, "file": file}) == source
