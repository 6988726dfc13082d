"""OCHuman: people who hide each other, in its own layout or in COCO's."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from alphapose_ros.boxes import area
from alphapose_ros.evaluation.datasets.coco import Layout, read_layout
from alphapose_ros.evaluation.fields import Entry, read_object
from alphapose_ros.evaluation.records import Picture, Truth
from alphapose_ros.skeletons import skeleton

BODY = skeleton("coco_17")
# Visibility there -> COCO's: missing, visible, hidden by the person itself, hidden by others.
VISIBILITY = np.array([0.0, 2.0, 2.0, 1.0])


def read_ochuman(annotations: Path) -> Truth:
    """Read ochuman_coco_format_*.json, or ochuman.json with everybody in it.

    Published figures are those of the former, for validation and test: people with both keypoints
    and a mask. ochuman.json has more: those without keypoints are kept here as people without
    labels, head and neck, which coco_17 does not have, are left out, people are numbered in
    order from 1. Areas are the boxes' in both.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: an entry is malformed.

    Source: Zhang et al., Pose2Seg, CVPR 2019; OCHumanApi for the layout, the meaning of the
        visibilities and the area.
    """
    content = read_object(annotations)
    if "annotations" in content:
        return read_layout(content, Layout(name="ochuman", skeleton=BODY))
    names = _names(content)
    pictures, rows, people = [], [], []
    for row, image in enumerate(content.entries("images")):
        pictures.append(_picture(image))
        found = list(image.entries("annotations"))
        people += found
        rows += [row] * len(found)
    boxes = np.array([_box(person) for person in people]).reshape(-1, 4)
    keypoints = [_keypoints(person, names) for person in people]
    return Truth(
        name="ochuman",
        skeleton=BODY,
        pictures=tuple(pictures),
        rows=np.array(rows, np.int64),
        keypoints=np.array(keypoints, np.float64).reshape(-1, len(BODY.names), 3),
        boxes=boxes,
        areas=area(boxes),
        ids=np.arange(1, len(people) + 1),
        is_crowd=np.zeros(len(people), bool),
    )


def _names(content: Entry) -> list[str]:
    """Return the names of the keypoints in the order of the file."""
    names = content.value("keypoint_names")
    missing = [name for name in BODY.names if not isinstance(names, list) or name not in names]
    if missing:
        raise content.error("keypoint_names", f"lacks {', '.join(missing)}")
    return names


def _picture(image: Entry) -> Picture:
    return Picture(
        id=image.key("image_id"),
        file=image.text("file_name"),
        size=(image.integer("width"), image.integer("height")),
    )


def _box(person: Entry) -> np.ndarray:
    box = person.array("bbox", 4)
    if (box[2:] < box[:2]).any():
        raise person.error("bbox", f"must be x1 y1 x2 y2, is {box.tolist()}")
    return box


def _keypoints(person: Entry, names: list[str]) -> np.ndarray:
    """Return the keypoints (17, 3) of a person, by name; zeros where nothing is labelled."""
    if person.get("keypoints") is None:
        return np.zeros((len(BODY.names), 3))
    keypoints = person.keypoints("keypoints", len(names))
    keypoints = keypoints[[names.index(name) for name in BODY.names]]
    if not np.isin(keypoints[:, 2], np.arange(len(VISIBILITY))).all():
        raise person.error("keypoints", f"visibility must be 0 to {len(VISIBILITY) - 1}")
    keypoints[:, 2] = VISIBILITY[keypoints[:, 2].astype(np.intp)]
    return keypoints
