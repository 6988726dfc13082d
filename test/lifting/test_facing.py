from __future__ import annotations

import numpy as np
import pytest
from bodies import BODY, HALPE, body_in_camera, facing_of, pinhole, poses_of

from alphapose_ros.lifting.depth import Lifted
from alphapose_ros.lifting.facing import MAX_STD, facings

PLACE = np.array([0.4, 0.2, 3.0])
UP = np.array([0.0, -1.0, 0.0])
TURNS = np.radians(np.arange(-180, 180, 15))
AROUND = np.array([body_in_camera(turn, PLACE) for turn in TURNS])


def lifted_of(bodies):
    """As depth sees it: the far one of two that hide each other is at the depth of the near one."""
    count = len(bodies)
    lifted = Lifted.nothing(count, len(HALPE.names))
    names = list(BODY)
    points = bodies.copy()
    for pair in ("shoulder", "hip"):
        left, right = (names.index(f"{side}_{pair}") for side in ("left", "right"))
        is_hidden = np.abs(points[:, left, 0] - points[:, right, 0]) < 0.1
        near = np.minimum(points[:, left, 2], points[:, right, 2])
        points[is_hidden, left, 2] = points[is_hidden, right, 2] = near[is_hidden]
    lifted.points[:, [HALPE.index(name) for name in names]] = points
    lifted.depth_variances[:] = 1e-4
    return lifted


def errors(found, turns=TURNS):
    want = np.array([facing_of(turn) for turn in turns])
    return np.degrees(np.arccos(np.clip((found * want).sum(axis=1), -1, 1)))


def faced(poses, lifted, normal=None, places=None):
    places = np.tile(PLACE, (len(poses), 1)) if places is None else places
    return facings(poses, lifted, places, pinhole(), 0.3, normal)


def hidden(poses, *names):
    keypoints = poses.keypoints.copy()
    keypoints[:, [HALPE.index(name) for name in names], 2] = 0
    return type(poses)(**{**vars(poses), "keypoints": keypoints})


@pytest.mark.parametrize("normal", [None, UP])
def test_people_face_where_they_are_turned(normal):
    found, stds = faced(poses_of(AROUND), lifted_of(AROUND), normal)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1)
    assert errors(found).max() < 20 and np.median(errors(found)) < 8
    assert (np.radians(errors(found)) < 2.5 * stds).all() and (stds < 0.6).all()


def test_feet_and_noses_tell_it_without_depth():
    poses = poses_of(AROUND)
    found, stds = faced(poses, Lifted.nothing(len(poses), len(HALPE.names)), UP)
    assert errors(found).max() < 25 and np.isfinite(stds).all()


def test_left_and_right_tell_front_from_back():
    turns = np.radians([0, 180])
    bodies = np.array([body_in_camera(turn, PLACE) for turn in turns])
    poses = hidden(poses_of(bodies), *(name for name in BODY if "r_" not in name + "_"))
    poses = hidden(poses, "nose", "left_ear", "right_ear", "left_big_toe", "right_big_toe")
    found, _ = faced(poses, lifted_of(bodies))
    assert errors(found, turns).max() < 15


def test_who_is_seen_from_the_side_without_face_and_feet_may_face_either_way():
    bodies = np.array([body_in_camera(np.pi / 2, PLACE)])
    poses = hidden(poses_of(bodies), "nose", "left_big_toe", "right_big_toe")
    found, stds = faced(poses, Lifted.nothing(1, len(HALPE.names)))
    assert np.isnan(found).all() and np.isnan(stds).all()


def test_fewer_keypoints_are_less_sure():
    bodies = AROUND[[12]]
    poses = poses_of(bodies)
    few = hidden(poses, "left_hip", "right_hip", "nose", "left_heel", "right_heel")
    stds = [faced(p, lifted_of(bodies))[1][0] for p in (poses, few)]
    assert stds[0] < stds[1] < MAX_STD


def test_a_camera_that_looks_down_sees_people_face_along_the_floor():
    pitch = np.radians(30)
    tilt = np.array(
        [[1, 0, 0], [0, np.cos(pitch), -np.sin(pitch)], [0, np.sin(pitch), np.cos(pitch)]]
    )
    bodies = np.array([(body_in_camera(0.7, [0, 0.5, 3.0])) @ tilt.T])
    places = bodies[:, [list(BODY).index("left_hip")]][:, 0]
    for normal in (None, tilt @ UP):
        found, _ = faced(poses_of(bodies), lifted_of(bodies), normal, places)
        np.testing.assert_allclose(found[0] @ (tilt @ UP), 0, atol=0.1)
        assert np.degrees(np.arccos(found[0] @ (tilt @ facing_of(0.7)))) < 15


@pytest.mark.parametrize("normal", [None, UP])
@pytest.mark.parametrize("score", [0.0, 0.29])
def test_who_shows_nothing_that_tells_it_faces_nowhere(score, normal):
    poses = poses_of(AROUND, score=score)
    found, stds = faced(poses, Lifted.nothing(len(poses), len(HALPE.names)), normal)
    assert np.isnan(found).all() and np.isnan(stds).all()


def test_knees_and_ankles_do_not_tell_it():
    others = [name for name in BODY if "knee" not in name and "ankle" not in name]
    poses = hidden(poses_of(AROUND), *others)
    found, stds = faced(poses, Lifted.nothing(len(poses), len(HALPE.names)), UP)
    assert np.isnan(found).all() and np.isnan(stds).all()


def test_a_nose_exactly_between_the_ears_alone_does_not_tell_it():
    # The sine is measured, and is 0; the cosine is not: front and back look the same.
    bodies = np.array([body_in_camera(0, [0, 0, 3.0])])
    poses = hidden(poses_of(bodies), *(name for name in BODY if name[-3:] not in ("ose", "ear")))
    keypoints = poses.keypoints.copy()
    keypoints[0, HALPE.index("nose"), 0] = keypoints[0, HALPE.index("left_ear"), 0]
    keypoints[0, HALPE.index("right_ear"), 2] = 0
    poses = type(poses)(**{**vars(poses), "keypoints": keypoints})
    place = np.array([[keypoints[0, HALPE.index("nose"), 0] - 319.5, 0.0, 600.0]]) / 200
    found, stds = faced(poses, Lifted.nothing(1, len(HALPE.names)), UP, place)
    assert np.isnan(found).all() and np.isnan(stds).all()


def test_people_nowhere_and_nobody_face_nowhere():
    found, stds = faced(poses_of(AROUND), lifted_of(AROUND), UP, np.full((len(AROUND), 3), np.nan))
    assert np.isnan(found).all() and np.isnan(stds).all()
    found, stds = faced(poses_of([]), Lifted.nothing(0, len(HALPE.names)))
    assert found.shape == (0, 3) and stds.shape == (0,)
