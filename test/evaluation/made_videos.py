"""A rendered video of two people who cross, as files of PoseTrack 2018 and of the MOTChallenge."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np

from alphapose_ros.evaluation.datasets.coco import read_coco
from alphapose_ros.evaluation.datasets.posetrack import SLOTS

VIDEO = Path(__file__).resolve().parents[1] / "data/synthetic_sequences/0000_crossing"
FRAMES = 8
SAME = {"head_bottom": "neck", "head_top": "head"}  # near enough, for a test of what follows


def labels():
    """Labels of the video, and the identity of each row."""
    truth = read_coco(VIDEO / "annotations.json")
    entries = json.loads((VIDEO / "annotations.json").read_text())["annotations"]
    ids = {entry["id"]: entry["track_id"] for entry in entries}
    return truth, np.array([ids[number] for number in truth.ids.tolist()])


def make_posetrack(folder, name="crossing"):
    """Write NAME.json and images/NAME/*.jpg; return the path of the labels."""
    truth, ids = labels()
    (folder / "images" / name).mkdir(parents=True)
    images, people = [], []
    for row in range(FRAMES):
        file = f"images/{name}/{row:06d}.jpg"
        shutil.copy(VIDEO / "images" / truth.pictures[row].file, folder / file)
        number = 10_000 + row
        images.append(
            {"id": number, "frame_id": number, "file_name": file, "vid_id": name}
            | {"nframes": FRAMES, "is_labeled": True}
        )
        for person in np.flatnonzero(truth.rows == row):
            x1, y1, x2, y2 = truth.boxes[person].tolist()
            people.append(
                {"id": len(people), "image_id": number, "track_id": int(ids[person])}
                | {"bbox": [x1, y1, x2 - x1, y2 - y1], "bbox_head": [x1, y1, 15.0, 20.0]}
                | {"keypoints": _slots(truth, person), "category_id": 1, "scores": []}
            )
    path = folder / f"{name}.json"
    category = {"id": 1, "name": "person", "keypoints": list(SLOTS)}
    path.write_text(json.dumps({"images": images, "annotations": people, "categories": [category]}))
    return path


def _slots(truth, person):
    names = truth.skeleton.names
    points = []
    for slot in SLOTS:
        name = SAME.get(slot, slot)
        x, y, visibility = truth.keypoints[person, names.index(name)].tolist()
        is_there = visibility > 0 and "ear" not in slot
        points += [x, y, 1] if is_there else [0, 0, 0]
    return points


def make_mot(folder, name="crossing"):
    """Write NAME/gt/gt.txt, NAME/seqinfo.ini and NAME/img1/*.jpg; return the folder of NAME."""
    truth, ids = labels()
    (folder / name / "img1").mkdir(parents=True)
    (folder / name / "gt").mkdir()
    lines = []
    for row in range(FRAMES):
        picture = VIDEO / "images" / truth.pictures[row].file
        shutil.copy(picture, folder / name / f"img1/{row + 1:06d}.jpg")
        for person in np.flatnonzero(truth.rows == row):
            x1, y1, x2, y2 = truth.boxes[person].tolist()
            box = f"{x1 + 1},{y1 + 1},{x2 - x1},{y2 - y1}"
            lines.append(f"{row + 1},{ids[person]},{box},1,-1,-1,-1")
    (folder / name / "gt/gt.txt").write_text("\n".join(lines) + "\n")
    (folder / name / "seqinfo.ini").write_text(
        f"[Sequence]\nname={name}\nframeRate=12\nseqLength={FRAMES}\nimWidth=320\nimHeight=240\n"
    )
    return folder
