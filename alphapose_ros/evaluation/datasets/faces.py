"""Faces with 68 (300-W) and 98 (WFLW) keypoints, and what errors on them are measured by.

Contours: both sets label what one sees of a face in the picture, not where the jaw of a head in 3-D
would project to. Source: paper Section 6.1 and Fig. 7, whose left definition is that of 300-W and
other sets annotated in 2-D.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np

from alphapose_ros.boxes import area
from alphapose_ros.evaluation.datasets.coco_form import read_coco_form
from alphapose_ros.evaluation.datasets.extents import boxes_around, distance, tight_boxes
from alphapose_ros.evaluation.fields import existing_file
from alphapose_ros.evaluation.records import VISIBLE_JAW, Picture, Truth
from alphapose_ros.skeletons import skeleton

Normaliser = Literal["outer_corners", "pupils", "box"]
NORMALISERS = {
    "outer_corners": "face: between the outer corners of the eyes",
    "pupils": "face: between the pupils",
    "box": "face: the diagonal of the smallest box around its keypoints",
}
WFLW_SUBSETS = ("pose", "expression", "illumination", "make-up", "occlusion", "blur")

_LAYOUTS = {"300w": skeleton("face_68"), "wflw": skeleton("wflw_98")}
_PICTURES = (".png", ".jpg", ".jpeg", ".PNG", ".JPG", ".JPEG")
_WFLW_COLUMNS = 2 * 98 + 4 + len(WFLW_SUBSETS)  # before the name of the file


def read_300w(annotations: Path) -> Truth:
    """Read 300-W: a folder of .pts files, each beside its picture, or a file in COCO's form.

    Coordinates in .pts files count from 1, as MATLAB does, and are moved to count from 0; those
    of the other form are taken as they are. Folders may be nested; a file without a picture is
    taken to belong to a .png of its name.

    Sizes are the inter-ocular distances of 300-W: between the outer corners of the eyes.

    Raises:
        FileNotFoundError: there is no such folder or file, or no .pts file in it.
        ValueError: a file is malformed.

    Source: Sagonas et al., 300 Faces in-the-Wild Challenge, ICCV Workshops 2013.
    """
    annotations = Path(annotations)
    if annotations.is_dir():
        return _read_points(annotations)
    return _coco_form("300w", annotations)


def read_wflw(annotations: Path) -> Truth:
    """Read WFLW: list_98pt_rect_attr_test.txt, or a file in COCO's form.

    A line of the list has 196 coordinates, the corners of a box, six attributes (traits: the
    subsets of difficult faces) and the file of the picture. Coordinates are taken as they are.

    Sizes are between the outer corners of the eyes, as in WFLW's own evaluation.

    Raises:
        ValueError: a line or an entry is malformed.

    Source: Wu et al., Look at Boundary, CVPR 2018.
    """
    if Path(annotations).suffix == ".json":
        return _coco_form("wflw", annotations)
    numbers, files = _read_lines(annotations)
    row_of = {file: row for row, file in enumerate(dict.fromkeys(files))}
    places = numbers[:, :196].reshape(-1, 98, 2)
    truth = _faces(
        "wflw",
        tuple(Picture(id=file, file=file) for file in row_of),
        rows=np.array([row_of[file] for file in files], dtype=np.int64),
        keypoints=np.concatenate((places, np.ones((len(places), 98, 1))), axis=2),
        boxes=numbers[:, 196:200],
    )
    return replace(truth, traits=numbers[:, 200:206] > 0, trait_names=WFLW_SUBSETS)


def face_sizes(truth: Truth, normaliser: Normaliser) -> np.ndarray:
    """Return what errors on faces are divided by, (N,) [px]; NaN where a label is missing.

    * ``outer_corners`` of the eyes: 300-W's and WFLW's own.
    * ``pupils``: where the skeleton has none, the mean of each eye's six points.
    * ``box``: the diagonal of the smallest box around the labelled keypoints of the face.
    """
    if normaliser not in NORMALISERS:
        raise ValueError(f"normaliser {normaliser!r} is none of {', '.join(NORMALISERS)}")
    layout = truth.skeleton
    if normaliser == "outer_corners":
        corners = ("left_eye_outer_corner", "right_eye_outer_corner")
        return distance(truth.keypoints, layout, *corners)
    if normaliser == "pupils":
        pupils = [_pupil(truth, side) for side in ("left", "right")]
        return np.linalg.norm(pupils[0] - pupils[1], axis=1)
    boxes = tight_boxes(truth.keypoints[:, layout.group("face")])
    diagonals = np.linalg.norm(boxes[:, 2:] - boxes[:, :2], axis=1)
    return np.where(diagonals > 0, diagonals, np.nan)


def _pupil(truth: Truth, side: str) -> np.ndarray:
    """Return the middle of an eye (N, 2); NaN where it is not fully labelled."""
    names = [f"{side}_pupil"]
    if names[0] not in truth.skeleton.names:
        names = [name for name in truth.skeleton.names if name.startswith(f"{side}_eye_")]
    points = truth.keypoints[:, [truth.skeleton.index(name) for name in names]]
    is_labelled = (points[..., 2] > 0).all(axis=1, keepdims=True)
    return np.where(is_labelled, points[..., :2].mean(axis=1), np.nan)


def _coco_form(name: str, annotations: Path) -> Truth:
    content, layout = read_coco_form(annotations), _LAYOUTS[name]
    columns = content.columns(content.keypoints(len(layout.names)))
    return _with_sizes(
        Truth(
            name=name,
            skeleton=layout,
            pictures=content.pictures,
            **columns,
            jaw=VISIBLE_JAW,
        )
    )


def _read_points(folder: Path) -> Truth:
    files = sorted(folder.rglob("*.pts"))
    if not files:
        raise FileNotFoundError(f"{folder} holds no .pts files")
    keypoints = np.array([_points(file) for file in files])
    pictures = tuple(_beside(file, folder) for file in files)
    return _faces("300w", pictures, np.arange(len(files)), keypoints, boxes_around(keypoints))


def _beside(file: Path, folder: Path) -> Picture:
    found = (file.with_suffix(suffix) for suffix in _PICTURES)
    picture = next((path for path in found if path.is_file()), file.with_suffix(".png"))
    name = picture.relative_to(folder)
    return Picture(id=name.with_suffix("").as_posix(), file=name.as_posix())


def _points(file: Path) -> np.ndarray:
    """Return the keypoints (68, 3) of a .pts file, counted from 0."""
    head, opening, rest = file.read_text(encoding="utf-8", errors="replace").partition("{")
    body, closing, _ = rest.partition("}")
    if not opening or not closing:
        raise ValueError(f"{file}: has no points in {{ }}")
    count = len(_LAYOUTS["300w"].names)
    fields = dict(line.split(":", 1) for line in head.splitlines() if ":" in line)
    stated = fields.get("n_points", "").strip()
    if stated != str(count):
        raise ValueError(f"{file}: n_points must be {count}, is {stated or 'missing'}")
    lines = [line.split() for line in body.splitlines() if line.strip()]
    if len(lines) != count:
        raise ValueError(f"{file}: has {len(lines)} points, n_points is {stated}")
    places = [_numbers(line, 2, f"{file}: point {row}") for row, line in enumerate(lines, start=1)]
    return np.column_stack((np.array(places) - 1.0, np.ones(len(places))))


def _read_lines(path: Path) -> tuple[np.ndarray, list[str]]:
    """Return the numbers (N, 206) and the files of the pictures, a line each."""
    path = existing_file(path)
    numbers, files = [], []
    for count, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.strip():
            continue
        *values, file = line.strip().split(maxsplit=_WFLW_COLUMNS)
        numbers.append(_numbers(values, _WFLW_COLUMNS, f"{path}: line {count}"))
        files.append(file)
    return np.array(numbers).reshape(-1, _WFLW_COLUMNS), files


def _numbers(words: Sequence[str], count: int, where: str) -> np.ndarray:
    if len(words) != count:
        raise ValueError(f"{where}: must have {count} numbers, has {len(words)}")
    try:
        numbers = np.array(words, dtype=np.float64)
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from None
    if not np.isfinite(numbers).all():
        raise ValueError(f"{where}: holds NaN or Inf")
    return numbers


def _faces(
    name: str,
    pictures: tuple[Picture, ...],
    rows: np.ndarray,
    keypoints: np.ndarray,
    boxes: np.ndarray,
) -> Truth:
    return _with_sizes(
        Truth(
            name=name,
            skeleton=_LAYOUTS[name],
            pictures=pictures,
            rows=rows,
            keypoints=keypoints,
            boxes=boxes,
            areas=area(boxes),
            ids=np.arange(len(rows)),
            is_crowd=np.zeros(len(rows), bool),
            jaw=VISIBLE_JAW,
        )
    )


def _with_sizes(truth: Truth) -> Truth:
    return replace(
        truth,
        sizes_px=face_sizes(truth, "outer_corners"),
        size_meaning=NORMALISERS["outer_corners"],
    )
