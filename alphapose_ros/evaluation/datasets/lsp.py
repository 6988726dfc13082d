"""Leeds Sports Poses (LSP) and their extended training set (LSPET)."""

from __future__ import annotations

from pathlib import Path
from typing import Literal
from zipfile import BadZipFile

import numpy as np

from alphapose_ros.boxes import area
from alphapose_ros.evaluation.datasets.extents import boxes_around, distance
from alphapose_ros.evaluation.datasets.matlab import read_mat
from alphapose_ros.evaluation.records import Picture, Truth
from alphapose_ros.skeletons import skeleton

TRAINING = 1000  # LSP: pictures 1 to 1000 are for training, the others for the test
_LSP = skeleton("lsp_14")
_PARTS = {"test": slice(TRAINING, None), "train": slice(TRAINING), "all": slice(None)}


def read_lsp(annotations: Path, part: Literal["test", "train", "all"] | None = None) -> Truth:
    """Read LSP or LSPET; the shape of the labels tells which.

    * LSP's joints.mat, 3 x 14 x 2000: x, y, and 1 where a keypoint is hidden. All are labelled.
    * LSPET's joints.mat, 14 x 3 x 10000: x, y, and 1 where a keypoint is labelled.
    * an .npz file with `names` (N,) of pictures and `keypoints` (N, 14, 3), as LSPET.

    One person is labelled in each picture, im0001.jpg and so on. Places are taken as they are; no
    file says whether they count from 0 or 1. Boxes are made around keypoints.

    Sizes are those of the torso: from the left shoulder to the right hip, what PCK@0.2 on LSP
    measures by; NaN where one of them has no label.

    Args:
        annotations: the file.
        part: "train", "test" or "all" of LSP; None for its test part. LSPET has no parts.

    Raises:
        ValueError: the file holds no labels of either shape, or has no parts.

    Source: Johnson and Everingham, BMVC 2010 (LSP) and CVPR 2011 (LSPET); the torso: Sapp and
        Taskar, MODEC, CVPR 2013.
    """
    if part is not None and part not in _PARTS:
        raise ValueError(f"part {part!r} is none of {', '.join(_PARTS)}")
    if Path(annotations).suffix == ".npz":
        _refuse_part(annotations, part)
        return _truth("lspet", *_read_npz(annotations))
    content = read_mat(annotations)
    shape = np.shape(content.value("joints"))
    if len(shape) != 3 or shape[:2] not in ((3, 14), (14, 3)):
        raise content.error("joints", f"must be 3 x 14 x N or 14 x 3 x N, is {shape}")
    labels = content.array("joints", *shape)
    if shape[:2] == (14, 3):
        _refuse_part(annotations, part)
        return _truth("lspet", _names(5, shape[2]), _with_visibility(labels.transpose(2, 0, 1)))
    keypoints = labels.transpose(2, 1, 0).copy()
    keypoints[..., 2] = np.where(keypoints[..., 2] > 0, 1, 2)
    rows = _PARTS[part or "test"]
    return _truth("lsp", _names(4, shape[2])[rows], keypoints[rows])


def _refuse_part(path: Path, part: str | None) -> None:
    if part is not None:
        raise ValueError(f"{path}: part {part!r} is of LSP; this is LSPET, which has no parts")


def _read_npz(path: Path) -> tuple[list[str], np.ndarray]:
    try:
        with np.load(path, allow_pickle=False) as content:
            stored = {field: content[field] for field in ("names", "keypoints")}
    except (KeyError, ValueError, BadZipFile) as error:
        raise ValueError(f"{path}: not a file of names and keypoints ({error})") from None
    names, labels = stored["names"], stored["keypoints"].astype(np.float64)
    if labels.shape != (len(names), 14, 3):
        raise ValueError(f"{path}.keypoints: must be {len(names)} x 14 x 3, is {labels.shape}")
    if not np.isfinite(labels).all():
        raise ValueError(f"{path}.keypoints: holds NaN or Inf")
    return [str(name) for name in names], _with_visibility(labels)


def _with_visibility(labels: np.ndarray) -> np.ndarray:
    """Turn x, y, is-labelled (N, 14, 3) into x, y, visibility; 0 0 0 without a label."""
    return np.where(labels[..., 2:] > 0, [1, 1, 0] * labels + [0, 0, 2], 0.0)


def _names(digits: int, count: int) -> list[str]:
    return [f"im{number:0{digits}d}.jpg" for number in range(1, count + 1)]


def _truth(name: str, files: list[str], keypoints: np.ndarray) -> Truth:
    boxes = boxes_around(keypoints)
    return Truth(
        name=name,
        skeleton=_LSP,
        pictures=tuple(Picture(id=Path(file).stem, file=file) for file in files),
        rows=np.arange(len(files)),
        keypoints=keypoints,
        boxes=boxes,
        areas=area(boxes),
        ids=np.arange(len(files)),
        is_crowd=np.zeros(len(files), bool),
        sizes_px=distance(keypoints, _LSP, "left_shoulder", "right_hip"),
        size_meaning="torso: from the left shoulder to the right hip",
    )
