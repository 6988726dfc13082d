from __future__ import annotations

import json
from dataclasses import replace

import cv2
import numpy as np
import pytest
from safetensors.torch import save_file

from alphapose_ros import detection
from alphapose_ros.boxes import iou
from alphapose_ros.config import DetectorConfig
from alphapose_ros.detection import DETECTORS, build_detector
from alphapose_ros.detection.networks import build_detection_network
from alphapose_ros.devices import Compute
from alphapose_ros.frame import Detections


@pytest.fixture
def boxes_file(tmp_path):
    path = tmp_path / "boxes.json"
    entries = [
        {"image_id": "clip/0002.jpg", "category_id": 1, "bbox": [10, 20, 30, 60], "score": 0.9},
        {"image_id": 2, "category_id": 1, "bbox": [110, 20, 30, 60], "score": 0.05},
        {"image_id": 2, "category_id": 3, "bbox": [0, 0, 30, 60], "score": 0.9},
        {"image_id": "7.png", "bbox": [0, 0, 5, 5], "score": 0.4},
    ]
    path.write_text(json.dumps(entries))
    return path


@pytest.fixture(scope="module")
def random_weights(tmp_path_factory):
    """Weights that find nobody, for each detector that has a network."""
    folder = tmp_path_factory.mktemp("weights")
    for name, network in (("yolox", "yolox_nano"), ("yolov3", "yolov3")):
        save_file(build_detection_network(network, 1).state_dict(), folder / f"{name}.safetensors")
    return folder


@pytest.mark.parametrize("name", DETECTORS)
def test_every_detector_gives_detections_of_a_grey_image(name, boxes_file, random_weights):
    config = DetectorConfig(
        name=name,
        model="auto",
        boxes_file=str(boxes_file),
        weights=str(random_weights / f"{name}.safetensors"),
        score_threshold=0.5,
        input_size=64,
    )
    detector = build_detector(config, Compute(runtime="torch"))
    found = detector(np.full((120, 160, 3), 127, np.uint8), 0)
    assert isinstance(found, Detections)
    assert len(found) == 0


@pytest.mark.parametrize("shape", [(1, 1, 3), (40, 2000, 3)])
def test_the_people_detector_survives_odd_sizes(shape):
    build_detector(DetectorConfig(name="hog"))(np.zeros(shape, np.uint8))


def test_boxes_of_a_file_come_with_their_frame(boxes_file):
    detector = build_detector(DetectorConfig(name="file", boxes_file=str(boxes_file)))
    image = np.zeros((100, 200, 3), np.uint8)
    np.testing.assert_array_equal(detector(image, 2).boxes, [[10, 20, 40, 80]])
    np.testing.assert_array_equal(detector(image, 7).boxes, [[0, 0, 5, 5]])
    assert len(detector(image, 3)) == 0


@pytest.mark.parametrize(
    "entries",
    [  # COCO's results; AlphaPose's detections
        [{"image_id": 785, "category_id": 1, "bbox": [1.5, 2, 3, 4], "score": 0.5}],
        [{"image_id": "000000000785.jpg", "category_id": 1.0, "bbox": [1.5, 2, 3, 4], "score": 2}],
        [{"image_id": "val2017/000000000785.jpg", "bbox": [1.5, 2, 3, 4], "score": 0.5, "idx": 0}],
        [{"image_id": 785.0, "category_id": 1, "bbox": [1.5, 2, 3, 4], "score": 0.5}],
    ],
)
def test_both_forms_of_files_are_read(tmp_path, entries):
    path = tmp_path / "boxes.json"
    path.write_text(json.dumps(entries))
    detector = build_detector(DetectorConfig(name="file", boxes_file=str(path)))
    found = detector(np.zeros((100, 200, 3), np.uint8), 785)
    np.testing.assert_array_equal(found.boxes, [[1.5, 2, 4.5, 6]])
    assert found.scores[0] == min(entries[0]["score"], 1)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{}", "no list of detections but a dict"),
        ("[1", "not JSON"),
        ('[{"image_id": 1, "score": 1}]', "entry 0: needs image_id, bbox"),
        ('[{"image_id": "x", "bbox": [0, 0, 1, 1], "score": 1}]', "no frame number"),
        ('[{"image_id": 1, "bbox": [0, 0, 1], "score": 1}]', "entry 0"),
    ],
)
def test_a_malformed_file_is_refused_with_the_entry(tmp_path, text, message):
    path = tmp_path / "boxes.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=message):
        build_detector(DetectorConfig(name="file", boxes_file=str(path)))


def test_a_missing_file_names_the_setting():
    with pytest.raises(FileNotFoundError, match=r"detector\.boxes_file"):
        build_detector(DetectorConfig(name="file", boxes_file="nowhere.json"))


def test_unusable_boxes_and_weak_ones_go(monkeypatch):
    boxes = [[0, 0, 9, 9], [np.nan, 0, 9, 9], [0, 0, np.inf, 9], [9, 9, 0, 0], [50, 0, 60, 9]]
    bad = Detections(boxes=boxes, scores=[0.9, 0.9, 0.9, 0.9, 0.09])
    monkeypatch.setitem(DETECTORS, "hog", lambda config, compute: lambda image, index: bad)
    found = build_detector(DetectorConfig(name="hog"))(np.zeros((10, 10, 3), np.uint8))
    np.testing.assert_array_equal(found.boxes, [[0, 0, 9, 9]])


def test_live_settings_take_effect_at_once(monkeypatch):
    boxes = [[i, 0, i + 10, 10] for i in range(5)]
    five = Detections(boxes=boxes, scores=[0.9, 0.8, 0.7, 0.6, 0.5])
    monkeypatch.setitem(DETECTORS, "hog", lambda config, compute: lambda image, index: five)
    detector, image = (
        build_detector(DetectorConfig(name="hog", nms_iou=1.0)),
        np.zeros((10, 10, 3), np.uint8),
    )
    assert len(detector(image)) == 5
    detector.config = replace(detector.config, max_people=2)
    assert len(detector(image)) == 2
    detector.config = replace(detector.config, max_people=5, nms="gaussian", score_threshold=0.45)
    assert len(detector(image)) < 5


def test_only_the_best_of_a_flood_of_boxes_are_compared(monkeypatch):
    x = 30.0 * np.arange(4000)
    flood = Detections(
        boxes=np.stack((x, 0 * x, x + 20, 0 * x + 50), axis=1), scores=np.linspace(1, 0, 4000)
    )
    monkeypatch.setitem(DETECTORS, "hog", lambda config, compute: lambda image, index: flood)
    compared = []
    monkeypatch.setattr(detection, "nms", lambda found, iou: compared.append(found) or found)
    detector = build_detector(DetectorConfig(name="hog", score_threshold=0.0), Compute())
    found = detector(np.zeros((9, 9, 3), np.uint8))
    assert len(found) == 100
    assert len(compared[0]) == detection.CANDIDATES == 3000
    assert compared[0].scores.min() > 0.24


def recall_on_a_street(detector, data):
    """Return which part of the people of a clip a detector finds (IoU 0.5), every sixth frame."""
    clip = data / "videos/pets09_s2l1_part1"
    capture = cv2.VideoCapture(str(clip / "video.mp4"))
    rows = np.loadtxt(clip / "gt_480x360.txt", delimiter=",")
    hits, people = 0, 0
    for number in range(1, 20):
        image = capture.read()[1]
        if number % 6 == 1:
            x, y, width, height = rows[rows[:, 0] == number, 2:6].T
            truth = np.stack((x, y, x + width, y + height), axis=1)
            hits += (iou(truth, detector(image).boxes) >= 0.5).any(axis=1).sum()
            people += len(truth)
    return hits / people


def test_people_are_found_by_their_gradients(data):
    detector = build_detector(DetectorConfig(name="hog"))
    assert recall_on_a_street(detector, data) > 0.5  # as OpenCV ships it, this is 0


def test_people_are_found_by_a_trained_network(data, person_weights):
    config = DetectorConfig(name="yolox", weights=str(person_weights))
    assert recall_on_a_street(build_detector(config, Compute(runtime="torch")), data) > 0.9
