"""The pose node with a pipeline that does what its images and settings say.

It finds one person in every image. An image of the stamp STUCK_S keeps it busy for longer than
the node waits, one of FAILS_S fails. A pose model called `broken` cannot be built; for `missing`
there are no weights; one called `doubtful` is warned of.
"""

from __future__ import annotations

import logging
import time

import numpy as np

from alphapose_ros.frame import Poses, Tracks, TrackState
from alphapose_ros.nodes.pose_node import PoseNode
from alphapose_ros.nodes.running import run
from alphapose_ros.pipeline import Result
from alphapose_ros.skeletons import skeleton

STUCK_S, FAILS_S = 1000, 2000  # stamps
BUSY_S = 5.0
PATIENCE_S = 0.5
BODY = skeleton("coco_17")


class ScriptedPipeline:
    """Stands in for the networks."""

    skeleton = BODY
    device = "none"

    def __init__(self, config, ids):
        if config.pose.model == "broken":
            raise RuntimeError("the network is broken")
        if config.pose.model == "missing":
            raise FileNotFoundError("there are no weights")
        if config.pose.model == "doubtful":
            logging.getLogger("alphapose_ros.pipeline").warning("the network is doubtful")
        self._ids = ids
        self._id = None  # of the person's track
        self._config = config

    def run(self, frame):
        second = frame.stamp_ns // 10**9
        if second == STUCK_S:
            time.sleep(BUSY_S)
        if second == FAILS_S:
            raise RuntimeError("the network fails")
        if self._id is None:
            self._id = next(self._ids.tracks)
        poses = Poses(
            skeleton=BODY,
            keypoints=np.full((1, 17, 3), 5.0),
            boxes=[[0, 0, 10, 20]],
            box_scores=[0.5],
            scores=[self._config.detector.score_threshold],
            embeddings=[[0.6, 0.8]],
        )
        tracks = Tracks(
            poses=poses,
            ids=[self._id],
            states=[TrackState.TRACKED],
            ages_s=[0],
            unseen_s=[0],
            hits=[1],
            detection_rows=[0],
            velocities_px=[[0, 0]],
            person_ids=[-1],
            identity_scores=[np.nan],
        )
        return Result(poses=poses, tracks=tracks, stage_ms={"detect": 1.0}, found=poses)

    def reconfigure(self, config):
        self._config = config

    def reset(self):
        self._id = None

    def keep(self):
        pass


def main():
    def make():
        return PoseNode(build_pipeline=ScriptedPipeline, patience_s=PATIENCE_S)

    run(make, PoseNode.finish, PoseNode.start)


if __name__ == "__main__":
    main()
