"""Data sets in the layout of COCO: COCO itself, our own annotations, CrowdPose.

Source: cocodataset.org, Data format. A file lists ``images``, ``annotations`` (the people) and
``categories``; each is read completely.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from alphapose_ros.boxes import area
from alphapose_ros.evaluation.datasets.coco_form import ids_of, pictures_of, rows_of, size_of
from alphapose_ros.evaluation.fields import Entry, read_object
from alphapose_ros.evaluation.records import Picture, Truth
from alphapose_ros.skeletons import Skeleton, skeleton

PERSON = "person"
PERSON_ID = 1  # its category_id, where a file lists no categories
CROWDPOSE_AREA = 0.53  # of the box is person


def read_coco(annotations: Path) -> Truth:
    """Read person_keypoints_*.json of COCO, or annotations.json of our own.

    The skeleton is coco_17, or the one that ``info.skeleton`` names. People without keypoints are
    kept: what is found on them is not held against anybody.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: an entry is malformed, or the file is of another data set.
    """
    content = read_object(annotations)
    return read_layout(content, Layout(name="coco", skeleton=_skeleton_of(content)))


def read_crowdpose(annotations: Path) -> Truth:
    """Read crowdpose_*.json, with the crowd index of each picture.

    Areas are 0.53 of the boxes': the files have no others, and crowdposetools takes no others.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: an entry is malformed, or the file is of another data set.

    Source: Li et al., CrowdPose, CVPR 2019; the area by running crowdposetools.
    """
    layout = Layout(name="crowdpose", skeleton=skeleton("crowdpose_14"), area=_crowdpose_area)
    return read_layout(read_object(annotations), layout)


def read_coco_people(annotations: Path) -> Truth:
    """Read labels.json of a small set of COCO's pictures in a layout of its own.

    A picture has a ``file`` and ``persons`` with ``box`` (x1 y1 x2 y2), ``area``, ``ignore`` (a
    crowd) and ``keypoints`` (17 x 3, or none). Pictures are numbered as COCO does, by their files;
    people in order, from 1.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: an entry is malformed.
    """
    body = skeleton("coco_17")
    pictures, rows, people = [], [], []
    for row, image in enumerate(read_object(annotations).entries("images")):
        pictures.append(Picture(id=_number_of(image), file=image.text("file"), size=size_of(image)))
        found = list(image.entries("persons"))
        people += found
        rows += [row] * len(found)
    return Truth(
        name="coco_people",
        skeleton=body,
        pictures=tuple(pictures),
        rows=np.array(rows, np.int64),
        keypoints=_stacked([keypoints_or_none(person, body) for person in people], body),
        boxes=np.array([person.array("box", 4) for person in people]).reshape(-1, 4),
        areas=np.array([person.size("area") for person in people]),
        ids=np.arange(1, len(people) + 1),
        is_crowd=np.array([person.flag("ignore") for person in people], bool),
    )


def keypoints_or_none(person: Entry, body: Skeleton) -> np.ndarray:
    """Return the field ``keypoints`` (K, 3); zeros where it is missing or empty."""
    if not person.get("keypoints"):
        return np.zeros((len(body.names), 3))
    return person.keypoints("keypoints", len(body.names))


def labelled_area(person: Entry) -> float:
    """Return the field ``area`` [px^2]."""
    return person.size("area")


@dataclass(frozen=True, kw_only=True)
class Layout:
    """What a data set in the layout of COCO does in its own way."""

    name: str
    skeleton: Skeleton
    keypoints: Callable[[Entry, Skeleton], np.ndarray] = keypoints_or_none  # (K, 3)
    area: Callable[[Entry], float] = labelled_area
    is_valid: Callable[[Entry], Sequence[bool]] | None = None  # G groups
    jaw: str = ""


def read_layout(content: Entry, layout: Layout) -> Truth:
    """Read a file in the layout of COCO; other categories than people are left out.

    Raises:
        ValueError: an entry is malformed, or the categories' keypoints are not the skeleton's.
    """
    pictures = pictures_of(content)
    people = list(_people(content, layout.skeleton))
    keypoints = [layout.keypoints(person, layout.skeleton) for person in people]
    return Truth(
        name=layout.name,
        skeleton=layout.skeleton,
        pictures=pictures,
        rows=rows_of(people, pictures),
        keypoints=_stacked(keypoints, layout.skeleton),
        boxes=np.array([person.box("bbox") for person in people]).reshape(-1, 4),
        areas=np.array([layout.area(person) for person in people]),
        ids=ids_of(people),
        is_crowd=np.array([person.flag("iscrowd", False) for person in people], bool),
        is_valid=_is_valid(people, layout),
        jaw=layout.jaw,
    )


def _skeleton_of(content: Entry) -> Skeleton:
    """Return the skeleton that ``info`` names, as our own files do, or COCO's."""
    info = content.get("info")
    if not isinstance(info, dict) or "skeleton" not in info:
        return skeleton("coco_17")
    entry = Entry(info, f"{content.where}: info")
    name = entry.text("skeleton")
    try:
        return skeleton(name)
    except ValueError as error:
        raise entry.error("skeleton", str(error)) from None


def _people(content: Entry, body: Skeleton) -> Iterator[Entry]:
    """Yield the annotations of people.

    Raises:
        ValueError: none of them has keypoints.
    """
    categories = _person_categories(content, body)
    has_people = has_keypoints = False
    for entry in content.entries("annotations"):
        if entry.integer("category_id", PERSON_ID) in categories:
            has_people = True
            has_keypoints |= "keypoints" in entry
            yield entry
    if has_people and not has_keypoints:
        raise ValueError(
            f"{content.where}: no person has keypoints; COCO's are in person_keypoints_*.json"
        )


def _person_categories(content: Entry, body: Skeleton) -> set[int]:
    """Return the ids of the category person, and check the names of its keypoints."""
    if "categories" not in content:
        return {PERSON_ID}
    categories = list(content.entries("categories"))
    people = [category for category in categories if category.get("name") == PERSON]
    if not people:
        raise content.error("categories", f"none of the {len(categories)} is {PERSON!r}")
    for category in people:
        names = tuple(category.get("keypoints") or ())
        if names != body.names[: len(names)]:
            raise category.error(
                "keypoints",
                f"{', '.join(map(str, names))} are not those of {body.id}; "
                "evaluate on the data set that the file belongs to",
            )
    return {category.integer("id") for category in people}


def _is_valid(people: Sequence[Entry], layout: Layout) -> np.ndarray | None:
    if layout.is_valid is None:
        return None
    valid = [layout.is_valid(person) for person in people]
    return np.array(valid, bool).reshape(-1, len(layout.skeleton.groups))


def _number_of(image: Entry) -> int:
    stem = Path(image.text("file")).stem
    if not stem.isdecimal():
        raise image.error("file", f"must be a number, is {stem!r}")
    return int(stem)


def _crowdpose_area(person: Entry) -> float:
    return CROWDPOSE_AREA * float(area(person.box("bbox")[None])[0])


def _stacked(keypoints: Sequence[np.ndarray], body: Skeleton) -> np.ndarray:
    return np.array(keypoints, np.float64).reshape(-1, len(body.names), 3)
