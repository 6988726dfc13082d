"""Result files in AlphaPose's form: one entry per person and frame."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from alphapose_ros.boxes import to_xywh
from alphapose_ros.frame import Tracks

PERSON = 1  # category_id
LARGEST_SCORE = 3.25  # of a person in that form: mean + box + 1.25 x best keypoint


def entries(tracks: Tracks, image_id: str) -> list[dict[str, Any]]:
    """Return the people seen in one frame.

    Scores of people are brought back to AlphaPose's range of 0 to 3.25. Absent keypoints are
    0 0 0, since JSON knows no NaN.
    """
    seen = tracks[tracks.detection_rows >= 0]
    keypoints = np.nan_to_num(seen.poses.keypoints)
    return [
        {
            "image_id": image_id,
            "category_id": PERSON,
            "keypoints": np.round(keypoints[row], 3).ravel().tolist(),
            "score": round(float(seen.poses.scores[row]) * LARGEST_SCORE, 4),
            "box": np.round(to_xywh(seen.poses.boxes[row]), 2).tolist(),
            "idx": int(seen.ids[row]),
        }
        for row in range(len(seen))
    ]


def write_results(path: Path, frames: Iterable[list[dict[str, Any]]]) -> None:
    """Write the entries of all frames as one JSON list."""
    everybody = [json.dumps(entry) for frame in frames for entry in frame]
    path.write_text("[\n" + ",\n".join(everybody) + "\n]\n", encoding="utf-8")
