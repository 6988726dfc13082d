"""Data sets with feet, face and hands beside the body: COCO-WholeBody and Halpe-FullBody.

Their feet stand in different orders: COCO-WholeBody has all of the left foot first, Halpe
alternates left and right. The names in our skeletons tell them apart.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from alphapose_ros.boxes import area
from alphapose_ros.evaluation.datasets.coco import Layout, read_layout
from alphapose_ros.evaluation.fields import Entry, read_object
from alphapose_ros.evaluation.records import VISIBLE_JAW, Truth
from alphapose_ros.skeletons import Skeleton, skeleton

# Group of our skeletons -> how the fields of COCO-WholeBody call it.
PARTS = {
    "body": "body",
    "feet": "foot",
    "face": "face",
    "left_hand": "lefthand",
    "right_hand": "righthand",
}
FEET = "foot_kpts"  # tells the form with a field per part from the one with all in `keypoints`


def read_wholebody(annotations: Path) -> Truth:
    """Read coco_wholebody_*.json of version 1.0, or the same with all 133 in ``keypoints``.

    ``is_valid`` says by group what was clear enough to be labelled; the body always is. Jaws are
    the visible contour, as 2-D data sets have it.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: an entry is malformed, or the file is of another data set.

    Source: COCO-WholeBody, data_format.md; the jaw: paper section 6.1 and Fig. 7, on the left.
    """
    layout = Layout(
        name="wholebody",
        skeleton=skeleton("coco_wholebody_133"),
        keypoints=whole_body,
        is_valid=_is_valid,
        jaw=VISIBLE_JAW,
    )
    return read_layout(read_object(annotations), layout)


def read_halpe(annotations: Path) -> Truth:
    """Read halpe_train_v1.json (pictures of HICO-DET) or halpe_val_v1.json (of COCO).

    Which keypoints are labelled is told by them alone: ``num_keypoints`` counts something else.
    Where a person has no ``area``, the box's is taken. Of a jaw only the visible part is labelled,
    where the contour of 2-D data sets and that of 3-D models agree: it fits both.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: an entry is malformed, or the file is of another data set.

    Source: Halpe-FullBody, README; the jaw: paper section 6.1 and Fig. 7, green.
    """
    layout = Layout(
        name="halpe",
        skeleton=skeleton("halpe_136"),
        keypoints=_all_keypoints,
        area=_area_or_box,
        jaw=VISIBLE_JAW,
    )
    return read_layout(read_object(annotations), layout)


def whole_body(entry: Entry, body: Skeleton) -> np.ndarray:
    """Return the keypoints of an annotation or a result, (133, 3), of either form."""
    if FEET not in entry:
        return _all_keypoints(entry, body)
    keypoints = np.empty((len(body.names), 3))
    for group, part in PARTS.items():
        rows = body.group(group)
        field = "keypoints" if group == "body" else f"{part}_kpts"
        keypoints[rows] = entry.keypoints(field, rows.stop - rows.start)
    return keypoints


def _all_keypoints(entry: Entry, body: Skeleton) -> np.ndarray:
    return entry.keypoints("keypoints", len(body.names))


def _is_valid(entry: Entry) -> list[bool]:
    return [group == "body" or entry.flag(f"{part}_valid") for group, part in PARTS.items()]


def _area_or_box(person: Entry) -> float:
    if "area" in person:
        return person.size("area")
    return float(area(person.box("bbox")[None])[0])
