"""People in pictures of real RGB-D cameras: where lifting puts them, as a table and a picture."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import yaml
from lifting_scenes import pinhole, tracks_of

from alphapose_ros import Frame, Pipeline, Tracks
from alphapose_ros.config import LiftingConfig
from alphapose_ros.io.render import contact_sheet
from alphapose_ros.lifting import build_lifter

SETS = {"pcl_five_people": "color.png", "uva_person": "color/*.jpg"}
FAR_M = 6.0  # end of the colours
MIN_SCORE = 0.3  # of keypoints that are drawn
TORSO = ("left_shoulder", "right_shoulder", "right_hip", "left_hip")
BODY = 26  # keypoints of body and feet; face and hands come after
SHEET_PICTURES = 3  # of each set
ARROW_M = 0.3  # length of a facing as it is drawn


@dataclass(frozen=True)
class Picture:
    """One picture, and its people with positions."""

    name: str
    frame: Frame
    tracks: Tracks

    def row(self) -> dict[str, list[float | None] | str]:
        """Return the figures of each person, from left to right."""
        tracks = self.tracks[np.argsort(self.tracks.poses.boxes[:, 0])]
        return {
            "picture": self.name,
            "distances_m": rounded(tracks.positions[:, 2], 3),
            "torsos_m": rounded(torsos(self.frame, tracks), 3),
            "shoulders_m": rounded(widths(tracks), 3),
            "heights_m": rounded(heights(tracks), 3),
            "facing_away": rounded(tracks.facings[:, 2], 2),
        }


def rounded(values: Iterable[float], digits: int) -> list[float | None]:
    """Return numbers for a table; None for NaN."""
    return [None if np.isnan(value) else round(float(value), digits) for value in values]


def torsos(frame: Frame, tracks: Tracks) -> list[float]:
    """Return the median depth [m] between shoulders and hips of each person, by the image only."""
    corners = [tracks.poses.skeleton.index(name) for name in TORSO]
    found = []
    for keypoints in tracks.poses.keypoints[:, corners]:
        mask = np.zeros(frame.depth.shape, np.uint8)
        if np.isfinite(keypoints).all():
            cv2.fillConvexPoly(mask, cv2.convexHull(np.rint(keypoints[:, :2]).astype(np.int32)), 1)
        depth = frame.depth[(mask > 0) & np.isfinite(frame.depth)]
        found.append(float(np.median(depth)) if len(depth) else np.nan)
    return found


def widths(tracks: Tracks) -> list[float]:
    """Return the distance [m] from shoulder to shoulder of each person."""
    left, right = (tracks.poses.skeleton.index(f"{side}_shoulder") for side in ("left", "right"))
    points = tracks.poses.keypoints_3d
    return [float(way) for way in np.linalg.norm(points[:, left] - points[:, right], axis=1)]


def heights(tracks: Tracks) -> list[float]:
    """Return the distance [m] from the top of the head to between the heels of each person."""
    points, skeleton = tracks.poses.keypoints_3d, tracks.poses.skeleton
    heels = points[:, [skeleton.index(f"{side}_heel") for side in ("left", "right")]].mean(axis=1)
    tops = points[:, skeleton.index("head")]
    return [float(way) for way in np.linalg.norm(tops - heels, axis=1)]


def pictures_of(folder: Path, pattern: str) -> Iterator[Frame]:
    """Read the pictures of one set; depth is 16 bit, millimetres, 0 where there is none."""
    told = yaml.safe_load((folder / "camera_info.yaml").read_text("utf-8"))
    matrix = np.reshape(told["camera_matrix"]["data"], (3, 3))
    for number, path in enumerate(sorted(folder.glob(pattern))):
        image = cv2.imread(str(path))
        beside = folder / ("depth.png" if path.parent == folder else f"depth/{path.stem}.png")
        depth = cv2.imread(str(beside), cv2.IMREAD_UNCHANGED)
        yield Frame(
            image=image,
            stamp_ns=number * 10**9,
            index=number,
            depth=np.where(depth > 0, depth / np.float32(1000), np.nan),
            camera=pinhole(matrix, image.shape[:2]),
        )


def measure_real(data: Path, pipeline: Pipeline, config: LiftingConfig) -> list[Picture]:
    """Find people in all pictures; each is the first of a stream.

    Raises:
        FileNotFoundError: the pictures are not in ``data``.
    """
    config_of_depth = LiftingConfig(**{**vars(config), "name": "depth"})
    lifter, found = build_lifter(config_of_depth), []
    for name, pattern in SETS.items():
        for frame in pictures_of(data / name, pattern):
            pipeline.reset()
            lifter.reset()
            poses = pipeline.run(frame).poses
            tracks = lifter(tracks_of(poses, range(1, len(poses) + 1)), frame)
            found.append(Picture(f"{name} {frame.index}", frame, tracks))
    return found


def print_real(pictures: list[Picture]) -> None:
    """Print a table of people from left to right."""
    print(
        "| picture | position, m away | median depth of the torso, m | shoulders, m "
        "| head to heels, m | faces away (1) or here (-1) |"
    )
    print("|---|---|---|---|---|---|")
    for picture in pictures:
        row = picture.row()
        cells = (
            ", ".join("-" if value is None else f"{value:.2f}" for value in row[name])
            for name in ("distances_m", "torsos_m", "shoulders_m", "heights_m", "facing_away")
        )
        print(f"| {picture.name} | {' | '.join(cells)} |")


def drawn(picture: Picture) -> np.ndarray:
    """Draw depth on colour, lifted keypoints in the colour of their own depth, and positions.

    Where a dot has the colour of what is around it, the keypoint has the depth of the surface.
    Keypoints are projected from their points in space: they lie where they were found, or lifting
    is wrong.
    """
    frame = picture.frame
    is_known = np.isfinite(frame.depth)[..., None]
    canvas = np.where(is_known, 0.4 * frame.image + 0.6 * colours(frame.depth), frame.image)
    canvas = canvas.astype(np.uint8)
    tracks = picture.tracks
    points = tracks.poses.keypoints_3d[:, :BODY].reshape(-1, 3)
    points = points[np.isfinite(points).all(axis=1)].astype(float)
    for colour, place in zip(colours(points[:, 2]), projected(points, frame), strict=True):
        cv2.circle(canvas, place, 4, (255, 255, 255), -1, cv2.LINE_AA)
        cv2.circle(canvas, place, 3, colour.tolist(), -1, cv2.LINE_AA)
    chests = tracks.poses.keypoints_3d[:, tracks.poses.skeleton.index("neck")].astype(float)
    for position, chest, facing in zip(tracks.positions, chests, tracks.facings, strict=True):
        if np.isfinite(position).all():
            place = projected(position[None], frame)[0]
            cv2.drawMarker(canvas, place, (255, 255, 255), cv2.MARKER_TILTED_CROSS, 12, 2)
            _write(canvas, f"{position[2]:.2f} m", place)
        if np.isfinite(facing).all() and np.isfinite(chest).all():
            ends = projected(np.stack((chest, chest + ARROW_M * facing)), frame)
            cv2.arrowedLine(canvas, *ends, (255, 255, 255), 2, cv2.LINE_AA)
    return canvas


def _write(canvas: np.ndarray, text: str, place: tuple[int, int]) -> None:
    """Write below a place, or as near as the picture goes."""
    height, width = canvas.shape[:2]
    at = (min(max(place[0] - 25, 0), width - 60), min(max(place[1] + 22, 15), height - 8))
    for colour, thickness in (((0, 0, 0), 4), ((255, 255, 255), 1)):
        cv2.putText(canvas, text, at, cv2.FONT_HERSHEY_SIMPLEX, 0.5, colour, thickness)


def colours(depth: np.ndarray) -> np.ndarray:
    """Return colours (..., 3) uint8 BGR of depths [m]."""
    shares = np.clip(np.nan_to_num(depth) / FAR_M, 0, 1)
    table = cv2.applyColorMap(np.arange(256, dtype=np.uint8), cv2.COLORMAP_TURBO).reshape(256, 3)
    return table[np.rint(255 * shares).astype(int)]


def projected(points: np.ndarray, frame: Frame) -> list[tuple[int, int]]:
    """Return the pixels of points (P, 3) in the camera's frame, without distortion."""
    at = points @ frame.camera.matrix.T
    return [(round(x), round(y)) for x, y in (at[:, :2] / at[:, 2:]).tolist()]


def write_sheet(path: Path, pictures: list[Picture]) -> None:
    """Write depth on colour of some pictures of each set."""
    chosen = []
    for name in SETS:
        of_set = [picture for picture in pictures if picture.name.startswith(name)]
        chosen += of_set[:: max(len(of_set) // SHEET_PICTURES, 1)][:SHEET_PICTURES]
    sheet = contact_sheet(
        [drawn(picture) for picture in chosen],
        [picture.name for picture in chosen],
        columns=2,
        tile_width=640,
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), sheet)
