import json

import numpy as np
import pytest

from alphapose_ros.evaluation.datasets.faces import (
    NORMALISERS,
    face_sizes,
    read_300w,
    read_wflw,
)
from alphapose_ros.evaluation.records import VISIBLE_JAW
from alphapose_ros.skeletons import skeleton


def points(annotation):
    return np.array(annotation["keypoints"], np.float64).reshape(-1, 3)


def write_points(path, places, head="version: 1\nn_points:  {}\n"):
    lines = "\n".join(f"{x:.3f} {y:.3f}" for x, y in places)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(head.format(len(places)) + "{\n" + lines + "\n}\n")
    return path


def line(places, box, attributes, file):
    return " ".join(str(value) for value in (*np.ravel(places), *box, *attributes, file))


@pytest.mark.parametrize(
    ("read", "file", "layout", "faces", "pictures"),
    [
        (read_300w, "300w/test_300w.json", "face_68", 1, 1),
        (read_wflw, "wflw/test_wflw.json", "wflw_98", 3, 1),
    ],
)
def test_the_samples_are_read_completely(data, read, file, layout, faces, pictures):
    content = json.loads((data / "pose_datasets" / file).read_text())
    truth = read(data / "pose_datasets" / file)
    assert truth.skeleton is skeleton(layout) and truth.jaw == VISIBLE_JAW
    assert len(truth) == len(content["annotations"]) == faces
    assert len(truth.pictures) == len(content["images"]) == pictures
    assert truth.pictures[0].file == content["images"][0]["file_name"]
    np.testing.assert_array_equal(truth.keypoints, [points(a) for a in content["annotations"]])
    assert truth.is_labelled.all()
    boxes = np.array([a["bbox"] for a in content["annotations"]])
    np.testing.assert_allclose(truth.boxes[:, 2:] - truth.boxes[:, :2], boxes[:, 2:])
    np.testing.assert_allclose(truth.areas, [a["area"] for a in content["annotations"]])


def test_the_inter_ocular_distance_is_between_the_outer_corners(data):
    truth = read_300w(data / "pose_datasets/300w/test_300w.json")
    # Points 36 and 45 (the first is 0): (372.146, 389.57) and (656.076, 327.782).
    expected = np.hypot(656.076 - 372.146, 327.782 - 389.57)
    assert truth.sizes_px[0] == pytest.approx(expected) == pytest.approx(290.5753, abs=1e-4)
    assert truth.size_meaning == NORMALISERS["outer_corners"]
    truth = read_wflw(data / "pose_datasets/wflw/test_wflw.json")
    corners = truth.keypoints[:, [60, 72], :2]
    np.testing.assert_allclose(
        truth.sizes_px, np.linalg.norm(corners[:, 0] - corners[:, 1], axis=1)
    )


def test_the_other_normalisers(data):
    truth = read_300w(data / "pose_datasets/300w/test_300w.json")
    (places,) = truth.keypoints[..., :2]
    apart = np.linalg.norm(places[36:42].mean(axis=0) - places[42:48].mean(axis=0))
    np.testing.assert_allclose(face_sizes(truth, "pupils"), [apart])
    # x from 268 to 710.702, y from 265 to 741.209.
    diagonal = np.hypot(710.702 - 268, 741.209 - 265)
    np.testing.assert_allclose(face_sizes(truth, "box"), [diagonal])
    truth = read_wflw(data / "pose_datasets/wflw/test_wflw.json")
    pupils = truth.keypoints[:, [96, 97], :2]
    expected = np.linalg.norm(pupils[:, 0] - pupils[:, 1], axis=1)
    np.testing.assert_allclose(face_sizes(truth, "pupils"), expected)
    with pytest.raises(ValueError, match="'iris' is none of outer_corners, pupils, box"):
        face_sizes(truth, "iris")


@pytest.mark.parametrize("normaliser", NORMALISERS)
def test_a_face_without_labels_has_no_size(data, tmp_path, normaliser):
    content = json.loads((data / "pose_datasets/wflw/test_wflw.json").read_text())
    content["annotations"][1]["keypoints"] = [0] * 294
    path = tmp_path / "wflw.json"
    path.write_text(json.dumps(content))
    sizes = face_sizes(read_wflw(path), normaliser)
    assert np.isnan(sizes).tolist() == [False, True, False]


def test_a_folder_of_points_is_read_and_counted_from_0(data, tmp_path):
    (annotation,) = json.loads((data / "pose_datasets/300w/test_300w.json").read_text())[
        "annotations"
    ]
    places = points(annotation)[:, :2]
    write_points(tmp_path / "02_Outdoor/outdoor_001.pts", places + 3)
    write_points(tmp_path / "01_Indoor/indoor_029.pts", places + 1)
    (tmp_path / "01_Indoor/indoor_029.JPG").touch()
    truth = read_300w(tmp_path)
    files = [picture.file for picture in truth.pictures]
    assert files == ["01_Indoor/indoor_029.JPG", "02_Outdoor/outdoor_001.png"]
    assert truth.rows.tolist() == [0, 1] and truth.jaw == VISIBLE_JAW
    np.testing.assert_allclose(truth.keypoints[0, :, :2], places, atol=1e-3)
    np.testing.assert_allclose(truth.keypoints[1, :, :2], places + 2, atol=1e-3)
    # The file in COCO's form has a box that is a fifth larger than the keypoints, too.
    x, y, width, height = annotation["bbox"]
    np.testing.assert_allclose(truth.boxes[0], [x, y, x + width, y + height], atol=2e-3)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda text: text.replace("n_points:  68", "n_points: 51"), "n_points must be 68, is 51"),
        (lambda text: text.replace("n_points:  68", ""), "n_points must be 68, is missing"),
        (lambda text: text.replace("{", ""), "has no points in"),
        (lambda text: text[: len(text) // 2], "has no points in"),
        (lambda text: text.replace("1.000 1.000\n", "", 1), "has 67 points, n_points is 68"),
        (lambda text: text.replace("1.000 1.000", "1.000"), "point 2: must have 2 numbers, has 1"),
        (lambda text: text.replace("1.000 1.000", "one 1.000"), "point 2: .*'one'"),
        (lambda text: text.replace("1.000 1.000", "nan 1.000"), "point 2: holds NaN"),
    ],
)
def test_malformed_points_are_named(tmp_path, spoil, message):
    path = write_points(tmp_path / "indoor_001.pts", [(row, row) for row in range(68)])
    path.write_text(spoil(path.read_text()))
    with pytest.raises(ValueError, match=f"indoor_001.pts: {message}"):
        read_300w(tmp_path)


def test_a_folder_without_points_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"holds no .pts files"):
        read_300w(tmp_path)


def test_the_official_list_is_read_with_its_subsets(data, tmp_path):
    content = json.loads((data / "pose_datasets/wflw/test_wflw.json").read_text())
    places = [points(a)[:, :2] for a in content["annotations"]]
    path = tmp_path / "list_98pt_rect_attr_test.txt"
    lines = [
        line(places[0], (700, 280, 830, 410), (1, 0, 0, 0, 0, 1), "7--Cheering/a.jpg"),
        line(places[1], (720, 710, 850, 780), (0, 0, 0, 1, 1, 0), "9--Press/b.jpg"),
        line(places[2], (460, 340, 560, 440), (0, 1, 1, 0, 0, 0), "7--Cheering/a.jpg"),
    ]
    path.write_text("\n".join(lines) + "\n")
    truth = read_wflw(path)
    assert [p.file for p in truth.pictures] == ["7--Cheering/a.jpg", "9--Press/b.jpg"]
    assert truth.rows.tolist() == [0, 1, 0] and truth.jaw == VISIBLE_JAW
    np.testing.assert_allclose(truth.keypoints[..., :2], places)
    assert truth.boxes[1].tolist() == [720, 710, 850, 780]
    traits = zip(truth.trait_names, truth.traits.T, strict=True)
    assert {name: np.flatnonzero(has_it).tolist() for name, has_it in traits} == {
        "pose": [0],
        "expression": [2],
        "illumination": [2],
        "make-up": [1],
        "occlusion": [1],
        "blur": [0],
    }
    other = read_wflw(data / "pose_datasets/wflw/test_wflw.json")
    np.testing.assert_allclose(truth.sizes_px, other.sizes_px)
    assert other.traits is None


def test_malformed_lines_are_named(tmp_path):
    path = tmp_path / "list.txt"
    good = line(np.ones((98, 2)), (0, 0, 1, 1), (0,) * 6, "a.jpg")
    path.write_text(f"{good}\n\n{good.replace('1.0 1.0', '1.0', 1)}\n")
    with pytest.raises(ValueError, match=r"list.txt: line 3: must have 206 numbers, has 205"):
        read_wflw(path)
    path.write_text(f"{good.replace('1.0', 'x', 1)}\n")
    with pytest.raises(ValueError, match=r"list.txt: line 1: .*'x'"):
        read_wflw(path)
    path.write_text("")
    assert len(read_wflw(path)) == 0
    with pytest.raises(FileNotFoundError, match=r"none.txt"):
        read_wflw(tmp_path / "none.txt")


def test_a_malformed_face_is_named(data, tmp_path):
    content = json.loads((data / "pose_datasets/wflw/test_wflw.json").read_text())
    content["annotations"][2]["keypoints"].pop()
    path = tmp_path / "wflw.json"
    path.write_text(json.dumps(content))
    with pytest.raises(ValueError, match=r"annotations\[2\].keypoints: must be 98 x 3 numbers"):
        read_wflw(path)
