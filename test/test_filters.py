from __future__ import annotations

import time
from dataclasses import replace

import cv2
import numpy as np
import pytest

from alphapose_ros.config import Config, FilterConfig, load_config, with_values
from alphapose_ros.filters import PeopleFilter, is_inside
from alphapose_ros.frame import Detections, Poses
from alphapose_ros.skeletons import skeleton

SIZE = (100, 200)  # height, width


def people(*boxes):
    return Detections(boxes=np.reshape(boxes, (-1, 4)), scores=np.linspace(0.9, 0.5, len(boxes)))


def posed(detections):
    """The poses of detections; all keypoints are seen."""
    return Poses(
        skeleton=skeleton("coco_17"),
        keypoints=np.ones((len(detections), 17, 3)),
        boxes=detections.boxes,
        box_scores=detections.scores,
        scores=detections.scores,
    )


def left_over(detections, **settings):
    """The rows of those who stay to the end."""
    chosen = PeopleFilter(FilterConfig(**settings))
    rows = np.flatnonzero(chosen.detections(detections, (*SIZE, 3)))
    boxes = chosen.poses(posed(detections[rows])).boxes
    return [row for row in rows if (boxes == detections.boxes[row]).all(axis=1).any()]


def kept(detections, size=SIZE, **settings):
    counts = PeopleFilter(FilterConfig(**settings)).detections(detections, (*size, 3))
    return np.flatnonzero(counts).tolist()


def written_mask(tmp_path, mask, name="mask.png"):
    path = tmp_path / name
    assert cv2.imwrite(str(path), mask)
    return str(path)


def test_without_settings_everybody_counts():
    assert kept(people((0, 0, 10, 10), (500, 500, 600, 600))) == [0, 1]


@pytest.mark.parametrize("region", ["", "0,0 1,0 1,1"])
def test_nobody_is_ordinary(region, tmp_path):
    mask = written_mask(tmp_path, np.zeros(SIZE, np.uint8))
    chosen = PeopleFilter(FilterConfig(region=region, mask=mask, max_people=1, min_keypoints=5))
    assert len(chosen.detections(people(), (*SIZE, 3))) == 0
    assert len(chosen.poses(Poses.empty(skeleton("coco_17")))) == 0


def test_the_middle_of_a_box_decides_whether_it_is_in_the_region():
    left = "0,0 0.5,0 0.5,1 0,1"  # of 200 pixels
    boxes = people((0, 0, 190, 100), (0, 0, 210, 100), (-300, 10, 100, 20), (120, 0, 130, 5))
    assert kept(boxes, region=left) == [0]
    assert kept(boxes, region=left, size=(100, 400)) == [0, 1, 3]


def test_inside_is_as_in_a_picture_of_the_polygon():
    corners = np.array([(0.1, 0.1), (0.9, 0.2), (0.4, 0.5), (0.8, 0.9), (0.2, 0.8), (0.3, 0.45)])
    picture = np.zeros((1000, 1000), np.uint8)
    cv2.fillPoly(picture, [np.round(1000 * corners).astype(int)], 1)
    points = np.random.default_rng(0).uniform(0, 1, (2000, 2))
    drawn = picture[tuple((1000 * points[:, ::-1]).astype(int).T)].astype(bool)
    assert 0.2 < drawn.mean() < 0.6
    assert (is_inside(points, corners) == drawn).mean() > 0.995  # but for pixels of the border


def test_sides_along_the_axes_and_in_either_order():
    square = np.array([(0, 0), (0.5, 0), (0.5, 0.5), (0, 0.5)])
    points = np.array([(0.25, 0.25), (0.75, 0.25), (0.25, 0.75), (-0.1, 0.25)])
    for corners in (square, square[::-1], np.roll(square, 1, axis=0)):
        assert is_inside(points, corners).tolist() == [True, False, False, False]


@pytest.mark.parametrize(
    "region",
    [
        *("0,0 1,1", "0,0", "0,0 1,0 0,0", "left", "0,0 1,0 a,b", "0 0 1 0 1 1", "0,0 1,0 1,1,1"),
        *("0,0 0.5,0.5 1,1", "0,0 0.1,0.3 0.2,0.6 0.3,0.9", "0,0 1,0 0,0 0,1", "0,0 0,0 0,0"),
        *("0,0 1,0 1,0 0,0 0,1 0,1 0,0 1,1 1,1", "0,0 1,0 0.5,0 0.5,1 0.5,0"),
        *("0,0 1,0 1,1.01", "0,0 1,0 -0.1,1", "0,0 1,0 1,nan", "0,0;1,0;1,1", "0, 0 1, 0 1, 1"),
    ],
)
def test_a_region_that_is_none_is_refused_where_it_is_set(region, tmp_path):
    with pytest.raises(ValueError, match=r"^filter\.region: '.*' (is not three|has no area)"):
        with_values(Config(), {"filter.region": region})
    path = tmp_path / "pose.yaml"
    path.write_text(f"/**: {{ros__parameters: {{filter.region: '{region}'}}}}")
    with pytest.raises(ValueError, match="region"):
        load_config(path)


@pytest.mark.parametrize(
    "region",
    ["0,0 1,0 0,1 1,1", "0,0 0.01,0 0.01,0.01", "0,0 1,0 1,0 1,1", "0,0.5 1,0.5 1,0.4999"],
)
def test_a_region_with_any_area_is_taken_also_where_its_sides_cross(region):
    corners = np.array(FilterConfig(region=region).corners)
    points = np.random.default_rng(0).uniform(0, 1, (200_000, 2))
    assert is_inside(points, corners).any()


def test_regions_may_be_written_with_any_spaces():
    assert FilterConfig(region=" 0,0   1,.5\n1e-1,1 ").corners == ((0, 0), (1, 0.5), (0.1, 1))
    assert FilterConfig(region="  ").corners == ()
    assert kept(people((0, 0, 9, 9)), region="  ") == [0]


def test_who_lies_in_the_mask_for_the_most_does_not_count(tmp_path):
    mask = np.zeros(SIZE, np.uint8)
    mask[:, 100:] = 255
    path = written_mask(tmp_path, mask)
    boxes = people((100, 0, 150, 50), (49, 0, 149, 50), (51, 0, 151, 50), (0, 0, 50, 50))
    assert kept(boxes, mask=path) == [1, 3]
    assert kept(people((80, 0, 900, 50)), mask=path) == []  # by the part that is in the image
    outside = people((-90, -90, -10, -10), (210, 110, 290, 200), (150.2, 40.2, 150.4, 40.4))
    assert kept(outside, mask=path) == [0, 1]


def test_a_mask_is_brought_to_the_size_of_the_images_as_they_come(tmp_path):
    mask = np.zeros((20, 20), np.uint8)
    mask[10:] = 255
    chosen = PeopleFilter(FilterConfig(mask=written_mask(tmp_path, mask)))
    for height in (480, 100, 480):
        upper, lower = (10, 0, 20, 0.5 * height), (10, 0.5 * height, 20, height)
        assert chosen.detections(people(upper, lower), (height, 640, 3)).tolist() == [True, False]


def test_masks_of_any_kind_are_read_and_grey_counts_from_the_middle(tmp_path):
    colour = np.full((*SIZE, 3), (130, 130, 130), np.uint8)
    assert kept(people((0, 0, 9, 9)), mask=written_mask(tmp_path, colour)) == []
    dark = np.full(SIZE, 120, np.uint8)
    assert kept(people((0, 0, 9, 9)), mask=written_mask(tmp_path, dark, "dark.jpg")) == [0]


def test_a_masked_part_is_that_counted_pixel_by_pixel(tmp_path):
    random = np.random.default_rng(1)
    mask = (random.random(SIZE) < 0.5).astype(np.uint8)
    mask[:, 100:] = 1
    corners = np.sort(random.integers(0, (200, 100), (300, 2, 2)), axis=1)
    boxes = corners.reshape(-1, 4)
    boxes = boxes[(boxes[:, 2:] > boxes[:, :2]).all(axis=1)]
    expected = [
        row for row, (x1, y1, x2, y2) in enumerate(boxes) if mask[y1:y2, x1:x2].mean() <= 0.5
    ]
    assert kept(people(*boxes), mask=written_mask(tmp_path, 255 * mask)) == expected
    assert 0 < len(expected) < len(boxes)


def test_a_mask_that_is_not_there_or_no_picture_is_told_with_the_remedy(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"^filter.mask: there is no file .*none.png; give"):
        PeopleFilter(FilterConfig(mask=str(tmp_path / "none.png")))
    (tmp_path / "text.png").write_text("no picture")
    with pytest.raises(ValueError, match=r"^filter.mask: .*text.png is no picture .* save it as"):
        PeopleFilter(FilterConfig(mask=str(tmp_path / "text.png")))


def test_the_largest_count_in_the_order_in_which_they_were_found():
    boxes = people((0, 0, 10, 10), (0, 0, 30, 30), (50, 50, 55, 55), (5, 5, 25, 25))
    assert left_over(boxes, max_people=2) == [1, 3]
    assert left_over(boxes, max_people=1) == [1]
    assert left_over(boxes, max_people=9) == [0, 1, 2, 3]
    equal = people((0, 0, 10, 10), (20, 0, 30, 10), (40, 0, 50, 10))
    assert left_over(equal, max_people=2) == [0, 1]


def test_a_large_box_of_nobody_takes_nobody_s_place():
    boxes = [(0, 0, 200, 100), (0, 0, 10, 30), (20, 0, 32, 30), (40, 0, 45, 30), (0, 0, 190, 99)]
    found = Detections(boxes=boxes, scores=[0.15, 0.8, 0.4, 0.9, 0.39])
    assert left_over(found, max_people=1) == [2]
    assert left_over(found, max_people=2) == [1, 2]
    assert left_over(found, max_people=4) == [0, 1, 2, 3]  # of the unsure ones the largest


def test_two_more_boxes_than_people_get_a_pose_in_case_that_some_are_nobody():
    boxes = people(*[(0, 0, 50 - i, 50) for i in range(20)])
    assert kept(boxes, max_people=1) == [0, 1, 2]
    assert kept(boxes, max_people=10) == list(range(12))
    chosen = PeopleFilter(FilterConfig(max_people=1))
    after_nms = posed(boxes[[2, 1]])  # best pose first
    np.testing.assert_array_equal(chosen.poses(after_nms).boxes, boxes.boxes[[1]])


def test_whoever_shows_too_few_keypoints_takes_no_place():
    poses = posed(people((0, 0, 50, 50), (0, 0, 40, 50)))
    keypoints = poses.keypoints.copy()
    keypoints[0, :, 2] = 0
    chosen = PeopleFilter(FilterConfig(max_people=1, min_keypoints=5))
    left = chosen.poses(replace(poses, keypoints=keypoints))
    np.testing.assert_array_equal(left.boxes, poses.boxes[[1]])


def test_the_largest_are_chosen_of_those_in_the_region():
    boxes = people((0, 0, 200, 100), (10, 10, 20, 20), (30, 10, 45, 25), (160, 0, 199, 99))
    assert left_over(boxes, region="0,0 0.4,0 0.4,1 0,1", max_people=1) == [2]


def test_who_shows_too_few_keypoints_does_not_count():
    keypoints = np.zeros((4, 17, 3))
    keypoints[0, :5, 2] = 0.3
    keypoints[1, :4, 2] = 0.9
    keypoints[2, :17, 2] = 0.29
    keypoints[3, :8] = (np.nan, np.nan, 0.9)
    poses = Poses(
        skeleton=skeleton("coco_17"),
        keypoints=keypoints,
        boxes=np.arange(16).reshape(4, 4),
        box_scores=np.ones(4),
        scores=np.ones(4),
    )

    def rows(**settings):
        return PeopleFilter(FilterConfig(**settings)).poses(poses).boxes[:, 0].astype(int) // 4

    assert rows(min_keypoints=5).tolist() == [0]
    assert rows(min_keypoints=4).tolist() == [0, 1]
    assert rows(min_keypoints=5, keypoint_score=0.25).tolist() == [0, 2]
    assert rows(min_keypoints=0).tolist() == [0, 1, 2, 3]


def test_settings_may_change_between_two_frames():
    chosen = PeopleFilter(FilterConfig())
    boxes = people((0, 0, 10, 10), (150, 0, 199, 50))
    assert chosen.detections(boxes, SIZE).tolist() == [True, True]
    chosen.config = FilterConfig(region="0,0 0.5,0 0.5,1 0,1")
    assert chosen.detections(boxes, SIZE).tolist() == [True, False]
    assert len(chosen.poses(posed(boxes))) == 2
    chosen.config = FilterConfig(max_people=1)
    np.testing.assert_array_equal(chosen.poses(posed(boxes)).boxes, boxes.boxes[[1]])


def test_a_hundred_large_boxes_are_filtered_in_no_time(tmp_path):
    mask = written_mask(tmp_path, np.zeros((1080, 1920), np.uint8))
    chosen = PeopleFilter(FilterConfig(mask=mask, region="0,0 1,0 1,1 0,1", max_people=98))
    boxes = people(*[(i, i, 1900 - i, 1070 - i) for i in range(101)])
    chosen.detections(boxes, (1080, 1920))
    times = []
    for _ in range(20):
        start = time.perf_counter()
        assert chosen.detections(boxes, (1080, 1920)).sum() == 100
        times.append(1e3 * (time.perf_counter() - start))
    print(f"region, mask and number of 101 boxes: {np.median(times):.3f} ms")
