from __future__ import annotations

import json
import os
import sys
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "benchmarks"))

import lifting as benchmark
import lifting_real as real
import lifting_scenes as scenes

from alphapose_ros import Pipeline
from alphapose_ros.config import Config, LiftingConfig
from alphapose_ros.frame import PositionSource
from alphapose_ros.training.synthetic import cameras, gait, rotations
from alphapose_ros.training.synthetic.poses import draw_fingers
from alphapose_ros.training.synthetic.studio import Sources, Studio

PACK = ROOT / "test/data/synthetic_sequences"
DEPTH = LiftingConfig(name="depth")


@pytest.fixture(scope="module")
def assets() -> Path:
    """What people are made of, which is not part of the package."""
    default = ROOT / "../shared/assets/synthetic_people"
    folder = Path(os.environ.get("ALPHAPOSE_ASSETS", default))
    if not folder.is_dir():
        pytest.skip(f"needs the assets of docs/synthetic.md in {folder} (or ALPHAPOSE_ASSETS)")
    return folder.resolve()


@pytest.fixture(scope="module")
def standing() -> scenes.Scene:
    """The first frame of two people, one of whom stands."""
    return next(iter(scenes.sequence(PACK / "0001_leaving")))


class Knowing:
    """A lifter that knows the truth, and errs by ``error`` of a standard deviation it tells."""

    def __init__(self, people, error=(0.0, 0.0, 0.0), std_m=0.05, turn=0.0):
        self.people, self.error, self.std_m, self.turn = people, np.array(error), std_m, turn

    def __call__(self, tracks, frame, ground=None):
        hips = np.stack([person.keypoints_3d[scenes.HIP] for person in self.people])
        facings = np.stack([person.facing for person in self.people])
        facings = facings @ rotations.about(np.array([0.0, 1.0, 0.0]), self.turn).T
        count = len(tracks)
        return replace(
            tracks,
            positions=hips + self.error,
            position_covariances=np.tile(self.std_m**2 * np.eye(3), (count, 1, 1)),
            position_sources=np.full(count, PositionSource.DEPTH),
            facings=facings,
            facing_stds=np.full(count, 0.1),
        )


def figures(scene, lifter, points=None):
    """What the tally says of a lifter, whose keypoints are ``points`` (N, 136, 3)."""
    people, poses = benchmark.with_truth(scene)
    tracks = lifter(scenes.tracks_of(poses, range(len(people))), scene.frame)
    if points is not None:
        tracks = replace(tracks, poses=replace(tracks.poses, keypoints_3d=points))
    tally = benchmark.Tally()
    for row, person in enumerate(people):
        tally.add(scene, person, tracks, row)
    return tally.figures()


def test_holes_are_a_fifth_and_noise_is_a_hundredth():
    truth = np.full((240, 320), 4.0)
    truth[:40] = np.inf
    seen = scenes.Damage()(truth, np.random.default_rng(1))
    assert np.isnan(seen[:40]).all()
    is_hole = np.isnan(seen[40:])
    assert is_hole.mean() == pytest.approx(0.2, abs=0.01)
    assert np.nanstd(seen[40:]) == pytest.approx(0.04, rel=0.05)
    _, _, stats, _ = cv2.connectedComponentsWithStats(is_hole.astype(np.uint8), connectivity=4)
    areas = stats[1:, cv2.CC_STAT_AREA]
    assert (areas == 1).sum() > 500
    assert areas[areas > 20].sum() > 0.6 * is_hole.sum()


def test_neighbouring_noise_is_alike_where_that_is_asked_for():
    truth = np.full((200, 200), 3.0)
    for alike_px, low, high in ((0.0, -0.1, 0.1), (6.0, 0.9, 1.0)):
        damage = scenes.Damage(noise_px=alike_px, holes=0.0)
        seen = damage(truth, np.random.default_rng(0))
        assert low < np.corrcoef(seen[:, 1:].ravel(), seen[:, :-1].ravel())[0, 1] < high
        assert seen.std() == pytest.approx(0.03, rel=0.05)


def test_mixed_pixels_lie_between_front_and_back_at_outlines_only():
    truth = np.full((40, 40), 5.0)
    truth[10:30, 10:30] = 2.0
    seen = scenes.Damage(noise=0, holes=0, edge_px=1)(truth, np.random.default_rng(0))
    changed = seen != truth
    assert ((seen >= 2) & (seen <= 5)).all()
    assert not changed[11:29, 11:29].any()
    assert not changed[:9].any()
    assert changed[9:11, 15:25].any()


@pytest.mark.parametrize("folder", ["0001_leaving", "0003_approaching"])
def test_sequences_are_read_with_depth_of_the_surface_of_people(folder):
    gaps = []
    for scene in scenes.sequence(PACK / folder):
        height, width = scene.owners.shape
        assert scene.depth.shape == scene.frame.image.shape[:2]
        assert 0.3 < scene.height_m < 1.6
        for person in scene.people:
            x, y, v = person.keypoints.T
            columns, rows = np.rint(x).astype(int), np.rint(y).astype(int)
            shown = (v == 2) & (columns < width) & (rows < height)
            own = scene.owners[rows[shown], columns[shown]] == person.number
            gap = person.keypoints_3d[shown][own, 2] - scene.depth[rows[shown], columns[shown]][own]
            gaps += gap.tolist()
            heel = person.keypoints_3d[scenes.WHOLE_BODY.index("left_heel")]
            assert -0.1 < heel @ scene.up + scene.height_m < 0.45  # above the floor
    assert len(gaps) > 1000
    assert np.mean(np.abs(gaps) < 0.35) > 0.99
    assert 0 < np.median(gaps) < 0.08  # keypoints lie a little below what is seen


def test_facings_are_those_of_the_bodies(assets):
    studio = Studio(Sources(assets, with_environments=False))
    rng = np.random.default_rng(2)
    style = gait.draw_style(rng)
    person, _ = studio.draw_person(0, rng)
    pose = gait.stride_pose(studio.crowd.assets.pose_joints, 0.0, 0.0, style, 0.0)
    camera = cameras.Camera(np.eye(3), cameras.looking(0.3, 0.1, 0.0), np.zeros(3))
    for turn in (-2.5, 0.0, 1.0, 3.0):
        turned = rotations.about(np.array([0.0, 1.0, 0.0]), turn)
        placed = studio.crowd.place(person, pose, draw_fingers(rng), turn=turned, at=(0.0, -3.0))
        joints = camera.to_camera(placed.keypoints)
        truth = scenes.Person(1, np.zeros(4), np.zeros((136, 3)), joints, 1.0, True)
        ahead = camera.rotation @ [np.sin(turn), 0.0, np.cos(turn)]
        assert np.degrees(np.arccos(truth.facing @ ahead)) < 12
        up = camera.rotation @ [0.0, 1.0, 0.0]
        assert abs(np.degrees(benchmark.yaw_between(truth.facing, ahead, up))) < 3


def test_rendered_people_are_in_range_and_stand_on_the_floor(assets):
    found = list(scenes.rendered(assets, 2, seed=3))
    again = list(scenes.rendered(assets, 1, seed=3))
    np.testing.assert_array_equal(found[0].depth, again[0].depth)
    for scene in found:
        assert scene.people
        for person in scene.people:
            surface = benchmark.surface_of(scene, person.number)
            assert 1.5 < np.median(surface[:, 2]) < 5.6
            hip = person.keypoints_3d[scenes.HIP]
            assert np.linalg.norm(surface - hip, axis=1).min() < 0.4
            lowest = (surface @ scene.up).min() + scene.height_m
            assert person.visible < 0.9 or abs(lowest) < 0.05
        # The room's floor has the height that the scene tells.
        bottom = replace(scene, owners=np.where(scene.owners == 0, 255, scene.owners))
        room = benchmark.surface_of(bottom, 255)
        assert abs((room @ scene.up).min() + scene.height_m) < 0.01


def test_what_is_right_counts_as_right(standing):
    points = np.stack([person.keypoints_3d for person in standing.people])
    found = figures(standing, Knowing(standing.people), points)
    assert found["people"] == found["placed"] == 2
    assert found["lifted"] == 1
    assert found["stray"] == 0
    assert found["hip_m_95"] == found["along_m"] == 0
    assert found["in_ellipse"] == found["in_2_sigma"] == 1
    assert found["yaw_deg_95"] == pytest.approx(0, abs=1e-4)
    assert 0 < found["surface_m_median"] < 0.1  # joints lie below the surface


def test_errors_are_told_in_metres_degrees_and_ellipses(standing):
    away = Knowing(standing.people, error=(0, 0, 0.1), std_m=0.05, turn=np.radians(10))
    found = figures(standing, away)
    assert found["hip_m_median"] == pytest.approx(0.1, abs=1e-6)
    assert 0.08 < found["along_m"] <= 0.1
    assert found["in_ellipse"] == 1  # 4 of 7.8
    assert found["yaw_deg_median"] == pytest.approx(10, abs=1)
    assert found["in_2_sigma"] == 1
    too_sure = Knowing(standing.people, error=(0, 0, 0.1), std_m=0.03, turn=np.radians(15))
    found = figures(standing, too_sure)
    assert found["in_ellipse"] == 0  # 11.1 of 7.8
    assert found["in_2_sigma"] == 0


def test_keypoints_on_the_wall_are_strays_and_missing_ones_are_not_lifted(standing):
    points = np.stack([person.keypoints_3d for person in standing.people]).astype(float)
    points[:, :68] *= 1.5  # along their rays
    points[:, 68:] = np.nan
    found = figures(standing, Knowing(standing.people), points)
    assert found["stray"] == 1
    assert found["lifted"] < 0.6
    assert found["surface_m_median"] > 0.5


@pytest.mark.parametrize(
    ("one", "other", "degrees"),
    [
        ((0, 0, -1), (0, 0, -1), 0),
        ((1, 0, 0), (0, 0, -1), -90),
        ((0, 0.8, -0.6), (0, 0, -1), 0),  # a nod is no turn
        ((0, 0, -1), (0, -1, 0), np.nan),  # who lies on the back faces nowhere
    ],
)
def test_yaw_is_about_the_vertical(one, other, degrees):
    up = np.array([0.0, -1.0, 0.0])
    found = np.degrees(benchmark.yaw_between(np.array(one, float), np.array(other, float), up))
    assert found == pytest.approx(degrees, abs=1e-9, nan_ok=True)


def test_speeds_are_those_from_frame_to_frame(standing):
    moved = []
    for number in range(3):
        people = tuple(
            replace(person, keypoints_3d=person.keypoints_3d + np.float32([0.1 * number, 0, 0]))
            for person in standing.people
        )
        frame = replace(standing.frame, stamp_ns=number * 200_000_000)
        moved.append(replace(standing, people=people, frame=frame))
    assert benchmark.speeds_of(moved, 0) == benchmark.speeds_of(moved, 2) == {}
    speeds = benchmark.speeds_of(moved, 1)
    assert sorted(speeds) == [person.number for person in standing.people]
    for speed in speeds.values():
        np.testing.assert_allclose(speed, [0.5, 0, 0], atol=1e-5)


def test_people_in_rendered_depth_are_found_within_the_stated_bounds(assets):
    some = list(scenes.rendered(assets, 12, seed=5))
    found = benchmark.measure(some, [benchmark.with_truth(scene) for scene in some], DEPTH)
    assert found["lifted"] > 0.9
    assert found["surface_m_median"] < 0.02
    assert found["surface_m_95"] < 0.06
    assert found["hip_m_median"] < 0.1
    assert found["in_ellipse"] > 0.85
    standing = [benchmark.upright(*benchmark.with_truth(scene)) for scene in some]
    ground = benchmark.measure(some, standing, LiftingConfig(name="ground"))
    assert ground["of_range_median"] < 0.05 and ground["of_range_95"] < 0.1
    assert ground["placed"] == ground["people"]
    assert ground["of_range_median"] > found["of_range_median"]


def test_a_camera_may_stand_a_little_otherwise_than_said(standing):
    exact, wrong = (benchmark.config_of(DEPTH, standing, is_off) for is_off in (False, True))
    assert exact.camera_height_m == pytest.approx(standing.height_m)
    assert exact.camera_pitch_deg == pytest.approx(standing.pitch_deg)
    assert 0 < abs(wrong.camera_pitch_deg - standing.pitch_deg) < 5
    assert 0 < abs(wrong.camera_height_m / standing.height_m - 1) < 0.1
    assert benchmark.config_of(DEPTH, standing, True) == wrong


def test_people_are_parted_by_their_feet(standing):
    people, poses = benchmark.with_truth(standing)
    cut_off = people[0].keypoints.copy()
    cut_off[benchmark.FEET[0], 2] = 0
    people[0] = replace(people[0], keypoints=cut_off)
    seen, others = (benchmark.with_feet(people, poses, seen)[0] for seen in (True, False))
    assert people[0] in others and len(seen) + len(others) == len(people)


def test_velocities_of_the_pack_are_right():
    rows = benchmark.measure_sequences(PACK, DEPTH)
    assert set(rows) == {"crossing", "leaving", "panning", "approaching"}
    for row in rows.values():
        assert row["velocity_mps_median"] < 0.3
        assert row["in_velocity_ellipse"] > 0.8
        assert row["hip_m_median"] < 0.15


@pytest.fixture(scope="module")
def pictures(data):
    return real.measure_real(data / "rgbd", Pipeline(Config()), DEPTH)


def test_real_people_stand_where_the_depth_camera_sees_them(pictures):
    five, others = pictures[0].row(), [picture.row() for picture in pictures[1:]]
    assert len(five["distances_m"]) == 5
    assert all(1.8 < z < 3.0 for z in five["distances_m"])
    whole = np.array([height for height in five["heights_m"] if height is not None])
    assert len(whole) >= 2  # from head to heels in the picture
    assert ((whole > 1.5) & (whole < 1.9)).all()
    assert all(0.25 < width < 0.45 for width in five["shoulders_m"])
    # A little behind their backs, and they are seen from behind.
    gaps = np.array(five["distances_m"]) - five["torsos_m"]
    assert ((gaps > -0.1) & (gaps < 0.35)).all()
    assert (np.array(five["facing_away"]) > 0).sum() >= 4
    assert len(others) == 20
    for row in others:
        assert len(row["distances_m"]) == 1
        assert 0.7 < row["distances_m"][0] < 1.15


def test_the_picture_shows_what_was_lifted(pictures, tmp_path):
    file = tmp_path / "new/lifted.png"
    real.write_sheet(file, pictures)
    sheet = cv2.imread(str(file))
    assert sheet.shape[1] > 1200
    drawn = real.drawn(pictures[0])
    position = pictures[0].tracks.positions[0]
    x, y = real.projected(position[None], pictures[0].frame)[0]
    assert (drawn[y, x] > 200).all()  # the cross at the position


def test_lifted_keypoints_are_drawn_where_they_were_found(pictures):
    for picture in pictures[:2]:
        poses = picture.tracks.poses
        is_lifted = np.isfinite(poses.keypoints_3d).all(axis=2)
        pixels = real.projected(poses.keypoints_3d[is_lifted].astype(float), picture.frame)
        np.testing.assert_allclose(pixels, poses.keypoints[is_lifted][:, :2], atol=0.6)


def test_tables_have_lines_of_as_many_cells(tmp_path, capsys, assets, monkeypatch):
    monkeypatch.setattr(benchmark, "DAMAGES", {})
    file = tmp_path / "new/figures.json"
    arguments = ["--assets", str(assets), "--scenes", "2", "--json", str(file)]
    benchmark.main([*arguments, "--sequences", str(PACK)])
    printed = capsys.readouterr().out
    found = json.loads(file.read_text())
    assert list(found["scenes"]) == [
        "true keypoints",
        "predicted keypoints",
        "ground, true keypoints",
        "ground, predicted keypoints",
        "ground, predicted keypoints, all feet in the picture",
        "ground, predicted keypoints, not all",
        "ground, predicted keypoints, pitch off",
    ]
    assert set(found["sequences"]) == {"crossing", "leaving", "panning", "approaching"}
    for table in printed.split("\n\n")[1:]:
        assert len({line.count("|") for line in table.strip().splitlines()}) == 1
