import json

import numpy as np
import pytest
from scipy.io import savemat

from alphapose_ros.evaluation.datasets.mpii import HEAD_BOX, HEAD_LENGTH, read_mpii, read_mpii_trb
from alphapose_ros.skeletons import skeleton

FIELDS = ("x1", "y1", "x2", "y2", "scale", "objpos", "annopoints")
EMPTY = np.zeros((0, 0))


def struct_array(fields, *rows):
    """Nest as MATLAB does: an array of structs, where a field that a struct lacks is empty."""
    array = np.empty((1, len(rows)), dtype=[(field, object) for field in fields])
    for column, row in enumerate(rows):
        for field in fields:
            array[0, column][field] = row.get(field, EMPTY)
    return array


def point(number, x, y, **more):
    return {"id": number, "x": x, "y": y, **more}


def labelled(points, **more):
    points = struct_array(("x", "y", "id", "is_visible"), *points)
    return {"scale": 1.5, "objpos": {"x": 9.0, "y": 9.0}, "annopoints": {"point": points}, **more}


def picture(name, *people):
    return {"image": {"name": name}, "annorect": struct_array(FIELDS, *people) if people else EMPTY}


def release(folder, *pictures, is_training=None):
    path = folder / "mpii_human_pose_v1_u12_1.mat"
    is_training = [1] * len(pictures) if is_training is None else is_training
    content = {
        "annolist": struct_array(("image", "annorect"), *pictures),
        "img_train": np.array([is_training], np.uint8),
        "version": "12",
    }
    savemat(path, {"RELEASE": content})
    return path


def write(folder, content):
    path = folder / "mpii.json"
    path.write_text(json.dumps(content))
    return path


@pytest.fixture
def listed(data):
    return json.loads((data / "pose_datasets/mpii/test_mpii.json").read_text())


def test_the_sample_list_is_read_completely(data, listed):
    truth = read_mpii(data / "pose_datasets/mpii/test_mpii.json")
    assert truth.name == "mpii" and truth.skeleton is skeleton("mpii_16")
    assert len(truth) == len(truth.pictures) == 3
    assert [p.file for p in truth.pictures] == [person["image"] for person in listed]
    seen = np.array([person["joints_vis"] for person in listed])
    assert seen.sum() == 44
    np.testing.assert_array_equal(truth.is_labelled, seen > 0)
    expected = np.array([person["joints"] for person in listed])
    np.testing.assert_allclose(truth.keypoints[seen > 0, :2], expected[seen > 0] - 1)
    assert not truth.keypoints[seen == 0].any()


def test_the_box_of_the_list_is_a_square_around_the_centre(data):
    truth = read_mpii(data / "pose_datasets/mpii/test_mpii.json")
    # Centre 1030, 396 counted from 1; side 200 * 3.139233 = 627.8466.
    np.testing.assert_allclose(truth.boxes[0], [715.0767, 81.0767, 1342.9233, 708.9233])
    low, high = truth.boxes[:, None, :2], truth.boxes[:, None, 2:]
    places = truth.keypoints[..., :2]
    inside = ((low <= places) & (places <= high)).all(axis=2)
    assert inside[truth.is_labelled].all()
    np.testing.assert_allclose(truth.areas[0], 627.8466**2)


def test_without_head_boxes_the_size_is_the_length_of_the_head(data):
    truth = read_mpii(data / "pose_datasets/mpii/test_mpii.json")
    # (1026.998, 281.6248) to (997.002, 181.3752): sqrt(29.996^2 + 100.2496^2) = 104.6410.
    assert truth.sizes_px[0] == pytest.approx(104.6410, abs=1e-4)
    assert truth.size_meaning == HEAD_LENGTH


def test_head_boxes_of_the_other_file_give_the_size(data, listed, tmp_path):
    places = np.array([person["joints"] for person in listed])
    missing = 1 - np.array([person["joints_vis"] for person in listed])
    missing[2, 0] = 1
    corners = np.array([[[10, 20], [40, 60]], [[0, 0], [3, 4]], [[5, 5], [11, 13]]])
    path = tmp_path / "gt_valid.mat"
    content = {
        "headboxes_src": corners.transpose(1, 2, 0),
        "jnt_missing": missing.T,
        "pos_gt_src": places.transpose(1, 2, 0),
    }
    savemat(path, content)
    annotations = data / "pose_datasets/mpii/test_mpii.json"
    truth = read_mpii(annotations, head_boxes=path)
    np.testing.assert_allclose(truth.sizes_px, [30.0, 3.0, 6.0])  # 0.6 of 50, 5 and 10
    assert truth.size_meaning == HEAD_BOX
    assert truth.is_labelled.sum() == 43 and not truth.is_labelled[2, 0]

    savemat(path, content | {"pos_gt_src": places[[1, 0, 2]].transpose(1, 2, 0)})
    with pytest.raises(ValueError, match=r"gt_valid.mat.pos_gt_src: person 0 lies elsewhere"):
        read_mpii(annotations, head_boxes=path)
    savemat(path, content | {"headboxes_src": corners[:2].transpose(1, 2, 0)})
    with pytest.raises(ValueError, match=r"gt_valid.mat.headboxes_src: must be 2 x 2 x 3"):
        read_mpii(annotations, head_boxes=path)


def test_people_of_one_picture_of_the_list_share_it(listed, tmp_path):
    listed[2]["image"] = listed[0]["image"]
    truth = read_mpii(write(tmp_path, listed))
    assert len(truth.pictures) == 2 and truth.rows.tolist() == [0, 1, 0]


def test_an_empty_list_has_nobody(tmp_path):
    truth = read_mpii(write(tmp_path, []))
    assert len(truth) == 0 and truth.pictures == () and truth.keypoints.shape == (0, 16, 3)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"joints": [[1, 2]] * 15}, r"mpii.json\[1\].joints: must be 16 x 2 numbers"),
        ({"joints_vis": None}, r"mpii.json\[1\].joints_vis: must be 16 numbers"),
        ({"scale": "large"}, r"mpii.json\[1\].scale: must be a finite number"),
        ({"center": [1]}, r"mpii.json\[1\].center: must be 2 numbers"),
        ({"image": 7}, r"mpii.json\[1\].image: must be a string"),
    ],
)
def test_a_malformed_person_of_the_list_is_named(listed, tmp_path, change, message):
    listed[1] |= change
    with pytest.raises(ValueError, match=message):
        read_mpii(write(tmp_path, listed))


def test_the_release_is_read_with_all_that_may_be_empty(tmp_path):
    first = labelled(
        [
            point(9, 11.5, 21.0),  # no visibility: head and neck have none
            point(8, 11.5, 41.0, is_visible=""),
            point(0, 5.0, 6.0, is_visible="1"),
            point(1, 7.0, 8.0, is_visible="0"),
            point(2, 9.0, 10.0, is_visible=1.0),
            point(3, 9.0, 12.0, is_visible=0.0),
        ],
        **{"x1": 10.0, "y1": 20.0, "x2": 16.0, "y2": 28.0},
    )
    alone = labelled([point(15, 3.0, 4.0, is_visible="1")])  # one point, no head box
    without_points = {"scale": 2.0, "objpos": {"x": 1.0, "y": 2.0}}
    path = release(
        tmp_path,
        picture("a.jpg", first, without_points),
        picture("b.jpg"),
        picture("c.jpg", alone),
        picture("d.jpg", without_points),
        is_training=[1, 1, 1, 0],
    )
    truth = read_mpii(path)
    assert [p.file for p in truth.pictures] == ["a.jpg", "b.jpg", "c.jpg", "d.jpg"]
    assert [p.is_labelled for p in truth.pictures] == [True, True, True, False]
    assert truth.rows.tolist() == [0, 2] and truth.ids.tolist() == [0, 1]
    assert truth.keypoints[0, :, 2].tolist() == [2, 1, 2, 1, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 0, 0]
    assert truth.keypoints[0, 0].tolist() == [4.0, 5.0, 2.0]  # counted from 0
    assert truth.keypoints[1, 15].tolist() == [2.0, 3.0, 2.0]
    np.testing.assert_array_equal(truth.sizes_px, [6.0, np.nan])  # 0.6 of hypot(6, 8)
    assert truth.size_meaning == HEAD_BOX
    # x from 4 to 10.5, y from 5 to 40: a fifth larger about the centre.
    np.testing.assert_allclose(truth.boxes[0], [3.35, 1.5, 11.15, 43.5])


def test_a_release_of_one_picture_is_one(tmp_path):
    truth = read_mpii(release(tmp_path, picture("a.jpg", labelled([point(4, 2.0, 3.0)]))))
    assert len(truth) == len(truth.pictures) == 1 and truth.keypoints[0, 4].tolist() == [1, 2, 2]


def test_a_release_without_people_is_empty(tmp_path):
    truth = read_mpii(release(tmp_path, picture("a.jpg"), picture("b.jpg")))
    assert len(truth) == 0 and len(truth.pictures) == 2


def test_a_malformed_release_is_named(tmp_path):
    bad = labelled([point(0, 5.0, 6.0), point(16, 5.0, 6.0)])
    where = r"RELEASE.annolist\(2\).annorect\(1\).annopoints.point\(2\).id"
    with pytest.raises(ValueError, match=where + ": must be from 0 to 15"):
        read_mpii(release(tmp_path, picture("a.jpg"), picture("b.jpg", bad)))
    bad = labelled([point(0, np.nan, 6.0)])
    with pytest.raises(ValueError, match=r"point\(1\).x: must be a finite number"):
        read_mpii(release(tmp_path, picture("a.jpg", bad)))
    with pytest.raises(ValueError, match=r"RELEASE.img_train: must be 1 numbers"):
        read_mpii(release(tmp_path, picture("a.jpg"), is_training=[1, 0]))
    savemat(tmp_path / "other.mat", {"joints": np.ones(3)})
    with pytest.raises(ValueError, match="RELEASE: is missing"):
        read_mpii(tmp_path / "other.mat")
    with pytest.raises(ValueError, match="has head boxes of its own"):
        read_mpii(tmp_path / "other.mat", head_boxes=tmp_path / "gt_valid.mat")


def test_the_sample_with_contours_is_read_completely(data):
    path = data / "pose_datasets/mpii/test_mpii_trb.json"
    content = json.loads(path.read_text())
    truth = read_mpii_trb(path)
    assert truth.name == "mpii_trb" and truth.skeleton is skeleton("mpii_trb_40")
    assert len(truth) == len(content["annotations"]) == 3 and len(truth.pictures) == 3
    assert truth.is_labelled.sum() == sum(a["num_joints"] for a in content["annotations"]) == 103
    assert truth.ids.tolist() == [27407, 26901, 26834]
    files = {image["id"]: image["file_name"] for image in content["images"]}
    assert [truth.pictures[row].file for row in truth.rows] == [
        files[a["image_id"]] for a in content["annotations"]
    ]
    assert truth.pictures[0].size == (1280, 720)


def test_both_files_of_the_same_pictures_agree(data):
    one = read_mpii(data / "pose_datasets/mpii/test_mpii.json")
    other = read_mpii_trb(data / "pose_datasets/mpii/test_mpii_trb.json")
    theirs = {other.pictures[row].file: at for at, row in enumerate(other.rows)}
    order = [theirs[one.pictures[row].file] for row in one.rows]
    columns = one.skeleton.rows_of(other.skeleton)
    shared = columns >= 0
    assert shared.sum() == 14
    ours, found = one.keypoints[:, columns[shared]], other.keypoints[order][:, shared]
    both = (ours[..., 2] > 0) & (found[..., 2] > 0)
    assert both.sum() == 38  # 12, 12 and 14 of them
    np.testing.assert_allclose(ours[both][:, :2], found[both][:, :2], atol=1e-3)
    np.testing.assert_allclose(one.sizes_px, other.sizes_px[order], atol=1e-3)


def test_a_head_box_of_the_file_with_contours_gives_the_size(data, tmp_path):
    content = json.loads((data / "pose_datasets/mpii/test_mpii_trb.json").read_text())
    content["annotations"][1]["headbox"] = [10, 20, 40, 60]
    truth = read_mpii_trb(write(tmp_path, content))
    np.testing.assert_array_equal(truth.sizes_px, [np.nan, 30.0, np.nan])
    assert truth.size_meaning == HEAD_BOX
    content["annotations"][1]["headbox"] = [10, 20, 40]
    with pytest.raises(ValueError, match=r"annotations\[1\].headbox: must be 4 numbers"):
        read_mpii_trb(write(tmp_path, content))
