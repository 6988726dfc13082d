from __future__ import annotations

import json

import cv2
import numpy as np
import pytest

from alphapose_ros.evaluation import gallery
from alphapose_ros.evaluation.gallery import (
    FOUND_COLOUR,
    ON_A_SHEET,
    OTHERS_COLOUR,
    TILE_PX,
    TRUTH_COLOUR,
    write_gallery,
)
from alphapose_ros.evaluation.records import Cases, Picture, Predictions, Truth
from alphapose_ros.skeletons import skeleton

COCO = skeleton("coco_17")
PERSON = (  # x y from the top left of a box of 60 x 120
    *((30, 12), (34, 8), (26, 8), (38, 11), (22, 11)),
    *((44, 30), (16, 30), (54, 50), (6, 50), (52, 66), (8, 66)),
    *((40, 66), (20, 66), (42, 92), (18, 92), (42, 114), (18, 114)),
)


def poses(*corners, layout=COCO):
    """Whole people with their boxes at these corners: (N, 17, 3)."""
    places = np.array([np.array(PERSON) + corner for corner in corners], float)
    return np.concatenate((places, np.full((len(corners), 17, 1), 2.0)), axis=2)


def labelled(corners, *, files, rows=None):
    keypoints = poses(*corners)
    return Truth(
        name="coco",
        skeleton=COCO,
        pictures=tuple(Picture(id=row, file=file) for row, file in enumerate(files)),
        rows=np.arange(len(corners)) if rows is None else rows,
        keypoints=keypoints,
        boxes=np.array([(x, y, x + 60, y + 120) for x, y in corners]),
        areas=np.full(len(corners), 3000.0),
        ids=np.arange(len(corners)) + 501,
        is_crowd=np.zeros(len(corners), bool),
    )


def predicted(keypoints, rows, layout=COCO):
    return Predictions(skeleton=layout, rows=rows, keypoints=keypoints, scores=np.ones(len(rows)))


def cases(quality, found, truth=None, rows=None):
    everyone = np.arange(len(quality))
    return Cases(
        rows=everyone if rows is None else rows,
        truth=everyone if truth is None else truth,
        found=found,
        quality=quality,
    )


@pytest.fixture
def images(tmp_path):
    """A folder with a green and a red picture."""
    folder = tmp_path / "images"
    folder.mkdir()
    for name, colour in (("green.png", (0, 160, 0)), ("red.png", (0, 0, 160))):
        cv2.imwrite(str(folder / name), np.full((240, 320, 3), colour, np.uint8))
    return folder


def cell(path, number=0):
    """One cell of a sheet; three title lines stand above, a caption below each."""
    sheet = cv2.imread(str(path))
    columns = sheet.shape[1] // (TILE_PX + 4)
    rows = -(-(number + 1) // columns)
    height = [y for y in range(sheet.shape[0]) if (sheet[y] == 0).all()]  # black rims
    top = [y for y in height if y + 1 not in height][::2][rows - 1] + 1
    left = (number % columns) * (TILE_PX + 4) + 2
    return sheet[top : top + TILE_PX, left : left + TILE_PX]


def share(image, colour):
    return (np.abs(image.astype(int) - colour).max(axis=2) < 12).mean()


def test_label_and_prediction_are_drawn_where_they_are(images, tmp_path):
    truth = labelled([(100, 60)], files=["green.png"])
    found = predicted(poses((112, 60)), np.array([0]))
    (path,) = write_gallery(cases([0.4], [0]), truth, found, images, tmp_path / "new/out", 5)
    picture = cell(path)
    assert share(picture, (0, 160, 0)) > 0.7
    # The region is square: box and pose reach over x 100 to 166 (112 + 54), y 60 to 180. Height
    # 120 with 15 % of it at either end makes 156; the left end is (100 + 166 - 156) / 2 = 55, the
    # top (60 + 180 - 156) / 2 = 42.
    scale = TILE_PX / 156
    for colour, corner in ((TRUTH_COLOUR, (100, 60)), (FOUND_COLOUR, (112, 60))):
        ankle = np.array(corner) + PERSON[16]
        x, y = ((ankle - (55, 42) + 0.5) * scale - 0.5).round().astype(int)
        assert share(picture[y - 2 : y + 3, x - 2 : x + 3], colour) > 0.2
    x, y = ((np.array((100, 120)) - (55, 42) + 0.5) * scale - 0.5).round().astype(int)
    assert np.abs(picture[y, x].astype(int) - TRUTH_COLOUR).max() < 12  # its box


def test_a_keypoint_without_a_label_or_not_found_is_not_drawn(images, tmp_path):
    truth = labelled([(100, 60)], files=["green.png"])
    hidden, zeroed = truth.keypoints.copy(), truth.keypoints.copy()
    hidden[0, 1:, 2] = 0
    zeroed[0, 1:] = 0  # as COCO writes what has no label
    nothing = predicted(np.full((1, 17, 3), (np.nan, np.nan, 0.0)), np.array([0]))
    whole, nose, same = (
        cell(
            write_gallery(
                cases([0.1], [0]),
                Truth(**{**vars(truth), "keypoints": keypoints}),
                nothing,
                images,
                tmp_path / "out",
                1,
            )[0]
        )
        for keypoints in (truth.keypoints, hidden, zeroed)
    )
    assert 0 < share(nose, TRUTH_COLOUR) < 0.5 * share(whole, TRUTH_COLOUR)  # and the box
    np.testing.assert_array_equal(nose, same)
    assert share(whole, FOUND_COLOUR) == 0


def test_those_who_were_missed_are_framed_and_others_found_there_are_grey(images, tmp_path):
    truth = labelled([(100, 60), (30, 60)], files=["green.png"], rows=[0, 0])
    found = predicted(poses((30, 60), (130, 60)), np.array([0, 0]))
    (path,) = write_gallery(
        cases([0.0, 1.0], [-1, 0], rows=[0, 0]), truth, found, images, tmp_path, 2
    )
    missed, seen = cell(path, 0), cell(path, 1)
    frame = np.abs(missed[2:5, 10:-10].astype(int) - FOUND_COLOUR).max()
    assert frame < 12 and share(missed, OTHERS_COLOUR) > 0.002
    assert share(seen[:6], FOUND_COLOUR) == 0 and share(seen, OTHERS_COLOUR) < 0.001


def test_the_worst_come_first_and_no_more_than_asked_for(images, tmp_path):
    truth = labelled([(100, 60), (100, 60)], files=["green.png", "red.png"])
    found = predicted(poses((100, 60), (100, 60)), np.array([0, 1]))
    (both,) = write_gallery(cases([0.9, 0.2], [0, 1]), truth, found, images, tmp_path, 7)
    assert share(cell(both, 0), (0, 0, 160)) > 0.7 and share(cell(both, 1), (0, 160, 0)) > 0.7
    (one,) = write_gallery(cases([0.9, 0.2], [0, 1]), truth, found, images, tmp_path, 1)
    assert cv2.imread(str(one)).shape[1] == TILE_PX + 4
    assert share(cell(one, 0), (0, 0, 160)) > 0.7


def test_many_are_laid_out_on_several_sheets(images, tmp_path):
    count = ON_A_SHEET + 3
    truth = labelled([(100, 60)] * count, files=["green.png"] * count)
    found = predicted(poses((100, 60)), np.array([0]))
    quality = np.linspace(0, 1, count)
    everyone = cases(quality, np.full(count, -1))
    paths = write_gallery(everyone, truth, found, images, tmp_path / "worst", count)
    assert [path.name for path in paths] == ["worst_1.png", "worst_2.png"]
    widths = [cv2.imread(str(path)).shape[1] // (TILE_PX + 4) for path in paths]
    assert widths == [5, 3]


def test_captions_name_quality_person_and_picture(images, tmp_path, monkeypatch):
    captions = []
    sheet = gallery.contact_sheet
    monkeypatch.setattr(
        gallery,
        "contact_sheet",
        lambda images, texts, **more: (
            captions.extend((*more["title"], *texts)) or sheet(images, texts, **more)
        ),
    )
    files = ["green.png", "a/b/köln/000001.jpg"]
    truth = labelled([(100, 60), (30, 60)], files=files)
    found = predicted(poses((100, 60)), np.array([0]))
    write_gallery(cases([0.254, 0.0], [0, -1]), truth, found, images, tmp_path, 2)
    assert captions[0] == "coco: people 1 to 2 of 2, the worst by OKS first"
    assert captions[3:] == [
        "missed  person 502  k?ln/000001.jpg",
        "OKS 0.25  person 501  green.png",
    ]


@pytest.mark.parametrize("content", [None, b"no picture"])
def test_without_the_picture_the_cell_says_so_and_the_rest_is_drawn(tmp_path, content):
    if content is not None:
        (tmp_path / "gone.png").write_bytes(content)
    truth = labelled([(100, 60)], files=["gone.png"])
    found = predicted(poses((112, 60)), np.array([0]))
    (path,) = write_gallery(cases([0.4], [0]), truth, found, tmp_path, tmp_path / "out", 1)
    picture = cell(path)
    assert share(picture, (40, 40, 40)) > 0.7
    assert share(picture, TRUTH_COLOUR) > 0.005 and share(picture, FOUND_COLOUR) > 0.005
    assert (picture[-30:, :120] > 200).all(axis=2).any()  # white letters


@pytest.mark.parametrize("count", [0, 5])
def test_nobody_makes_no_sheet(images, tmp_path, count):
    truth = labelled([(100, 60)], files=["green.png"])
    nothing = predicted(np.zeros((0, 17, 3)), np.zeros(0, int))
    people = cases([0.4], [-1]) if count == 0 else cases([], [])
    assert write_gallery(people, truth, nothing, images, tmp_path / "out", count) == []


def test_poses_of_another_layout_are_drawn(images, tmp_path):
    truth = labelled([(100, 60)], files=["green.png"])
    other = skeleton("halpe_26")
    keypoints = np.full((1, 26, 3), (np.nan, np.nan, 0.0))
    keypoints[0, [other.index(name) for name in COCO.names]] = poses((112, 60))[0]
    sheets = [
        write_gallery(cases([0.4], [0]), truth, found, images, tmp_path / name, 1)[0]
        for name, found in (
            ("26", predicted(keypoints, np.array([0]), other)),
            ("17", predicted(poses((112, 60)), np.array([0]))),
        )
    ]
    np.testing.assert_array_equal(*(cv2.imread(str(path)) for path in sheets))


@pytest.mark.parametrize(
    ("box", "place"),
    [
        ((100, 60, 100, 60), (0, 0)),  # without extent
        ((-500, -900, -440, -780), (0, 0)),  # beside the picture
        ((300, 200, 360, 320), (0, 0)),  # half outside
        ((0, 0, 1e9, 1e9), (0, 0)),
        ((100, 60, 160, 180), (1e12, -1e12)),  # what was found is far away
        ((100, 60, 160, 180), (np.inf, 0)),
    ],
)
def test_odd_boxes_and_places_are_survived(images, tmp_path, box, place):
    plain = labelled([(100, 60)], files=["green.png"])
    truth = Truth(**{**vars(plain), "boxes": np.array([box])})
    keypoints = poses((100, 60)) + np.array([*place, 0])
    (path,) = write_gallery(
        cases([0.4], [0]), truth, predicted(keypoints, np.array([0])), images, tmp_path / "o", 1
    )
    assert cell(path).shape == (TILE_PX, TILE_PX, 3)


def test_a_picture_larger_than_the_cell_is_shrunk_without_gaps(images, tmp_path):
    # A fine chequerboard turns to even grey.
    board = np.indices((2000, 2000)).sum(axis=0) % 2 * 200
    cv2.imwrite(str(images / "board.png"), np.repeat(board[..., None], 3, axis=2).astype(np.uint8))
    truth = labelled([(700, 500)], files=["board.png"])
    truth = Truth(**{**vars(truth), "boxes": np.array([(0.0, 0.0, 1900.0, 1900.0)])})
    nothing = predicted(np.zeros((0, 17, 3)), np.zeros(0, int))
    (path,) = write_gallery(cases([0.4], [-1]), truth, nothing, images, tmp_path / "o", 1)
    picture = cell(path)[250:300, 250:300]
    assert picture.std() < 25 and abs(picture.mean() - 100) < 5


def test_real_people_are_drawn_over_their_picture(data, tmp_path):
    folder = data / "pose_datasets/coco"
    content = json.loads((folder / "test_coco.json").read_text())
    people = [one for one in content["annotations"] if one.get("num_keypoints", 0) > 10]
    files = {image["id"]: image["file_name"] for image in content["images"]}
    keypoints = np.array([one["keypoints"] for one in people], float).reshape(-1, 17, 3)
    boxes = np.array([one["bbox"] for one in people], float)
    boxes[:, 2:] += boxes[:, :2]
    truth = Truth(
        name="coco",
        skeleton=COCO,
        pictures=tuple(Picture(id=key, file=file) for key, file in files.items()),
        rows=[list(files).index(one["image_id"]) for one in people],
        keypoints=keypoints,
        boxes=boxes,
        areas=np.array([one["area"] for one in people]),
        ids=np.array([one["id"] for one in people]),
        is_crowd=np.zeros(len(people), bool),
    )
    found = predicted(keypoints + np.array([8.0, -5.0, 0.0]), truth.rows)
    everyone = cases(np.linspace(0, 1, len(people)), np.arange(len(people)), rows=truth.rows)
    (path,) = write_gallery(everyone, truth, found, folder / "images", tmp_path, 10)
    for row in range(len(people)):
        picture = cell(path, row)
        assert picture.std() > 30  # a picture, not a blank
        assert share(picture, TRUTH_COLOUR) > 0.002 and share(picture, FOUND_COLOUR) > 0.002
