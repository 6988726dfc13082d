from __future__ import annotations

import json

import cv2
import numpy as np
import pytest

from alphapose_ros import Frame, Pipeline
from alphapose_ros.boxes import from_xywh, iou
from alphapose_ros.config import Config, with_values
from alphapose_ros.frame import Poses, Tracks
from alphapose_ros.io.faces import FILL, cover_faces, without_faces
from alphapose_ros.matching import match
from alphapose_ros.skeletons import SKELETONS, skeleton

BOX = (100, 60, 200, 360)
HEAD = {  # of a person who looks at the camera
    "nose": (150, 90),
    "left_eye": (158, 82),
    "right_eye": (142, 82),
    "left_ear": (166, 86),
    "right_ear": (134, 86),
}


def covered(places, *, name="coco_17", box=BOX, score=0.9, pose_score=0.9, shape=(400, 300)):
    """Return which pixels are covered of a person whose keypoints ``places`` are known."""
    layout = skeleton(name)
    keypoints = np.tile([np.nan, np.nan, 0.0], (len(layout.names), 1))
    for keypoint, place in places.items():
        keypoints[layout.index(keypoint)] = *place, score
    poses = Poses(
        skeleton=layout,
        keypoints=keypoints[None],
        boxes=[box],
        box_scores=[0.9],
        scores=[pose_score],
    )
    image = np.full((*shape, 3), 255, np.uint8)
    cover_faces(image, poses)
    is_covered = (image == FILL).all(axis=2)
    assert (is_covered | (image == 255).all(axis=2)).all()
    return is_covered


def place_of(is_covered):
    """Return x1 y1 x2 y2 of what is covered, which must be a rectangle."""
    rows, columns = np.flatnonzero(is_covered.any(axis=1)), np.flatnonzero(is_covered.any(axis=0))
    x1, y1, x2, y2 = columns[0], rows[0], columns[-1] + 1, rows[-1] + 1
    assert is_covered[y1:y2, x1:x2].all()
    return x1, y1, x2, y2


def upper(box):
    return np.clip((box[0] - 10, box[1] - 30, box[2] + 10, box[1] + 100), 0, (300, 400, 300, 400))


def test_a_face_that_is_seen_is_covered_from_hair_to_chin_and_the_body_is_not():
    x1, y1, x2, y2 = place_of(covered(HEAD))
    assert x1 <= 134 - 8 and x2 >= 166 + 8
    assert y1 <= 60 and y2 >= 118  # the face is 1.4 times as high as ears are apart
    assert y2 < 150


def test_of_somebody_in_profile_the_whole_head_is_covered():
    side = {"nose": (170, 90), "left_eye": (164, 84), "left_ear": (145, 86)}
    x1, y1, x2, y2 = place_of(covered(side))
    assert x1 <= 130 and x2 >= 175
    assert y1 <= 65 and y2 >= 112


def test_the_keypoints_of_the_face_are_covered_with_a_margin():
    face = skeleton("halpe_136").names[skeleton("halpe_136").group("face")]
    angles = np.linspace(0, 2 * np.pi, len(face))
    places = {
        n: (150 + 20 * np.cos(a), 90 + 25 * np.sin(a)) for n, a in zip(face, angles, strict=True)
    }
    x1, y1, x2, y2 = place_of(covered(places, name="halpe_136"))
    assert x1 <= 120 and x2 >= 180
    assert y1 <= 55 and 120 <= y2 < 150


@pytest.mark.parametrize(
    "places",
    [{}, {"left_knee": (150, 300)}, {name: (xy[0], xy[1] + 900) for name, xy in HEAD.items()}],
)
def test_where_the_head_is_unknown_the_upper_part_of_the_box_is_covered(places):
    assert place_of(covered(places)) == tuple(upper(BOX))


def test_keypoints_of_low_scores_locate_no_head():
    assert place_of(covered(HEAD, score=0.3)) == tuple(upper(BOX))


def test_one_keypoint_alone_is_covered_with_the_upper_part():
    is_covered = covered({"nose": (150, 350)})
    assert is_covered[350, 150]
    x1, y1, x2, _ = upper(BOX)
    assert is_covered[y1 : y1 + 100, x1:x2].all()


@pytest.mark.parametrize("box", [(20, 60, 280, 160), (50, 50, 150, 150)])
def test_somebody_who_lies_or_is_near_is_covered_wholly_where_the_head_is_unknown(box):
    x1, y1, x2, y2 = box
    assert covered({}, box=box)[y1:y2, x1:x2].all()


def test_of_an_unsure_pose_the_whole_box_is_covered():
    x1, y1, x2, y2 = BOX
    assert covered(HEAD, pose_score=0.4)[y1:y2, x1:x2].all()


def test_covers_end_at_the_border_of_the_image():
    assert covered({}, box=(-50, -50, 40, 200))[:10, :20].all()
    assert not covered({}, box=(2000, 2000, 2100, 2300)).any()
    assert covered(HEAD, box=(-1e6, -1e6, 1e6, 1e6)).any()


def test_where_nothing_is_known_of_a_place_all_is_covered():
    assert covered({}, box=(np.nan,) * 4).all()


@pytest.mark.parametrize("name", SKELETONS)
def test_every_skeleton_has_its_heads_covered(name):
    layout = skeleton(name)
    ends = {"head": 62, "head_top": 62, "neck": 122, "upper_neck": 115, "head_bottom": 115}
    places = HEAD | {end: (150, y) for end, y in ends.items()}
    is_covered = covered({n: xy for n, xy in places.items() if n in layout.names}, name=name)
    assert is_covered[72:112, 138:162].all()
    assert not is_covered[200:].any()


def test_nobody_leaves_the_image_as_it_is():
    image = np.full((40, 30, 3), 255, np.uint8)
    cover_faces(image, Poses.empty(skeleton("halpe_136")))
    assert (image == 255).all()


def test_true_faces_of_people_who_are_found_are_covered(data):
    """By the face boxes of COCO-WholeBody, none of which our weights were made with."""
    folder = data / "pose_datasets"
    people = {}
    for file in ("coco_wholebody_eval/example_gt.json", "coco/test_coco_wholebody.json"):
        for entry in json.loads((folder / file).read_text())["annotations"]:
            people[entry["id"]] = entry
    pipeline = Pipeline(with_values(Config(), {"tracker.name": "none"}))
    parts, everything = [], []
    for image_id in sorted({entry["image_id"] for entry in people.values()}):
        mine = [entry for entry in people.values() if entry["image_id"] == image_id]
        image = cv2.imread(str(folder / f"coco/images/{image_id:012d}.jpg"))
        found = pipeline.run(Frame(image=image)).found
        white = np.full_like(image, 255)
        cover_faces(white, found)
        is_covered = (white != 255).any(axis=2)
        everything.append(is_covered.mean())
        boxes = from_xywh(np.array([entry["bbox"] for entry in mine]))
        for row in match(1 - iou(boxes, found.boxes), 0.5).pairs[:, 0]:
            if mine[row]["face_valid"]:
                x1, y1, x2, y2 = np.round(from_xywh(np.array(mine[row]["face_box"]))).astype(int)
                parts.append(is_covered[y1:y2, x1:x2].mean())
    print(
        f"faces of {len(parts)} people found: {100 * np.mean(parts):.1f} % of their area covered, "
        f"least {100 * min(parts):.1f} %, with {100 * np.mean(everything):.1f} % of the pictures"
    )
    assert len(parts) >= 6
    assert np.mean(parts) > 0.95
    assert np.mean(everything) < 0.5


def test_keypoints_of_faces_are_taken_out_of_what_is_drawn_of_keypoints():
    whole = skeleton("halpe_136")
    poses = Poses(
        skeleton=whole,
        keypoints=np.full((2, 136, 3), 7.0),
        boxes=np.zeros((2, 4)),
        box_scores=[1, 1],
        scores=[1, 1],
        keypoints_3d=np.full((2, 136, 3), 2.0),
    )
    tracks = Tracks(
        poses=poses,
        **{name: [1, 2] for name in ("ids", "states", "hits", "detection_rows", "person_ids")},
        **{name: [0.0, 0.0] for name in ("ages_s", "unseen_s", "identity_scores")},
        velocities_px=np.zeros((2, 2)),
    )
    hidden = without_faces(tracks).poses
    face = np.zeros(136, bool)
    face[whole.group("face")] = True
    assert face.sum() == 68
    assert np.isnan(hidden.keypoints[:, face, :2]).all()
    assert (hidden.keypoints[:, face, 2] == 0).all()
    assert np.isnan(hidden.keypoints_3d[:, face]).all()
    assert (hidden.keypoints[:, ~face] == 7).all()
    assert (hidden.keypoints_3d[:, ~face] == 2).all()
    assert (tracks.poses.keypoints == 7).all()  # as it was
