from __future__ import annotations

import numpy as np
from std_msgs.msg import Header
from visualization_msgs.msg import Marker

from alphapose_ros.config import OutputConfig
from alphapose_ros.frame import Camera, Frame, Poses, Tracks, TrackState
from alphapose_ros.io.render import colour_of
from alphapose_ros.nodes.markers import MarkerBoard
from alphapose_ros.skeletons import skeleton

BODY = skeleton("coco_17")
HEADER = Header(frame_id="camera")
FRAME = Frame(image=np.zeros((480, 640, 3), np.uint8))


def tracks_of(*ids, place=(320, 240), score=0.9):
    keypoints = np.tile([*place, score], (len(ids), 17, 1))
    boxes, ones = np.tile([0, 0, 10, 10], (len(ids), 1)), np.ones(len(ids))
    return Tracks(
        poses=Poses(skeleton=BODY, keypoints=keypoints, boxes=boxes, box_scores=ones, scores=ones),
        ids=ids,
        states=[TrackState.TRACKED] * len(ids),
        ages_s=ones,
        unseen_s=ones,
        hits=ones,
        detection_rows=np.arange(len(ids)),
        velocities_px=np.zeros((len(ids), 2)),
        person_ids=-ones,
        identity_scores=ones,
    )


def update(board, tracks, frame=FRAME):
    return board.update(tracks, frame, HEADER, OutputConfig()).markers


def test_each_person_is_one_list_of_lines_and_one_of_points():
    lines, points = update(MarkerBoard(), tracks_of(7))
    assert (lines.ns, lines.type, lines.id) == ("skeleton", Marker.LINE_LIST, 7)
    assert (points.ns, points.type, points.id) == ("keypoints", Marker.SPHERE_LIST, 7)
    assert len(lines.points) == 2 * len(BODY.edges)
    assert len(points.points) == 17
    assert lines.header == HEADER


def test_who_is_gone_is_deleted_once():
    board = MarkerBoard()
    update(board, tracks_of(1, 2))
    gone = [m for m in update(board, tracks_of(2)) if m.action == Marker.DELETE]
    assert [(m.ns, m.id) for m in gone] == [("skeleton", 1), ("keypoints", 1)]
    assert [m.action for m in update(board, tracks_of(2))] == [Marker.ADD] * 2


def test_weak_keypoints_are_not_drawn_and_their_person_is_deleted():
    board = MarkerBoard()
    update(board, tracks_of(1))
    assert {m.action for m in update(board, tracks_of(1, score=0.1))} == {Marker.DELETE}


def test_absent_keypoints_are_not_drawn_even_where_all_are_wanted():
    absent = tracks_of(1, place=(np.nan, np.nan), score=0.0)
    assert (
        MarkerBoard().update(absent, FRAME, HEADER, OutputConfig(keypoint_score=0.0)).markers == []
    )


def test_the_plane_is_a_metre_away_and_seen_through_the_camera_s_lens():
    matrix = [[500, 0, 300], [0, 400, 200], [0, 0, 1]]
    camera = Camera(matrix=matrix, distortion=np.zeros(5))
    frame = Frame(image=FRAME.image, camera=camera)
    point = update(MarkerBoard(), tracks_of(1, place=(400, 240)), frame)[1].points[0]
    np.testing.assert_allclose([point.x, point.y, point.z], [100 / 500, 40 / 400, 1])


def test_clearing_deletes_all_and_forgets_who_was_there():
    board = MarkerBoard()
    update(board, tracks_of(1))
    assert board.clear(HEADER).markers[0].action == Marker.DELETEALL
    assert update(board, tracks_of()) == []


def test_the_colour_is_that_of_the_person_in_the_overlay():
    colour = update(MarkerBoard(), tracks_of(3))[0].color
    blue, green, red = colour_of(3)
    np.testing.assert_allclose([colour.r, colour.g, colour.b], np.divide([red, green, blue], 255))
