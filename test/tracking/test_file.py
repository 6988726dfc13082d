from __future__ import annotations

import numpy as np
import pytest

from alphapose_ros.config import TrackerConfig
from alphapose_ros.frame import Poses, TrackState
from alphapose_ros.skeletons import skeleton
from alphapose_ros.tracking import build_tracker


def people(*boxes):
    count = len(boxes)
    return Poses(
        skeleton=skeleton("coco_17"),
        keypoints=np.full((count, 17, 3), 0.5),
        boxes=np.reshape(boxes, (count, 4)),
        box_scores=np.full(count, 0.9),
        scores=np.full(count, 0.9),
    )


def tracker(tmp_path, text):
    path = tmp_path / "tracks.txt"
    path.write_text(text)
    return build_tracker(TrackerConfig(name="file", tracks_file=str(path)))


def test_poses_get_the_identities_of_the_boxes_that_they_are_in(tmp_path):
    # Left and top count from 1: box 7 begins at pixel (10, 20).
    one = tracker(tmp_path, "1,7,11,21,40,100,1\n1,3,201,1,40,100,1\n3,7,21,21,40,100,1\n")
    tracks = one.update(people((198, 0, 240, 100), (500, 0, 540, 100), (12, 20, 50, 120)), 0)
    assert tracks.ids.tolist() == [7, 3]
    assert tracks.detection_rows.tolist() == [2, 0]
    assert tracks.states.tolist() == [TrackState.TRACKED] * 2
    np.testing.assert_array_equal(tracks.poses.boxes[0], [10, 20, 50, 120])
    assert len(one.update(people((0, 0, 40, 100)), 10**9)) == 0
    third = one.update(people(), 2 * 10**9)
    assert third.ids.tolist() == [7]
    assert third.states.tolist() == [TrackState.LOST]
    assert third.ages_s.tolist() == third.unseen_s.tolist() == [2.0]
    assert third.hits.tolist() == [1]
    assert np.isnan(third.poses.keypoints[..., :2]).all()
    one.reset()
    assert one.update(people(), 0).ids.tolist() == [7, 3]


def test_a_missing_name_or_file_and_a_malformed_line_are_named(tmp_path):
    with pytest.raises(ValueError, match="tracks_file is empty"):
        build_tracker(TrackerConfig(name="file"))
    with pytest.raises(FileNotFoundError, match=r"nothing\.txt"):
        build_tracker(TrackerConfig(name="file", tracks_file="nothing.txt"))
    malformed = ("1,2,3", "1,a,1,1,4,4", "1,1,nan,1,4,4", "1.5,1,1,1,4,4", "0,1,1,1,4,4")
    malformed += ("1,-1,1,1,4,4", "1,1e300,1,1,4,4", "1,1,1,1,-4,4", "1,1,1,1,4,4\n1,1,9,9,4,4")
    for text in malformed:
        with pytest.raises(ValueError, match=r"tracks\.txt"):
            tracker(tmp_path, text)
    assert len(tracker(tmp_path, "\n").update(people(), 0)) == 0
