"""From a rendered layer to labels: masks, boxes, what of each person is seen, keypoints."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from alphapose_ros.training.synthetic.cameras import Camera
from alphapose_ros.training.synthetic.people import Placed
from alphapose_ros.training.synthetic.renderer import Layer

HIDDEN, VISIBLE = 1, 2  # COCO's v; 0: outside of the picture


@dataclass(frozen=True)
class Label:
    """One person in one picture. Pixels: the centre of the first is 0 0."""

    box: np.ndarray  # (4,) x1 y1 x2 y2, the outer edges of the mask's pixels; NaN without any
    area: int  # pixels of the mask
    visible: float  # share of the whole person that is seen, [0, 1]
    keypoints: np.ndarray  # (136, 3) x y v
    keypoints_3d: np.ndarray  # (136, 3) x y z in the camera's frame [m]


def reduce(owners: np.ndarray, depths: np.ndarray, factor: int) -> tuple[np.ndarray, np.ndarray]:
    """Reduce a fine layer to the picture's pixels.

    Args:
        owners: (factor * H, factor * W) uint8, 0 nobody.
        depths: the same shape [m].
        factor: fine pixels along one.

    Returns:
        (H, W) uint8: who has most of the fine pixels of each, and (H, W) float32: how near the
        nearest of these is.
    """
    steps = [(row, column) for row in range(factor) for column in range(factor)]
    owner_of, depth_of = (
        [np.ascontiguousarray(values[row::factor, column::factor]) for row, column in steps]
        for values in (owners, depths)
    )
    best, most = owner_of[0], np.zeros(owner_of[0].shape, np.uint8)
    for candidate in owner_of:
        votes = sum((other == candidate).astype(np.uint8) for other in owner_of)
        best = np.where(votes > most, candidate, best)
        most = np.maximum(most, votes)
    depth = np.full(best.shape, np.inf, np.float32)
    for owner, one in zip(owner_of, depth_of, strict=True):
        depth = np.where(owner == best, np.minimum(depth, one), depth)
    return best, depth


def label_people(
    people: list[Placed], layer: Layer, camera: Camera, factor: int, depths_m: np.ndarray
) -> tuple[list[Label], np.ndarray, np.ndarray]:
    """Label everybody in a picture.

    Args:
        people: in the order of the layer's owners.
        layer: at the fine resolution, with everything in it that hides people.
        camera: of the picture itself.
        factor: fine pixels along one of the picture.
        depths_m: (136,) how deep each keypoint may lie below what is seen there.

    Returns:
        The labels, and the picture's owners and depths (H, W) from `reduce`.
    """
    owners, depths = reduce(layer.owners, layer.depths, factor)
    counts = np.bincount(layer.owners.reshape(-1), minlength=len(people) + 1)[1:]
    labels = []
    for number, placed in enumerate(people):
        mask = owners == number + 1
        inside = _share_inside(camera.project(placed.extent), owners.shape)
        seen = counts[number] / max(layer.outlines[number], 1)
        labels.append(
            Label(
                box=_box(mask),
                area=int(mask.sum()),
                visible=float(seen * inside),
                keypoints=_keypoints(placed, number + 1, layer, camera, factor, depths_m),
                keypoints_3d=camera.to_camera(placed.keypoints).astype(np.float32),
            )
        )
    return labels, owners, depths


def _box(mask: np.ndarray) -> np.ndarray:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return np.full(4, np.nan)
    return np.array([columns[0] - 0.5, rows[0] - 0.5, columns[-1] + 0.5, rows[-1] + 0.5])


def _is_inside(points: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Return which points (N, 3) of x y depth lie in the picture and before the camera."""
    x, y, z = points.T
    height, width = size
    return (x >= -0.5) & (x < width - 0.5) & (y >= -0.5) & (y < height - 0.5) & (z > 0.05)


def _share_inside(points: np.ndarray, size: tuple[int, int]) -> float:
    return float(_is_inside(points, size).mean())


def _keypoints(
    placed: Placed,
    number: int,
    layer: Layer,
    camera: Camera,
    factor: int,
    depths_m: np.ndarray,
) -> np.ndarray:
    """Return x y v (136, 3) of one person.

    A keypoint is visible where one of the nine fine pixels around it shows the person not too far
    in front of it.
    """
    at = camera.project(placed.keypoints)
    height, width = layer.owners.shape
    inside = _is_inside(at, (height // factor, width // factor))
    shift = (factor - 1) / 2
    around = np.stack(np.meshgrid([-1, 0, 1], [-1, 0, 1]), -1).reshape(1, 9, 2)
    fine = np.where(inside[:, None], at[:, :2] * factor + shift, 0)
    fine = np.rint(fine[:, None]).astype(int) + around
    x, y = np.clip(fine[..., 0], 0, width - 1), np.clip(fine[..., 1], 0, height - 1)
    near = at[:, 2:] - layer.depths[y, x] < depths_m[:, None]
    seen = ((layer.owners[y, x] == number) & near).any(axis=1)
    v = np.where(inside, np.where(seen, VISIBLE, HIDDEN), 0)
    return np.concatenate([at[:, :2], v[:, None]], axis=1).astype(np.float32)
