from __future__ import annotations

import numpy as np
import pytest

from alphapose_ros.config import TrackerConfig
from alphapose_ros.frame import Poses
from alphapose_ros.skeletons import skeleton
from alphapose_ros.tracking import build_tracker

RATE_HZ = 30
SEQUENCES = ("easy", "miss10", "noisyfeat", "occl30", "emptygap", "crowd20")


def frames(reference, name):
    """Yield boxes as people without keypoints, their unit embeddings and true identities."""
    start = 0
    for count in reference[f"{name}/n"]:
        rows = slice(start, start + count)
        start += count
        features = reference[f"{name}/feats"][rows]
        people = Poses(
            skeleton=skeleton("coco_17"),
            keypoints=np.tile([np.nan, np.nan, 0], (count, 17, 1)),
            boxes=reference[f"{name}/boxes"][rows],
            box_scores=np.full(count, 0.9),
            scores=np.zeros(count),
        )
        looks = features / np.linalg.norm(features, axis=1, keepdims=True)
        yield people, looks, reference[f"{name}/true"][rows]


@pytest.mark.parametrize("embed_all", [False, True])
@pytest.mark.parametrize("name", SEQUENCES)
def test_nobody_is_confused_in_the_sequences_of_the_reference(data, name, embed_all):
    # Its own tracker changes identities in all of these but "easy"; as it keeps lost tracks for
    # 240 frames, so does ours.
    one = build_tracker(TrackerConfig(embed_all=embed_all, max_age_s=240 / RATE_HZ))
    pairs = set()
    with np.load(data / "reference/vectors/msim_tracker_ref.npz") as reference:
        for number, (people, looks, true) in enumerate(frames(reference, name)):
            stamp_ns = round(number / RATE_HZ * 1e9)
            tracks = one.update(people, stamp_ns, lambda rows, looks=looks: looks[rows])
            seen = tracks.detection_rows >= 0
            assert seen.sum() == len(people)
            owners = true[tracks.detection_rows[seen]].tolist()
            pairs |= set(zip(owners, tracks.ids[seen].tolist(), strict=True))
        people_count = len(set(reference[f"{name}/true"].tolist()))
    assert len(pairs) == people_count
