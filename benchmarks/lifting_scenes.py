"""Scenes with people, their depth images, and what is true of them, for the figures of lifting.

Depth is that of the renderer's z-buffer: of the meshes of people and clothes, and of the room. No
point is projected and lifted back. Pixels: the centre of the first is 0 0.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from alphapose_ros.frame import Camera, Frame, Poses, Tracks, TrackState
from alphapose_ros.skeletons import skeleton
from alphapose_ros.training.synthetic import cameras, gait, rotations
from alphapose_ros.training.synthetic.labels import label_people
from alphapose_ros.training.synthetic.lights import draw_lights
from alphapose_ros.training.synthetic.people import Placed
from alphapose_ros.training.synthetic.photography import photograph
from alphapose_ros.training.synthetic.poses import draw_fingers
from alphapose_ros.training.synthetic.rooms import draw_room
from alphapose_ros.training.synthetic.studio import (
    Sources,
    Studio,
    compose,
    feet_of,
    hide_in_room,
)

WHOLE_BODY = skeleton("halpe_136")
SIZE = (480, 640)
FOCAL_PX = 525.0  # of the common depth cameras of that size
FACTOR = 2  # fine pixels of the renderer along one of the picture
NEAR_M, FAR_M = 2.0, 5.0  # where people stand, along the camera's axis
APART_M = 0.6
EYES_M = (0.3, 1.6)  # heights of cameras on robots
BLOB_PX = (1.5, 9.0)  # half axes of a hole
BLOB_SHARE = 0.75  # of the holes' pixels; the others are single
HIP, NECK = WHOLE_BODY.index("hip"), WHOLE_BODY.index("neck")
SHOULDERS = [WHOLE_BODY.index(f"{side}_shoulder") for side in ("left", "right")]


@dataclass(frozen=True)
class Person:
    """What is true of somebody in a scene."""

    number: int  # in `Scene.owners`; the same in all scenes of a sequence
    box: np.ndarray  # (4,) x1 y1 x2 y2 [px]
    keypoints: np.ndarray  # (136, 3) x y [px]; 2 seen, 1 hidden, 0 out of the picture
    keypoints_3d: np.ndarray  # (136, 3) in the camera's optical frame [m]: joints, not skin
    visible: float  # share of the person that is seen
    is_upright: bool  # stands or walks on the floor

    @property
    def facing(self) -> np.ndarray:
        """Where the chest points (3,), of length 1, in the camera's frame."""
        left, right = self.keypoints_3d[SHOULDERS].astype(float)
        up = (self.keypoints_3d[NECK] - self.keypoints_3d[HIP]).astype(float)
        facing = np.cross(left - right, up)
        return facing / np.linalg.norm(facing)


@dataclass(frozen=True)
class Scene:
    """A picture with depth, and everybody in it."""

    frame: Frame  # its depth may be spoilt
    depth: np.ndarray  # (H, W) true depth [m], inf where there is nothing
    owners: np.ndarray  # (H, W) uint8: whom a pixel shows, 0 nobody
    people: tuple[Person, ...]
    height_m: float  # of the camera above the floor
    pitch_deg: float  # how far it looks down

    @property
    def up(self) -> np.ndarray:
        """Which way is up (3,) in the camera's frame."""
        pitch = np.radians(self.pitch_deg)
        return np.array([0.0, -np.cos(pitch), -np.sin(pitch)])


@dataclass(frozen=True)
class Damage:
    """What a depth camera does to depth."""

    noise: float = 0.01  # standard deviation in parts of the depth
    holes: float = 0.2  # share of pixels without a value, in blobs and single
    noise_px: float = 0.0  # how far noise of neighbouring pixels is alike; 0: not at all
    edge_px: int = 0  # how wide values at outlines lie between front and back

    def __call__(self, depth: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Return the spoilt depth (H, W) [m], NaN = no value, of a true one."""
        seen = np.where(np.isfinite(depth), depth, np.nan).astype(np.float32)
        if self.edge_px:
            seen = _mixed(seen, self.edge_px, rng)
        noise = rng.standard_normal(depth.shape, dtype=np.float32)
        if self.noise_px:
            noise = cv2.GaussianBlur(noise, (0, 0), self.noise_px)
            noise /= noise.std()
        seen *= 1 + self.noise * noise
        seen[holes(depth.shape, self.holes, rng)] = np.nan
        return seen


def _mixed(depth: np.ndarray, edge_px: int, rng: np.random.Generator) -> np.ndarray:
    """Let pixels at steps of depth lie anywhere between both sides."""
    side = np.ones((2 * edge_px + 1,) * 2, np.uint8)
    filled = np.nan_to_num(depth, nan=0.0)
    low, high = cv2.erode(filled, side), cv2.dilate(filled, side)
    is_edge = (high - low > 0.1 * low) & (low > 0)
    share = rng.random(depth.shape, dtype=np.float32)
    return np.where(is_edge, low + share * (high - low), depth)


def holes(shape: tuple[int, int], share: float, rng: np.random.Generator) -> np.ndarray:
    """Draw which pixels (H, W) have no depth: blobs first, then single ones."""
    mask = np.zeros(shape, np.uint8)
    while (missing := BLOB_SHARE * share * mask.size - np.count_nonzero(mask)) > 0:
        for _ in range(1 + int(missing / 200)):
            centre = rng.integers((0, 0), shape[::-1]).tolist()
            axes = np.rint(rng.uniform(*BLOB_PX, 2)).astype(int).tolist()
            cv2.ellipse(mask, centre, axes, rng.uniform(0, 180), 0, 360, 1, -1)
    free = np.flatnonzero(mask == 0)
    missing = max(int(share * mask.size - np.count_nonzero(mask)), 0)
    mask.reshape(-1)[rng.choice(free, missing, replace=False)] = 1
    return mask > 0


def spoilt(scene: Scene, damage: Damage, seed: int) -> Scene:
    """Return the scene with the depth that a camera would give."""
    depth = damage(scene.depth, np.random.default_rng(seed))
    return replace(scene, frame=replace(scene.frame, depth=depth))


def rendered(assets: Path, count: int, seed: int = 0) -> Iterator[Scene]:
    """Render pictures of one to three people in rooms, before cameras on robots.

    Half of the people stand or walk, the others are in any captured pose.

    Args:
        assets: the folder that `alphapose synth` takes.
        count: pictures.
        seed: of all that is random.

    Raises:
        FileNotFoundError: the assets are not there.
    """
    studio = Studio(Sources(assets, seed))
    for number in range(count):
        yield _render(studio, number, np.random.default_rng([seed, number]))


def _render(studio: Studio, number: int, rng: np.random.Generator) -> Scene:
    height_m = rng.uniform(*EYES_M)
    pitch = np.arctan2(height_m - 0.9, 3.5) + np.radians(rng.normal(0, 2.5))
    camera = cameras.Camera(
        cameras.pinhole(FOCAL_PX, SIZE),
        cameras.looking(0.0, pitch, 0.0),
        np.array([0.0, height_m, 0.0]),
    )
    people, upright = [], []
    for place in _places(rng):
        upright.append(bool(rng.random() < 0.5))
        people.append(_placed(studio, number, place, upright[-1], rng))
    room, lights = draw_room(rng), draw_lights(rng)
    fine = (SIZE[0] * FACTOR, SIZE[1] * FACTOR)
    layer = studio.renderer(people, camera.finer(FACTOR), fine, lights)
    background, behind = room.view(camera, SIZE, feet_of(people))
    layer = hide_in_room(layer, cv2.resize(behind, fine[::-1], interpolation=cv2.INTER_NEAREST))
    image = photograph(compose(layer, layer.owners > 0, background), rng)
    labels, owners, depths = label_people(
        people, layer, camera, FACTOR, studio.crowd.keypoint_model.depths_m
    )
    return Scene(
        frame=Frame(image=image, camera=pinhole(camera.matrix, image.shape[:2]), index=number),
        depth=np.where(owners > 0, depths, behind),
        owners=owners,
        people=tuple(
            Person(row, one.box, one.keypoints, one.keypoints_3d, one.visible, is_upright)
            for row, (one, is_upright) in enumerate(zip(labels, upright, strict=True), 1)
            if one.area
        ),
        height_m=height_m,
        pitch_deg=float(np.degrees(pitch)),
    )


def _places(rng: np.random.Generator) -> list[np.ndarray]:
    """Draw x and z [m] of the hips of one to three people."""
    places: list[np.ndarray] = []
    count = rng.integers(1, 4)
    while len(places) < count:
        away = rng.uniform(NEAR_M, FAR_M)
        half = 0.35 * SIZE[1] / FOCAL_PX * away
        place = np.array([rng.uniform(-half, half), -away])
        if all(np.hypot(*(place - other)) > APART_M for other in places):
            places.append(place)
    return places


def _placed(
    studio: Studio, number: int, place: np.ndarray, is_upright: bool, rng: np.random.Generator
) -> Placed:
    """Put somebody there, who faces anywhere."""
    person, _ = studio.draw_person(number, rng)
    turn = rng.uniform(-np.pi, np.pi)
    at = (float(place[0]), float(place[1]))
    if not is_upright:
        return studio.stand(person, rng, turn, at)
    style = gait.draw_style(rng)
    joints = studio.crowd.assets.pose_joints
    pose = gait.stride_pose(joints, style.phase, float(rng.integers(2)), style, rng.uniform(0, 3))
    turned = rotations.about(np.array([0.0, 1.0, 0.0]), turn)
    return studio.crowd.place(person, pose, draw_fingers(rng), turn=turned, at=at)


def pinhole(matrix: np.ndarray, size: tuple[int, int]) -> Camera:
    """Return a camera without distortion, of pictures height x width."""
    return Camera(matrix=matrix, distortion=np.zeros(5), height=size[0], width=size[1])


def sequence(folder: Path) -> Iterator[Scene]:
    """Read a sequence that `alphapose synth --sequences` wrote, in the order of its frames.

    Raises:
        FileNotFoundError: it is not there.
    """
    told = json.loads((folder / "annotations.json").read_text("utf-8"))
    step = told["info"]["depth_step"]
    for entry in told["images"]:
        image = cv2.imread(str(folder / "images" / entry["file_name"]))
        height, width = image.shape[:2]
        stored = folder / f"depth/{entry['frame']:06d}.png"
        depth = cv2.imread(str(stored), cv2.IMREAD_UNCHANGED) / np.float32(1000)
        owners = cv2.imread(str(folder / f"masks/{entry['frame']:06d}.png"), cv2.IMREAD_UNCHANGED)
        pose = np.array(entry["camera"]["pose"])  # to a map with z up
        yield Scene(
            frame=Frame(
                image=image,
                camera=pinhole(np.array(entry["camera"]["K"]), (height, width)),
                stamp_ns=round(1e9 * entry["stamp_s"]),
                index=entry["frame"],
            ),
            depth=_enlarged(np.where(depth > 0, depth, np.inf), step)[:height, :width],
            owners=_enlarged(owners[::step, ::step], step)[:height, :width],  # as depth, not finer
            people=tuple(
                _read(one) for one in told["annotations"] if one["image_id"] == entry["id"]
            ),
            height_m=float(pose[2, 3]),
            pitch_deg=float(np.degrees(np.arcsin(-pose[2, 2]))),
        )


def _enlarged(values: np.ndarray, step: int) -> np.ndarray:
    """Repeat every value of an image (h, w) along both sides."""
    return values.repeat(step, axis=0).repeat(step, axis=1)


def _read(entry: dict) -> Person:
    x, y, width, height = entry["bbox"]
    return Person(
        number=entry["track_id"],
        box=np.array([x, y, x + width, y + height]),
        keypoints=np.array(entry["keypoints"], np.float32).reshape(-1, 3),
        keypoints_3d=np.array(entry["keypoints_3d"], np.float32).reshape(-1, 3),
        visible=entry["visible"],
        is_upright=True,
    )


def tracks_of(poses: Poses, ids: Iterable[int]) -> Tracks:
    """Return poses as tracks that were matched in this frame."""
    count = len(poses)
    return Tracks(
        poses=poses,
        ids=np.array(list(ids)),
        states=np.full(count, TrackState.TRACKED),
        ages_s=np.zeros(count),
        unseen_s=np.zeros(count),
        hits=np.ones(count),
        detection_rows=np.arange(count),
        velocities_px=np.zeros((count, 2)),
        person_ids=np.full(count, -1),
        identity_scores=np.full(count, np.nan),
    )
