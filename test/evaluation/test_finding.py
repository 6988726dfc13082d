from __future__ import annotations

import made_videos
import numpy as np
import pytest

from alphapose_ros.config import Config, with_values
from alphapose_ros.evaluation import data_set
from alphapose_ros.evaluation.ablations import ABLATIONS
from alphapose_ros.evaluation.datasets.coco import read_coco
from alphapose_ros.evaluation.finding import Finding

CONFIG = Config(device="cpu", threads=1)


@pytest.fixture
def posetrack(tmp_path):
    labels = made_videos.make_posetrack(tmp_path)
    return data_set("posetrack").read(labels), tmp_path


def figures(name, truth, found):
    return data_set(name).evaluate(truth, found).values()


def test_the_true_poses_of_a_video_are_found_and_followed_without_a_flaw(posetrack):
    truth, images = posetrack
    found = Finding(images=images, config=CONFIG, true_poses=True)("posetrack", truth, None)
    values = figures("posetrack", truth, found)
    assert (values["mAP"], values["MOTA"]) == pytest.approx((1, 1))


def test_true_boxes_give_people_in_every_frame(posetrack):
    truth, images = posetrack
    found = Finding(images=images, config=CONFIG, boxes="true")("posetrack", truth, None)
    assert sorted(found.rows) == sorted(truth.rows)
    assert figures("posetrack", truth, found)["mAP"] > 0.05


@pytest.mark.parametrize("boxes", [None, "detected"])
def test_videos_are_looked_at_with_the_detector_otherwise(posetrack, boxes):
    truth, images = posetrack
    blind = with_values(CONFIG, {"detector.score_threshold": 1.0})
    finding = Finding(images=images, config=blind, boxes=boxes)
    assert len(finding("posetrack", truth, None)) == 0


def test_sequences_of_boxes_are_followed_too(tmp_path):
    folder = made_videos.make_mot(tmp_path)
    truth = data_set("mot").read(folder)
    found = Finding(images=folder, config=CONFIG, boxes="true")("mot", truth, tmp_path / "out")
    values = figures("mot", truth, found)
    assert values["DetA"] == pytest.approx(1)
    assert (tmp_path / "out/results/crossing.txt").is_file()


def test_videos_that_are_done_are_not_done_again(posetrack, tmp_path):
    truth, images = posetrack
    finding = Finding(images=images, config=CONFIG, true_poses=True)
    out = tmp_path / "out"
    whole = finding("posetrack", truth, out)
    file = out / "results/crossing.json"
    before = file.read_bytes()
    again = finding("posetrack", truth, out, resume=True)
    assert file.read_bytes() == before
    assert again.track_ids.tolist() == whole.track_ids.tolist()


def test_results_of_other_settings_are_not_gone_on_with(posetrack, tmp_path):
    truth, images = posetrack
    Finding(images=images, config=CONFIG, true_poses=True)("posetrack", truth, tmp_path / "out")
    other = Finding(images=images, config=CONFIG, true_poses=True, rate_hz=5.0)
    with pytest.raises(ValueError, match="made otherwise"):
        other("posetrack", truth, tmp_path / "out", resume=True)
    with pytest.raises(FileExistsError, match="holds results"):
        other("posetrack", truth, tmp_path / "out")


def test_a_file_of_boxes_is_for_pictures(posetrack):
    truth, images = posetrack
    with pytest.raises(ValueError, match="neither true nor detected"):
        Finding(images=images, boxes="boxes.json")("posetrack", truth, None)


@pytest.mark.parametrize(
    "options", [{"flip": True}, {"batch_size": 2}, {"decode": "one_step"}, {"suppression": False}]
)
def test_what_only_pictures_know_is_refused_for_videos(posetrack, options):
    truth, images = posetrack
    with pytest.raises(ValueError, match="is for pictures, which data set 'posetrack' has not"):
        Finding(images=images, config=CONFIG, **options)("posetrack", truth, None)


@pytest.mark.parametrize("options", [{"true_poses": True}, {"rate_hz": 5.0}])
def test_what_only_videos_know_is_refused_for_pictures(data, options):
    folder = data / "pose_datasets/coco"
    truth = read_coco(folder / "test_coco.json")
    with pytest.raises(ValueError, match="is for videos, which data set 'coco' has not"):
        Finding(images=folder / "images", config=CONFIG, **options)("coco", truth, None)


@pytest.mark.parametrize("rate_hz", [0.0, -3.0, float("nan"), float("inf")])
def test_time_goes_forwards(rate_hz):
    with pytest.raises(ValueError, match=r"rate: .* is not more than 0"):
        Finding(images=None, rate_hz=rate_hz)


def test_a_network_of_other_keypoints_is_refused_before_it_runs(data, tmp_path):
    folder = data / "pose_datasets/freihand"
    truth = data_set("freihand").read(folder / "test_freihand.json")
    with pytest.raises(ValueError, match="none of which is one of single_hand_21"):
        Finding(images=folder / "images", config=CONFIG)("freihand", truth, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_run_goes_on_on_another_machine(posetrack, tmp_path):
    truth, images = posetrack
    out = tmp_path / "out"
    Finding(images=images, config=CONFIG, true_poses=True)("posetrack", truth, out)
    other = with_values(CONFIG, {"threads": 2})
    finding = Finding(images=tmp_path / "elsewhere", config=other, true_poses=True)
    assert len(finding("posetrack", truth, out, resume=True)) == len(truth)


def test_a_variant_changes_settings_and_what_is_given():
    stages = ABLATIONS["stages"].variants
    assert Finding(images=None).as_in(stages[1]).config.tracker.relaxed_max_cost == 0
    weights = [Finding(images=None).as_in(one).config.tracker.pose_weight for one in stages]
    assert weights == [CONFIG.tracker.pose_weight, CONFIG.tracker.pose_weight, 0, 1]
    given = ABLATIONS["given"].variants
    assert Finding(images=None).as_in(given[2]).true_poses


@pytest.mark.parametrize(
    "options", [{"flip": True}, {"decode": "combined_one_step"}, {"boxes": "detected"}]
)
def test_pictures_are_looked_at_as_asked(data, options):
    folder = data / "pose_datasets/coco"
    truth = read_coco(folder / "test_coco.json")
    usual = Finding(images=folder / "images", config=CONFIG)("coco", truth, None)
    other = Finding(images=folder / "images", config=CONFIG, **options)("coco", truth, None)
    assert (usual.truth_ids is None, other.truth_ids is None) == (False, "boxes" in options)
    assert not np.array_equal(usual.keypoints, other.keypoints, equal_nan=True)


def test_pose_nms_is_on_for_detected_boxes_unless_it_is_off(data):
    folder = data / "pose_datasets/coco"
    truth = read_coco(folder / "test_coco.json")
    strict = with_values(CONFIG, {"suppression.min_score": 1.0})
    counts = [
        len(
            Finding(images=folder / "images", config=strict, boxes="detected", suppression=is_on)(
                "coco", truth, None
            )
        )
        for is_on in (True, False)
    ]
    assert counts[0] == 0 < counts[1]


def test_the_number_of_crops_is_handed_on(data):
    folder = data / "pose_datasets/coco"
    truth = read_coco(folder / "test_coco.json")
    with pytest.raises(ValueError, match="batch_size: -1 is not 1 or more"):
        Finding(images=folder / "images", config=CONFIG, batch_size=-1)("coco", truth, None)


def test_pictures_leave_their_results_in_coco_s_form(data, tmp_path):
    folder = data / "pose_datasets/coco"
    truth = read_coco(folder / "test_coco.json")
    found = Finding(images=folder / "images", config=CONFIG)("coco", truth, tmp_path)
    again = data_set("coco").read_results(tmp_path / "results.json", truth)
    assert again.truth_ids.tolist() == found.truth_ids.tolist()
    assert figures("coco", truth, again) == pytest.approx(figures("coco", truth, found))
