from __future__ import annotations

from dataclasses import replace

import cv2
import made_videos
import numpy as np
import pytest

from alphapose_ros.evaluation.datasets.posetrack import read_posetrack
from alphapose_ros.evaluation.mot import read_truth
from alphapose_ros.evaluation.pictures import PictureError
from alphapose_ros.evaluation.videos import mot_videos, posetrack_videos, sequences
from alphapose_ros.frame import Detections, Poses


@pytest.fixture
def posetrack(tmp_path):
    return read_posetrack(made_videos.make_posetrack(tmp_path))


@pytest.fixture
def mot(tmp_path):
    return read_truth(made_videos.make_mot(tmp_path / "mot"))


def test_frames_come_in_the_order_of_time_whatever_the_order_of_the_file(posetrack, tmp_path):
    mixed = replace(posetrack, pictures=posetrack.pictures[::-1], rows=7 - posetrack.rows)
    (video,) = posetrack_videos(mixed, tmp_path, "boxes", 10.0)
    steps = list(video.steps)
    assert [step.stamp_ns for step in steps] == [row * 100_000_000 for row in range(8)]
    boxes = posetrack.boxes[posetrack.rows == 0]
    np.testing.assert_allclose(steps[0].people.boxes, boxes, atol=1e-4)


def test_frames_that_are_left_out_take_their_time(posetrack, tmp_path):
    pictures = tuple(replace(one, frame=3 * one.frame) for one in posetrack.pictures)
    (video,) = posetrack_videos(replace(posetrack, pictures=pictures), tmp_path, "boxes", 10.0)
    assert [step.stamp_ns for step in video.steps] == [row * 300_000_000 for row in range(8)]


def test_crowds_are_nobody_to_follow(posetrack, tmp_path):
    is_crowd = np.zeros(len(posetrack), bool)
    is_crowd[0] = True
    (video,) = posetrack_videos(replace(posetrack, is_crowd=is_crowd), tmp_path, "boxes")
    counts = [len(step.people) for step in video.steps]
    assert counts[0] == (posetrack.rows == 0).sum() - 1
    assert sum(counts) == len(posetrack) - 1


def test_two_videos_in_one_data_set_are_two(posetrack):
    names = ("b", "a")
    pictures = tuple(
        replace(picture, sequence=name) for name in names for picture in posetrack.pictures
    )
    found = dict(sequences(pictures))
    assert found == {"a": list(range(8, 16)), "b": list(range(8))}


def test_labels_are_given_as_boxes_or_as_poses(posetrack, tmp_path):
    kinds = {"nothing": type(None), "boxes": Detections, "poses": Poses}
    for given, kind in kinds.items():
        (video,) = posetrack_videos(posetrack, tmp_path, given)
        assert {type(step.people) for step in video.steps} == {kind}


def test_unlabelled_keypoints_of_given_poses_are_absent(posetrack, tmp_path):
    (video,) = posetrack_videos(posetrack, tmp_path, "poses")
    keypoints = np.concatenate([step.people.keypoints for step in video.steps])
    is_labelled = posetrack.is_labelled
    assert not is_labelled.all()
    assert np.isnan(keypoints[~is_labelled][:, :2]).all()
    assert (keypoints[..., 2] == is_labelled).all()


def test_pictures_are_read_when_they_are_asked_for(posetrack, tmp_path):
    (video,) = posetrack_videos(posetrack, tmp_path, "nothing")
    assert next(iter(video.steps)).read().shape == (240, 320, 3)


def test_true_boxes_of_a_sequence_are_in_our_pixels(mot, tmp_path):
    (video,) = mot_videos(mot, tmp_path / "mot", "boxes")
    step = next(iter(video.steps))
    truth, _ = made_videos.labels()
    np.testing.assert_allclose(step.people.boxes, truth.boxes[truth.rows == 0], atol=1e-4)


@pytest.mark.parametrize("below", ["", "crossing", "crossing/img1"])
def test_the_pictures_of_a_sequence_are_found(mot, tmp_path, below):
    (video,) = mot_videos(mot, tmp_path / "mot" / below, "nothing")
    steps = list(video.steps)
    assert [step.stamp_ns for step in steps] == [round(i * 1e9 / 12) for i in range(8)]
    assert steps[7].read().shape == (240, 320, 3)


def test_a_film_will_do_for_one_sequence(mot, tmp_path):
    film = tmp_path / "film.avi"
    writer = cv2.VideoWriter(str(film), cv2.VideoWriter_fourcc(*"MJPG"), 10.0, (320, 240))
    for brightness in range(0, 200, 20):
        writer.write(np.full((240, 320, 3), brightness, np.uint8))
    writer.release()
    (video,) = mot_videos(mot, film, "nothing")
    levels = [step.read().mean() for step in video.steps]
    assert np.allclose(levels, range(0, 160, 20), atol=4)


def test_a_film_that_ends_too_early_is_refused(mot, tmp_path):
    film = tmp_path / "film.avi"
    writer = cv2.VideoWriter(str(film), cv2.VideoWriter_fourcc(*"MJPG"), 10.0, (320, 240))
    for _ in range(7):
        writer.write(np.zeros((240, 320, 3), np.uint8))
    writer.release()
    (video,) = mot_videos(mot, film, "nothing")
    with pytest.raises(PictureError, match=r"ends after 7 frames, the labels count 8"):
        list(video.steps)


def test_pictures_are_told_by_their_numbers_not_by_the_order_of_names(mot, tmp_path):
    folder = tmp_path / "mot/crossing/img1"
    for file in folder.glob("*.jpg"):
        file.rename(folder / f"{int(file.stem)}.jpg")
    for number in (1, 2, 3):
        (folder / f"{number}.jpg").rename(folder / f"{number:03d}.jpg")
    shown = [cv2.imread(str(path)) for path in sorted(folder.glob("*.jpg"))]  # 001 .. 003, 4 .. 8
    (video,) = mot_videos(mot, tmp_path / "mot", "nothing")
    found = [step.read() for step in video.steps]
    assert (video.length, len(found)) == (8, 8)
    for ours, theirs in zip(found, shown, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    for number in range(9, 20):  # the name 10.jpg comes before 4.jpg
        cv2.imwrite(str(folder / f"{number}.jpg"), shown[0])
    (video,) = mot_videos(mot, tmp_path / "mot", "nothing")
    for step, theirs in zip(video.steps, shown, strict=True):
        np.testing.assert_array_equal(step.read(), theirs)


def test_a_missing_frame_is_named(mot, tmp_path):
    (tmp_path / "mot/crossing/img1/000005.jpg").unlink()
    with pytest.raises(FileNotFoundError, match=r"no picture of frame 5, and of 0 others"):
        list(mot_videos(mot, tmp_path / "mot", "nothing"))


def test_a_sequence_without_frames_leaves_an_empty_file(tmp_path):
    (tmp_path / "empty/gt").mkdir(parents=True)
    (tmp_path / "empty/gt/gt.txt").write_text("")
    cv2.imwrite(str(tmp_path / "empty/1.png"), np.zeros((8, 8, 3), np.uint8))
    (video,) = mot_videos(read_truth(tmp_path / "empty"), tmp_path / "empty", "nothing")
    video.write(tmp_path, list(video.steps))
    assert (tmp_path / "empty.txt").read_text() == ""


def test_missing_pictures_are_named(mot, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no pictures .* of crossing"):
        list(mot_videos(mot, tmp_path / "nowhere", "nothing"))


def test_boxes_have_no_poses_to_give(mot, tmp_path):
    with pytest.raises(ValueError, match="no true poses"):
        list(mot_videos(mot, tmp_path, "poses"))
