from __future__ import annotations

from dataclasses import dataclass, field, replace

import cv2
import numpy as np
import pytest
import torch

from alphapose_ros.boxes import from_xywh
from alphapose_ros.reid.embedder import Embedder, unit
from alphapose_ros.reid.torch_backend import TorchBackend

CPU = torch.device("cpu")
TEACHER = "omz_person_reid/person-reidentification-retail-0248.onnx"


@dataclass
class Recorder:
    """Embeddings are mean colours; remembers what it was called with."""

    input_size: tuple[int, int] = (128, 64)
    dimensions: int = 3
    calls: list = field(default_factory=list)

    def __call__(self, pictures, heatmaps):
        self.calls.append((pictures, heatmaps))
        return pictures.mean(axis=(1, 2), dtype=np.float32)


def embedder(backend, **options) -> Embedder:
    return Embedder(backend=backend, max_distance=0.3, digest="test", **options)


@pytest.fixture
def osnet(filled):
    return embedder(TorchBackend(filled("osnet_x0_25"), (256, 128), 512, CPU))


@pytest.fixture(scope="module")
def crowd(data):
    """A frame of PETS, enlarged, and the boxes of the six people in it."""
    folder = data / "videos/pets09_s2l1_part1"
    video = cv2.VideoCapture(str(folder / "video.mp4"))
    for _ in range(60):
        there, image = video.read()
        assert there
    rows = np.loadtxt(folder / "gt_480x360.txt", delimiter=",")
    boxes = from_xywh(rows[rows[:, 0] == 60, 2:6])
    assert len(boxes) == 6
    return cv2.resize(image, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC), 2 * boxes


def test_embeddings_are_of_unit_length_in_the_order_of_the_people(people):
    image = np.zeros((100, 200, 3), np.uint8)
    image[:, :100], image[:, 100:] = (0, 3, 4), (0, 0, 200)  # BGR
    found = embedder(Recorder())(image, people([[110, 10, 150, 90], [10, 10, 50, 90]]))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, [[1, 0, 0], [0.8, 0.6, 0]], atol=1e-6)


def test_people_of_whom_nothing_can_be_said_are_rows_of_nan_and_cost_nothing(people):
    backend = Recorder()
    boxes = [[0, 0, 4, 9], [10, 10, 50, 90], [np.nan] * 4, [190, 0, 290, 100]]
    found = embedder(backend)(np.full((100, 200, 3), 9, np.uint8), people(boxes))
    assert np.isnan(found).all(axis=1).tolist() == [True, False, True, True]
    assert [len(pictures) for pictures, _ in backend.calls] == [1]


@pytest.mark.parametrize("boxes", [np.empty((0, 4)), [[0, 0, 2, 2]]])
def test_where_nobody_can_be_seen_the_network_does_not_run(people, boxes):
    backend = Recorder()
    found = embedder(backend)(np.zeros((100, 200, 3), np.uint8), people(boxes))
    assert found.shape == (len(boxes), 3)
    assert np.isnan(found).all()
    assert not backend.calls


def test_embeddings_without_a_direction_are_nan():
    with np.errstate(all="raise"):
        found = unit(np.array([[3, 4], [0, 0], [np.nan, 1], [np.inf, 1]], np.float32))
    np.testing.assert_allclose(found, [[0.6, 0.8], *3 * [[np.nan, np.nan]]], atol=1e-6)


def test_only_networks_that_a_pose_guides_get_heatmaps_of_what_the_pictures_show(people):
    keypoints = np.full((1, 17, 3), (np.nan, np.nan, 0.0))
    keypoints[0, 5] = (42, 82, 0.5)  # left shoulder
    keypoints[0, 6:9] = (-500, -500, 0.3)  # outside of the picture
    image, person = np.full((200, 200, 3), 9, np.uint8), people([[10, 20, 73.5, 147.5]], keypoints)
    plain, guided = Recorder(), Recorder()
    embedder(plain)(image, person)
    embedder(guided, is_pose_guided=True)(image, person)
    assert plain.calls[0][1] is None
    heatmaps = guided.calls[0][1]
    assert heatmaps.shape == (1, 12, 32, 16)
    # (42 - 10) * 16 / 64 - 0.5 = 7.5, (82 - 20) * 32 / 128 - 0.5 = 15
    np.testing.assert_allclose(heatmaps[0, 0, 15, 7:9], 0.5 * np.exp(-0.125), atol=1e-6)
    assert heatmaps[0, 0].argmax() // 16 == 15
    assert (heatmaps[0, 1:] == 0).all()


@pytest.mark.parametrize(("score", "is_known"), [(0.29, False), (0.3, True)])
def test_without_a_pose_to_guide_it_a_network_says_nothing(people, score, is_known):
    keypoints = np.full((1, 17, 3), (np.nan, np.nan, 0.0))
    keypoints[0, 5:9] = (42, 82, score)  # four of the body's
    image, person = np.full((200, 200, 3), 9, np.uint8), people([[10, 20, 73.5, 147.5]], keypoints)
    found = embedder(Recorder(), is_pose_guided=True)(image, person)
    assert np.isfinite(found).all() == is_known
    blind = embedder(recorder := Recorder(), is_pose_guided=True, sees_poses=False)(image, person)
    assert np.isfinite(blind).all()
    assert not recorder.calls[0][1].any()


def test_the_order_of_people_and_the_size_of_batches_do_not_matter(osnet, crowd, people):
    image, boxes = crowd
    expected = osnet(image, people(boxes))
    assert np.isfinite(expected).all()
    np.testing.assert_allclose(np.linalg.norm(expected, axis=1), 1, atol=1e-5)
    order = np.array([3, 0, 5, 1, 4, 2])
    np.testing.assert_allclose(osnet(image, people(boxes[order])), expected[order], atol=1e-5)
    for size in (1, 2, 4):
        split = replace(osnet, backend=replace(osnet.backend, batch_size=size))
        np.testing.assert_allclose(split(image, people(boxes)), expected, atol=1e-5)


@pytest.mark.parametrize("scale", [0.5, 2, 4])
def test_the_resolution_of_the_camera_matters_far_less_than_who_it_is(osnet, crowd, people, scale):
    image, boxes = crowd
    interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    scaled = cv2.resize(image, None, fx=scale, fy=scale, interpolation=interpolation)
    expected, found = osnet(image, people(boxes)), osnet(scaled, people(scale * boxes))
    distance = 1 - found @ expected.T
    others = distance[~np.eye(len(boxes), dtype=bool)]
    assert np.diag(distance).max() < 0.25 * np.median(others)


def test_the_network_sees_the_picture_that_is_in_the_box(osnet, one_by_one, people):
    image, box = one_by_one[0][0], one_by_one[1][:1]
    (found,) = osnet(image, people(box))
    x1, y1 = np.floor(box[0, :2]).astype(int)
    x2, y2 = np.ceil(box[0, 2:]).astype(int)
    (alone,) = osnet(image[y1:y2, x1:x2].copy(), people([[0, 0, x2 - x1, y2 - y1]]))
    np.testing.assert_allclose(alone, found, atol=1e-5)
    changed = image.copy()
    changed[:, : max(x1, 0)] = 255
    changed[y2:] = 0
    np.testing.assert_allclose(osnet(changed, people(box))[0], found, atol=1e-5)


def test_a_trained_network_tells_people_apart_by_these_pictures(data, one_by_one, people):
    onnxruntime = pytest.importorskip("onnxruntime")
    file = data.parent / "weights" / TEACHER
    if not file.is_file():
        pytest.skip(f"needs {TEACHER}")
    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])

    class Teacher:
        input_size, dimensions = (256, 128), 256

        def __call__(self, pictures, heatmaps):
            blobs = pictures[..., ::-1].astype(np.float32)
            name = session.get_inputs()[0].name
            return np.concatenate([session.run(None, {name: blob[None]})[0] for blob in blobs])

    images, boxes, persons = one_by_one
    teacher = embedder(Teacher())
    found = np.concatenate(
        [teacher(image, people([box])) for image, box in zip(images, boxes, strict=True)]
    )
    found, persons = found[~np.isnan(found[:, 0])], persons[~np.isnan(found[:, 0])]
    assert len(set(persons)) == 3 and len(persons) > 15
    distance = (1 - found @ found.T)[np.triu_indices(len(found), 1)]
    is_same = (persons[:, None] == persons)[np.triu_indices(len(found), 1)]
    order = (distance[is_same][:, None] < distance[~is_same]).mean()
    assert order > 0.95  # pairs of the same person nearer than pairs of two
