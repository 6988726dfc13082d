"""Contact sheets of the people who were found worst: labels and prediction in the picture."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePath

import cv2
import numpy as np

from alphapose_ros.evaluation.records import Cases, Predictions, Truth
from alphapose_ros.io.render import Colour, contact_sheet
from alphapose_ros.skeletons import Skeleton

TRUTH_COLOUR: Colour = (255, 170, 50)  # blue
FOUND_COLOUR: Colour = (0, 130, 255)  # orange: everybody sees it differ from blue
OTHERS_COLOUR: Colour = (190, 190, 190)
TILE_PX = 360
COLUMNS = 5
ON_A_SHEET = 20

_DARK: Colour = (40, 40, 40)
_WHITE: Colour = (255, 255, 255)
_AROUND = 0.15  # of a person's size, to see beside them
_FARTHEST = 1.0  # of a person's size: keypoints found further away may lie outside of the cell
_SMALLEST_PX, _LARGEST_PX = 32, 8192  # sides of a region
_FAINT_PX = 8.0  # in the cell: shorter errors need no line
_FINE = ("face", "left_hand", "right_hand")  # groups of keypoints too close for thick lines
_SHIFT = 4  # OpenCV takes coordinates in parts of 1 / 2**4 pixel
_FAR_PX = 1e5  # beyond this, OpenCV's integers would overflow


def write_gallery(
    cases: Cases, truth: Truth, found: Predictions, images: Path, folder: Path, count: int
) -> list[Path]:
    """Write worst_1.png and so on: a cell for each of the ``count`` people found worst.

    A cell shows the region around the person: the labelled pose and box in blue, what was found in
    orange, and a white line from each labelled keypoint to the found one. Where nobody was found,
    the frame is orange, and all poses found in the picture are grey. Where the picture cannot be
    read, the cell says so and the rest is drawn.

    Args:
        cases: whom to choose from.
        truth: the data set.
        found: poses of any layout.
        images: folder of the pictures.
        folder: where the sheets go; made where there is none.
        count: how many people.

    Returns:
        The sheets; none where there is nobody.

    Raises:
        OSError: a sheet cannot be written.
    """
    worst = cases.worst(count)
    found = found.in_layout(truth.skeleton)
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for start in range(0, len(worst), ON_A_SHEET):
        shown = worst[start : start + ON_A_SHEET]
        numbers = f"{start + 1} to {start + len(shown)} of {len(cases)}"
        sheet = contact_sheet(
            [_cell(shown, row, truth, found, images) for row in range(len(shown))],
            [_caption(shown, row, truth) for row in range(len(shown))],
            columns=COLUMNS,
            tile_width=TILE_PX,
            title=(
                _ascii(f"{truth.name}: people {numbers}, the worst by {cases.measure} first"),
                "blue: labelled, orange: found, white: from one to the other",
                "orange frame: missed, grey: all who were found there",
            ),
        )
        paths.append(folder / f"worst_{start // ON_A_SHEET + 1}.png")
        if not cv2.imwrite(str(paths[-1]), sheet):
            raise OSError(f"{paths[-1]} cannot be written; is the disk full?")
    return paths


@dataclass(frozen=True)
class _View:
    """A square region of a picture, shown as a cell."""

    left: int  # [px of the picture]
    top: int
    side: int

    def points(self, places: np.ndarray) -> np.ndarray:
        """Return where places (..., 2) of the picture lie in the cell; NaN where far outside."""
        moved = (places - (self.left, self.top) + 0.5) * TILE_PX / self.side - 0.5
        with np.errstate(invalid="ignore"):
            return np.where((np.abs(moved) < _FAR_PX).all(axis=-1, keepdims=True), moved, np.nan)

    def cut(self, image: np.ndarray) -> np.ndarray:
        """Return the cell (TILE_PX, TILE_PX, 3); what lies outside of the picture is dark."""
        region = np.full((self.side, self.side, 3), _DARK, np.uint8)
        x1, x2 = np.clip((self.left, self.left + self.side), 0, image.shape[1])
        y1, y2 = np.clip((self.top, self.top + self.side), 0, image.shape[0])
        if x1 < x2 and y1 < y2:
            rows, columns = (
                slice(y1 - self.top, y2 - self.top),
                slice(x1 - self.left, x2 - self.left),
            )
            region[rows, columns] = image[y1:y2, x1:x2]
        shrinks = self.side > TILE_PX
        method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
        return cv2.resize(region, (TILE_PX, TILE_PX), interpolation=method)


def _cell(cases: Cases, row: int, truth: Truth, found: Predictions, images: Path) -> np.ndarray:
    """Draw one person."""
    person, finder, picture = cases.truth[row], cases.found[row], cases.rows[row]
    is_missed = finder < 0
    labelled = _labelled(truth, person)
    pose = np.full_like(labelled, np.nan) if is_missed else found.keypoints[finder, :, :2]
    view = _view(truth.boxes[person], labelled, pose)
    path = images / truth.pictures[picture].file
    image = cv2.imread(str(path)) if path.is_file() else None
    cell = view.cut(np.zeros((0, 0, 3), np.uint8) if image is None else image)
    if image is None:
        _write(cell, "no picture")
    skeleton = truth.skeleton
    for other in np.flatnonzero(found.rows == picture) if is_missed else ():
        _draw(cell, skeleton, view.points(found.keypoints[other, :, :2]), OTHERS_COLOUR, 2)
    corners = np.round(view.points(truth.boxes[person].reshape(2, 2)))
    if np.isfinite(corners).all():
        cv2.rectangle(cell, *corners.astype(int).tolist(), TRUTH_COLOUR, 1)
    _draw(cell, skeleton, view.points(labelled), TRUTH_COLOUR, 4)
    _draw(cell, skeleton, view.points(pose), FOUND_COLOUR, 2)
    _draw_errors(cell, view.points(labelled), view.points(pose))
    if is_missed:
        cv2.rectangle(cell, (2, 2), (TILE_PX - 3, TILE_PX - 3), FOUND_COLOUR, 5)
    return cell


def _caption(cases: Cases, row: int, truth: Truth) -> str:
    person, picture = cases.truth[row], truth.pictures[cases.rows[row]]
    quality = "missed" if cases.found[row] < 0 else f"{cases.measure} {cases.quality[row]:.2f}"
    file = "/".join(PurePath(picture.file).parts[-2:])
    return _ascii(f"{quality}  person {truth.ids[person]}  {file}")


def _labelled(truth: Truth, person: int) -> np.ndarray:
    """Return where a person's keypoints (K, 2) are labelled; NaN where not."""
    keypoints = truth.keypoints[person]
    return np.where(keypoints[:, 2:] > 0, keypoints[:, :2], np.nan)


def _view(box: np.ndarray, labelled: np.ndarray, pose: np.ndarray) -> _View:
    """Choose the region: box and labels, and what was found not too far from them."""
    own = np.vstack((box.reshape(2, 2), labelled[np.isfinite(labelled).all(axis=1)]))
    low, high = own.min(axis=0), own.max(axis=0)
    size = max(float((high - low).max()), 1.0)
    pose = pose[np.isfinite(pose).all(axis=1)]
    near = np.clip(pose, low - _FARTHEST * size, high + _FARTHEST * size)
    low, high = np.vstack((own, near)).min(axis=0), np.vstack((own, near)).max(axis=0)
    side = (high - low).max() + 2 * _AROUND * size
    side = int(np.clip(np.ceil(side), _SMALLEST_PX, _LARGEST_PX))
    left, top = np.round((low + high - side) / 2).astype(int).tolist()
    return _View(left, top, side)


def _draw(
    cell: np.ndarray, skeleton: Skeleton, points: np.ndarray, colour: Colour, width: int
) -> None:
    """Draw a pose (K, 2), faces and hands with thin lines."""
    fine = np.zeros(len(points), bool)
    for group in set(_FINE) & set(skeleton.groups):
        fine[skeleton.group(group)] = True
    edges = skeleton.edge_rows
    for ends in edges[np.isfinite(points[edges]).all(axis=(1, 2))]:
        _line(cell, points[ends], colour, 1 if fine[ends].any() else width)
    for row in np.flatnonzero(np.isfinite(points).all(axis=1)):
        radius = 1.0 if fine[row] else 0.5 + 0.8 * width
        centre, size = _fixed(points[row]), round(radius * 2**_SHIFT)
        cv2.circle(cell, centre, size, colour, cv2.FILLED, cv2.LINE_AA, _SHIFT)


def _draw_errors(cell: np.ndarray, labelled: np.ndarray, pose: np.ndarray) -> None:
    """Draw a line from each labelled keypoint to where it was found."""
    with np.errstate(invalid="ignore"):
        is_off = np.linalg.norm(labelled - pose, axis=1) > _FAINT_PX
    for ends in np.stack((labelled, pose), axis=1)[is_off]:
        _line(cell, ends, _WHITE, 1)


def _line(cell: np.ndarray, ends: Iterable[np.ndarray], colour: Colour, width: int) -> None:
    cv2.line(cell, *(_fixed(end) for end in ends), colour, width, cv2.LINE_AA, _SHIFT)


def _fixed(point: np.ndarray) -> list[int]:
    return np.round(point * 2**_SHIFT).astype(int).tolist()


def _write(cell: np.ndarray, text: str) -> None:
    where, font = (10, TILE_PX - 12), cv2.FONT_HERSHEY_SIMPLEX
    cv2.putText(cell, text, where, font, 0.6, _WHITE, 1, cv2.LINE_AA)


def _ascii(text: str) -> str:
    """Return what OpenCV's font has."""
    return text.encode("ascii", "replace").decode("ascii")
