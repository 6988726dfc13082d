import json
import shutil

import numpy as np
import pytest

from alphapose_ros.evaluation.datasets.hands import read_freihand, read_interhand
from alphapose_ros.skeletons import skeleton

INTERHAND = "pose_datasets/interhand2.6m/test_interhand2.6m_data.json"


@pytest.fixture
def interhand(data, tmp_path):
    """Return the sample's file of pictures in a folder that may be written to."""
    for path in (data / INTERHAND).parent.glob("*.json"):
        shutil.copyfile(path, tmp_path / path.name)
    return tmp_path / "test_interhand2.6m_data.json"


def change(path, *keys, value):
    content = inner = json.loads(path.read_text())
    for key in keys[:-1]:
        inner = inner[key]
    inner[keys[-1]] = value
    path.write_text(json.dumps(content))


def test_the_sample_of_single_hands_is_read_completely(data):
    path = data / "pose_datasets/freihand/test_freihand.json"
    content = json.loads(path.read_text())
    truth = read_freihand(path)
    assert truth.name == "freihand" and truth.skeleton is skeleton("single_hand_21")
    assert len(truth) == len(content["annotations"]) == len(truth.pictures) == 4
    assert truth.is_labelled.sum() == 84
    expected = np.array([a["keypoints"] for a in content["annotations"]]).reshape(4, 21, 3)
    np.testing.assert_array_equal(truth.keypoints, expected)
    assert [p.file for p in truth.pictures] == [i["file_name"] for i in content["images"]]
    assert truth.boxes[0].tolist() == [62, 82, 166, 145] and truth.areas[0] == 6552
    assert truth.sizes_px.tolist() == [104.0] * 4  # the longer of 104 and 63


def write_freihand(folder, part, places, matrices):
    (folder / f"{part}_K.json").write_text(json.dumps(matrices))
    path = folder / f"{part}_xyz.json"
    path.write_text(json.dumps(places))
    return path


def test_hands_before_the_camera_are_projected(tmp_path):
    # Focal lengths 400 and 500, centre 100, 120: (0.1, -0.02, 0.5) -> 100 + 80, 120 - 20.
    matrix = [[400, 0, 100], [0, 500, 120], [0, 0, 1]]
    hand = [[0.1, -0.02, 0.5]] + [[0.0, 0.0, 0.4]] * 20
    other = [[0.02 * row, 0.01 * row, 0.8] for row in range(21)]
    path = write_freihand(tmp_path, "evaluation", [hand, other], [matrix, matrix])
    truth = read_freihand(path)
    np.testing.assert_allclose(truth.keypoints[0, 0], [180, 100, 1])
    np.testing.assert_allclose(truth.keypoints[0, 1:], [[100, 120, 1]] * 20)
    np.testing.assert_allclose(truth.keypoints[1, 20], [300, 245, 1])  # 0.4, 0.2 at 0.8
    files = ["evaluation/rgb/00000000.jpg", "evaluation/rgb/00000001.jpg"]
    assert [p.file for p in truth.pictures] == files
    # Tight 80 x 20 about (140, 110): 96 x 24.
    np.testing.assert_allclose(truth.boxes[0], [92, 98, 188, 122])
    np.testing.assert_allclose(truth.sizes_px[0], 96)


def test_hands_for_training_have_four_backgrounds(data, tmp_path):
    matrix = [[400, 0, 100], [0, 400, 100], [0, 0, 1]]
    hands = [[[0.01 * row + 0.1 * hand, 0, 0.5] for row in range(21)] for hand in range(3)]
    truth = read_freihand(write_freihand(tmp_path, "training", hands, [matrix] * 3))
    assert len(truth) == len(truth.pictures) == 12
    assert truth.pictures[7].file == "training/rgb/00000007.jpg"
    np.testing.assert_array_equal(truth.keypoints[1], truth.keypoints[7])  # of 3 hands, 1 + 2 * 3
    assert not np.array_equal(truth.keypoints[0], truth.keypoints[1])
    # The sample: four pictures of one hand, 32560 apart, as many as the training part has hands.
    sample = read_freihand(data / "pose_datasets/freihand/test_freihand.json")
    assert set(np.diff([p.id for p in sample.pictures])) == {32560}
    np.testing.assert_array_equal(sample.keypoints[0], sample.keypoints[3])


def test_malformed_hands_are_named(tmp_path):
    matrix, hand = np.eye(3).tolist(), [[0.0, 0.0, 1.0]] * 21
    path = write_freihand(tmp_path, "evaluation", [hand, hand[1:]], [matrix] * 2)
    with pytest.raises(ValueError, match=r"evaluation_xyz.json\[1\].entry: must be 21 x 3"):
        read_freihand(path)
    path = write_freihand(tmp_path, "evaluation", [hand, hand], [matrix, [1, 2]])
    with pytest.raises(ValueError, match=r"evaluation_K.json\[1\].entry: must be 3 x 3"):
        read_freihand(path)
    path = write_freihand(tmp_path, "evaluation", [hand, hand], [matrix])
    with pytest.raises(ValueError, match=r"evaluation_K.json: has 1 entries, not 2"):
        read_freihand(path)
    path = write_freihand(tmp_path, "evaluation", [hand, [[0, 0, -1]] * 21], [matrix] * 2)
    with pytest.raises(ValueError, match=r"evaluation_xyz.json\[1\]: lies behind the camera"):
        read_freihand(path)
    path.write_text("{}")
    with pytest.raises(ValueError, match=r"evaluation_xyz.json: must hold a list"):
        read_freihand(path)
    (tmp_path / "evaluation_K.json").unlink()
    path.write_text("[]")
    with pytest.raises(FileNotFoundError, match=r"evaluation_K.json"):
        read_freihand(path)


def test_the_sample_of_both_hands_is_read_completely(data):
    content = json.loads((data / INTERHAND).read_text())
    truth = read_interhand(data / INTERHAND)
    assert truth.name == "interhand" and truth.skeleton is skeleton("interhand_42")
    assert len(truth) == len(content["annotations"]) == len(truth.pictures) == 2
    assert truth.is_labelled.sum() == 84
    assert truth.ids.tolist() == [326750, 286291]
    assert truth.is_valid.tolist() == [[True, True]] * 2  # interacting
    first = truth.pictures[0]
    assert (first.file, first.size, first.frame) == ("image69148.jpg", (334, 512), 69148)
    assert first.sequence == "3/0390_dh_touchROM/400026"
    np.testing.assert_allclose(truth.sizes_px, [185.057861328125, 175.00582885742188])


def test_the_projected_hands_fill_the_boxes_of_the_file(data):
    truth = read_interhand(data / INTERHAND)
    for keypoints, (left, top, right, bottom) in zip(
        truth.keypoints[..., :2], truth.boxes, strict=True
    ):
        low, high = keypoints.min(axis=0), keypoints.max(axis=0)
        assert left < low[0] and top < low[1] and high[0] < right and high[1] < bottom
        assert ((high - low) / (right - left, bottom - top) > 0.7).all()


def test_the_fingers_of_the_sample_are_in_the_order_of_the_skeleton(data):
    # In space a finger's bones join neighbours: far shorter than the way to another finger's.
    hands = json.loads((data / INTERHAND.replace("_data.json", "_joint_3d.json")).read_text())
    for capture in hands.values():
        for frame in capture.values():
            places = np.array(frame["world_coord"])
            edges = skeleton("interhand_42").edge_rows
            bones = np.linalg.norm(places[edges[:, 0]] - places[edges[:, 1]], axis=1)
            names = np.array(skeleton("interhand_42").names)[edges]
            at_wrist = np.char.endswith(names[:, 0], "wrist")
            assert bones[~at_wrist].max() < 55 and bones[at_wrist].max() < 110  # [mm]
            assert bones[~at_wrist].min() > 12


def test_a_rotated_camera_is_undone(interhand):
    # A camera at (0, 0, -10) that looks along the world's x: its z is x, its x is -z.
    rotation = [[0, 0, -1], [0, 1, 0], [1, 0, 0]]
    camera = interhand.with_name("test_interhand2.6m_camera.json")
    for field, value in (
        ("campos", [0, 0, -10]),
        ("camrot", rotation),
        ("focal", [100, 200]),
        ("princpt", [50, 60]),
    ):
        change(camera, "3", field, "400026", value=value)
    hands = interhand.with_name("test_interhand2.6m_joint_3d.json")
    change(hands, "3", "69148", "world_coord", value=[[20, 3, 2]] + [[10, 0, -10]] * 41)
    truth = read_interhand(interhand)
    # (20, 3, 2) less the camera's place is (20, 3, 12), seen as (-12, 3, 20).
    np.testing.assert_allclose(truth.keypoints[0, 0], [50 - 100 * 12 / 20, 60 + 200 * 3 / 20, 1])
    np.testing.assert_allclose(truth.keypoints[0, 1:], [[50, 60, 1]] * 41)


def test_keypoints_that_are_not_valid_have_no_label(interhand):
    valid = [[1]] * 21 + [[0]] * 21
    change(interhand, "annotations", 0, "joint_valid", value=valid)
    change(interhand, "annotations", 0, "hand_type", value="right")
    truth = read_interhand(interhand)
    assert truth.is_labelled[0].tolist() == [True] * 21 + [False] * 21
    assert not truth.keypoints[0, 21:].any()
    assert truth.is_valid.tolist() == [[True, False], [True, True]]
    assert list(truth.skeleton.groups) == ["right_hand", "left_hand"]


@pytest.mark.parametrize(
    ("keys", "value", "message"),
    [
        (("annotations", 1, "hand_type"), "both", r"annotations\[1\].hand_type: 'both' is none"),
        (("annotations", 1, "joint_valid"), [1] * 21, r"annotations\[1\].joint_valid: must be 42"),
        (("annotations", 1, "image_id"), 5, r"annotations\[1\].image_id: no picture has the id 5"),
        (("images", 1, "camera"), "7", r"_camera.json.2.campos.7: is missing"),
        (("images", 1, "capture"), 9, r"_camera.json.9: is missing"),
        (("images", 1, "frame_idx"), 1, r"_joint_3d.json.2.1: is missing"),
        (("images", 1, "id"), 326750, r"images\[1\].id: 326750 is the id of another picture"),
    ],
)
def test_what_does_not_fit_together_is_named(interhand, keys, value, message):
    change(interhand, *keys, value=value)
    with pytest.raises(ValueError, match=message):
        read_interhand(interhand)


def test_the_files_beside_must_be_there(interhand):
    interhand.with_name("test_interhand2.6m_camera.json").unlink()
    with pytest.raises(FileNotFoundError, match=r"_camera.json does not exist"):
        read_interhand(interhand)
    with pytest.raises(ValueError, match=r"must be the file ..._data.json"):
        read_interhand(interhand.with_name("test_interhand2.6m_joint_3d.json"))
