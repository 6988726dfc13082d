from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from made_results import made_results, made_tracks, write

from alphapose_ros.io.ends import FrameResult
from alphapose_ros.io.formats import FORMATS, read_results
from alphapose_ros.io.formats.layouts import BODY_25, COCO_18
from alphapose_ros.io.formats.results import Results
from alphapose_ros.skeletons import skeleton

# The order of OpenPose's own documentation.
OFFICIAL_18 = """Nose Neck RShoulder RElbow RWrist LShoulder LElbow LWrist RHip RKnee RAnkle LHip
    LKnee LAnkle REye LEye REar LEar"""
OFFICIAL_25 = """Nose Neck RShoulder RElbow RWrist LShoulder LElbow LWrist MidHip RHip RKnee RAnkle
    LHip LKnee LAnkle REye LEye REar LEar LBigToe LSmallToe LHeel RBigToe RSmallToe RHeel"""


def camel(name):
    """left_big_toe -> LBigToe, as OpenPose writes it."""
    if name == "hip":
        return "MidHip"
    name = name.replace("left_", "l_").replace("right_", "r_")
    return "".join(part.capitalize() for part in name.split("_"))


def one_person(name, keypoints, count=1):
    body = skeleton(name)
    tracks = made_tracks(np.random.default_rng(0), body, count, predicted=0)
    poses = replace(tracks.poses, keypoints=np.tile(keypoints, (count, 1, 1)))
    frame = FrameResult(
        name="a.jpg", index=0, stamp_ns=0, width=0, height=0, tracks=replace(tracks, poses=poses)
    )
    return Results(skeleton=body, frames=[frame])


def ramp(name):
    """Keypoint k at (10 k, 20 k) with score 0.5, so that places tell the keypoint."""
    rows = np.arange(len(skeleton(name).names))
    return np.stack((10.0 * rows, 20.0 * rows, np.full(len(rows), 0.5)), axis=1)


def test_the_orders_are_openposes():
    assert [camel(name) for name in COCO_18] == OFFICIAL_18.split()
    assert [camel(name) for name in BODY_25] == OFFICIAL_25.split()


@pytest.mark.parametrize(
    ("target", "list_", "field"),
    [
        ("cmu", "bodies", "joints"),
        ("openpose", "people", "pose_keypoints_2d"),
    ],
)
def test_the_neck_of_coco_is_the_middle_of_the_shoulders(tmp_path, target, list_, field):
    keypoints = ramp("coco_17")
    keypoints[5] = 100, 50, 0.9  # left shoulder
    keypoints[6] = 60, 70, 0.4
    keypoints[0] = np.nan, np.nan, 0
    path = write(tmp_path / "a.json", FORMATS[target], one_person("coco_17", keypoints))
    (person,) = json.loads(path.read_text())["a.jpg"][list_]
    points = np.reshape(person[field], (-1, 3))
    assert len(points) == 18
    assert points[0].tolist() == [0, 0, 0]  # absent, and not copied anywhere
    assert points[1].tolist() == [80, 60, 0.4]
    assert points[2].tolist() == [60, 70, 0.4]  # right before left
    assert points[17].tolist() == [30, 60, 0.5]  # left ear is COCO's 3


def test_the_neck_is_absent_where_a_shoulder_is(tmp_path):
    keypoints = ramp("coco_17")
    keypoints[6] = np.nan, np.nan, 0
    path = write(tmp_path / "a.json", FORMATS["cmu"], one_person("coco_17", keypoints))
    (person,) = json.loads(path.read_text())["a.jpg"]["bodies"]
    assert person["joints"][3:6] == [0, 0, 0]


def test_halpes_own_neck_is_its_own_and_not_its_head(tmp_path):
    body = skeleton("halpe_26")
    results = one_person("halpe_26", ramp("halpe_26"))
    for target, list_, field in (
        ("cmu", "bodies", "joints"),
        ("openpose", "people", "pose_keypoints_2d"),
    ):
        path = write(tmp_path / "a.json", FORMATS[target], results)
        (person,) = json.loads(path.read_text())["a.jpg"][list_]
        assert person[field][3] == 10 * body.index("neck")
        assert person[field][3] != 10 * body.index("head")


def test_whole_bodies_have_fields_for_face_and_hands(tmp_path):
    body = skeleton("halpe_136")
    results = one_person("halpe_136", ramp("halpe_136"))
    path = write(tmp_path / "a.json", FORMATS["openpose"], results)
    (person,) = json.loads(path.read_text())["a.jpg"]["people"]
    lengths = {name: len(value) for name, value in person.items()}
    assert lengths == {
        "person_id": 1,
        "pose_keypoints_2d": 75,
        "face_keypoints_2d": 210,
        "hand_left_keypoints_2d": 63,
        "hand_right_keypoints_2d": 63,
    }
    assert person["face_keypoints_2d"][0] == 10 * body.groups["face"][0]
    assert person["face_keypoints_2d"][-6:] == [0] * 6  # pupils
    assert person["hand_left_keypoints_2d"][0] == 10 * body.groups["left_hand"][0]
    assert person["pose_keypoints_2d"][3 * 21] == 10 * body.index("left_heel")


@pytest.mark.parametrize("target", ["cmu", "openpose"])
def test_frames_without_people_are_there(tmp_path, target):
    results = made_results(counts=(0, 2, 0, 0), predicted=0)
    path = write(tmp_path / "a.json", FORMATS[target], results)
    content = json.loads(path.read_text())
    assert list(content) == [frame.name for frame in results.frames]
    list_ = "bodies" if target == "cmu" else "people"
    assert [len(frame[list_]) for frame in content.values()] == [0, 2, 0, 0]


def test_frames_of_one_name_are_kept_apart(tmp_path):
    results = made_results(counts=(1, 1), predicted=0)
    frames = [replace(frame, name="same.jpg") for frame in results.frames]
    path = write(tmp_path / "a.json", FORMATS["openpose"], replace(results, frames=frames))
    assert [frame.name for frame in read_results(path).frames] == ["same.jpg", "same.jpg#2"]


def test_a_real_file_of_openpose_with_hands(data):
    file = data / "result_formats/openpose/coco192/COCO_val2014_000000000192_keypoints.json"
    results = read_results(file)
    (frame,) = results.frames
    assert results.skeleton.id == "halpe_68"
    assert frame.name == "COCO_val2014_000000000192.jpg"
    (points,) = frame.tracks.poses.keypoints
    at = results.skeleton.index
    np.testing.assert_allclose(points[at("nose")], [328.099, 219.744, 0.75994])
    np.testing.assert_allclose(points[at("neck")], [322.891, 217.185, 0.833854])
    np.testing.assert_allclose(points[at("right_heel")], [339.82, 398.577, 0.569238])
    np.testing.assert_allclose(points[at("left_hand_wrist")], [366.688, 260.36, 0.19621])
    np.testing.assert_allclose(points[at("right_hand_little_4")], [300.455, 271.121, 0.0104549])
    assert np.isnan(points[at("head"), 0])
    assert frame.tracks.ids.tolist() == [-1]


def test_a_real_folder_of_openpose_with_faces_and_hands(data):
    folder = data / "result_formats/openpose/shapy_samples"
    results = read_results(folder)
    assert results.skeleton.id == "halpe_136"
    assert [frame.name for frame in results.frames] == [f"img_{i:02}.jpg" for i in range(11)]
    assert [len(frame.tracks) for frame in results.frames] == [1] * 11
    assert results.notes == ("pupils of 11 faces are left out: no skeleton of ours has them",)
    there = total = 0
    for path, frame in zip(sorted(folder.glob("*.json")), results.frames, strict=True):
        (person,) = json.loads(path.read_text())["people"]
        parts = [person["pose_keypoints_2d"], person["face_keypoints_2d"][:-6]]
        parts += [person[f"hand_{side}_keypoints_2d"] for side in ("left", "right")]
        flat = np.concatenate(parts).reshape(-1, 3)
        total += (flat != 0).any(axis=1).sum()
        there += np.isfinite(frame.tracks.poses.keypoints[..., 0]).sum()
    assert there == total > 1000


def test_real_scenes_of_cmu_panoptic_give_keypoints_in_metres(data):
    folder = data / "result_formats/cmu_panoptic/160906_band1"
    results = read_results(folder)
    assert [len(frame.tracks) for frame in results.frames] == [3, 3]
    poses = results.frames[0].tracks.poses
    neck = poses.keypoints_3d[0, results.skeleton.index("neck")]
    np.testing.assert_allclose(neck, [1.24136, -1.05991, -0.302854], rtol=1e-6)
    shoulder = poses.keypoints_3d[0, results.skeleton.index("left_shoulder")]
    np.testing.assert_allclose(shoulder, [1.20248, -1.06955, -0.456063], rtol=1e-6)
    assert np.isnan(poses.keypoints[..., :2]).all()
    assert np.isnan(poses.keypoints_3d[0, results.skeleton.index("left_ankle")]).all()  # -1 there
    assert results.frames[0].tracks.ids.tolist() == [1, 2, 3]


@pytest.mark.parametrize(
    ("person", "problem"),
    [
        ({"pose_keypoints_2d": [1, 2, 3]}, "holds 3 numbers; known are 54"),
        ({}, "pose_keypoints_2d: is missing"),
        ({"pose_keypoints_2d": [0] * 75, "hand_left_keypoints_2d": [1]}, "must be 63 numbers"),
    ],
)
def test_what_is_wrong_is_named(tmp_path, person, problem):
    path = tmp_path / "a_keypoints.json"
    path.write_text(json.dumps({"version": 1.3, "people": [person]}))
    with pytest.raises(ValueError, match=problem) as error:
        read_results(path)
    assert str(error.value).startswith(f"{path}.people[0]")


@pytest.mark.parametrize(("given", "track"), [(4, 4), ([4], 4), ([-1], -1), (-1, -1), ([], -1)])
def test_person_ids_are_numbers_or_lists(tmp_path, given, track):
    path = tmp_path / "a_keypoints.json"
    person = {"person_id": given, "pose_keypoints_2d": [1, 2, 0.5] * 18}
    path.write_text(json.dumps({"version": 1.3, "people": [person]}))
    assert read_results(path).frames[0].tracks.ids.tolist() == [track]
