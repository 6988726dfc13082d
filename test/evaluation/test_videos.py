from __future__ import annotations

from dataclasses import replace

import cv2
import made_videos
import numpy as np
import pytest

from alphapose_ros.evaluation.datasets.posetrack import read_posetrack
from alphapose_ros.evaluation.mot import read_truth
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


def test_missing_pictures_are_named(mot, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no pictures .* of crossing"):
        list(mot_videos(mot, tmp_path / "nowhere", "nothing"))


def test_boxes_have_no_poses_to_give(mot, tmp_path):
    with pytest.raises(ValueError, match="no true poses"):
        list(mot_videos(mot, tmp_path, "poses"))
