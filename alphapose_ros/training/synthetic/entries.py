"""Labels as entries of an annotations.json in COCO's layout.

Keypoints, boxes and K count pixels from the centre of the first one, at 0 0.
"""

from __future__ import annotations

import numpy as np

from alphapose_ros.boxes import to_xywh
from alphapose_ros.training.synthetic.cameras import TO_MAP, Camera
from alphapose_ros.training.synthetic.keypoints import SKELETON
from alphapose_ros.training.synthetic.sample import Sample, Subject


def document(images: list[dict], people: list[list[dict]], seed: int, **info: object) -> dict:
    """Return a whole annotations.json.

    Args:
        images: from `image_entry`.
        people: of each image, from `subject_entry`.
        seed: of the random numbers.
        info: what else to say about the pictures.
    """
    category = {
        "id": 1,
        "name": "person",
        "keypoints": list(SKELETON.names),
        "skeleton": (SKELETON.edge_rows + 1).tolist(),
    }
    flat = [entry for entries in people for entry in entries]
    return {
        "info": {
            "skeleton": SKELETON.id,
            "description": "synthetic people",
            "seed": seed,
            **info,
        },
        "images": images,
        "annotations": [{"id": number, **entry} for number, entry in enumerate(flat)],
        "categories": [category],
    }


def image_entry(sample: Sample, number: int, file_name: str, group: str) -> dict:
    """Return the entry of a picture; pictures of one group look alike."""
    height, width = sample.image.shape[:2]
    return {
        "id": number,
        "file_name": file_name,
        "width": width,
        "height": height,
        "group": group,
        "camera": _camera_entry(sample.camera),
    }


def subject_entry(subject: Subject, image_id: int) -> dict:
    """Return the entry of a person."""
    label = subject.label
    v = label.keypoints[:, 2:].astype(np.float64)
    at = np.where(v > 0, label.keypoints[:, :2].astype(np.float64), 0)
    entry = {
        "image_id": image_id,
        "category_id": 1,
        "bbox": np.round(to_xywh(label.box), 2).tolist(),
        "keypoints": np.hstack([at.round(2), v]).reshape(-1).tolist(),
        "num_keypoints": int((v > 0).sum()),
        # All of a rendered person is known: what is not in the picture is not there.
        "absent": (v[:, 0] == 0).astype(int).tolist(),
        "iscrowd": int(subject.is_ignored),
        "area": label.area,
        "visible": round(label.visible, 3),
        "depth_m": round(float(label.keypoints_3d[SKELETON.index("hip"), 2]), 3),
    }
    if subject.track_id is not None:
        entry["track_id"] = subject.track_id
        entry["keypoints_3d"] = label.keypoints_3d.astype(np.float64).round(3).reshape(-1).tolist()
    return entry


def _camera_entry(camera: Camera) -> dict:
    """Return K, and the pose (4, 4) of the camera in a map with x forward, y left, z up [m]."""
    pose = np.eye(4)
    pose[:3, :3] = TO_MAP @ camera.rotation.T
    pose[:3, 3] = TO_MAP @ camera.eye
    return {"K": camera.matrix.round(4).tolist(), "pose": pose.round(6).tolist()}
