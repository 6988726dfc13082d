from __future__ import annotations

import json
import logging
import subprocess
import sys
from dataclasses import replace

import cv2
import numpy as np
import pytest

from alphapose_ros import Frame, Pipeline, load_config
from alphapose_ros.boxes import iou
from alphapose_ros.config import Config, with_values
from alphapose_ros.devices import has_nvidia_driver
from alphapose_ros.frame import Detections, TrackState
from alphapose_ros.pipeline import check_fits


def frame(stamp_s=0.0, image=None, index=0):
    if image is None:
        image = np.full((240, 320, 3), 90, np.uint8)
    return Frame(image=image, stamp_ns=round(stamp_s * 1e9), index=index)


@pytest.fixture(scope="module")
def pipeline():
    return Pipeline(load_config(None))


def test_an_image_without_people_gives_nobody(pipeline):
    pipeline.reset()
    tracks = pipeline(frame())
    assert len(tracks) == 0
    assert tracks.poses.skeleton is pipeline.skeleton


def test_a_filter_that_nobody_can_pass_is_refused():
    config = with_values(Config(), {"filter.min_keypoints": 137})
    with pytest.raises(ValueError, match="min_keypoints is 137, but halpe_136 has 136"):
        Pipeline(config)
    Pipeline(with_values(Config(), {"filter.min_keypoints": 136}))


def test_a_filter_that_nobody_can_pass_is_refused_before_it_comes(pipeline):
    with pytest.raises(ValueError, match=r"filter\.min_keypoints is 137, but halpe_136 has 136"):
        check_fits(with_values(Config(), {"filter.min_keypoints": 137}), pipeline.skeleton)
    check_fits(with_values(Config(), {"filter.min_keypoints": 136}), pipeline.skeleton)


def test_every_stage_is_timed(pipeline):
    pipeline.reset()
    result = pipeline.run(frame())
    assert list(result.stage_ms) == ["detect", "pose", "suppress", "track"]
    assert all(duration >= 0 for duration in result.stage_ms.values())


def test_stamps_that_go_back_start_the_tracking_afresh(pipeline, caplog):
    pipeline.reset()
    pipeline(frame(10.0))
    with caplog.at_level(logging.WARNING):
        assert len(pipeline(frame(2.0))) == 0
    assert "stamps went back by 8.000 s" in caplog.text


def test_two_images_out_of_order_do_not_end_identities(pipeline, caplog):
    pipeline.reset()
    pipeline(frame(10.0))
    with caplog.at_level(logging.WARNING):
        pipeline(frame(9.9))
        pipeline(frame(10.1))
    assert not caplog.text


@pytest.fixture
def file_pipeline(tmp_path):
    """A pipeline whose boxes come from a file: one person walking to the right."""
    entries = [
        {"image_id": index, "bbox": [10 + 4 * index, 60, 50, 120], "score": 0.9}
        for index in range(12)
    ]
    path = tmp_path / "boxes.json"
    path.write_text(json.dumps(entries))
    noise = {"suppression.min_score": 0.0}  # in which nobody is to be seen
    values = {"detector.name": "file", "detector.boxes_file": str(path), **noise}
    return Pipeline(with_values(Config(), values))


def test_a_stream_gives_one_answer_per_frame(file_pipeline):
    noise = np.random.default_rng(0).integers(0, 255, (240, 320, 3), np.uint8)
    frames = [frame(index / 10, noise, index) for index in range(14)]
    answers = list(file_pipeline.process(frames))
    assert [len(tracks) for tracks in answers] == [1] * 14
    assert {int(tracks.ids[0]) for tracks in answers} == {1}
    assert answers[11].states.tolist() == [TrackState.TRACKED]
    assert answers[12].states.tolist() == [TrackState.LOST]


def test_live_settings_reach_their_stages(file_pipeline):
    file_pipeline.reconfigure(with_values(Config(), {"detector.score_threshold": 0.95}))
    assert len(file_pipeline(frame(0.0, index=0))) == 0


class Finder:
    """Finds the same people in every image."""

    def __init__(self, *boxes):
        self.people = Detections(boxes=np.reshape(boxes, (-1, 4)), scores=np.full(len(boxes), 0.9))

    def __call__(self, image, index):
        return self.people


LEFT, MIDDLE, RIGHT = (10, 60, 60, 180), (130, 40, 190, 220), (250, 60, 300, 170)


def filtered(**settings):
    """A pipeline that finds three people, without pose NMS; and the crops it asks poses of."""
    values = {"suppression.name": "none", **{f"filter.{k}": v for k, v in settings.items()}}
    pipeline = Pipeline(with_values(Config(), values), find=Finder(LEFT, MIDDLE, RIGHT))
    estimator, crops = pipeline._estimator, []
    backend = estimator._backend
    estimator._backend = lambda image, boxes: crops.append(len(boxes)) or backend(image, boxes)
    return pipeline, crops


def test_whom_a_robot_does_not_care_for_costs_no_crop_and_is_no_track(tmp_path):
    mask = np.zeros((120, 160), np.uint8)
    mask[:, :50] = 255
    cv2.imwrite(str(tmp_path / "mask.png"), mask)
    pipeline, crops = filtered(
        mask=str(tmp_path / "mask.png"), region="0,0 0.7,0 0.7,1 0,1", max_people=2
    )
    result = pipeline.run(frame())
    np.testing.assert_allclose(result.poses.boxes, [MIDDLE])
    np.testing.assert_allclose(result.tracks.poses.boxes, [MIDDLE])
    np.testing.assert_allclose(result.found.boxes, [LEFT, MIDDLE, RIGHT])
    assert np.isfinite(result.found.keypoints).all(axis=(1, 2)).tolist() == [False, True, False]
    assert crops == [1]


def test_filters_change_while_the_pipeline_runs():
    pipeline, crops = filtered()
    counts = []
    for change in ({}, {"filter.max_people": 1}, {"filter.region": "0,0 0.3,0 0.3,1 0,1"}, {}):
        values = {"suppression.name": "none", **change}
        pipeline.reconfigure(with_values(Config(), values))
        counts.append(pipeline.run(frame(len(counts) / 10)).poses.boxes[:, 0].tolist())
    assert counts == [[10, 130, 250], [130], [10], [10, 130, 250]]
    assert crops == [3, 3, 1, 3]  # those of max_people and two to spare


def test_who_is_followed_and_does_not_count_any_more_is_lost():
    pipeline, _ = filtered()
    for number in range(4):
        assert len(pipeline(frame(number / 10))) == 3
    pipeline.reconfigure(
        with_values(Config(), {"suppression.name": "none", "filter.max_people": 1})
    )
    states = pipeline(frame(0.4)).states
    assert sorted(states) == [TrackState.TRACKED, TrackState.LOST, TrackState.LOST]


def test_people_without_keypoints_do_not_count():
    few, _ = filtered(min_keypoints=136, keypoint_score=0.99)
    result = few.run(frame())
    assert len(result.poses) == len(result.tracks) == 0
    assert len(result.found) == 3
    assert len(filtered(min_keypoints=136, keypoint_score=0.0)[0].run(frame()).poses) == 3


def test_a_mask_that_is_not_there_is_refused_when_the_pipeline_is_built():
    with pytest.raises(FileNotFoundError, match=r"filter\.mask: there is no file nowhere\.png"):
        Pipeline(with_values(Config(), {"filter.mask": "nowhere.png"}), find=Finder())


def test_people_on_a_real_street_are_detected_posed_and_followed(data):
    clip = data / "videos/pets09_s2l1_part1"
    boxes = clip / "video.yolox_nano_416.det_alphapose.json"
    values = {"detector.name": "file", "detector.boxes_file": str(boxes), "tracker.min_score": 0.4}
    pipeline = Pipeline(with_values(Config(), values))
    capture = cv2.VideoCapture(str(clip / "video.mp4"))
    rows = np.loadtxt(clip / "gt_480x360.txt", delimiter=",")
    share = []
    for number in range(1, 31):
        tracks = pipeline(frame(number / 10, capture.read()[1], number - 1))
        x, y, width, height = rows[rows[:, 0] == number, 2:6].T
        truth = np.stack((x, y, x + width, y + height), axis=1)
        seen = tracks[tracks.detection_rows >= 0]
        share.append((iou(truth, seen.poses.boxes) >= 0.5).any(axis=1).mean())
    assert np.mean(share[5:]) > 0.6
    assert np.nanmedian(seen.poses.keypoints[:, 0, 1] - seen.poses.keypoints[:, 15, 1]) < 0


LIVE = (  # what the node does for a frame
    "import numpy as np\nfrom alphapose_ros import Frame, Pipeline, load_config\n"
    "image = np.full((240, 320, 3), 90, np.uint8)\n"
    "print(Pipeline(load_config())(Frame(image=image, stamp_ns=0)).ids)\n"
)
DRAWN = (
    "import alphapose_ros.io.overlay, alphapose_ros.io.video\n"
    "import alphapose_ros.io.formats.alphapose\n"
)


@pytest.mark.parametrize("code", [LIVE, "import alphapose_ros.nodes.pose_node\n", DRAWN])
def test_on_a_processor_nothing_loads_pytorch(code):
    if has_nvidia_driver():
        pytest.skip("there is a GPU's driver, so PyTorch is asked for it")
    if "nodes" in code:
        pytest.importorskip("rclpy")
    code += "import sys; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_large_box_without_a_body_in_it_does_not_take_the_place_of_a_person():
    values = {"suppression.min_score": 0.4, "filter.max_people": 1}
    pipeline = Pipeline(with_values(Config(), values), find=Finder(LEFT, MIDDLE))

    def seen_on_the_left(image, boxes):
        """Keypoints in the middle of the boxes, sure of the one on the left only."""
        middles = np.repeat(((boxes[:, :2] + boxes[:, 2:]) / 2)[:, None], 136, axis=1)
        scores = np.where(middles[..., :1] < 100, 0.9, 0.1)
        spread = np.random.default_rng(0).normal(0, 20, middles.shape)
        return np.concatenate((middles + spread, scores), axis=2)

    pipeline._estimator._backend = seen_on_the_left
    np.testing.assert_allclose(pipeline.run(frame()).poses.boxes, [LEFT])


def test_both_runtimes_can_be_chosen(tmp_path):
    pytest.importorskip("torch")
    boxes = tmp_path / "boxes.json"
    boxes.write_text(json.dumps([{"image_id": 0, "bbox": [90, 20, 80, 200], "score": 0.9}]))
    values = {"device": "cpu", "detector.name": "file", "detector.boxes_file": str(boxes)}
    values["suppression.name"] = "none"
    noise = np.random.default_rng(0).integers(0, 255, (240, 320, 3), np.uint8)
    by_onnx, by_torch = (
        Pipeline(with_values(Config(), values | {"runtime": runtime})).run(frame(0.0, noise)).poses
        for runtime in ("onnx", "torch")
    )
    np.testing.assert_allclose(by_onnx.scores, by_torch.scores, atol=1e-4)
    np.testing.assert_allclose(by_onnx.keypoints, by_torch.keypoints, atol=0.05)


def test_settings_that_do_not_fit_are_refused_when_it_is_built():
    with pytest.raises(ValueError, match="unknown pose model"):
        Pipeline(replace(Config(), pose=replace(Config().pose, model="nothing")))
    with pytest.raises(ValueError, match="device: 'gpu' is none of"):
        Pipeline(replace(Config(), device="gpu"))
