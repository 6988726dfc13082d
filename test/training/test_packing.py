from __future__ import annotations

import json

import numpy as np
import pytest

from alphapose_ros.pose.crop import crop_boxes, crop_people
from alphapose_ros.training.datasets import open_crops
from alphapose_ros.training.packing import cut_crop, find_pack, pack_crops, pack_pictures

BOX = [100.0, 80.0, 60.0, 150.0]  # x y width height


def person(places, *, picture=0, box=BOX, visibility=2, **more):
    """Label the first of COCO's keypoints at ``places``."""
    table = np.zeros((17, 3))
    table[: len(places), :2], table[: len(places), 2] = places, visibility
    return {"image_id": picture, "bbox": box, "keypoints": table.ravel().tolist(), **more}


def centre_of_light(image):
    """Return x y of the mean of what is brighter than the background."""
    light = np.clip(image[..., 0].astype(float) - 60, 0, None)
    rows, columns = np.mgrid[: image.shape[0], : image.shape[1]]
    return (columns * light).sum() / light.sum(), (rows * light).sum() / light.sum()


@pytest.mark.parametrize("factor", [0.6, 1.0, 3.0, 7.3])
def test_labels_lie_where_the_crop_shows_them(marked, annotate, tmp_path, factor):
    place, box = np.array([140.3, 121.7]) * factor, np.array(BOX) * factor
    image = marked(int(320 * factor), int(300 * factor), [place], spread=5 * factor)
    source = annotate([image], [person([place], box=box.tolist())])
    pack = pack_crops(source, tmp_path / "pack")
    np.testing.assert_allclose(centre_of_light(pack.crops[0]), pack.keypoints[0, 0], atol=0.1)
    # By hand: height 150 is the longer side, 262.5 with 1.75 around it, on 256 rows.
    step = 262.5 * factor / 256
    by_hand = (place - box[:2] - box[2:] / 2) / step + [96, 128]
    np.testing.assert_allclose(pack.keypoints[0, 0], by_hand, atol=1e-3)


def test_an_enlarged_crop_is_the_one_that_the_network_will_see(marked):
    image = marked(200, 200, [(90, 70), (120, 130)])
    region = crop_boxes(np.array([[80.0, 60.0, 130.0, 140.0]]), (192, 144))
    expected = crop_people(image, region, (192, 144))[0][..., ::-1]
    found = cut_crop(image, region[0], (192, 144))
    assert np.abs(found.astype(int) - expected).max() <= 2  # OpenCV's fixed point


def test_a_shrunk_crop_averages_where_a_plain_warp_picks_single_pixels():
    stripes = np.zeros((1000, 1000, 3), np.uint8)
    stripes[:, ::2] = 200  # finer than what 100 columns can show: a mean of 100
    region = np.array([100.0, 100.0, 900.0, 900.0])
    assert np.abs(cut_crop(stripes, region, (100, 100)).astype(int) - 100).max() <= 3


def test_outside_of_the_picture_is_black(marked, annotate, tmp_path):
    image = np.full((100, 100, 3), 200, np.uint8)
    people = [person([(50, 50)], box=[0, 0, 75, 100]), person([(50, 50)], box=[300, 0, 75, 100])]
    crops = pack_crops(annotate([image], people), tmp_path / "pack").crops
    assert crops[0, 0].max() == 0
    assert crops[0, 96, 72].min() == 200
    assert crops[1].max() == 0


def test_only_labelled_people_are_packed_with_their_weights(marked, annotate, tmp_path):
    images = [marked(300, 300, [])] * 3
    people = [
        person([(140, 100)], picture=2, weights=[0.5] * 17, absent=[0.3] * 17),
        person([(140, 100)], picture=0, iscrowd=1),
        person([(140, 100)], picture=0, visibility=0),
        person([(140, 100), (150, 110)], picture=0, visibility=1),
        person([(140, 100)], picture=1, box=[10, 10, 0, 50]),
    ]
    pack = pack_crops(annotate(images, people, groups=["a", "b", "a"]), tmp_path / "pack")
    assert len(pack) == 2  # sorted by picture
    assert pack.is_visible[:, :3].tolist() == [[1, 1, 0], [2, 0, 0]]
    assert pack.weights[:, :3].tolist() == [[1, 1, 0], [0.5, 0, 0]]
    assert pack.absent[0].tolist() == [0] * 17
    np.testing.assert_allclose(pack.absent[1], 0.3)
    assert pack.groups[0] == pack.groups[1]


def test_pictures_go_into_the_upper_left_of_a_grey_square(annotate, tmp_path):
    wide = np.full((100, 200, 3), 50, np.uint8)
    wide[20:60, 40:120] = 250
    tall, empty = np.ascontiguousarray(wide.transpose(1, 0, 2)), np.full((30, 30, 3), 9, np.uint8)
    people = [
        {"image_id": 1, "bbox": [20, 40, 40, 80], "iscrowd": 1},
        {"image_id": 0, "bbox": [40, 20, 80, 40]},
    ]
    source = annotate([wide, tall, empty], people, layout=None)
    pack = pack_pictures(source, tmp_path / "pack", size=320)
    assert pack.rows.tolist() == [0, 1]
    assert pack.is_ignored.tolist() == [False, True]
    assert pack.sizes.tolist() == [[160, 320], [320, 160], [320, 320]]
    np.testing.assert_allclose(pack.boxes, [[64, 32, 192, 96], [32, 64, 96, 192]])
    for picture, (x1, y1, x2, y2) in zip(pack.pictures[:2], pack.boxes.astype(int), strict=True):
        assert picture[y1 + 2 : y2 - 2, x1 + 2 : x2 - 2].min() > 200
        assert (picture[..., 0] > 150).sum() == pytest.approx((x2 - x1) * (y2 - y1), rel=0.02)
    assert (pack.pictures[0, 160:] == 114).all()
    assert (pack.pictures[1, :, 160:] == 114).all()


def test_each_direction_has_its_own_factor(annotate, tmp_path):
    # 37 rows become 11.8, that is 12: boxes grow with them.
    image = np.full((37, 1000, 3), 50, np.uint8)
    source = annotate([image], [{"image_id": 0, "bbox": [100, 0, 200, 37]}], layout=None)
    pack = pack_pictures(source, tmp_path / "pack", size=320)
    assert pack.sizes.tolist() == [[12, 320]]
    np.testing.assert_allclose(pack.boxes, [[32, 0, 96, 12]], rtol=1e-6)


def test_a_pack_is_made_once_and_again_when_labels_change(marked, annotate, tmp_path):
    source = annotate([marked(300, 300, [])], [person([(140, 100)])])
    first = find_pack(source, pack_crops)
    stamp = (first / "crops.npy").stat().st_mtime_ns
    assert find_pack(source, pack_crops) == first
    assert (first / "crops.npy").stat().st_mtime_ns == stamp
    assert find_pack(first, pack_crops) == first
    content = json.loads((source / "annotations.json").read_text())
    content["annotations"].append(person([(150, 100)]))
    (source / "annotations.json").write_text(json.dumps(content))
    second = find_pack(source, pack_crops)
    assert (len(open_crops(first)), len(open_crops(second))) == (1, 2)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda content: content["info"].clear(), r"info\.skeleton must name the layout"),
        (lambda content: content["info"].update(skeleton="coco_18"), "'coco_18' is none of"),
        (lambda content: content["info"].update(skeleton="halpe_26"), "has 51 values"),
        (lambda content: content["images"].clear(), "lists no images|KeyError"),
        (lambda content: content.pop("annotations"), "'annotations'"),
        (lambda content: content["annotations"].clear(), "nobody"),
        (lambda content: content["annotations"][0].pop("bbox"), "'bbox'"),
        (lambda content: content["images"][0].pop("file_name"), "'file_name'"),
        (
            lambda content: content["annotations"][0].update(weights=[1.0]),
            "weights of annotation 0",
        ),
        (lambda content: content["images"][0].update(file_name="lost.png"), r"lost\.png"),
    ],
)
def test_wrong_annotations_are_named_and_leave_no_pack(marked, annotate, tmp_path, spoil, message):
    source = annotate([marked(300, 300, [])], [person([(140, 100)])])
    content = json.loads((source / "annotations.json").read_text())
    spoil(content)
    (source / "annotations.json").write_text(json.dumps(content))
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        pack_crops(source, tmp_path / "pack")
    assert not (tmp_path / "pack").exists()


def test_folders_that_are_no_data_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="neither a pack"):
        find_pack(tmp_path, pack_crops)
    with pytest.raises(FileNotFoundError, match=r"annotations\.json does not exist"):
        pack_pictures(tmp_path, tmp_path / "pack")


def test_a_pack_that_is_there_is_not_overwritten(marked, annotate, tmp_path):
    source = annotate([marked(300, 300, [])], [person([(140, 100)])])
    pack_crops(source, tmp_path / "pack")
    with pytest.raises(FileExistsError, match="remove it or choose another"):
        pack_crops(source, tmp_path / "pack")
