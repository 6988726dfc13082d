"""Packs: people or pictures cut to size once, then memory-mapped by every training.

A pack is a folder with pixels (``crops.npy`` or ``pictures.npy``), ``labels.npz`` and
``pack.json``; `packing.py` makes them. Keypoints are continuous pixels; the centre of the first
pixel is (0, 0).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from alphapose_ros.pose.crop import PADDING
from alphapose_ros.skeletons import Skeleton, skeleton

HELD_OUT = 40  # one group in so many is never trained on


@dataclass(frozen=True, eq=False)
class CropPack:
    """N people, each in a crop that shows more than the network will see."""

    name: str
    crops: np.ndarray  # (N, h, w, 3) uint8 BGR, memory-mapped
    keypoints: np.ndarray  # (N, K, 2) float32 x y [px of the crop]
    weights: np.ndarray  # (N, K) float32, 0 = not known
    absent: np.ndarray  # (N, K) float32, weight with which "nothing there" is taught
    is_visible: np.ndarray  # (N, K) uint8: 0 not labelled, 1 hidden, 2 visible
    groups: np.ndarray  # (N,) int64: clip or source
    skeleton: Skeleton
    scale: float  # of the crop against the person's box

    def __len__(self) -> int:
        return len(self.crops)

    @property
    def zoom(self) -> float:
        """How much more a stored crop shows than the network's."""
        return self.scale / PADDING


@dataclass(frozen=True, eq=False)
class PicturePack:
    """N whole pictures in squares, padded at the right or below, and the M boxes in them."""

    name: str
    pictures: np.ndarray  # (N, s, s, 3) uint8 BGR, memory-mapped
    boxes: np.ndarray  # (M, 4) float32 x1 y1 x2 y2 [px of the square]
    rows: np.ndarray  # (M,) int64: picture of each box
    is_ignored: np.ndarray  # (M,) bool: neither a person to find nor background
    groups: np.ndarray  # (N,) int64: clip or source
    sizes: np.ndarray  # (N, 2) int64: height, width of the picture in its square

    def __len__(self) -> int:
        return len(self.pictures)


def open_crops(folder: str | Path) -> CropPack:
    """Open a pack of crops; pixels are read when they are used.

    Raises:
        FileNotFoundError: a file of it is missing.
        ValueError: it is another kind of pack, or its files do not belong together.
    """
    folder = Path(folder)
    about, crops, labels = _open(folder, "crops")
    layout = skeleton(about["skeleton"])
    people, keypoints = len(crops), len(layout.names)
    shapes = {
        "keypoints": (people, keypoints, 2),
        "weights": (people, keypoints),
        "absent": (people, keypoints),
        "is_visible": (people, keypoints),
        "groups": (people,),
    }
    columns = _checked(folder, labels, shapes)
    return CropPack(folder.name, crops, **columns, skeleton=layout, scale=float(about["scale"]))


def open_pictures(folder: str | Path) -> PicturePack:
    """Open a pack of pictures; pixels are read when they are used.

    Raises:
        FileNotFoundError: a file of it is missing.
        ValueError: it is another kind of pack, or its files do not belong together.
    """
    folder = Path(folder)
    _, pictures, labels = _open(folder, "pictures")
    count, boxes = len(pictures), len(labels.get("boxes", ()))
    shapes = {
        "boxes": (boxes, 4),
        "pictures": (boxes,),
        "is_ignored": (boxes,),
        "groups": (count,),
        "sizes": (count, 2),
    }
    columns = _checked(folder, labels, shapes)
    rows = columns.pop("pictures")
    return PicturePack(folder.name, pictures, rows=rows, **columns)


def held_out(groups: np.ndarray, one_in: int = HELD_OUT) -> np.ndarray:
    """Choose whole groups for evaluation, the same in every run and every version of a pack.

    That holds as long as groups keep their numbers: annotations that name the clips of the same
    pictures otherwise hold other people out, whom a network trained on the first ones has seen.

    Args:
        groups: (N,) int64; equal numbers share a fate, so that no clip is on both sides.
        one_in: how many groups one is chosen from.

    Returns:
        (N,) bool.
    """
    mixed = groups.astype(np.uint64)  # splitmix64: makes neighbouring numbers unrelated
    mixed = mixed + np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return (mixed ^ (mixed >> np.uint64(31))) % np.uint64(one_in) == 0


def spread(rows: np.ndarray, most: int) -> np.ndarray:
    """Return at most ``most`` of ``rows``, evenly from first to last."""
    places = np.linspace(0, len(rows) - 1, min(most, len(rows)))
    return rows[np.round(places).astype(int)]


def _open(folder: Path, kind: str) -> tuple[dict[str, Any], np.ndarray, dict[str, np.ndarray]]:
    if not (folder / "pack.json").is_file():
        raise FileNotFoundError(f"{folder} is no pack of {kind}: it has no pack.json")
    about = json.loads((folder / "pack.json").read_text(encoding="utf-8"))
    if about.get("kind") != kind:
        raise ValueError(f"{folder} is a pack of {about.get('kind')}, not of {kind}")
    for name in ("labels.npz", f"{kind}.npy"):
        if not (folder / name).is_file():
            raise FileNotFoundError(f"{folder} has no {name}; make the pack again")
    with np.load(folder / "labels.npz") as labels:
        return about, np.load(folder / f"{kind}.npy", mmap_mode="r"), dict(labels)


def _checked(
    folder: Path, labels: dict[str, np.ndarray], shapes: dict[str, tuple[int, ...]]
) -> dict[str, np.ndarray]:
    for name, shape in shapes.items():
        found = labels[name].shape if name in labels else "missing"
        if found != shape:
            raise ValueError(
                f"{folder}/labels.npz: {name} is {found}, expected {shape}; make the pack again"
            )
    return {name: labels[name] for name in shapes}
