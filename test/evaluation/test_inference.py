from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from pkgutil import resolve_name

import cv2
import numpy as np
import pytest

from alphapose_ros.config import Config, DetectorConfig, with_values
from alphapose_ros.devices import pick_compute
from alphapose_ros.evaluation.datasets.coco import read_coco, read_coco_people
from alphapose_ros.evaluation.inference import InferenceOptions, estimate
from alphapose_ros.evaluation.pictures import PictureError
from alphapose_ros.frame import Detections, Frame
from alphapose_ros.keypoints import oks
from alphapose_ros.pipeline import Pipeline
from alphapose_ros.pose import build_estimator
from alphapose_ros.skeletons import skeleton
from alphapose_ros.suppression import pose_nms

PROCESSOR = Config(device="cpu", threads=1)
OPTIONS = InferenceOptions(config=PROCESSOR, batch_size=4)
COLUMNS = ("rows", "keypoints", "scores", "boxes", "truth_ids")


def of_pictures(truth, numbers):
    """Return the part of a data set that lies in some of its pictures."""
    part = truth[np.isin(truth.rows, numbers)]
    rows = np.searchsorted(numbers, part.rows)
    return replace(part, rows=rows, pictures=tuple(truth.pictures[row] for row in numbers))


@pytest.fixture(scope="module")
def coco(data):
    return data / "pose_datasets/coco"


@pytest.fixture(scope="module")
def truth(coco):
    return read_coco(coco / "test_coco.json")  # 2 pictures, 6 people, one without keypoints


@pytest.fixture(scope="module")
def pictures(data):
    return data / "pose_datasets/coco_people/images"


@pytest.fixture(scope="module")
def eight(data):
    """Eight pictures: 9 people with keypoints, some without; nobody in two of the pictures."""
    whole = read_coco_people(data / "pose_datasets/coco_people/labels.json")
    return of_pictures(whole, [1, 3, 4, 6, 7, 9, 10, 11])


@pytest.fixture(scope="module")
def full_run(eight, pictures, tmp_path_factory):
    """The poses of ``eight`` in true boxes, and the bytes of their store."""
    store = tmp_path_factory.mktemp("store") / "poses.jsonl"
    return estimate(eight, pictures, OPTIONS, store=store), store.read_bytes()


def assert_equal(found, expected):
    for name in COLUMNS:
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name), name)


def image_of(coco, picture):
    return cv2.imread(str(coco / "images" / picture.file))


def test_true_boxes_give_everybody_with_keypoints_one_pose(truth, coco):
    found = estimate(truth, coco / "images", OPTIONS)
    assert found.skeleton is skeleton("halpe_136")
    assert found.truth_ids.tolist() == [442619, 460541, 488308, 1717641, 1724673]
    assert found.rows.tolist() == [0, 1, 1, 1, 1]
    estimator = build_estimator(PROCESSOR.pose, pick_compute("cpu"))
    for row, picture in enumerate(truth.pictures):
        mine = (truth.rows == row) & truth.is_labelled.any(axis=1)
        people = Detections(boxes=truth.boxes[mine], scores=np.ones(mine.sum()))
        expected = estimator(image_of(coco, picture), people)
        here = found.rows == row
        np.testing.assert_allclose(found.keypoints[here], expected.keypoints, atol=1e-3)
        np.testing.assert_allclose(found.scores[here], expected.scores, atol=1e-6)
        np.testing.assert_array_equal(found.boxes[here], expected.boxes)


def test_the_poses_are_those_of_the_people_meant(truth, coco):
    found = estimate(truth, coco / "images", OPTIONS).in_layout(truth.skeleton)
    rows = [truth.ids.tolist().index(number) for number in found.truth_ids]
    likeness = np.array(
        [
            oks(truth.keypoints[row], found.keypoints, truth.areas[row], truth.skeleton.sigmas)
            for row in rows
        ]
    )
    assert (likeness.argmax(axis=1) == np.arange(len(rows))).all()
    assert np.median(np.diag(likeness)) > 0.7


def test_crowds_and_people_without_keypoints_are_not_looked_at(truth, coco):
    crowd = truth.is_crowd.copy()
    crowd[0] = True
    found = estimate(replace(truth, is_crowd=crowd), coco / "images", OPTIONS)
    assert found.truth_ids.tolist() == [460541, 488308, 1717641, 1724673]


def test_detected_boxes_give_what_the_pipeline_gives(truth, coco):
    found = estimate(truth, coco / "images", replace(OPTIONS, boxes="detected"))
    pipeline = Pipeline(PROCESSOR)
    for row, picture in enumerate(truth.pictures):
        expected = pipeline.run(Frame(image=image_of(coco, picture))).poses
        here = found.rows == row
        np.testing.assert_allclose(found.keypoints[here], expected.keypoints, atol=1e-3)
        np.testing.assert_allclose(found.scores[here], expected.scores, atol=1e-6)
    assert found.truth_ids is None
    assert len(found) >= 4


def test_boxes_of_a_file_are_looked_at_in_their_pictures(truth, coco):
    file = coco / "test_coco_det_AP_H_56.json"
    options = replace(OPTIONS, boxes=file, min_box_score=0.05)
    found = estimate(truth, coco / "images", options)
    estimator = build_estimator(PROCESSOR.pose, pick_compute("cpu"))
    entries = json.loads(file.read_text())
    for row, picture in enumerate(truth.pictures):
        mine = [e for e in entries if e["image_id"] == picture.id and e["score"] >= 0.05]
        boxes = np.array([e["bbox"] for e in mine])
        boxes[:, 2:] += boxes[:, :2]
        people = Detections(boxes=boxes, scores=[e["score"] for e in mine])
        poses = estimator(image_of(coco, picture), people)
        expected = pose_nms(poses, config=PROCESSOR.suppression)
        here = found.rows == row
        np.testing.assert_allclose(found.keypoints[here], expected.keypoints, atol=1e-3)
        np.testing.assert_allclose(found.scores[here], expected.scores, atol=1e-6)


def test_without_pose_nms_every_box_keeps_its_pose(truth, coco):
    file = coco / "test_coco_det_AP_H_56.json"
    found = estimate(truth, coco / "images", replace(OPTIONS, boxes=file, suppression=False))
    assert len(found) == len(json.loads(file.read_text())) == 55


def test_the_size_of_a_batch_changes_nothing(eight, pictures, full_run):
    one, many = (estimate(eight, pictures, replace(OPTIONS, batch_size=size)) for size in (1, 8))
    assert len(one) == len(many) == len(full_run[0]) > 8
    np.testing.assert_allclose(one.keypoints, many.keypoints, atol=1e-3)
    np.testing.assert_allclose(one.scores, many.scores, atol=1e-5)
    np.testing.assert_array_equal(one.truth_ids, many.truth_ids)


def test_the_flip_test_and_other_decodings_change_poses_a_little(truth, coco):
    plain = estimate(truth, coco / "images", OPTIONS)
    for options in (replace(OPTIONS, flip=True), replace(OPTIONS, decode="heatmap")):
        other = estimate(truth, coco / "images", options)
        moved = np.abs(other.keypoints - plain.keypoints)[..., :2]
        assert 0.05 < np.nanmedian(moved) < 12  # px
        np.testing.assert_array_equal(other.truth_ids, plain.truth_ids)


def test_a_graph_gives_no_heatmaps_to_average(truth, coco):
    for changes in ({"runtime": "onnx"}, {"pose.weights": "own.onnx"}):
        options = replace(OPTIONS, config=with_values(PROCESSOR, changes), flip=True)
        with pytest.raises(ValueError, match="are not for ONNX graphs"):
            estimate(truth, coco / "images", options)


def test_an_unknown_decoding_is_refused_before_anything_is_kept(truth, coco, tmp_path):
    options = replace(OPTIONS, decode="argmax")
    with pytest.raises(ValueError, match="'argmax' is none of"):
        estimate(truth, coco / "images", options, store=tmp_path / "poses.jsonl")
    assert (tmp_path / "poses.jsonl").read_bytes() == b""


@pytest.mark.parametrize("changes", [{"batch_size": 0}, {"min_box_score": 1.5}])
def test_options_out_of_range_are_refused(changes):
    with pytest.raises(ValueError, match=next(iter(changes))):
        InferenceOptions(**changes)


def test_the_detector_file_of_videos_is_refused_with_the_remedy(truth, coco):
    config = replace(PROCESSOR, detector=DetectorConfig(name="file", boxes_file="x.json"))
    with pytest.raises(ValueError, match="give the file of boxes as `boxes`"):
        estimate(truth, coco / "images", InferenceOptions(config=config, boxes="detected"))


def test_nobody_labelled_needs_no_pictures(truth):
    nobody = truth[:0]
    found = estimate(nobody, Path("nowhere"), OPTIONS)
    assert len(found) == 0
    assert found.keypoints.shape == (0, 136, 3)
    assert found.truth_ids is not None


def test_pictures_without_people_are_no_exception(truth, tmp_path):
    for picture in truth.pictures:
        width, height = picture.size
        cv2.imwrite(str(tmp_path / picture.file), np.zeros((height, width, 3), np.uint8))
    found = estimate(truth, tmp_path, replace(OPTIONS, boxes="detected"))
    assert len(found) == 0


def test_progress_is_told_after_every_picture(eight, pictures, full_run, tmp_path, capsys):
    told = []
    estimate(eight, pictures, OPTIONS, progress=lambda done, total: told.append((done, total)))
    assert told == [(count, 8) for count in range(1, 9)]
    store = tmp_path / "poses.jsonl"
    store.write_bytes(b"".join(full_run[1].splitlines(keepends=True)[:6]))  # 5 pictures
    told.clear()
    options = {"store": store, "resume": True}
    estimate(eight, pictures, OPTIONS, progress=lambda done, _: told.append(done), **options)
    assert told == [6, 7, 8]
    estimate(eight, pictures, OPTIONS, progress=True, **options)
    output = capsys.readouterr()
    assert "8/8" in output.err
    assert output.out == ""


CUTS = np.random.default_rng(5).random(5).tolist()


@pytest.mark.parametrize("part", [0.0, 1e-4, *CUTS, 1.0])
def test_a_run_cut_off_anywhere_goes_on_to_the_same_poses(
    part, eight, pictures, full_run, tmp_path
):
    expected, content = full_run
    store = tmp_path / "poses.jsonl"
    store.write_bytes(content[: round(part * len(content))])
    found = estimate(eight, pictures, OPTIONS, store=store, resume=True)
    assert_equal(found, expected)
    assert sorted(store.read_bytes().splitlines()) == sorted(content.splitlines())


def test_ctrl_c_leaves_a_store_to_go_on_with(eight, pictures, full_run, tmp_path):
    def stop(done, total):
        if done == 3:
            raise KeyboardInterrupt

    store = tmp_path / "folder/poses.jsonl"
    with pytest.raises(KeyboardInterrupt):
        estimate(eight, pictures, OPTIONS, store=store, progress=stop)
    assert full_run[1].startswith(store.read_bytes())
    assert store.read_bytes().count(b"\n") == 1 + 3
    assert_equal(estimate(eight, pictures, OPTIONS, store=store, resume=True), full_run[0])


def test_resuming_detected_boxes_gives_the_same_poses(truth, coco, tmp_path):
    options, store = replace(OPTIONS, boxes="detected"), tmp_path / "poses.jsonl"
    expected = estimate(truth, coco / "images", options, store=store)
    lines = store.read_bytes().splitlines(keepends=True)
    store.write_bytes(lines[0] + lines[1] + lines[2][:100])
    found = estimate(truth, coco / "images", options, store=store, resume=True)
    np.testing.assert_array_equal(found.keypoints, expected.keypoints)
    np.testing.assert_array_equal(found.scores, expected.scores)


def test_an_unreadable_picture_is_named_and_those_before_it_are_kept(
    eight, pictures, full_run, tmp_path
):
    folder, store = tmp_path / "images", tmp_path / "poses.jsonl"
    folder.mkdir()
    for picture in eight.pictures:
        (folder / picture.file).write_bytes((pictures / picture.file).read_bytes())
    spoilt = folder / eight.pictures[5].file
    spoilt.write_bytes(b"no picture")
    large = replace(OPTIONS, batch_size=64)  # more than there are: none is through by then
    with pytest.raises(PictureError, match=rf"{spoilt.name} is no picture .* fetch it again"):
        estimate(eight, folder, large, store=store)
    assert store.read_bytes().count(b"\n") == 1 + 5
    found = estimate(eight, pictures, large, store=store, resume=True)
    np.testing.assert_allclose(found.keypoints, full_run[0].keypoints, atol=1e-3)


def test_missing_pictures_are_named_before_any_work(eight, pictures, tmp_path):
    with pytest.raises(FileNotFoundError, match=rf"{eight.pictures[0].file} does not exist, and 5"):
        estimate(eight, tmp_path, OPTIONS)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"flip": True}, r"flip false \(now true\)"),
        ({"decode": "integral"}, r'decode "combined" \(now "integral"\)'),
        ({"boxes": "detected"}, r'boxes "true" \(now "detected"\)'),
    ],
)
def test_results_of_other_options_are_not_mixed(
    changes, named, eight, pictures, full_run, tmp_path
):
    store = tmp_path / "poses.jsonl"
    store.write_bytes(full_run[1])
    with pytest.raises(ValueError, match=named):
        estimate(eight, pictures, replace(OPTIONS, **changes), store=store, resume=True)
    assert store.read_bytes() == full_run[1]


def test_results_of_other_labels_are_not_mixed(eight, pictures, full_run, tmp_path):
    store = tmp_path / "poses.jsonl"
    store.write_bytes(full_run[1])
    with pytest.raises(ValueError, match="boxes_sha256"):
        moved = replace(eight, boxes=eight.boxes + 1)
        estimate(moved, pictures, OPTIONS, store=store, resume=True)
    with pytest.raises(ValueError, match=r"pictures 8 \(now 7\)"):
        fewer = of_pictures(eight, range(7))
        estimate(fewer, pictures, OPTIONS, store=store, resume=True)


def test_a_device_and_the_size_of_a_batch_do_not_keep_from_resuming(
    eight, pictures, full_run, tmp_path
):
    store = tmp_path / "poses.jsonl"
    store.write_bytes(full_run[1])
    options = InferenceOptions(config=replace(PROCESSOR, threads=2), batch_size=16)
    assert_equal(estimate(eight, pictures, options, store=store, resume=True), full_run[0])


def test_results_are_never_overwritten(eight, pictures, full_run, tmp_path):
    store = tmp_path / "poses.jsonl"
    store.write_bytes(full_run[1])
    with pytest.raises(FileExistsError, match="resume, choose another file, or remove it"):
        estimate(eight, pictures, OPTIONS, store=store)
    assert store.read_bytes() == full_run[1]


def test_pose_nms_as_it_is_raises_average_precision_on_real_pictures(data):
    pytest.importorskip("pycocotools")
    folder = data / "pose_datasets/coco_people"
    truth = read_coco_people(folder / "labels.json")
    config = with_values(PROCESSOR, {"suppression.min_score": 0.0})
    options = InferenceOptions(config=config, boxes="detected")
    redundant, single = (
        estimate(truth, folder / "images", replace(options, suppression=is_on))
        for is_on in (False, True)
    )
    assert len(single) < len(redundant)
    evaluate = resolve_name("alphapose_ros.evaluation.protocols:evaluate_coco")
    before, after = (evaluate(truth, found).values()["AP"] for found in (redundant, single))
    assert after > before
