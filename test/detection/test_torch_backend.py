from __future__ import annotations

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from transfers import journal_of

from alphapose_ros.config import DetectorConfig
from alphapose_ros.detection import build_detector
from alphapose_ros.detection.letterbox import PREPROCESSING, LetterboxDetector, build_yolox
from alphapose_ros.detection.networks import DETECTION_NETWORKS, build_detection_network
from alphapose_ros.detection.torch_backend import TorchBackend, as_planes, people
from alphapose_ros.devices import Compute

TORCH = Compute(runtime="torch")
CPU, META = torch.device("cpu"), torch.device("meta")


@pytest.mark.parametrize("name", DETECTION_NETWORKS)
def test_bytes_go_to_the_device_once_and_boxes_come_back_once(name):
    with META:
        network = build_detection_network(name)
    journal = journal_of(TorchBackend(network, META, PREPROCESSING["yolov3"]), square(64))
    cells = (64 + 16 + 4) * (3 if name == "yolov3_spp" else 1)
    assert journal.transfers == [("cpu", "meta", (64, 64, 3)), ("meta", "cpu", (cells, 6))]
    assert (journal.strangers, journal.makers) == ([], [])


def square(side):
    return np.zeros((side, side, 3), np.uint8)


@pytest.mark.parametrize(
    "hidden",
    [
        lambda rows: rows * rows.new_tensor([1.0] * 6),
        lambda rows: rows.to("cpu").to("meta"),
        lambda rows: rows + torch.arange(6.0).to(rows),
    ],
)
def test_the_journal_sees_hidden_transfers(hidden):
    backend = TorchBackend(lambda planes: hidden(planes.new_zeros(1, 5, 6)), META)
    journal = journal_of(backend, square(64))
    assert len(journal.transfers) > 2 or journal.strangers or journal.makers


def test_bytes_become_the_colours_that_a_network_takes():
    pixels = torch.tensor([[[10, 20, 30], [0, 51, 255]]], dtype=torch.uint8)  # blue green red
    planes = as_planes(pixels, PREPROCESSING["yolox"])
    assert planes.tolist() == [[[[10.0, 0.0]], [[20.0, 51.0]], [[30.0, 255.0]]]]
    planes = as_planes(pixels, PREPROCESSING["yolov3"])
    expected = torch.tensor([[[[30, 255]], [[20, 51]], [[10, 0]]]]) / 255
    torch.testing.assert_close(planes, expected)


def test_only_what_is_likeliest_a_person_scores():
    rows = torch.tensor(
        [
            [50.0, 40.0, 20.0, 10.0, 0.8, 0.1, 0.5],  # a person
            [50.0, 40.0, 20.0, 10.0, 0.8, 0.6, 0.5],  # a horse, and a person a little less
            [50.0, 40.0, 20.0, 10.0, 0.5, 0.4, 0.4],  # as much one as the other
        ]
    )
    found = people(rows, person=1)
    torch.testing.assert_close(found[:, 4], torch.tensor([0.4, 0.0, 0.2]))
    torch.testing.assert_close(found[:, 5], rows[:, 4])
    assert found[0, :4].tolist() == [40.0, 35.0, 60.0, 45.0]


def test_of_one_class_all_boxes_score():
    rows = torch.tensor([[5.0, 5.0, 2.0, 2.0, 0.5, 0.5]])
    torch.testing.assert_close(people(rows, person=0)[0, 4:], torch.tensor([0.25, 0.5]))


def three_boxes(planes):
    """A network that sees two people, side by side, and a horse."""
    return torch.tensor(
        [
            [
                [20.0, 32.0, 20.0, 40.0, 0.9, 0.5, 0.1],
                [50.0, 32.0, 20.0, 40.0, 0.7, 0.1, 0.05],
                [35.0, 32.0, 60.0, 40.0, 0.9, 0.3, 0.9],
            ]
        ]
    )


@pytest.mark.parametrize(
    ("gives_objectness", "threshold", "scores"),
    [(False, 0.0, [0.45, 0.07]), (True, 0.0, [0.9, 0.7]), (True, 0.1, [0.9])],
)
def test_boxes_are_chosen_by_the_product_whatever_is_handed_on(
    monkeypatch, gives_objectness, threshold, scores
):
    backend = TorchBackend(three_boxes, CPU, gives_objectness=gives_objectness)
    detector = build_detector(DetectorConfig(name="hog", score_threshold=threshold))
    finder = LetterboxDetector(backend, 64)
    monkeypatch.setattr(detector, "_find", lambda image, index: finder(image))
    found = detector(np.zeros((128, 128, 3), np.uint8))
    np.testing.assert_allclose(found.scores, scores, rtol=1e-6)
    np.testing.assert_allclose(found.boxes[0], [20, 24, 60, 104])


def test_people_of_a_published_graph(coco_nano, published_graph, picture, tmp_path):
    path = tmp_path / "coco.safetensors"
    save_file(coco_nano.state_dict(), path)
    config = DetectorConfig(name="yolox", model="auto", weights=str(path))
    image = picture[None].transpose(0, 3, 1, 2).astype(np.float32)
    (rows,) = published_graph.run(None, {published_graph.get_inputs()[0].name: image})
    is_person = (rows[0, :, 5:].argmax(axis=1) == 0) & (rows[0, :, 4] > 0.1)
    expected = rows[0, is_person, 4] * rows[0, is_person, 5]
    found = build_yolox(config, TORCH)(picture)
    by_objectness = build_yolox(
        DetectorConfig(name="yolox", model="auto", weights=str(path), score="objectness"), TORCH
    )(picture)
    chosen = by_objectness.objectness > 0.1
    assert chosen.sum() == is_person.sum() > 5
    np.testing.assert_allclose(found.scores[chosen], expected, atol=2e-3)
    np.testing.assert_allclose(by_objectness.objectness[chosen], rows[0, is_person, 4], atol=2e-3)
