from __future__ import annotations

import numpy as np
import pytest
from bodies import FOCAL, HALPE, MIDDLE, SIZE, body_in_camera, pinhole, poses_of

from alphapose_ros.lifting.ground import BOX_HEIGHT_M, FEET, Ground, stand
from alphapose_ros.lifting.pole import HIP_SHARE, STATURE_M

FLOOR = 0.88  # below the hips of the test's person


def stood(poses, ground, size=SIZE):
    return stand(poses, pinhole(), ground, size, 0.3)


def with_only(poses, **places):
    keypoints = np.full_like(poses.keypoints, np.nan)
    keypoints[..., 2] = 0
    for name, place in places.items():
        keypoints[0, HALPE.index(name)] = (*place, 0.9)
    return type(poses)(**{**vars(poses), "keypoints": keypoints})


def test_a_foot_by_hand():
    # A heel 0.04 m above the floor, 1 m below a level camera, 120 px below the middle: 600 times
    # 0.96 / 120 = 4.8 m away; the hips HIP_HEIGHT_M above the floor.
    poses = with_only(
        poses_of([body_in_camera(0, [0, 0, 4])]), left_heel=(MIDDLE[0], MIDDLE[1] + 120)
    )
    found = stood(poses, Ground.from_pitch(1.0))
    np.testing.assert_allclose(found.hips[0], [0, 1 - HIP_SHARE * STATURE_M, 4.8], atol=1e-5)


@pytest.mark.parametrize("pitch_deg", [0, 20])
def test_people_stand_where_they_are(pitch_deg):
    pitch = np.radians(pitch_deg)
    tilt = np.array(
        [[1, 0, 0], [0, np.cos(pitch), -np.sin(pitch)], [0, np.sin(pitch), np.cos(pitch)]]
    )
    level = body_in_camera(0.4, [0.3, 1.3 - FLOOR, 3.5])  # the camera is 1.3 m above the floor
    poses = poses_of([level @ tilt.T])
    found = stood(poses, Ground.from_pitch(1.3, pitch_deg))
    np.testing.assert_allclose(tilt.T @ found.hips[0], [0.3, 1.3 - FLOOR, 3.5], atol=0.12)


def test_looking_down_brings_the_floor_up():
    # Up, seen from a camera that looks down by 30 degrees: backwards in part.
    np.testing.assert_allclose(Ground.from_pitch(2, 30).normal, [0, -np.sqrt(3) / 2, -0.5])


def test_the_plane_of_a_transform_is_that_of_height_and_pitch():
    # Optical frame in a frame with z up: x right is -y, y down is -z, z forward is x; then 25
    # degrees down about y, 1.4 m up.
    pitch = np.radians(25)
    turn = np.array(
        [[np.cos(pitch), 0, np.sin(pitch)], [0, 1, 0], [-np.sin(pitch), 0, np.cos(pitch)]]
    )
    transform = np.eye(4)
    transform[:3, :3] = turn @ np.array([[0, 0, 1], [-1, 0, 0], [0, -1, 0]])
    transform[:3, 3] = [5, -3, 1.4]
    found, want = Ground.from_transform(transform), Ground.from_pitch(1.4, 25)
    np.testing.assert_allclose(found.normal, want.normal, atol=1e-12)
    assert found.height_m == want.height_m == 1.4


def test_without_feet_the_box_stands_unless_it_is_cut_off():
    poses = with_only(poses_of([body_in_camera(0, [0, 1 - FLOOR, 3])]))
    x, bottom = (poses.boxes[0, 0] + poses.boxes[0, 2]) / 2, poses.boxes[0, 3]
    found = stood(poses, Ground.from_pitch(1.0))
    z = FOCAL * (1 - BOX_HEIGHT_M) / (bottom - MIDDLE[1])
    np.testing.assert_allclose(found.hips[0, [0, 2]], [(x - MIDDLE[0]) / FOCAL * z, z], atol=1e-4)
    cut_off = stood(poses, Ground.from_pitch(1.0), size=(int(bottom) + 2, SIZE[1]))
    assert np.isnan(cut_off.hips).all()


def moved(poses, names, pixels):
    keypoints = poses.keypoints.copy()
    keypoints[:, [HALPE.index(name) for name in names], :2] += pixels
    return type(poses)(**{**vars(poses), "keypoints": keypoints})


def errors(found, place):
    return np.linalg.norm(found.hips[0] - place) / np.linalg.norm(place)


FEET_NAMES = [name for part in FEET for name in part.names if "small" not in name]


def test_feet_drawn_above_what_hides_them_are_no_feet():
    place = np.array([0.2, 1.4 - FLOOR, 4.0])  # 0.5 m of the shanks stand behind something
    poses = moved(poses_of([body_in_camera(0, place)]), FEET_NAMES, [0, -0.5 * FOCAL / 4])
    assert errors(stood(poses, Ground.from_pitch(1.4)), place) < 0.06
    only_feet = with_only(
        poses, **{name: poses.keypoints[0, HALPE.index(name), :2] for name in FEET_NAMES}
    )
    assert errors(stood(only_feet, Ground.from_pitch(1.4)), place) > 0.3


def test_feet_below_the_image_are_told_by_the_rest_of_the_body():
    place = np.array([0.0, 1.2 - FLOOR, 3.0])
    poses = poses_of([body_in_camera(0, place)])
    shown = int(poses.keypoints[0, HALPE.index("left_knee"), 1]) + 80
    boxes = poses.boxes.copy()
    boxes[:, 3] = shown
    low = moved(poses, FEET_NAMES, [0, -25])  # as networks do: just above the border
    low = type(low)(**{**vars(low), "boxes": boxes})
    found = stood(low, Ground.from_pitch(1.2), size=(shown, SIZE[1]))
    assert errors(found, place) < 0.06
    trusted = stood(low, Ground.from_pitch(1.2), size=(shown + 100, SIZE[1]))
    assert errors(trusted, place) > errors(found, place) + 0.04


def test_a_child_stands_at_its_feet():
    place = np.array([0.0, 1.2 - 0.72 * FLOOR, 3.0])
    child = (body_in_camera(0, [0, 0, 3.0]) - [0, 0, 3.0]) * 0.72 + place  # 1.2 m tall
    found = stood(poses_of([child]), Ground.from_pitch(1.2))
    assert errors(found, place) < 0.06


def test_a_nose_alone_tells_no_range():
    poses = with_only(poses_of([body_in_camera(0, [0, 0.3, 3])]), nose=(320, 220))
    found = stood(poses, Ground.from_pitch(1.3), size=(int(poses.boxes[0, 3]), SIZE[1]))
    assert np.isnan(found.hips).all()


def test_from_above_only_feet_count():
    # The camera looks straight down from 3 m; feet 0.04 m up, 1 m beside it.
    keypoint = (MIDDLE[0] + FOCAL * 1 / 2.96, MIDDLE[1])
    poses = with_only(poses_of([body_in_camera(0, [0, 0, 3])]), left_heel=keypoint)
    found = stood(poses, Ground.from_pitch(3.0, 90))
    np.testing.assert_allclose(found.hips[0], [1, 0, 3 - HIP_SHARE * STATURE_M], atol=1e-4)


def test_above_the_horizon_is_no_floor():
    poses = with_only(poses_of([body_in_camera(0, [0, 0, 4])]), left_heel=(320, 100))
    assert np.isnan(stood(poses, Ground.from_pitch(1.0)).hips).all()


def test_the_noise_is_that_of_pixels_and_steps():
    base = poses_of([body_in_camera(0, [0, 0, 4])])
    rng, found = np.random.default_rng(0), []
    ground, pixel = Ground.from_pitch(1.0), (400.0, MIDDLE[1] + 120)
    noise = stood(with_only(base, left_heel=pixel), ground).noise[0]
    pixel_std = FEET[0].pixel_std * float(base.boxes[0, 3] - base.boxes[0, 1])
    for _ in range(1500):
        moved = rng.normal(pixel, pixel_std)
        step = Ground.from_pitch(1.0 + rng.normal(0, FEET[0].std_m))
        found.append(stood(with_only(base, left_heel=moved), step).hips[0])
    seen = np.cov(np.array(found).T)[np.ix_([0, 2], [0, 2])]
    np.testing.assert_allclose(seen, noise[np.ix_([0, 2], [0, 2])], rtol=0.2, atol=2e-3)


def test_what_lasts_grows_with_the_range():
    near, far = (
        np.trace(
            stood(poses_of([body_in_camera(0, [0, 1 - FLOOR, z])]), Ground.from_pitch(1)).lasting[0]
        )
        for z in (2, 6)
    )
    assert far > 2 * near


def test_what_is_no_ground_is_refused():
    for height in (0, -1, np.nan):
        with pytest.raises(ValueError, match="above"):
            Ground.from_pitch(height)
    with pytest.raises(ValueError, match="4 x 4"):
        Ground.from_transform(np.eye(3))


def test_nobody_stands_nowhere():
    found = stood(poses_of([]), Ground.from_pitch(1.0))
    assert found.hips.shape == (0, 3) and found.lasting.shape == (0, 3, 3)
