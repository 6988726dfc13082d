from __future__ import annotations

import numpy as np
import pytest

from alphapose_ros.frame import Detections, Frame, Poses, Tracks, TrackState
from alphapose_ros.skeletons import skeleton


def some_poses(count=3):
    return Poses(
        skeleton=skeleton("coco_17"),
        keypoints=np.arange(count * 51).reshape(count, 17, 3),
        boxes=np.tile([0, 0, 10, 20], (count, 1)),
        box_scores=np.linspace(0.1, 0.9, count),
        scores=np.linspace(0.2, 0.8, count),
    )


def test_a_column_of_another_length_is_named_with_both_shapes():
    with pytest.raises(ValueError, match=r"Detections.scores must have shape \(2,\), got \(3,\)"):
        Detections(boxes=np.zeros((2, 4)), scores=np.zeros(3))


def test_keypoints_must_be_as_many_as_the_skeleton_has():
    with pytest.raises(ValueError, match="has 16 keypoints, skeleton coco_17 has 17"):
        Poses(
            skeleton=skeleton("coco_17"),
            keypoints=np.zeros((1, 16, 3)),
            boxes=np.zeros((1, 4)),
            box_scores=np.zeros(1),
            scores=np.zeros(1),
        )


def test_a_mask_selects_rows_in_every_column():
    poses = some_poses()
    chosen = poses[np.array([True, False, True])]
    assert len(chosen) == 2
    np.testing.assert_array_equal(chosen.keypoints, poses.keypoints[[0, 2]])
    np.testing.assert_array_equal(chosen.scores, poses.scores[[0, 2]])
    assert chosen.embeddings is None


@pytest.mark.parametrize("rows", [[2, 0], slice(0, 2), np.array([], bool), []])
def test_indices_slices_and_nothing_select_rows(rows):
    poses = some_poses(0 if isinstance(rows, np.ndarray) else 3)
    np.testing.assert_array_equal(poses[rows].scores, poses.scores[rows if len_of(rows) else []])


def len_of(rows):
    return 1 if isinstance(rows, slice) else len(rows)


def test_tracks_select_their_poses_along():
    tracks = Tracks(
        poses=some_poses(),
        ids=[4, 5, 6],
        states=[TrackState.TRACKED] * 3,
        ages_s=np.zeros(3),
        unseen_s=np.zeros(3),
        hits=np.ones(3),
        detection_rows=[0, 1, 2],
        velocities_px=np.zeros((3, 2)),
        person_ids=[-1] * 3,
        identity_scores=[np.nan] * 3,
    )
    assert tracks[tracks.ids == 5].poses.scores == pytest.approx([0.5])


def test_arrays_are_read_only_and_the_source_stays_writable():
    boxes = np.zeros((1, 4), np.float32)
    people = Detections(boxes=boxes, scores=[0.5])
    with pytest.raises(ValueError, match="read-only"):
        people.boxes[0] = 1
    boxes[0] = 1


@pytest.mark.parametrize("record", [Poses, Tracks])
def test_a_frame_without_people_is_ordinary(record):
    nobody = record.empty(skeleton("halpe_136"))
    assert len(nobody) == 0
    assert len(nobody[np.zeros(0, bool)]) == 0


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (np.zeros((0, 4, 3), np.uint8), "empty"),
        (np.zeros((4, 4, 3), np.float32), "must be uint8"),
        (np.zeros((4, 4), np.uint8), "must have shape"),
    ],
)
def test_a_frame_refuses_what_is_no_image(image, message):
    with pytest.raises(ValueError, match=message):
        Frame(image=image)


def test_depth_must_have_the_size_of_the_image():
    with pytest.raises(ValueError, match=r"Frame.depth must have shape \(4, 6\)"):
        Frame(image=np.zeros((4, 6, 3), np.uint8), depth=np.zeros((4, 5)))
