"""Label the people in a folder of pictures with what the teachers see: bodies, faces and hands.

    python tools/pseudo_label.py PICTURES WEIGHTS OUT [--workers 2] [--min-height 70]

PICTURES holds `images/` and `labels.json`: {"images": [{"file", "width", "height", "group",
"persons": [{"box": [x1, y1, x2, y2], "ignore": 0 or 1}]}]}; a picture without persons is taken to
show one whole person, which a detector finds. WEIGHTS is the folder with the teachers' weights, a
subfolder each. OUT becomes a folder in COCO's layout with 136 keypoints, a loss weight for each,
and the perceptual hashes of its pictures; its `images` is a link.

How sure a label is becomes its weight: 1 where two body teachers agree or the better one is very
sure, less where it is merely likely. Pictures of the frozen evaluation list are left out.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from tqdm import tqdm

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "benchmarks"))

from evaluation_list import load_list
from teachers import (
    FaceMesh,
    HandLandmarks,
    MoveNet,
    TinyPose,
    YoloxNano,
    face_square,
    hand_square,
)

from alphapose_ros.boxes import to_xywh
from alphapose_ros.skeletons import skeleton
from alphapose_ros.training.picture_hash import picture_hash

SKELETON, BODY = skeleton("halpe_136"), skeleton("coco_17")
AGREEMENT = 0.06  # of the longer side of the box: two teachers mean the same place
MIN_FACE_PX, MIN_HAND_PX = 40, 30  # sides of the first squares; below, the teachers guess
FACE_PRESENCE, HAND_PRESENCE = 0.5, 0.8
MIN_BOX_SCORE = 0.4  # of the one person of a picture without boxes
CLIPS = re.compile(r"avi|mp#|frame|video|youtube|standing|tracking")  # in the name of a group
RECORDED = re.compile(r"(img)?\d{10,}$")  # names by time or running number of one camera


@dataclass(frozen=True)
class Teachers:
    """The networks that label."""

    body: TinyPose
    other_body: MoveNet
    face: FaceMesh
    hand: HandLandmarks
    detector: YoloxNano

    @classmethod
    def load(cls, weights: Path) -> Teachers:
        """Load them from the folder with a subfolder of weights for each."""
        return cls(
            TinyPose(weights / "tinypose"),
            MoveNet(weights / "movenet"),
            FaceMesh(weights / "mediapipe"),
            HandLandmarks(weights / "mediapipe"),
            YoloxNano(weights / "yolox"),
        )


@dataclass(frozen=True)
class Label:
    """Keypoints of one person, of which most may be missing."""

    keypoints: np.ndarray  # (136, 2) [px]
    weights: np.ndarray  # (136,) of the loss; 0 = no label
    absent: np.ndarray  # (136,) with which "nothing there" may be taught

    @classmethod
    def empty(cls) -> Label:
        """Return a label without keypoints."""
        count = len(SKELETON.names)
        return cls(np.zeros((count, 2)), np.zeros(count), np.zeros(count))


def label_person(
    teachers: Teachers, image: np.ndarray, box: np.ndarray, body: np.ndarray | None = None
) -> Label | None:
    """Label the person in a box (4,), or return None where the teachers see too little.

    Args:
        teachers: all of them.
        image: (H, W, 3) BGR.
        box: (4,) x1 y1 x2 y2.
        body: (17, 4) x, y, score and distance of the teachers in parts of the box's longer side,
            where they are known already.
    """
    body = find_body(teachers, image, box) if body is None else body
    label = Label.empty()
    add_body(label, body)
    if not is_enough(label.weights[: len(BODY.names)]):
        return None
    add_face(label, teachers.face, image, body)
    for side in ("left", "right"):
        add_hand(label, teachers.hand, image, body, side)
    return label


def find_body(teachers: Teachers, image: np.ndarray, box: np.ndarray) -> np.ndarray:
    """Return (17, 4): x, y, score of the better teacher, distance to the other one's keypoint."""
    found, other = (find(image, box[None])[0] for find in (teachers.body, teachers.other_body))
    distance = np.linalg.norm(found[:, :2] - other[:, :2], axis=1) / (box[2:] - box[:2]).max()
    return np.column_stack((found, distance))


def add_body(label: Label, body: np.ndarray) -> None:
    """Enter 17 keypoints (17, 4) and what follows from them: neck and middle of the hips."""
    count = len(BODY.names)
    score, distance = body[:, 2], body[:, 3]
    is_sure = ((distance < AGREEMENT) & (score > 0.3)) | (score > 0.7)
    label.keypoints[:count] = body[:, :2]
    label.weights[:count] = np.where(is_sure, 1.0, np.where(score > 0.4, 0.5, 0.0))
    label.absent[:count] = np.where(score < 0.1, 0.3, 0.0)
    for middle, sides in (("neck", "shoulder"), ("hip", "hip")):
        row = SKELETON.index(middle)
        ends = [SKELETON.index(f"{side}_{sides}") for side in ("left", "right")]
        label.keypoints[row] = label.keypoints[ends].mean(axis=0)
        label.weights[row] = label.weights[ends].min()


def is_enough(weights: np.ndarray) -> bool:
    """Tell whether enough of the body (17,) is labelled to learn from the person."""
    limbs = (weights[5:] > 0).sum()
    everything = (weights > 0).sum()
    return bool(everything >= 6 and (limbs >= 6 or everything >= 8))


def add_face(label: Label, find: FaceMesh, image: np.ndarray, body: np.ndarray) -> None:
    """Enter 68 face points where nose and eyes say that there is a face of sufficient size."""
    rows = SKELETON.group("face")
    if body[:3, 2].max() < 0.1:  # nose and eyes
        label.absent[rows] = 0.3
        return
    if body[0, 2] < 0.4 or body[1:3, 2].max() < 0.4:
        return
    square = face_square(body)
    if square.side < MIN_FACE_PX:
        return
    points, presence = find(image, square)
    size = np.ptp(points, axis=0).max()
    off = np.linalg.norm(points[30] - body[0, :2])  # tip of the nose
    if presence < FACE_PRESENCE or off > 0.25 * size or not 0.2 < size / square.side < 1.5:
        return
    label.keypoints[rows], label.weights[rows] = points, face_weights(points)


def face_weights(points: np.ndarray) -> np.ndarray:
    """Return loss weights (68,) of face points (68, 2): little for the jaw of the averted cheek.

    There the mesh follows the outline that one sees, 300-W the jaw that one does not.
    """
    weights = np.ones(68)
    across = points[45] - points[36]  # outer corners of the eyes
    across = across / max(np.linalg.norm(across), 1e-6)
    right, left = (points[30] - points[0]) @ across, (points[16] - points[30]) @ across
    for share, jaw in ((right, slice(0, 8)), (left, slice(9, 17))):
        weights[jaw] = np.clip((share / max(right + left, 1e-6) - 0.15) / 0.2, 0.1, 1)
    return weights


def add_hand(
    label: Label, find: HandLandmarks, image: np.ndarray, body: np.ndarray, side: str
) -> None:
    """Enter the 21 points of the hand at the end of a forearm, where it is seen surely."""
    elbow, wrist = (body[BODY.index(f"{side}_{name}")] for name in ("elbow", "wrist"))
    if min(elbow[2], wrist[2]) < 0.4:
        return
    square = hand_square(body, side)
    if square.side < MIN_HAND_PX:
        return
    points, presence = find(image, square)
    size = np.ptp(points, axis=0).max()
    off = np.linalg.norm(points[0] - wrist[:2])
    if presence < HAND_PRESENCE or off > 0.37 * square.side or not 0.2 < size / square.side < 1.25:
        return
    rows = SKELETON.group(f"{side}_hand")
    label.keypoints[rows], label.weights[rows] = points, 1.0


def label_picture(
    entry: dict[str, Any], folder: Path, teachers: Teachers, min_height: float
) -> tuple[int, list[tuple[np.ndarray, Label]]]:
    """Return the hash of a picture and its labelled people, each with its box."""
    image = cv2.imread(str(folder / "images" / entry["file"]))
    if image is None:
        raise FileNotFoundError(f"{folder / 'images' / entry['file']}: no readable picture")
    people = []
    for box in boxes_of(entry, image, teachers, min_height):
        label = label_person(teachers, image, box)
        if label is not None:
            people.append((box, label))
    return int(picture_hash(image)), people


def boxes_of(
    entry: dict[str, Any], image: np.ndarray, teachers: Teachers, min_height: float
) -> list[np.ndarray]:
    """Return the boxes (4,) to label: those of the entry, or the best found where it has none."""
    if entry["persons"]:
        boxes = np.array([p["box"] for p in entry["persons"] if not p["ignore"]]).reshape(-1, 4)
        return list(boxes[boxes[:, 3] - boxes[:, 1] >= min_height])
    found = teachers.detector(image)[:1]
    return list(found[found.scores > MIN_BOX_SCORE].boxes)


class Folder:
    """A folder in COCO's layout that grows picture by picture."""

    def __init__(self, out: Path, pictures: Path) -> None:
        self._out = out
        out.mkdir(parents=True, exist_ok=True)
        if not (out / "images").exists():
            (out / "images").symlink_to((pictures / "images").resolve())
        self._images: list[dict[str, Any]] = []
        self._annotations: list[dict[str, Any]] = []
        self._hashes: list[int] = []
        self._source = pictures.name

    def add(self, entry: dict[str, Any], hashed: int, people: list) -> None:
        """Add a picture with its people."""
        number = len(self._images)
        self._images.append(
            {
                "id": number,
                "file_name": entry["file"],
                "width": entry["width"],
                "height": entry["height"],
                "group": group_of(entry),
            }
        )
        self._hashes.append(hashed)
        self._annotations += [
            annotation(len(self._annotations) + row, number, box, label)
            for row, (box, label) in enumerate(people)
        ]

    def save(self) -> None:
        """Write annotations.json and hashes.npz."""
        names = list(SKELETON.names)
        category = {"id": 1, "name": "person", "keypoints": names}
        category["skeleton"] = (SKELETON.edge_rows + 1).tolist()
        info = {"skeleton": SKELETON.id, "source": self._source, "labels": "pseudo"}
        content = {
            "info": info,
            "images": self._images,
            "annotations": self._annotations,
            "categories": [category],
        }
        (self._out / "annotations.json").write_text(json.dumps(content), encoding="utf-8")
        files = np.array([image["file_name"] for image in self._images])
        hashes = np.array(self._hashes, np.uint64)
        np.savez(self._out / "hashes.npz", hashes=hashes, names=files)


def annotation(number: int, image_id: int, box: np.ndarray, label: Label) -> dict[str, Any]:
    """Return a person in COCO's form, with loss weights beside the keypoints."""
    is_labelled = label.weights > 0
    keypoints = np.column_stack((label.keypoints.round(2), 2 * np.ones(len(is_labelled))))
    keypoints[~is_labelled] = 0
    x, y, width, height = to_xywh(box).round(2).tolist()
    return {
        "id": number,
        "image_id": image_id,
        "category_id": 1,
        "bbox": [x, y, width, height],
        "area": width * height,
        "iscrowd": 0,
        "num_keypoints": int(is_labelled.sum()),
        "keypoints": keypoints.ravel().tolist(),
        "weights": label.weights.round(3).tolist(),
        "absent": label.absent.round(3).tolist(),
    }


def group_of(entry: dict[str, Any]) -> str:
    """Return what must not be split between training and evaluation: a clip, or a still's copies.

    Names begin with the part of the set and end with a number of the copy: train_A_jpg.rf.B.jpg.
    """
    if CLIPS.search(entry["group"]):
        return entry["group"]
    name = re.sub(r"^(train|test|valid)_|(_(jpg|jpeg|png))?\.rf\..*$", "", entry["file"])
    return name[:9] if RECORDED.match(name) else name


def read_entries(pictures: Path) -> list[dict[str, Any]]:
    """Return the pictures of a folder.

    Raises:
        FileNotFoundError: it has no labels.json.
    """
    path = pictures / "labels.json"
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file; the folder needs labels.json and images/")
    return json.loads(path.read_text(encoding="utf-8"))["images"]


_teachers: Teachers | None = None  # of a worker process: networks cannot be handed over


def _start(weights: Path) -> None:
    global _teachers  # noqa: PLW0603
    cv2.setNumThreads(1)
    _teachers = Teachers.load(weights)


def _label(entry: dict[str, Any], folder: Path, min_height: float) -> tuple[int, list]:
    return label_picture(entry, folder, _teachers, min_height)


def main() -> None:
    """Label a folder."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pictures", type=Path)
    parser.add_argument("weights", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--min-height", type=float, default=70, help="of a person [px]")
    options = parser.parse_args()
    entries = read_entries(options.pictures)
    folder = Folder(options.out, options.pictures)
    work = partial(_label, folder=options.pictures, min_height=options.min_height)
    with ProcessPoolExecutor(options.workers, None, _start, (options.weights,)) as pool:
        results = pool.map(work, entries, chunksize=8)
        for entry, (hashed, people) in zip(entries, tqdm(results, total=len(entries)), strict=True):
            if people and not load_list().copies_in(np.array([hashed], np.uint64)):
                folder.add(entry, hashed, people)
    folder.save()


if __name__ == "__main__":
    main()
