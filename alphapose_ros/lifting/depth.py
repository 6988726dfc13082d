"""Keypoints to points on the visible surface: what of a patch of depth is the person.

Around each keypoint a grid of depth values is read. Those farther from the torso than that part
of a body can be do not count. Of the others the nearest that keep together are the person: what
lies between arm and body is behind. Their median is the depth.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from alphapose_ros.boxes import area
from alphapose_ros.config import LiftingConfig
from alphapose_ros.frame import Camera
from alphapose_ros.keypoints import comparable_rows
from alphapose_ros.lifting.camera import rays, scaled
from alphapose_ros.skeletons import Skeleton

SIDE = 5  # values along each side of a patch
TORSO_SIDE = 7  # and of the torso
PATCH = np.linspace(-1, 1, SIDE, dtype=np.float32)
PATCH = np.stack((np.tile(PATCH, SIDE), np.repeat(PATCH, SIDE)))  # (2, S) x y, in half sides
SMALLEST_PX = 2.0  # half the side of the smallest patch
CENTRE = [6, 7, 8, 11, 12, 13, 16, 17, 18]  # the middle 3 x 3 of a patch
FEW, MANY = 3, 6  # values that must keep together: in the middle, and in the patch
KEYPOINT_VOTES = 2  # of each keypoint of the body, for the depth of its torso
FAIR_PART = 0.2  # of the votes
COVERED_PART = 0.15  # of a box that another one shares, who may stand in front
BODY_ROWS = slice(0, 17)  # of unknown skeletons
TORSO_M = 0.5  # depth within which the values of a torso lie, noise apart
THICKNESS_M = 0.12  # depth within which the values of one limb's patch lie, noise apart
LEAST_NOISE = 0.1  # of the noise that the settings say
INDEPENDENT = 6.0  # values of a patch that are, at most: neighbours err alike
PIXEL_STD = 0.012  # of a keypoint's place, in box heights
MIN_PIXEL_STD_PX = 1.0
TORSO_BOX = (0.35, 0.2, 0.65, 0.5)  # of a box, where keypoints do not say it: x1 y1 x2 y2

FOOT = ("heel", "big_toe", "small_toe")
FAR_M = 1.0  # from the torso's depth, whatever it is
REACHES_M = {  # how far parts of the body can be from the depth of its torso
    **dict.fromkeys(("shoulder", "hip", "neck", "thorax", "pelvis"), 0.4),
    **dict.fromkeys(("nose", "eye", "ear", "head", "head_top"), 0.6),
    "elbow": 0.7,
    "knee": 0.8,
}
NEAR_M = 0.3  # from the depth of that which they hang on, where it is known:
HANG_ON = {  # groups, or feet without their side
    "face": "nose",
    "left_hand": "left_wrist",
    "right_hand": "right_wrist",
    **{f"{side}_{part}": f"{side}_ankle" for side in ("left", "right") for part in FOOT},
}
TORSO = ("left_shoulder", "right_shoulder", "right_hip", "left_hip")


class Lifted(NamedTuple):
    """Points on the visible surface, and how sure they are."""

    points: np.ndarray  # (N, K, 3) [m] in the optical frame; NaN where unknown
    depth_variances: np.ndarray  # (N, K) [m^2] of z, the points moving along their rays
    pixel_variances: np.ndarray  # (N, K) [px^2] of each coordinate of the keypoint
    torsos: np.ndarray  # (N,) [m], z of the torsos' surfaces; NaN where unknown
    noise: np.ndarray  # (N,) [m], standard deviation of single depth values on them

    @classmethod
    def nothing(cls, count: int, keypoints: int) -> Lifted:
        """Return that of people of whom no depth is known."""
        unknown = np.full((count, keypoints), np.nan)
        points = np.full((count, keypoints, 3), np.nan)
        return cls(points, unknown, unknown, unknown[:, 0], unknown[:, 0])

    def covariances(self, camera: Camera) -> np.ndarray:
        """Return (N, K, 3, 3) [m^2]: long along the ray, small across."""
        z = self.points[..., 2]
        ray = self.points / z[..., None]
        found = self.depth_variances[..., None, None] * (ray[..., :, None] * ray[..., None, :])
        across = self.pixel_variances * z**2
        found[..., 0, 0] += across / camera.matrix[0, 0] ** 2
        found[..., 1, 1] += across / camera.matrix[1, 1] ** 2
        return found


def lift(
    keypoints: np.ndarray,
    boxes: np.ndarray,
    depth: np.ndarray,
    camera: Camera,
    config: LiftingConfig,
    skeleton: Skeleton | None = None,
) -> Lifted:
    """Find keypoints in depth: where their rays meet what the camera sees of the person.

    Args:
        keypoints: (N, K, 3) x y [px], score; NaN where absent.
        boxes: (N, 4) x1 y1 x2 y2 [px].
        depth: (H, W) [m] with the pixels of the image; NaN or 0 where there is no value.
        camera: of the image.
        config: ranges, smallest score, size of patches, noise.
        skeleton: which parts the keypoints are; without it the torso is looked for in the box and
            every keypoint may be as far from it as a hand.

    Raises:
        ValueError: sizes do not go together.
    """
    keypoints, boxes = np.asarray(keypoints), np.asarray(boxes, np.float64)
    camera = checked(keypoints, boxes, depth, camera)
    height = np.maximum(boxes[:, 3] - boxes[:, 1], 1.0)
    is_there = keypoints[..., 2] >= config.keypoint_score  # NaN is not
    is_there &= np.isfinite(keypoints[..., 0] + keypoints[..., 1])
    torsos, noise = torso_depths(keypoints, boxes, depth, config, skeleton)
    is_there &= np.isfinite(torsos)[:, None]

    shape = keypoints.shape[:2]
    points, depth_variances = np.full((*shape, 3), np.nan), np.full(shape, np.nan)
    parents, reach = reaches(skeleton, shape[1])
    for is_part in (parents < 0, parents >= 0):  # first that on which others hang
        rows, columns = np.nonzero(is_there & is_part)
        near = torsos[rows], reach[columns]
        if parents[is_part].max(initial=-1) >= 0:
            of_parent = points[rows, parents[columns], 2]
            is_known = np.isfinite(of_parent)
            near = np.where(is_known, of_parent, near[0]), np.where(is_known, NEAR_M, near[1])
        centres = keypoints[rows, columns, :2].astype(np.float32)
        z, depth_variances[rows, columns] = surface(
            centres, height[rows] * config.patch, near, noise[rows], depth, config
        )
        points[rows, columns] = rays(centres, camera) * z[:, None]
    pixel = np.maximum(PIXEL_STD * height, MIN_PIXEL_STD_PX)[:, None] ** 2
    return Lifted(points, depth_variances, np.broadcast_to(pixel, shape), torsos, noise)


def surface(
    centres: np.ndarray,
    half: np.ndarray,
    near: tuple[np.ndarray, np.ndarray],
    noise: np.ndarray,
    depth: np.ndarray,
    config: LiftingConfig,
) -> tuple[np.ndarray, np.ndarray]:
    """Return z of the person's surface around places (P,) [m] and its variance (P,) [m^2].

    Args:
        centres: (P, 2) x y [px].
        half: (P,) half the sides of the patches [px].
        near: the depth near which it is to be looked for (P,) [m], and how far from it (P,) [m],
            noise apart.
        noise: (P,) standard deviation of single depth values [m].
        depth: (H, W) [m].
        config: ranges.
    """
    if not len(centres):
        return np.empty(0), np.empty(0)
    half = np.maximum(half, SMALLEST_PX)[:, None].astype(np.float32)
    places = centres.astype(np.float32)[:, :, None] + half[..., None] * PATCH
    values = _read(depth, places[:, 0], places[:, 1], config)
    noise = noise.astype(np.float32)
    middle, reach = near[0].astype(np.float32), near[1].astype(np.float32) + 2 * noise
    with np.errstate(invalid="ignore"):
        values[np.abs(values - middle[:, None]) > reach[:, None]] = np.nan
    return _nearest_cluster(values, noise)


def checked(keypoints: np.ndarray, boxes: np.ndarray, depth: np.ndarray, camera: Camera) -> Camera:
    """Return the camera of the depth's size, after looking at all sizes.

    Raises:
        ValueError: sizes do not go together.
    """
    if keypoints.ndim != 3 or keypoints.shape[2] != 3 or boxes.shape != (len(keypoints), 4):
        raise ValueError(
            f"keypoints (N, K, 3) and boxes (N, 4) expected, got {keypoints.shape} and "
            f"{boxes.shape}"
        )
    if depth.ndim != 2 or depth.dtype.kind != "f":
        raise ValueError(
            f"depth must be metres of shape (H, W), got {depth.dtype} of {depth.shape}; "
            "images.to_metres() converts depth images"
        )
    return scaled(camera, depth.shape[1], depth.shape[0])


def torso_depths(
    keypoints: np.ndarray,
    boxes: np.ndarray,
    depth: np.ndarray,
    config: LiftingConfig,
    skeleton: Skeleton | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Return z of the torsos' surfaces (N,) [m], and the noise of single values there (N,) [m].

    Values between shoulders and hips vote, and those at the body's keypoints. Where neither are
    seen, those in the middle of the box do, and there what is nearer counts, as far as it is a
    fair part: behind people are walls. Who votes for the depth of somebody in front, who covers
    them, gets what else they have voted for. NaN where there are few votes.

    The noise is seen in the differences of neighbours; what the settings say is its upper limit.
    Arguments as of ``lift``.
    """
    corners, is_torso = _torso_corners(keypoints, boxes, config, skeleton)
    step = (np.arange(TORSO_SIDE) + 0.5) / TORSO_SIDE
    across = corners[:, 0, None] + step[:, None] * (corners[:, 1] - corners[:, 0])[:, None]
    below = corners[:, 3, None] + step[:, None] * (corners[:, 2] - corners[:, 3])[:, None]
    places = across[:, None] + step[:, None, None] * (below - across)[:, None]
    places = places.reshape(len(boxes), TORSO_SIDE**2, 2)
    grid = _read(depth, places[..., 0], places[..., 1], config)
    body = keypoints[:, BODY_ROWS if skeleton is None else comparable_rows(skeleton)]
    is_seen = body[..., 2] >= config.keypoint_score
    places = np.where(is_seen[..., None], body[..., :2], np.nan)
    voters = _read(depth, places[..., 0], places[..., 1], config)
    has_body = np.isfinite(voters).sum(axis=1) >= FEW
    votes = np.concatenate(
        (np.where((is_torso | ~has_body)[:, None], grid, np.nan), *[voters] * KEYPOINT_VOTES),
        axis=1,
    )
    found = _voted(votes, boxes, is_torso | has_body, config)
    return found, _seen_noise(grid, found, config)


def _voted(
    votes: np.ndarray, boxes: np.ndarray, is_body: np.ndarray, config: LiftingConfig
) -> np.ndarray:
    """Return the depths (N,) [m] that values (N, V) vote for, NaN where there are few.

    Args:
        votes: depths [m], NaN where there is none.
        boxes: (N, 4), to tell who covers whom.
        is_body: (N,) the values are seen on bodies; otherwise anywhere in boxes.
        config: noise.
    """
    z = np.sort(votes, axis=1)
    total = np.maximum(np.isfinite(z).sum(axis=1), 1)
    with np.errstate(invalid="ignore"):
        window = TORSO_M + 2 * _stated_noise(z, config)
        counts = (z[:, None] <= (z + window)[..., None]).sum(axis=2) - np.arange(z.shape[1])
    counts[np.isnan(z)] = 0
    enough = (counts >= FAIR_PART * total[:, None]) & (counts >= FEW)
    first = np.where(is_body, counts.argmax(axis=1), enough.argmax(axis=1))
    found, count = _cluster(z, counts, first)
    is_apart = (np.abs(z - found[:, None]) > window) & enough & (z > found[:, None])
    others, other_count = _cluster(z, counts, np.where(is_apart, counts, 0).argmax(axis=1))
    share, rest = count / total, is_apart.any(axis=1) & (other_count >= FEW)
    common = np.minimum(boxes[:, None, 2:], boxes[:, 2:]) - np.maximum(
        boxes[:, None, :2], boxes[:, :2]
    )
    common = np.clip(common, 0, None).prod(axis=2) / np.maximum(area(boxes), 1)[:, None]
    with np.errstate(invalid="ignore"):
        is_same = np.abs(found[:, None] - found) < TORSO_M
    is_covered = (is_same & (common > COVERED_PART) & (share > share[:, None])).any(axis=1)
    found = np.where(is_covered & rest, others, found)
    return np.where(count >= FEW, found, np.nan)


def _cluster(z: np.ndarray, counts: np.ndarray, first: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the median (N,) and number (N,) of values of sorted rows (N, V) from ``first`` on."""
    rows = np.arange(len(z))
    count = counts[rows, first]
    return z[rows, np.minimum(first + count // 2, z.shape[1] - 1)], count


def _seen_noise(values: np.ndarray, z: np.ndarray, config: LiftingConfig) -> np.ndarray:
    """Return the standard deviation of single values of torsos (N, S) [m] at depths ``z`` (N,)."""
    grid = values.reshape(-1, TORSO_SIDE, TORSO_SIDE)
    steps = np.abs(np.diff(grid, axis=1)).reshape(len(grid), TORSO_SIDE * (TORSO_SIDE - 1))
    steps = np.sort(steps, axis=1)  # NaN last
    count = np.isfinite(steps).sum(axis=1)
    seen = steps[np.arange(len(steps)), np.maximum(count - 1, 0) // 2] * (1.4826 / np.sqrt(2))
    stated = _stated_noise(z, config)
    return np.where(count >= MANY, np.clip(seen, LEAST_NOISE * stated, stated), stated)


def reaches(skeleton: Skeleton | None, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return on which keypoint each of ``count`` hangs (K,), -1 for none, and how far it reaches.

    The latter (K,) [m] is from the depth of the torso.
    """
    parents, reach = np.full(count, -1), np.full(count, FAR_M)
    if skeleton is None:
        return parents, reach
    bare = [name.removeprefix("left_").removeprefix("right_") for name in skeleton.names]
    reach[:] = [REACHES_M.get(name, FAR_M) for name in bare]
    for name, parent in HANG_ON.items():
        if parent in skeleton.names and name in (*skeleton.groups, *skeleton.names):
            is_group = name in skeleton.groups
            rows = skeleton.group(name) if is_group else skeleton.index(name)
            parents[rows] = skeleton.index(parent)
    if "face" in skeleton.groups:
        reach[skeleton.group("face")] = REACHES_M["head"]
    return parents, reach


def _torso_corners(
    keypoints: np.ndarray, boxes: np.ndarray, config: LiftingConfig, skeleton: Skeleton | None
) -> tuple[np.ndarray, np.ndarray]:
    """Return what lies around the torso (N, 4, 2) [px], and whether that is shoulders and hips.

    Otherwise (N,) it is the middle of the box.
    """
    start, size = boxes[:, None, :2], (boxes[:, 2:] - boxes[:, :2])[:, None]
    x1, y1, x2, y2 = TORSO_BOX
    corners = start + size * np.array([(x1, y1), (x2, y1), (x2, y2), (x1, y2)])
    if skeleton is None or not set(TORSO) <= set(skeleton.names):
        return corners, np.zeros(len(boxes), bool)
    seen = keypoints[:, [skeleton.index(name) for name in TORSO]].astype(np.float64)
    is_seen = (seen[..., 2] >= config.keypoint_score) & np.isfinite(seen).all(axis=2)
    is_torso = is_seen.all(axis=1)
    corners[is_torso] = seen[is_torso, :, :2]
    return corners, is_torso


def _read(depth: np.ndarray, x: np.ndarray, y: np.ndarray, config: LiftingConfig) -> np.ndarray:
    """Return depth at the pixels nearest to ``x``, ``y`` (any shape), else NaN."""
    height, width = depth.shape
    with np.errstate(invalid="ignore"):
        columns, rows = np.rint(x).astype(np.int32), np.rint(y).astype(np.int32)
    is_inside = (columns >= 0) & (columns < width) & (rows >= 0) & (rows < height)
    places = np.where(is_inside, rows * width + columns, 0)
    z = depth.reshape(-1).take(places)
    z[~((z >= config.min_range_m) & (z <= config.max_range_m) & is_inside)] = np.nan
    return z


def _nearest_cluster(values: np.ndarray, noise: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the depth of the nearest values of each patch that keep together, and its variance.

    Args:
        values: (P, SIDE * SIDE) [m], NaN where there is none.
        noise: (P,) standard deviation of single values [m].

    Returns:
        z (P,) [m] and its variance (P,) [m^2], NaN where a patch has too few values.
    """
    z = np.sort(values, axis=1)  # NaN last
    thickness = THICKNESS_M + 4 * noise
    with np.errstate(invalid="ignore"):
        starts = np.fmin(
            _first_together(np.sort(values[:, CENTRE], axis=1), FEW, thickness / 2),
            _first_together(z, MANY, thickness / 2),
        )
        starts = np.where(np.isnan(starts), _first_together(z, FEW, thickness / 2), starts)
        first, last = _within(z, starts, thickness)
        centre = _at(z, (first + last) // 2)  # once more about their middle: noise has two tails
        first, last = _within(z, centre - thickness / 2, thickness)
    found = (_at(z, (first + last) // 2) + _at(z, (first + last + 1) // 2)) / 2
    quarter = (last - first) // 4
    spread = (_at(z, last - quarter) - _at(z, first + quarter)) / 1.35  # of a normal distribution
    count = last - first + 1
    variances = np.maximum(noise, spread) ** 2 * (np.pi / 2) / np.clip(count, 1, INDEPENDENT)
    is_known = ~np.isnan(starts) & (count >= FEW)
    return np.where(is_known, found, np.nan), np.where(is_known, variances, np.nan)


def _first_together(z: np.ndarray, many: int, width: np.ndarray) -> np.ndarray:
    """Return the nearest value (P,) from where ``many`` keep together, NaN where there is none.

    Args:
        z: (P, S) [m], sorted, NaN last.
        many: how many values.
        width: (P,) within how much [m].
    """
    together = z[:, many - 1 :] - z[:, : z.shape[1] - many + 1] <= width[:, None]
    first = together.argmax(axis=1)
    rows = np.arange(len(z))
    return np.where(together[rows, first], z[rows, first], np.nan)


def _within(z: np.ndarray, start: np.ndarray, size: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return first and last place in each sorted row (P, S) of values start .. start + size."""
    first = (z < start[:, None]).sum(axis=1)
    last = (z <= (start + size)[:, None]).sum(axis=1) - 1
    return first, np.maximum(last, first)


def _at(z: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Return one value of each row (P, S)."""
    places = np.clip(places, 0, z.shape[1] - 1)
    return z[np.arange(len(z)), places]


def _stated_noise(z: np.ndarray, config: LiftingConfig) -> np.ndarray:
    """Return the standard deviation of single depth values at ``z`` [m], as the settings say."""
    return config.depth_noise * z**2
