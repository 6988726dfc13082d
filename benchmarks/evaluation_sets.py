"""The annotated pictures of the evaluation list, with all labels in the rows of 136 keypoints.

Each function is handed the data folder and returns the pictures of one set, those in which nobody
is labelled included: detectors may go wrong there too.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from evaluation_list import PETS_CLIP, PETS_FRAMES, SPORTS, clip_frames

from alphapose_ros.boxes import clip, from_xywh, scale_about_centre
from alphapose_ros.skeletons import Skeleton, skeleton

WHOLE = skeleton("halpe_136")
LSPET_ORDER = (
    *("right_ankle", "right_knee", "right_hip", "left_hip", "left_knee", "left_ankle"),
    *("right_wrist", "right_elbow", "right_shoulder", "left_shoulder", "left_elbow", "left_wrist"),
)  # two more, neck and top of the head, mean other places than ours
LSPET_MARGIN = 1.1  # of the box around all keypoints
WHOLE_BODY_PARTS = ("keypoints", "foot_kpts", "face_kpts", "lefthand_kpts", "righthand_kpts")


@dataclass(frozen=True)
class Person:
    """One labelled person."""

    box: np.ndarray  # (4,) x1 y1 x2 y2 [px]
    keypoints: np.ndarray  # (136, 3) x y [px], visibility; 0 where not labelled
    area: float  # of the segment, for OKS [px^2]
    is_ignored: bool = False  # a crowd in one box

    @property
    def size_px(self) -> float:
        """Longer side of the box: the height of who stands."""
        return float((self.box[2:] - self.box[:2]).max())


@dataclass(frozen=True)
class Picture:
    """One picture and the people in it."""

    name: str
    image: np.ndarray  # (H, W, 3) BGR
    people: tuple[Person, ...]


def sports(data: Path) -> list[Picture]:
    """Return LSPET's last 500 names.

    The box is that of the labelled keypoints, a tenth larger, inside the picture.
    """
    labels = np.load(data / "lspet" / "labels.npz")
    rows = [WHOLE.index(name) for name in LSPET_ORDER]
    found = []
    for name, labelled in zip(
        labels["names"][-SPORTS:], labels["keypoints"][-SPORTS:], strict=True
    ):
        image = read(data / "lspet" / "images" / str(name))
        around = around_keypoints(labelled, LSPET_MARGIN, image)
        keypoints = np.zeros((len(WHOLE.names), 3))
        keypoints[rows] = labelled[: len(rows)]
        found.append(Picture(str(name), image, (Person(around, keypoints, box_area(around)),)))
    return found


def coco_people(data: Path) -> list[Picture]:
    """Return 80 pictures of COCO, of which 36 show people, with boxes and 17 keypoints."""
    folder = data / "pose_datasets" / "coco_people"
    body = skeleton("coco_17")
    found = []
    for entry in read_json(folder / "labels.json")["images"]:
        people = [
            Person(
                np.array(person["box"], float),
                in_rows(person.get("keypoints") or np.zeros((17, 3)), body),
                float(person["area"]),
                bool(person["ignore"]),
            )
            for person in entry["persons"]
        ]
        image = read(folder / "images" / entry["file"])
        found.append(Picture(entry["file"], image, tuple(people)))
    return found


def whole_bodies(data: Path) -> list[Picture]:
    """Return the three pictures of COCO whose people have feet, faces and hands labelled."""
    folder = data / "pose_datasets"
    layout = skeleton("coco_wholebody_133")

    def keypoints(entry: dict[str, Any]) -> np.ndarray:
        parts = [np.array(entry[part], float).reshape(-1, 3) for part in WHOLE_BODY_PARTS]
        for part, name in zip(parts[1:], ("foot", "face", "lefthand", "righthand"), strict=True):
            part[:, 2] *= bool(entry[f"{name}_valid"])
        return in_rows(np.concatenate(parts), layout)

    content = read_json(folder / "coco_wholebody_eval" / "example_gt.json")
    return coco_pictures(content, folder / "coco" / "images", keypoints)


def other_bodies(data: Path) -> list[Picture]:
    """Return the few pictures of CrowdPose, OCHuman, PoseTrack 2018 and MPII.

    Not all people in them are labelled: for keypoints, not for detectors.
    """
    folder = data / "pose_datasets"
    found = []
    for name, file, layout in (
        ("crowdpose", "test_crowdpose.json", "crowdpose_14"),
        ("ochuman", "test_ochuman.json", "coco_17"),
        ("posetrack18", "annotations/test_posetrack18_val.json", "posetrack_15"),
    ):
        content = read_json(folder / name / file)
        images = folder / name if name == "posetrack18" else folder / name / "images"

        def keypoints(entry: dict[str, Any], layout: str = layout) -> np.ndarray:
            table = np.array(entry["keypoints"], float).reshape(-1, 3)
            if layout == "posetrack_15":  # its files keep a place for each ear
                table = np.delete(table, (3, 4), axis=0)
            return in_rows(table, skeleton(layout))

        found += coco_pictures(content, images, keypoints)
    return found + mpii(folder / "mpii")


def mpii(folder: Path) -> list[Picture]:
    """Return the three pictures of MPII; the box is that of the keypoints, a tenth larger."""
    found = []
    for entry in read_json(folder / "test_mpii.json"):
        image = read(folder / "images" / entry["image"])
        table = np.column_stack((entry["joints"], entry["joints_vis"])).astype(float)
        around = around_keypoints(table, LSPET_MARGIN, image)
        keypoints = in_rows(table, skeleton("mpii_16"))
        found.append(Picture(entry["image"], image, (Person(around, keypoints, box_area(around)),)))
    return found


def pets(data: Path) -> list[Picture]:
    """Return the first 69 frames of PETS, with boxes only."""
    clip_file = data / PETS_CLIP
    rows = np.loadtxt(clip_file.with_name("gt_480x360.txt"), delimiter=",")
    nothing = np.zeros((len(WHOLE.names), 3))
    found = []
    for number, image in enumerate(clip_frames(clip_file, PETS_FRAMES), 1):
        boxes = from_xywh(rows[rows[:, 0] == number, 2:6])
        people = tuple(Person(box, nothing, box_area(box)) for box in boxes)
        found.append(Picture(f"pets {number}", image, people))
    return found


def annotated_folder(folder: Path) -> list[Picture]:
    """Return a folder with images/ and annotations.json of 136 keypoints, as ours are."""
    content = read_json(folder / "annotations.json")
    if content["info"]["skeleton"] != WHOLE.id:
        raise ValueError(f"{folder}: keypoints of {content['info']['skeleton']}, not of {WHOLE.id}")
    return coco_pictures(
        content, folder / "images", lambda entry: in_rows(entry["keypoints"], WHOLE)
    )


def coco_pictures(content: dict[str, Any], images: Path, keypoints: Any) -> list[Picture]:
    """Read a file in COCO's layout.

    Args:
        content: of the file.
        images: folder of the pictures.
        keypoints: annotation -> (136, 3).
    """
    people: dict[int, list[Person]] = {image["id"]: [] for image in content["images"]}
    for entry in content["annotations"]:
        if entry["image_id"] in people:
            box = from_xywh(np.array(entry["bbox"], float))
            area = float(entry.get("area") or box_area(box))
            person = Person(box, keypoints(entry), area, bool(entry.get("iscrowd")))
            people[entry["image_id"]].append(person)
    return [
        Picture(image["file_name"], read(images / image["file_name"]), tuple(people[image["id"]]))
        for image in content["images"]
    ]


def in_rows(keypoints: Any, layout: Skeleton) -> np.ndarray:
    """Put keypoints of another skeleton into the rows of the whole body by name; others are 0."""
    rows = WHOLE.rows_of(layout)
    found = np.zeros((len(WHOLE.names), 3))
    found[rows[rows >= 0]] = np.array(keypoints, float).reshape(-1, 3)[rows >= 0]
    return found


def around_keypoints(keypoints: np.ndarray, margin: float, image: np.ndarray) -> np.ndarray:
    """Return the box (4,) around labelled keypoints (K, 3), ``margin`` times as large."""
    points = keypoints[keypoints[:, 2] > 0, :2]
    box = np.concatenate((points.min(axis=0), points.max(axis=0)))[None]
    grown = scale_about_centre(box, margin, margin)
    return clip(grown, image.shape[1], image.shape[0])[0]


def box_area(box: np.ndarray) -> float:
    """Return the area of a box (4,) [px^2]."""
    return float((box[2] - box[0]) * (box[3] - box[1]))


def read(path: Path) -> np.ndarray:
    """Read a picture (H, W, 3) BGR."""
    image = cv2.imread(str(path))
    if image is None:
        raise FileNotFoundError(f"{path}: no readable picture")
    return image


def read_json(path: Path) -> Any:
    """Read a JSON file."""
    return json.loads(path.read_text(encoding="utf-8"))
