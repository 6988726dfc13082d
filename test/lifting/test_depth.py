from __future__ import annotations

import numpy as np
import pytest
from bodies import FOCAL, HALPE, SIZE, body_in_camera, painted, pinhole, poses_of

from alphapose_ros.config import LiftingConfig
from alphapose_ros.frame import Camera
from alphapose_ros.lifting.depth import lift

CONFIG = LiftingConfig(name="depth", depth_noise=0.002)
HIP, WRIST, NOSE = (HALPE.index(name) for name in ("left_hip", "left_wrist", "nose"))


def one(distance=3.0, turn=0.0):
    return poses_of([body_in_camera(turn, [0, 0, distance])])


def lifted(poses, depth, config=CONFIG):
    return lift(poses.keypoints, poses.boxes, depth, pinhole(), config, HALPE)


def with_keypoint(poses, row, place, score=0.9):
    keypoints = poses.keypoints.copy()
    keypoints[0, row] = (*place, score)
    return type(poses)(**{**vars(poses), "keypoints": keypoints})


def test_keypoints_lie_where_their_rays_meet_the_surface():
    poses = one()
    found = lifted(poses, painted(poses, [3.0]))
    u, v = poses.keypoints[0, HIP, :2]
    want = 3 * np.array([(u - 319.5) / FOCAL, (v - 239.5) / FOCAL, 1])
    np.testing.assert_allclose(found.points[0, HIP], want, atol=1e-5)
    is_there = poses.keypoints[0, :, 2] > 0
    assert (np.isfinite(found.points[0]).all(axis=1) == is_there).all()


@pytest.mark.parametrize("nothing", [np.nan, 0.0])
def test_holes_never_count(nothing):
    poses = one()
    depth = painted(poses, [3.0])
    depth[np.random.default_rng(0).random(SIZE) < 0.4] = nothing
    points = lifted(poses, depth).points[0]
    np.testing.assert_allclose(points[HIP, 2], 3, atol=1e-5)
    assert np.isnan(lifted(poses, np.full(SIZE, nothing, np.float32)).points).all()


def test_a_keypoint_in_a_hole_is_unknown():
    poses = one()
    depth = painted(poses, [3.0])
    x, y = np.rint(poses.keypoints[0, NOSE, :2]).astype(int)
    depth[y - 12 : y + 13, x - 12 : x + 13] = np.nan
    points = lifted(poses, depth).points[0]
    assert np.isnan(points[NOSE]).all() and np.isfinite(points[HIP]).all()


def test_an_arm_is_nearer_than_what_is_behind_it():
    # An arm 5 px wide, 0.8 m before a wall that fills most of the patch of 13 px.
    poses = with_keypoint(one(), WRIST, (500, 200))
    depth = painted(poses, [3.0], behind=3.8)
    depth[150:250, 498:503] = 3.0
    assert lifted(poses, depth).points[0, WRIST, 2] == pytest.approx(3.0, abs=0.01)


def test_few_values_between_front_and_back_do_not_count():
    poses = with_keypoint(one(), WRIST, (500, 200))
    depth = painted(poses, [3.0], behind=3.8)
    depth[150:250, 500:520] = 3.0
    depth[150:250, 497:500] = np.linspace(3.2, 3.7, 300).reshape(100, 3)  # mixed at the outline
    assert lifted(poses, depth).points[0, WRIST, 2] == pytest.approx(3.0, abs=0.01)


def test_what_stands_in_front_is_not_the_person():
    poses = one()
    depth = painted(poses, [3.0])
    x, y = np.rint(poses.keypoints[0, HIP, :2]).astype(int)
    depth[y - 15 :, x - 15 : x + 15] = 1.2  # a post before one leg
    points = lifted(poses, depth).points[0]
    assert np.isnan(points[HIP]).all()
    assert points[HALPE.index("right_hip"), 2] == pytest.approx(3.0)


def test_who_is_covered_is_not_who_covers():
    behind, before = body_in_camera(0, [0.3, 0, 4.0]), body_in_camera(0, [-0.02, 0, 2.2])
    poses = poses_of([behind, before])
    found = lifted(poses, painted(poses, [4.0, 2.2]))
    np.testing.assert_allclose(found.torsos, [4.0, 2.2], atol=1e-5)


def test_a_wall_does_not_win_where_no_keypoint_of_the_torso_is_seen():
    poses = poses_of([body_in_camera(0, [0, 0, 3])], score=0.0)
    depth = np.full(SIZE, 6, np.float32)
    x1, y1, x2, y2 = np.rint(poses.boxes[0]).astype(int)
    depth[y1:y2, x1 : x1 + (x2 - x1) // 2] = 3.0  # half of the box is the person
    assert lifted(poses, depth).torsos[0] == pytest.approx(3.0)


def test_ranges_limit_what_counts():
    poses = one()
    depth = painted(poses, [3.0])
    for config in (LiftingConfig(max_range_m=2.9), LiftingConfig(min_range_m=3.1, max_range_m=5.0)):
        assert np.isnan(lifted(poses, depth, config).points).all()
    assert np.isfinite(lifted(poses, depth, LiftingConfig(max_range_m=3.1)).points[0, HIP]).all()


def test_unsure_keypoints_are_not_lifted():
    poses = with_keypoint(one(), WRIST, (320, 240), score=0.2)
    assert np.isnan(lifted(poses, painted(poses, [3.0])).points[0, WRIST]).all()


def test_the_stated_variance_holds_and_grows_with_noise():
    poses, rng, stds = one(), np.random.default_rng(4), {}
    for noise in (0.01, 0.04):
        found = []
        for _ in range(60):
            depth = painted(poses, [3.0])
            depth += rng.normal(0, noise, SIZE)
            found.append(lifted(poses, depth.astype(np.float32), LiftingConfig()))
        error = np.array([f.points[0, HIP, 2] - 3 for f in found])
        stds[noise] = np.sqrt(np.mean([f.depth_variances[0, HIP] for f in found]))
        assert abs(error.mean()) < 0.3 * noise
        assert error.std() < 1.3 * stds[noise] < 3 * noise
    assert stds[0.04] > 2 * stds[0.01]


def test_stated_noise_grows_with_the_square_of_the_range():
    # Where neighbours do not tell the noise: few of them.
    stds = []
    for z in (2.0, 4.0):
        poses = one(z)
        depth = np.full(SIZE, np.nan, np.float32)
        for row in (HIP, NOSE, HALPE.index("right_hip")):
            x, y = np.rint(poses.keypoints[0, row, :2]).astype(int)
            depth[y - 9 : y + 10, x - 9 : x + 10] = z
        config = LiftingConfig(depth_noise=0.01)
        stds.append(np.sqrt(lifted(poses, depth, config).depth_variances[0, NOSE]))
    assert stds[1] == pytest.approx(4 * stds[0], rel=0.01)


def test_covariances_are_long_along_the_ray_and_grow_across_with_the_range():
    sizes = []
    for z in (2.0, 4.0):
        poses = poses_of([body_in_camera(0, [0.4 * z, 0, z])])
        found = lifted(poses, painted(poses, [z]), LiftingConfig(depth_noise=0.2))
        # Depth noise alone: the long axis is the ray.
        alone = found._replace(pixel_variances=np.zeros_like(found.pixel_variances))
        values, vectors = np.linalg.eigh(alone.covariances(pinhole())[0, HIP])
        ray = found.points[0, HIP] / np.linalg.norm(found.points[0, HIP])
        assert abs(vectors[:, 2] @ ray) == pytest.approx(1)
        assert values[:2] == pytest.approx([0, 0], abs=1e-9)
        pixels = found._replace(
            depth_variances=np.zeros((1, 136)), pixel_variances=np.full((1, 136), 4.0)
        )
        sizes.append(np.sqrt(pixels.covariances(pinhole())[0, HIP, 0, 0]))
    assert sizes == pytest.approx([2 * 2 / FOCAL, 2 * 4 / FOCAL])  # 2 px at 2 and 4 m


def test_wrong_sizes_are_refused():
    poses, depth = one(), np.ones(SIZE, np.float32)
    other = Camera(matrix=np.eye(3), distortion=np.zeros(5), width=640, height=400)
    with pytest.raises(ValueError, match=r"640 x 480 .* 640 x 400"):
        lift(poses.keypoints, poses.boxes, depth, other, CONFIG, HALPE)
    with pytest.raises(ValueError, match=r"\(480, 640, 1\)"):
        lifted(poses, depth[..., None])
    with pytest.raises(ValueError, match="to_metres"):
        lifted(poses, np.ones(SIZE, np.uint16))
    with pytest.raises(ValueError, match=r"\(2, 4\)"):
        lift(poses.keypoints, np.zeros((2, 4)), depth, pinhole(), CONFIG, HALPE)


def test_unknown_skeletons_and_nobody_are_lifted_too():
    poses, depth = one(), painted(one(), [3.0])
    found = lift(poses.keypoints, poses.boxes, depth, pinhole(), CONFIG)
    assert found.points[0, HIP, 2] == pytest.approx(3.0)
    nobody = lifted(poses[:0], depth)
    assert nobody.points.shape == (0, 136, 3)
    assert nobody.covariances(pinhole()).shape == (0, 136, 3, 3)


def test_places_outside_the_picture_say_nothing():
    poses = with_keypoint(one(), WRIST, (-30, 900))
    poses = with_keypoint(poses, NOSE, (1e9, 10))
    points = lifted(poses, painted(one(), [3.0])).points[0]
    assert np.isnan(points[[WRIST, NOSE]]).all()
