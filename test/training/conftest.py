"""Small annotated pictures and packs, whose labels can be seen in the pixels."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest

from alphapose_ros.skeletons import skeleton


@pytest.fixture
def marked():
    """Make a picture (height, width) with a soft bright spot at each of some places (M, 2)."""

    def make(height, width, places, spread=4.0):
        rows, columns = np.mgrid[:height, :width]
        image = np.full((height, width), 20.0)
        for x, y in places:
            distance = (columns - x) ** 2 + (rows - y) ** 2
            image = np.maximum(image, 235 * np.exp(-0.5 * distance / spread**2))
        return np.repeat(image[..., None], 3, axis=2).astype(np.uint8)

    return make


@pytest.fixture
def annotate(tmp_path):
    """Make a folder of annotated pictures."""

    def make(images, people, layout="coco_17", name="source", groups=None):
        folder = tmp_path / name
        (folder / "images").mkdir(parents=True)
        pictures = []
        for number, image in enumerate(images):
            cv2.imwrite(str(folder / "images" / f"{number}.png"), image)
            height, width = image.shape[:2]
            about = {"id": number, "file_name": f"{number}.png", "width": width, "height": height}
            pictures.append({**about, "group": groups[number]} if groups else about)
        content = {
            "info": {"skeleton": layout} if layout else {},
            "images": pictures,
            "annotations": [
                {"id": i, "category_id": 1, "iscrowd": 0, **one} for i, one in enumerate(people)
            ],
        }
        (folder / "annotations.json").write_text(json.dumps(content))
        return folder

    return make


@pytest.fixture
def crop_pack(tmp_path):
    """Make a pack of crops with noise for people; every keypoint is labelled."""

    def make(name="pack", count=40, layout="coco_17", size=(96, 72), groups=None, seed=0):
        rng = np.random.default_rng(seed)
        folder = tmp_path / name
        folder.mkdir()
        keypoints = len(skeleton(layout).names)
        np.save(folder / "crops.npy", rng.integers(0, 255, (count, *size, 3), np.uint8))
        places = rng.uniform(0.3, 0.7, (count, keypoints, 2)) * size[::-1]
        np.savez(
            folder / "labels.npz",
            keypoints=places.astype(np.float32),
            weights=np.ones((count, keypoints), np.float32),
            absent=np.zeros((count, keypoints), np.float32),
            is_visible=np.full((count, keypoints), 2, np.uint8),
            groups=np.arange(count) if groups is None else np.asarray(groups, np.int64),
        )
        about = {"kind": "crops", "skeleton": layout, "scale": 1.75, "source": "", "count": count}
        (folder / "pack.json").write_text(json.dumps(about))
        return folder

    return make
