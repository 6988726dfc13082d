"""FreiHAND (one hand) and InterHand2.6M (both hands).

Sizes, for PCK: the longer side of the box, of which a keypoint may be off by a share.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from alphapose_ros.boxes import area
from alphapose_ros.evaluation.datasets.coco_form import CocoForm, read_coco_form
from alphapose_ros.evaluation.datasets.extents import boxes_around, longer_sides
from alphapose_ros.evaluation.fields import Entry, read_json, read_object
from alphapose_ros.evaluation.records import Picture, Truth
from alphapose_ros.skeletons import skeleton

LONGER_SIDE = "hand: the longer side of its box"
FREIHAND_BACKGROUNDS = 4  # pictures of each hand in its training part, the labels repeat
FREIHAND_SIZE = (224, 224)
HAND_TYPES = {"right": (True, False), "left": (False, True), "interacting": (True, True)}

_HAND, _HANDS = skeleton("single_hand_21"), skeleton("interhand_42")


def read_freihand(annotations: Path) -> Truth:
    """Read FreiHAND: training_xyz.json or evaluation_xyz.json, or a file in COCO's form.

    The former hold 21 x 3 coordinates per hand in metres before the camera; the matrices to
    project them are in training_K.json or evaluation_K.json beside it. Each hand of the training
    part has four pictures with different backgrounds, numbered one round after another. Boxes are
    made around keypoints.

    Whether a keypoint is hidden is not said; visibility is 1.

    Raises:
        ValueError: an entry is malformed, a hand lies behind the camera, or the two files do not
            have the same length.

    Source: Zimmermann et al., FreiHAND, ICCV 2019.
    """
    annotations = Path(annotations)
    if annotations.name.endswith("_xyz.json"):
        return _read_xyz(annotations)
    content = read_coco_form(annotations)
    columns = content.columns(content.keypoints(len(_HAND.names)))
    return Truth(
        name="freihand",
        skeleton=_HAND,
        pictures=content.pictures,
        **columns,
        sizes_px=longer_sides(columns["boxes"]),
        size_meaning=LONGER_SIDE,
    )


def read_interhand(annotations: Path) -> Truth:
    """Read InterHand2.6M from ..._data.json, with ..._camera.json and ..._joint_3d.json beside it.

    Keypoints are projected from the world [mm] into the picture: the camera's rotation applied to
    what is left of a place less the camera's, then focal length and principal point [px]. One
    row per picture has both hands; `is_valid` says by `hand_type` which of them (right_hand,
    left_hand) is there. Keypoints that are not valid have no label; visibility is 1 otherwise,
    since what is hidden is not said.

    Raises:
        ValueError: an entry is malformed, or a camera or frame is in one file only.

    Source: Moon et al., InterHand2.6M, ECCV 2020.
    """
    annotations = Path(annotations)
    if not annotations.name.endswith("_data.json"):
        raise ValueError(f"{annotations}: must be the file ..._data.json of InterHand2.6M")
    content = read_coco_form(annotations)
    cameras, hands = (
        read_object(annotations.with_name(annotations.name.replace("_data.json", f"_{kind}.json")))
        for kind in ("camera", "joint_3d")
    )
    keypoints = [
        _projected(person, content.images[row], cameras, hands)
        for person, row in zip(content.people, content.rows, strict=True)
    ]
    columns = content.columns(np.array(keypoints).reshape(-1, 42, 3))
    is_there = [_hand_type(person) for person in content.people]
    return Truth(
        name="interhand",
        skeleton=_HANDS,
        pictures=_frames(content),
        **columns,
        is_valid=np.array(is_there, bool).reshape(-1, 2),
        sizes_px=longer_sides(columns["boxes"]),
        size_meaning=LONGER_SIDE,
    )


def _read_xyz(annotations: Path) -> Truth:
    matrices = annotations.with_name(annotations.name.replace("_xyz.json", "_K.json"))
    places, projections = _stack(annotations, (21, 3)), _stack(matrices, (3, 3))
    if len(places) != len(projections):
        raise ValueError(f"{matrices}: has {len(projections)} entries, not {len(places)}")
    projected = np.einsum("nij,nkj->nki", projections, places)
    is_behind = (projected[..., 2] <= 0).any(axis=1)
    if is_behind.any():
        raise ValueError(f"{annotations}[{int(is_behind.argmax())}]: lies behind the camera")
    keypoints = projected / projected[..., 2:]
    part = annotations.name.removesuffix("_xyz.json")
    rounds = FREIHAND_BACKGROUNDS if part == "training" else 1
    return _hands(part, np.tile(keypoints, (rounds, 1, 1)))


def _hands(part: str, keypoints: np.ndarray) -> Truth:
    boxes, count = boxes_around(keypoints), len(keypoints)
    return Truth(
        name="freihand",
        skeleton=_HAND,
        pictures=tuple(
            Picture(id=number, file=f"{part}/rgb/{number:08d}.jpg", size=FREIHAND_SIZE)
            for number in range(count)
        ),
        rows=np.arange(count),
        keypoints=keypoints,
        boxes=boxes,
        areas=area(boxes),
        ids=np.arange(count),
        is_crowd=np.zeros(count, bool),
        sizes_px=longer_sides(boxes),
        size_meaning=LONGER_SIDE,
    )


def _stack(path: Path, shape: tuple[int, int]) -> np.ndarray:
    """Return the arrays of a list, (N, *shape)."""
    content = read_json(path)
    if not isinstance(content, list):
        raise ValueError(f"{path}: must hold a list")
    numbers = [
        Entry({"entry": one}, f"{path}[{row}]").array("entry", *shape)
        for row, one in enumerate(content)
    ]
    return np.array(numbers).reshape(-1, *shape)


def _projected(person: Entry, image: Entry, cameras: Entry, hands: Entry) -> np.ndarray:
    """Return the keypoints of both hands (42, 3) in the picture."""
    capture, name = str(image.integer("capture")), str(image.value("camera"))
    camera = cameras.inside(capture)
    position, rotation, focal, centre = (
        camera.inside(field).array(name, *shape)
        for field, shape in (
            ("campos", (3,)),
            ("camrot", (3, 3)),
            ("focal", (2,)),
            ("princpt", (2,)),
        )
    )
    frame = hands.inside(capture).inside(str(image.integer("frame_idx")))
    seen = (frame.array("world_coord", 42, 3) - position) @ rotation.T
    is_valid = (person.array("joint_valid", 42) > 0) & (seen[:, 2] > 0)
    seen[~is_valid, 2] = 1
    keypoints = np.column_stack((seen[:, :2] / seen[:, 2:] * focal + centre, is_valid))
    return np.where(is_valid[:, None], keypoints, 0.0)


def _hand_type(person: Entry) -> tuple[bool, bool]:
    found = person.text("hand_type")
    if found not in HAND_TYPES:
        raise person.error("hand_type", f"{found!r} is none of {', '.join(HAND_TYPES)}")
    return HAND_TYPES[found]


def _frames(content: CocoForm) -> tuple[Picture, ...]:
    return tuple(
        Picture(
            id=picture.id,
            file=picture.file,
            size=picture.size,
            sequence=f"{image.integer('capture')}/{image.text('seq_name')}/{image.value('camera')}",
            frame=image.integer("frame_idx"),
        )
        for picture, image in zip(content.pictures, content.images, strict=True)
    )
