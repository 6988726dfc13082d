"""The small pack of sequences in test/data, and what they are drawn from."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from alphapose_ros.skeletons import skeleton
from alphapose_ros.training.synthetic import cameras
from alphapose_ros.training.synthetic.sequences import PLANS

HALPE = skeleton("halpe_136")
PACK = Path(__file__).resolve().parents[2] / "data/synthetic_sequences"
FOLDERS = sorted(path for path in PACK.iterdir() if path.is_dir())
SHARP = 0.35  # [m] how much nearer than a keypoint a pixel of the same person may be


class Sequence:
    """One folder of the pack, read."""

    def __init__(self, folder):
        self.folder = folder
        told = json.loads((folder / "annotations.json").read_text("utf-8"))
        self.info, self.images = told["info"], told["images"]
        self.people = [[] for _ in self.images]
        for one in told["annotations"]:
            self.people[one["image_id"]].append(one)

    def image(self, frame):
        return cv2.imread(str(self.folder / "images" / self.images[frame]["file_name"]))

    def depth_m(self, frame):
        depth = cv2.imread(str(self.folder / f"depth/{frame:06d}.png"), cv2.IMREAD_UNCHANGED)
        assert depth.dtype == np.uint16
        return depth / 1000

    def mask(self, frame):
        return cv2.imread(str(self.folder / f"masks/{frame:06d}.png"), cv2.IMREAD_UNCHANGED)


@pytest.fixture(scope="module", params=FOLDERS, ids=lambda folder: folder.name)
def sequence(request):
    return Sequence(request.param)


def test_the_pack_is_small_and_has_every_kind():
    assert {folder.name.split("_")[1] for folder in FOLDERS} == set(PLANS)
    assert sum(path.stat().st_size for path in PACK.rglob("*")) < 5e6
    assert "CC0" in (PACK / "README.md").read_text("utf-8")


def test_every_frame_is_there(sequence):
    stamps = [image["stamp_s"] for image in sequence.images]
    assert len(stamps) == 24
    np.testing.assert_allclose(np.diff(stamps), 1 / 8)
    for frame, entry in enumerate(sequence.images):
        shape = (entry["height"], entry["width"])
        assert sequence.image(frame).shape == (*shape, 3)
        assert sequence.mask(frame).shape == shape
        step = sequence.info["depth_step"]
        assert sequence.depth_m(frame).shape == tuple(-(-side // step) for side in shape)


def test_boxes_are_those_of_the_masks(sequence):
    for frame, people in enumerate(sequence.people):
        mask = sequence.mask(frame)
        assert {one["track_id"] for one in people} == set(np.unique(mask)) - {0}
        for one in people:
            rows, columns = np.nonzero(mask == one["track_id"])
            low, high = (columns.min(), rows.min()), (columns.max(), rows.max())
            expected = [low[0] - 0.5, low[1] - 0.5, high[0] - low[0] + 1, high[1] - low[1] + 1]
            assert one["bbox"] == expected
            assert one["area"] == len(rows)


def test_solid_keypoints_are_seen_at_the_flat_ones(sequence):
    for entry, people in zip(sequence.images, sequence.people, strict=True):
        matrix = np.array(entry["camera"]["K"])
        for one in people:
            flat = np.array(one["keypoints"]).reshape(-1, 3)
            solid = np.array(one["keypoints_3d"]).reshape(-1, 3)
            inside = flat[:, 2] > 0
            projected = solid[inside] @ matrix.T
            # millimetres are half a pixel at most, where somebody is half a metre away
            np.testing.assert_allclose(
                projected[:, :2] / projected[:, 2:], flat[inside, :2], atol=0.6
            )


def test_depth_and_keypoints_agree(sequence):
    step, gaps = sequence.info["depth_step"], []
    for frame, people in enumerate(sequence.people):
        depth, mask = sequence.depth_m(frame), sequence.mask(frame)[::step, ::step]
        for one in people:
            flat = np.array(one["keypoints"]).reshape(-1, 3)
            z = np.array(one["keypoints_3d"]).reshape(-1, 3)[:, 2]
            x, y = np.rint(flat[:, :2] / step).astype(int).T
            seen = (flat[:, 2] == 2) & (x < depth.shape[1]) & (y < depth.shape[0])
            own = np.flatnonzero(seen)[mask[y[seen], x[seen]] == one["track_id"]]
            gaps.append(z[own] - depth[y[own], x[own]])
    gaps = np.concatenate(gaps)
    assert len(gaps) > 1000
    assert (abs(gaps) < SHARP).mean() > 0.99
    assert 0 < np.median(gaps) < 0.08  # keypoints lie a little below what is seen


def test_limbs_keep_their_length_while_people_move(sequence):
    limbs = [("left_elbow", "left_wrist"), ("right_knee", "right_ankle"), ("left_hip", "left_knee")]
    lengths = {}
    for people in sequence.people:
        for one in people:
            solid = np.array(one["keypoints_3d"]).reshape(-1, 3)
            for a, b in limbs:
                length = np.linalg.norm(solid[HALPE.index(a)] - solid[HALPE.index(b)])
                lengths.setdefault((one["track_id"], a), []).append(length)
    for values in lengths.values():
        assert np.ptp(values) < 0.006
        assert 0.18 < np.mean(values) < 0.6


def test_who_stands_stays_in_the_map(sequence):
    """Whatever the camera does: its pose takes the camera's frame to the map's."""
    places = {}
    for entry, people in zip(sequence.images, sequence.people, strict=True):
        pose = np.array(entry["camera"]["pose"])
        for one in people:
            hip = np.array(one["keypoints_3d"]).reshape(-1, 3)[HALPE.index("hip")]
            heel = np.array(one["keypoints_3d"]).reshape(-1, 3)[HALPE.index("left_heel")]
            at, foot = (pose[:3, :3] @ p + pose[:3, 3] for p in (hip, heel))
            places.setdefault(one["track_id"], []).append(at)
            assert 0.6 < at[2] < 1.2  # z is up
            assert -0.05 < foot[2] < 0.45
    stood = [track for track in places.values() if np.ptp(track, axis=0)[:2].max() < 0.02]
    walked = [track for track in places.values() if np.ptp(track, axis=0)[:2].max() > 1]
    assert stood
    assert walked


def frames_of(name, track_id):
    read = Sequence(next(folder for folder in FOLDERS if folder.name.endswith(name)))
    return np.array(
        [any(one["track_id"] == track_id for one in people) for people in read.people]
    ), read


def test_who_leaves_comes_back_as_the_same():
    present, _ = frames_of("leaving", 1)
    changes = np.flatnonzero(np.diff(present.astype(int)))
    assert present[0]
    assert present[-1]
    assert len(changes) == 2
    assert 4 <= changes[1] - changes[0] <= 14
    assert frames_of("leaving", 2)[0].all()


def test_who_crosses_is_hidden_and_seen_again():
    _, read = frames_of("crossing", 1)
    visible = {2: [], 3: []}
    for people in read.people:
        for one in people:
            if one["track_id"] in visible:
                visible[one["track_id"]].append(one["visible"])
    for values in visible.values():
        assert max(values) > 0.9
        assert min(values) < 0.6


def test_the_camera_pans_and_drives():
    _, panning = frames_of("panning", 1)
    poses = np.array([entry["camera"]["pose"] for entry in panning.images])
    np.testing.assert_allclose(np.ptp(poses[:, :3, 3], axis=0), 0)
    ahead = poses[:, :3, 2]  # the camera's z in the map
    assert np.degrees(np.arccos(ahead[0] @ ahead[-1])) > 45
    _, driving = frames_of("approaching", 1)
    poses = np.array([entry["camera"]["pose"] for entry in driving.images])
    assert np.ptp(poses[:, 0, 3]) > 1.5  # forward
    assert poses[:, 2, 3].max() < 0.7  # low


def test_plans_look_towards_people():
    stamps = np.arange(24) / 8
    for plan_people in PLANS.values():
        plan = plan_people(stamps, (240, 320), np.random.default_rng(0))
        assert len(plan.camera) == len(stamps)
        assert all(isinstance(camera, cameras.Camera) for camera in plan.camera)
        assert all(len(track.places) == len(stamps) for track in plan.tracks)
        # Nobody goes through the camera.
        for track in plan.tracks:
            for place, camera in zip(track.places, plan.camera, strict=True):
                assert np.hypot(*(place - camera.eye[[0, 2]])) > 0.45
