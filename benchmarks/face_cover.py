"""How much of people's faces overlays with `output.privacy` cover, and how much else.

    python benchmarks/face_cover.py --data DIR [--sheet FILE] [--json FILE] [--set NAME=VALUE ...]

DIR holds three sets of pictures in which the places of faces are known: COCO's with the face boxes
of COCO-WholeBody; COCO's with people, of whom the annotators marked noses and eyes that they saw;
and the last pictures of LSPET, with the middle between neck and top of the head. A person is found
who has a box of the detector of an IoU of 0.5 or more, matched one to one. Every picture is the
first of a stream. Extents and thresholds of faces.py were chosen with these figures in view.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from alphapose_ros import Frame, Pipeline
from alphapose_ros.boxes import from_xywh, iou
from alphapose_ros.cli.settings import add_settings, chosen
from alphapose_ros.frame import Poses
from alphapose_ros.io.faces import cover_faces
from alphapose_ros.io.render import contact_sheet, draw
from alphapose_ros.matching import match

FOUND_IOU = 0.5
FEATURES = 3  # nose and eyes come first among COCO's keypoints
SPORTS = 200  # pictures of LSPET
NECK, HEAD_TOP = 12, 13  # rows of LSPET
MARGIN = 0.1  # by which the box of a person is larger than that of the keypoints
SHEET_PICTURES = 12  # of each set


@dataclass
class Picture:
    """A picture, and what is true of its people."""

    path: Path
    boxes: list[np.ndarray] = field(default_factory=list)  # (4,) x1 y1 x2 y2 of each person
    places: list[np.ndarray] = field(default_factory=list)  # (F, 4) of the face; F may be 0


@dataclass
class Tally:
    """What is counted over the pictures of one set."""

    found: list[float] = field(default_factory=list)  # of each place that is covered
    everybody: list[float] = field(default_factory=list)
    pictures: list[float] = field(default_factory=list)

    def add(self, picture: Picture, is_covered: np.ndarray, found: np.ndarray) -> None:
        """Count a picture whose pixels (H, W) are covered or not, and who of it is found."""
        self.pictures.append(float(is_covered.mean()))
        for person, places in enumerate(picture.places):
            for x1, y1, x2, y2 in np.round(places).astype(int):
                part = float(is_covered[y1:y2, x1:x2].mean())
                self.everybody.append(part)
                if person in found:
                    self.found.append(part)

    def row(self) -> dict[str, float]:
        """Return the figures."""
        return {
            "found": len(self.found),
            "found_covered": float(np.mean(self.found)),
            "all": len(self.everybody),
            "all_covered": float(np.mean(self.everybody)),
            "picture_covered": float(np.mean(self.pictures)),
        }


def face_boxes(data: Path) -> Iterator[Picture]:
    """Return the pictures of COCO-WholeBody."""
    folder = data / "pose_datasets"
    people: dict[int, dict] = {}
    for file in ("coco_wholebody_eval/example_gt.json", "coco/test_coco_wholebody.json"):
        for entry in json.loads((folder / file).read_text())["annotations"]:
            people[entry["id"]] = entry
    for image_id in sorted({entry["image_id"] for entry in people.values()}):
        picture = Picture(folder / f"coco/images/{image_id:012d}.jpg")
        for entry in (entry for entry in people.values() if entry["image_id"] == image_id):
            picture.boxes.append(from_xywh(np.array(entry["bbox"])))
            face = from_xywh(np.array(entry["face_box"]))
            picture.places.append(face[None] if entry["face_valid"] else np.empty((0, 4)))
        yield picture


def noses_and_eyes(data: Path) -> Iterator[Picture]:
    """Return COCO's pictures with people."""
    folder = data / "pose_datasets/coco_people"
    for entry in json.loads((folder / "labels.json").read_text())["images"]:
        picture = Picture(folder / "images" / entry["file"])
        for person in (person for person in entry["persons"] if not person["ignore"]):
            keypoints = np.reshape(person.get("keypoints") or np.zeros((17, 3)), (-1, 3))
            seen = keypoints[:FEATURES][keypoints[:FEATURES, 2] == 2]
            picture.boxes.append(np.array(person["box"], float))
            picture.places.append(pixels(seen[:, :2]))
        if picture.boxes:
            yield picture


def middles_of_heads(data: Path) -> Iterator[Picture]:
    """Return the last pictures of LSPET in which neck and top of the head are labelled."""
    labels = np.load(data / "lspet/labels.npz")
    for name, keypoints in zip(
        labels["names"][-SPORTS:], labels["keypoints"][-SPORTS:], strict=True
    ):
        known = keypoints[keypoints[:, 2] > 0, :2]
        low, high = known.min(axis=0), known.max(axis=0)
        margin = MARGIN * (high - low)
        if (keypoints[[NECK, HEAD_TOP], 2] > 0).all():
            middle = keypoints[[NECK, HEAD_TOP], :2].mean(axis=0)
            box = np.concatenate((low - margin, high + margin))
            yield Picture(data / "lspet/images" / str(name), [box], [pixels(middle[None])])


def pixels(points: np.ndarray) -> np.ndarray:
    """Return the pixels (P, 4) x1 y1 x2 y2 of points (P, 2)."""
    corners = np.floor(points)
    return np.hstack((corners, corners + 1))


SETS = {
    "area of face boxes": face_boxes,
    "noses and eyes": noses_and_eyes,
    "middles of heads (LSPET)": middles_of_heads,
}


def measure(data: Path, pipeline: Pipeline) -> tuple[dict[str, dict], list[np.ndarray]]:
    """Return the figures by set, and some of the overlays."""
    rows, sheet = {}, []
    for name, pictures in SETS.items():
        tally, drawn = Tally(), 0
        for picture in pictures(data):
            image = cv2.imread(str(picture.path))
            pipeline.reset()
            result = pipeline.run(Frame(image=image))
            overlaps = iou(np.array(picture.boxes), result.found.boxes)
            found = match(1 - overlaps, 1 - FOUND_IOU).pairs[:, 0]
            is_covered = covered(image.shape, result.tracks.poses, result.found)
            tally.add(picture, is_covered, found)
            if len(found) and drawn < SHEET_PICTURES:
                sheet.append(draw(image, result.tracks, privacy=True, found=result.found))
                drawn += 1
        rows[name] = tally.row()
    return rows, sheet


def covered(shape: tuple[int, ...], *people: Poses) -> np.ndarray:
    """Return which pixels (H, W) are covered."""
    white = np.full(shape, 255, np.uint8)
    for poses in people:
        cover_faces(white, poses)
    return (white != 255).any(axis=2)


def main() -> None:
    """Print a table, and write a sheet of overlays."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--sheet", type=Path)
    parser.add_argument("--json", type=Path)
    add_settings(parser)
    options = parser.parse_args()
    results, overlays = measure(options.data, Pipeline(chosen(options)))
    print("| | covered, of people found | covered, of all people | covered, of the pictures |")
    print("|---|---|---|---|")
    for name, row in results.items():
        print(
            f"| {name} | {row['found_covered']:.3f} of {row['found']} | "
            f"{row['all_covered']:.3f} of {row['all']} | {row['picture_covered']:.3f} |"
        )
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(results, indent=2) + "\n")
    if options.sheet:
        sheet = contact_sheet(overlays, [""] * len(overlays), columns=6, tile_width=420)
        options.sheet.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(options.sheet), sheet)


if __name__ == "__main__":
    main()
